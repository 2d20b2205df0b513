"""The twin's world really has each difference that `reality_gap.toml` names, and the simulation has its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from pick_fruit_flights import scenario

from assets.reality_gap import Exemplar, load_gap
from assets.table import load_robot
from envs.body import BodyState, JointTarget
from envs.engine import mujoco
from envs.errors import BodyError, ScenarioError
from envs.physique import Physique
from envs.registry import make_env
from envs.senses.motion import MotionSense
from envs.servo_drive import zero_errors_rad
from envs.sim_body import SimBody
from envs.simulation import Simulation
from envs.tasks.backdrop import black_body
from envs.tasks.known import load_rules
from envs.tasks.pick_fruit import PICK_FRUIT
from hardware.control_table import servo_model

TUDI = load_robot()
GAP = load_gap(TUDI)
PRISTINE = Simulation(TUDI, PICK_FRUIT.scene)
WHERE = scenario(light_level=1.0, light_temperature=6500.0, camera_noise=0.0)
STILL_STEPS = 60


class Seen:
    """A body of one exemplar that has stood at home for a while, with what it reported and what was true."""

    def __init__(self, is_twin: bool) -> None:
        self.body = SimBody(TUDI, PICK_FRUIT, load_rules("pick_fruit"), images=False, is_twin=is_twin)
        self.simulation = self.body.simulation
        self.body.reset(WHERE, np.random.default_rng(1))
        self.states: list[BodyState] = []
        self.truths = []
        for _ in range(STILL_STEPS):
            self.states.append(self.body.exchange(JointTarget(TUDI.home)))
            data = self.simulation.data
            dof, qpos, actuators = self.simulation.dof, self.simulation.qpos, self.simulation.actuators
            self.truths.append((data.qpos[qpos].copy(), data.qvel[dof].copy(), data.actuator_force[actuators].copy()))

    def errors(self, reading: str, index: int) -> np.ndarray:  # (steps, joints)
        return np.array([getattr(state, reading) for state in self.states]) - [truth[index] for truth in self.truths]


@cache
def seen(is_twin: bool) -> Seen:
    return Seen(is_twin)


def latency_ms(at: Seen) -> float:
    """How many steps of physics pass before a servo pulls differently."""
    simulation, joint = at.simulation, TUDI.joint_index["left_wrist_roll"]
    state = simulation.physics_state()
    wish = simulation.data.ctrl[simulation.actuators].copy()
    wish[joint] += 0.3
    forces = []
    for ctrl in (simulation.data.ctrl[simulation.actuators].copy(), wish):
        mujoco.mj_setState(simulation.model, simulation.data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
        simulation.data.ctrl[simulation.actuators] = ctrl
        forces.append([])
        for _ in range(10):
            mujoco.mj_step(simulation.model, simulation.data)
            forces[-1].append(float(simulation.data.actuator_force[simulation.actuators[joint]]))
    mujoco.mj_setState(simulation.model, simulation.data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
    same = np.isclose(*forces, atol=1e-6)
    return 1e3 * simulation.timestep_s * int(np.argmin(same))


def play_deg(at: Seen) -> float:
    """How far apart a joint ends where its servo comes to the same goal from above and from below."""
    drive = at.body._drive
    memory = drive.memory()
    ends_rad = []
    for begin_rad in (0.6, 0.4):
        drive.obey(np.full(len(TUDI.joints), begin_rad))
        ends_rad.append(drive.obey(np.full(len(TUDI.joints), 0.5)))
    drive.restore(memory)
    apart_deg = np.rad2deg(ends_rad[0] - ends_rad[1])
    np.testing.assert_allclose(apart_deg, apart_deg[0])
    return float(apart_deg[0])


def zero_deg(at: Seen) -> float:
    """By least squares over all joints, each of which has its share of the error."""
    shares = zero_errors_rad(TUDI, Exemplar(joint_zero_deg=1.0))
    return float(at.errors("position_rad", 0).mean(axis=0) @ shares / (shares @ shares))


def turned_deg(at: Seen) -> np.ndarray:  # (3,) about the right, the up and the backward axis of the head's camera
    camera = PRISTINE.model.camera("head").id
    inverse, turned = np.empty(4), np.empty(4)
    mujoco.mju_negQuat(inverse, PRISTINE.model.cam_quat[camera])
    mujoco.mju_mulQuat(turned, inverse, at.simulation.model.cam_quat[camera])
    rotation = np.empty(3)
    mujoco.mju_quat2Vel(rotation, turned, 1.0)
    return np.asarray(np.rad2deg(rotation))


def shifted_mm(at: Seen) -> float:
    camera = PRISTINE.model.camera("head").id
    shift_m = at.simulation.model.cam_pos[camera] - PRISTINE.model.cam_pos[camera]
    matrix = np.empty(9)
    mujoco.mju_quat2Mat(matrix, PRISTINE.model.cam_quat[camera])
    right, up, back = 1e3 * matrix.reshape(3, 3).T @ shift_m
    assert (up, back) == pytest.approx((-right, 0.0), abs=1e-9)
    return float(right)


def light(at: Seen) -> np.ndarray:  # (3,) as shares of the scene's
    return np.asarray((at.simulation.model.light_diffuse / PRISTINE.model.light_diffuse)[0])


def lamp_k(at: Seen) -> float:
    tint = light(at) / light(at).sum()
    candidates = np.arange(5000.0, 7500.0, 10.0)
    misfits = [np.abs(black_body(kelvin) / black_body(kelvin).sum() - tint).max() for kelvin in candidates]
    return float(candidates[int(np.argmin(misfits))])


def friction_share(at: Seen) -> float:
    dof = at.simulation.dof
    added = at.simulation.model.dof_frictionloss[dof] - PRISTINE.model.dof_frictionloss[dof]
    return float(np.mean(added / [servo_model(servo.model).stall_torque_nm for servo in TUDI.servos]))


def strength(at: Seen) -> float:
    model, actuators = at.simulation.model, at.simulation.actuators
    for ours, theirs in (
        (model.actuator_forcerange[actuators, 1], PRISTINE.model.actuator_forcerange[actuators, 1]),
        (-model.actuator_biasprm[actuators, 1], -PRISTINE.model.actuator_biasprm[actuators, 1]),
    ):
        np.testing.assert_allclose(ours / theirs, (ours / theirs)[0])
    gains = model.actuator_gainprm[actuators, 0] / PRISTINE.model.actuator_gainprm[actuators, 0]
    return float(gains.mean())


def contact_friction(at: Seen) -> float:
    pad = PRISTINE.model.geom("right_thumb_pad").id
    return float(at.simulation.model.geom_friction[pad, 0] / PRISTINE.model.geom_friction[pad, 0])


def image_noise(at: Seen) -> float:
    grey = np.full((96, 96, 3), 120, dtype=np.uint8)
    return float(np.std(at.body._lens.develop(grey, 0, 0).astype(float) - 120.0))


def touch_gain(at: Seen) -> float:
    """Nothing touches: what is read is the noise that is not cut off at zero, sigma / sqrt(2 pi) in the mean."""
    read_n = np.mean([state.touch_n for state in at.states])
    return float(read_n / (0.02 / np.sqrt(2.0 * np.pi)))


def counted_noise(spread: np.ndarray, count: np.ndarray) -> float:
    """What a spread was before rounding, whose error is uniform, with a variance of a twelfth of a count's square."""
    return float(np.sqrt(np.maximum(np.mean(spread**2 - count**2 / 12.0), 0.0)))


