"""Whether joints stand within the limits of the robot table, before torque takes them there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from hardware.errors import ServoError
from hardware.servo_expectation import AT_LIMIT_RAD

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_ROUNDING_RAD = 0.002  # more than a tick


class JointLimits:
    """The limits of all joints of `spec`."""

    def __init__(self, spec: RobotSpec) -> None:
        self._spec = spec

    def is_outside(self, position_rad: FloatArray, by_rad: float = _ROUNDING_RAD) -> BoolArray:
        """Which joints, (joints,), stand more than `by_rad` outside."""
        is_outside: BoolArray = (position_rad < self._spec.lower - by_rad) | (position_rad > self._spec.upper + by_rad)
        return is_outside

    def refuse_far_outside(self, position_rad: FloatArray) -> None:
        """A goal ends at the limits, so a joint far outside would jump to them.

        Raises:
            ServoError: joints stand more than `AT_LIMIT_RAD` outside.
        """
        far = np.flatnonzero(self.is_outside(position_rad, AT_LIMIT_RAD)).tolist()
        if far:
            told = ", ".join(
                f"{joint.name} stands at {position_rad[index]:.3f} rad, outside its limits {joint.lower:.3f} to "
                f"{joint.upper:.3f}"
                for index, joint in ((index, self._spec.joints[index]) for index in far)
            )
            raise ServoError(
                f"{told}; move it by hand, and calibrate the robot if it is inside (`retake robot calibrate`)"
            )
