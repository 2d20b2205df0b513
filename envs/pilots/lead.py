"""How a robot follows a leader's device: it begins where the robot is, and no reading can make the command jump."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.errors import PilotError
from envs.pilots.handover import BLEND_S, MAX_GAP_RAD
from envs.pilots.paths import minimum_jerk

FloatArray = NDArray[np.float64]

SAME_RAD = 0.01  # gaps up to here are followed at once
# A leader who moves further than this share of a joint's rate allows has not moved: the device has been put elsewhere.
LEAP_SHARE = 3.0
LEAP_SLACK_RAD = 0.02
_LONGEST_PERIOD_S = 0.1


class Lead(Protocol):
    """Turns where the leader is into where the worn joints shall go. All arrays are (worn joints,)."""

    def let_go(self) -> None:
        """Follow no more; the next `follow` begins anew, from where the robot is then."""
        ...

    def follow(self, worn_rad: FloatArray, sent_rad: FloatArray, now_s: float) -> FloatArray | None:
        """Where the joints shall go, while the robot was last sent to `sent_rad`; None, to hold, after a leap.

        Raises:
            PilotError: the leader is too far away to begin.
        """
        ...


class LeapGuard:
    """Notices readings between which nobody could have moved so far.

    Args:
        max_rate: of the worn joints, (worn joints,).
    """

    def __init__(self, max_rate: FloatArray) -> None:
        self._rate_rad_s = LEAP_SHARE * max_rate
        self._last: tuple[FloatArray, float] | None = None

    def forget(self) -> None:
        self._last = None

    def has_leapt(self, worn_rad: FloatArray, now_s: float) -> bool:
        """Whether the leader is elsewhere than it can have gone since the last call, or nobody can say where."""
        if not np.isfinite(worn_rad).all():
            return True
        before, self._last = self._last, (worn_rad.copy(), now_s)
        if before is None:
            return False
        period_s = min(max(now_s - before[1], 0.0), _LONGEST_PERIOD_S)
        way_rad = np.abs(worn_rad - before[0])
        return not bool((way_rad <= self._rate_rad_s * period_s + LEAP_SLACK_RAD).all())


class PoseLead:
    """The robot takes the leader's pose. Their difference at the beginning fades over `BLEND_S`; motion passes at once.

    Args:
        robot: the robot that follows.
        worn: indices of the worn joints.
    """

    def __init__(self, robot: RobotSpec, worn: NDArray[np.intp]) -> None:
        self._names = tuple(robot.joint_names[index] for index in worn)
        self._guard = LeapGuard(robot.max_rate[worn])
        self._offset_rad: FloatArray | None = None  # (worn joints,) robot minus leader, as it was at the beginning
        self._begun_s = 0.0

    def let_go(self) -> None:
        self._offset_rad = None
        self._guard.forget()

    def follow(self, worn_rad: FloatArray, sent_rad: FloatArray, now_s: float) -> FloatArray | None:
        if self._guard.has_leapt(worn_rad, now_s):
            self.let_go()  # one bad reading costs one period; a leader who is elsewhere now begins anew
            return None
        if self._offset_rad is None:
            gap_rad = sent_rad - worn_rad
            refuse_far_leader(self._names, gap_rad)
            self._offset_rad = np.where(np.abs(gap_rad) > SAME_RAD, gap_rad, 0.0)
            self._begun_s = now_s
        fade = 1.0 - minimum_jerk((now_s - self._begun_s) / BLEND_S)
        return worn_rad + fade * self._offset_rad


def refuse_far_leader(names: Sequence[str], gap_rad: FloatArray) -> None:
    """Let nobody begin to lead from far away. `gap_rad` is robot minus leader, (worn joints,).

    Raises:
        PilotError: a joint is more than `MAX_GAP_RAD` away, or nobody knows where it is; the message names it.
    """
    far = [f"{name} ({gap:+.2f} rad)" for name, gap in zip(names, gap_rad, strict=True) if not abs(gap) <= MAX_GAP_RAD]
    if far:
        raise PilotError(
            f"the exoskeleton is more than {MAX_GAP_RAD:g} rad away from the robot at {', '.join(far)}; take the "
            "robot's pose and begin again"
        )