def encoder_noise_deg(at: Seen) -> float:
    """Of joints anywhere between two ticks: the noise is so small that only then the error of rounding is uniform."""
    data, qpos, tick_rad, rng = at.simulation.data, at.simulation.qpos, 2.0 * np.pi / 4096, np.random.default_rng(7)
    stood_rad, errors_rad = data.qpos[qpos].copy(), []
    for _ in range(600):
        data.qpos[qpos] = stood_rad + rng.uniform(0.0, tick_rad, stood_rad.size)
        errors_rad.append(at.body._motion.joints(rng)[0] - data.qpos[qpos])
    data.qpos[qpos] = stood_rad
    return float(np.rad2deg(counted_noise(np.std(errors_rad, axis=0), np.array(tick_rad))))


MEASURED: dict[str, tuple[Callable[[Seen], float], float]] = {
    "command_latency_ms": (latency_ms, 0.01),
    "backlash_deg": (play_deg, 1e-9),
    "joint_zero_deg": (zero_deg, 0.03),
    "joint_friction_share": (friction_share, 1e-9),
    "servo_strength": (strength, 1e-9),
    "contact_friction": (contact_friction, 1e-9),
    "light_level": (lambda at: float(np.mean(light(at) / black_body(lamp_k(at)))), 5e-3),
    "lamp_temperature_k": (lamp_k, 15.0),
    "camera_pitch_deg": (lambda at: -float(turned_deg(at)[0]), 0.03),
    "camera_yaw_deg": (lambda at: float(turned_deg(at)[1]), 0.03),
    "camera_roll_deg": (lambda at: float(turned_deg(at)[2]), 0.03),
    "camera_shift_mm": (shifted_mm, 1e-9),
    "camera_fovy_share": (
        lambda at: float(at.simulation.model.camera("head").fovy[0] / PRISTINE.model.camera("head").fovy[0]),
        1e-9,
    ),
    "image_noise_levels": (image_noise, 0.2),
    "encoder_noise_deg": (encoder_noise_deg, 0.002),
    "velocity_noise_rad_s": (
        lambda at: counted_noise(at.errors("velocity_rad_s", 1).std(axis=0), np.array(0.023981)),
        0.003,
    ),
    "current_noise_a": (
        lambda at: float(at.errors("effort_nm", 2).std(axis=0)[0] / (10.6 / 4.4)),  # an XM540's
        0.002,
    ),
    "touch_gain": (touch_gain, 0.035),
}


