"""The last guard before the wire: no goal that is no number, beyond the limits, too fast or too far ahead of a joint.

Whoever commands has limits of their own; this one trusts nobody.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from hardware.errors import ServoError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_RATE_SHARE = 1.5  # a period may be longer than it should, and the next one shorter
_STEP_SLACK_RAD = 0.02
_LONGEST_STEP_S = 0.2  # a command behind a pause may not make up for all of it


class GoalGuard:
    """Admits goals, from a place where the joints are known to stand.

    The rates hold for the time that has really passed. A period that was late makes the next one short: what a joint
    did not use of the late one it may use then, as far as a period on time would have let it at its table's rate.

    Args:
        spec: the robot: limits, rates, how far a goal may lead. A joint whose torque is limited by its current may be
            led as far as one likes: that is how it grips.
    """

    def __init__(self, spec: RobotSpec) -> None:
        self._spec = spec
        grips = {servo.joint for servo in spec.servos if servo.goal_current_a is not None}
        lead = [np.inf if name in grips else spec.safety.max_lead_rad for name in spec.joint_names]
        self._max_lead_rad = np.array(lead)
        self._rate_rad_s = spec.max_rate * _RATE_SHARE
        self._goal_rad: FloatArray | None = None
        self._admitted_s = 0.0
        self._credit_rad: FloatArray = np.zeros(len(spec.joints))

    def begin(self, measured_rad: FloatArray, now_s: float) -> None:
        """The joints stand at (joints,) rad and are held there."""
        self._goal_rad = np.clip(measured_rad, self._spec.lower, self._spec.upper)
        self._admitted_s = now_s
        self._credit_rad = np.zeros_like(self._credit_rad)

    def admit(self, goals_rad: FloatArray, measured_rad: FloatArray, now_s: float) -> tuple[FloatArray, BoolArray]:
        """What may be sent in place of the goals, and at which joints it differs; all (joints,).

        Raises:
            ServoError: the goals have another shape or are not finite, or nobody has said where the joints stand.
        """
        if goals_rad.shape != self._spec.lower.shape or not np.isfinite(goals_rad).all():
            raise ServoError(f"goals must be {len(self._spec.joints)} finite numbers in rad, got {goals_rad}")
        if self._goal_rad is None:
            raise ServoError("the joints are not held by anything yet; connect first")
        passed_s = min(max(now_s - self._admitted_s, 0.0), _LONGEST_STEP_S)
        own_step_rad = self._rate_rad_s * passed_s
        period_s = 1.0 / self._spec.control_hz
        lent_rad = np.clip(self._spec.max_rate * period_s - own_step_rad, 0.0, self._credit_rad)
        step_rad = own_step_rad + lent_rad + _STEP_SLACK_RAD
        lead_rad = self._max_lead_rad
        admitted = np.clip(goals_rad, self._goal_rad - step_rad, self._goal_rad + step_rad)
        admitted = np.clip(admitted, measured_rad - lead_rad, measured_rad + lead_rad)
        admitted = np.clip(admitted, self._spec.lower, self._spec.upper)
        late_s = min(max(passed_s - period_s, 0.0), period_s)
        unused_rad = np.maximum(own_step_rad - np.abs(admitted - self._goal_rad), 0.0)
        self._credit_rad = np.minimum(unused_rad, self._spec.max_rate * late_s)
        self._goal_rad, self._admitted_s = admitted, now_s
        return admitted, admitted != goals_rad
