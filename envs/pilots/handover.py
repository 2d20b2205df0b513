"""Who is in command, policy or pilot, and how command passes from one to the other without a jump."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.episodes.records import Commander
from envs.errors import PilotError
from envs.pilots.paths import minimum_jerk

FloatArray = NDArray[np.float64]

BLEND_S = 1.5
MAX_GAP_RAD = 0.8  # a device further away than this is in the wrong place, not a little behind


class Phase(StrEnum):
    """Who leads: the policy, nobody, or the pilot who corrects it."""

    AUTONOMOUS = "autonomous"
    PAUSED = "paused"
    CORRECTING = "correcting"


# Command never passes from policy to pilot or back without a pause in between: a person has to be ready for it.
_NEXT = {
    Phase.AUTONOMOUS: (Phase.PAUSED,),
    Phase.PAUSED: (Phase.AUTONOMOUS, Phase.CORRECTING),
    Phase.CORRECTING: (Phase.PAUSED,),
}


class Handover:
    """Merges the wishes of policy and pilot into one, blending over `blend_s` whenever command passes.

    Args:
        robot: the robot that is commanded.
        blend_s: how long it takes until the new commander is followed exactly.
        max_gap_rad: how far the pilot's device may be from the robot when it takes over.
    """

    def __init__(self, robot: RobotSpec, *, blend_s: float = BLEND_S, max_gap_rad: float = MAX_GAP_RAD) -> None:
        self._robot = robot
        self._blend_periods = max(1, round(blend_s * robot.control_hz))
        self._max_gap_rad = max_gap_rad
        self._phase = Phase.PAUSED
        self._start_rad: FloatArray | None = None
        self._periods = self._blend_periods

    @property
    def phase(self) -> Phase:
        return self._phase

    def reset(self, phase: Phase, sent_rad: FloatArray, *, blend: bool) -> None:
        """Begin an episode in a phase. `blend` is for devices that may be elsewhere than the robot."""
        self._begin(phase, sent_rad, 0 if blend else self._blend_periods)

    def enter(self, phase: Phase, sent_rad: FloatArray, pilot_rad: FloatArray | None = None) -> None:
        """Pass command on, from where the robot was last sent, (joints,).

        Raises:
            PilotError: the phase cannot follow the present one, or the pilot's device is absent or too far away; the
                phase stays as it is.
        """
        if phase not in _NEXT[self._phase]:
            raise PilotError(
                f"phase {phase!s} cannot follow {self._phase!s}; next may be {', '.join(_NEXT[self._phase])}"
            )
        if phase is Phase.CORRECTING:
            self._refuse_far_device(sent_rad, pilot_rad)
        self._begin(phase, sent_rad, 0)

    def command(
        self, sent_rad: FloatArray, policy_rad: FloatArray | None, pilot_rad: FloatArray | None
    ) -> tuple[FloatArray, Commander]:
        """The one wish for this step, and whose it is. All arrays are (joints,); None stands for no wish.

        Without a wish the joints are held, and the next wish is blended in anew.
        """
        leaders: dict[Phase, tuple[FloatArray | None, Commander]] = {
            Phase.AUTONOMOUS: (policy_rad, "policy"),
            Phase.PAUSED: (None, "nobody"),
            Phase.CORRECTING: (pilot_rad, "pilot"),
        }
        wish_rad, commander = leaders[self._phase]
        if self._start_rad is None:
            raise PilotError("nobody has said who is in command; call reset() at the beginning of the episode")
        if wish_rad is None:
            if self._phase is not Phase.PAUSED and self._periods > 0:
                self._begin(self._phase, sent_rad, 0)
            return self._start_rad.copy(), "nobody"
        self._periods = min(self._periods + 1, self._blend_periods)
        share = minimum_jerk(self._periods / self._blend_periods)
        return (1.0 - share) * self._start_rad + share * wish_rad, commander

    def _begin(self, phase: Phase, sent_rad: FloatArray, periods: int) -> None:
        self._phase, self._start_rad, self._periods = phase, sent_rad.copy(), periods

    def _refuse_far_device(self, sent_rad: FloatArray, pilot_rad: FloatArray | None) -> None:
        if pilot_rad is None:
            raise PilotError("the pilot gives no command; engage the device before taking over")
        gap_rad = np.abs(pilot_rad - sent_rad)
        far = [
            f"{joint.name} ({gap:.2f} rad)"
            for joint, gap in zip(self._robot.joints, gap_rad, strict=True)
            if not gap <= self._max_gap_rad
        ]
        if far:
            raise PilotError(
                f"the device is more than {self._max_gap_rad:g} rad away from the robot at {', '.join(far)}; bring it "
                "closer and take over again"
            )
