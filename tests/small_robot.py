"""A robot of three joints for tests that need a table and no more."""

from assets.robot import CameraSpec, JointSpec, PadSpec, RobotSpec

SMALL_ROBOT = RobotSpec(
    name="small",
    control_hz=25.0,
    joints=(
        JointSpec("shoulder", "arm", -1.5, 1.5, 0.0, max_rate=2.0, max_acceleration=8.0, max_effort_nm=4.0),
        JointSpec("elbow", "arm", 0.0, 2.0, 0.3, max_rate=1.0, max_acceleration=20.0, max_effort_nm=2.0),
        JointSpec("grip", "hand", -0.1, 1.2, 0.0, max_rate=6.0, max_acceleration=200.0, max_effort_nm=0.4),
    ),
    cameras=(CameraSpec("head", width=8, height=6, fovy_deg=60.0, max_age_s=0.2),),
    pads=(PadSpec("tip", rows=2, columns=2, max_force_n=20.0),),
    sound_hz=16_000,
    has_imu=True,
)