def test_every_difference_is_measured() -> None:
    assert set(MEASURED) == {parameter.name for parameter in GAP.parameters}


@pytest.mark.parametrize("name", sorted(MEASURED))
def test_every_measurement_can_tell_the_twin_from_the_simulation(name: str) -> None:
    _, tolerance = MEASURED[name]
    assert tolerance < 0.5 * abs(getattr(GAP.twin, name) - getattr(GAP.simulated, name))


@pytest.mark.parametrize("is_twin", [False, True], ids=["simulation", "twin"])
@pytest.mark.parametrize("name", sorted(MEASURED))
def test_a_body_has_the_flaws_of_its_exemplar(name: str, is_twin: bool) -> None:
    measure, tolerance = MEASURED[name]
    stated = getattr(GAP.twin if is_twin else GAP.simulated, name)
    assert measure(seen(is_twin)) == pytest.approx(stated, abs=tolerance)


def test_staging_again_scales_friction_and_light_once() -> None:
    simulation = Simulation(TUDI, PICK_FRUIT.scene)
    physique = Physique(simulation, GAP.twin)
    before = simulation.model.geom_friction.copy()
    for _ in range(3):
        with physique.staging():
            simulation.model.light_diffuse[:] = PRISTINE.model.light_diffuse
    np.testing.assert_allclose(simulation.model.geom_friction, GAP.twin.contact_friction * before)


def test_more_latency_than_the_model_keeps_controls_for_is_refused() -> None:
    with pytest.raises(BodyError, match="keeps 32 ms of them; set nsample"):
        Physique(Simulation(TUDI, PICK_FRUIT.scene), Exemplar(command_latency_ms=50.0))


def test_a_joint_that_stands_still_reports_more_than_one_count() -> None:
    sense, rng = MotionSense(seen(True).simulation, GAP.twin, seen(True).body._drive), np.random.default_rng(0)
    readings = np.array([sense.joints(rng)[0] for _ in range(50)])
    assert (np.ptp(readings, axis=0) > 0.0).all()


def test_the_fast_twin_goes_on_from_its_own_snapshots_and_the_simulation_refuses_them() -> None:
    env, other = make_env(body="fast-twin", images=False), make_env(images=False)
    env.reset(seed=1, options={"scenario": WHERE})
    goal_rad = TUDI.home + 0.02
    for _ in range(5):
        env.step(goal_rad)
    snapshot = env.snapshot()
    expected = [env.step(goal_rad)[-1]["state"] for _ in range(4)]
    env.reset(seed=2, options={"start": snapshot})
    assert [env.step(goal_rad)[-1]["state"] for _ in range(4)] == expected
    with pytest.raises(ScenarioError, match=snapshot.model_digest):
        other.reset(seed=2, options={"start": snapshot})
    env.close()
    other.close()
