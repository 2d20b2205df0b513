"""A policy that a trainer may correct: both say what they wish, one leads, and command passes only through a pause."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.body import Fault, JointTarget
from envs.episodes.records import Wishes
from envs.errors import PilotError
from envs.pilots.handover import Handover, Phase
from envs.pilots.pilot import Pilot
from envs.scenario import Scenario

FloatArray = NDArray[np.float64]
Ask = Literal["take_over", "give_back"]
SOURCE = "hand-over"  # of the notes in a recording
ASK_AGAIN_S = 1.0  # a device that fails while it does not lead must not hold the policy up in every period


class Trainer(Pilot, Protocol):
    """A pilot whose device may be elsewhere than the robot: an exoskeleton, a gamepad."""

    def let_go(self) -> None:
        """Begin anew with the next command, from where the robot is then."""
        ...


class Flyer(Pilot, Protocol):
    """A policy as a pilot, which knows how sure it was."""

    @property
    def doubt(self) -> float | None: ...

    @property
    def alarm_step(self) -> int | None: ...


class Asking:
    """What the trainer has asked for by key or pedal; from any thread."""

    def __init__(self) -> None:
        self._asked: deque[Ask] = deque()
        self._lock = threading.Lock()

    def ask(self, what: Ask) -> None:
        with self._lock:
            self._asked.append(what)

    def next(self) -> Ask | None:
        """The oldest that was not answered yet."""
        with self._lock:
            return self._asked.popleft() if self._asked else None

    def forget(self) -> None:
        with self._lock:
            self._asked.clear()


class CorrectedPilot:
    """Flies by a policy until the trainer takes over, and again once it is given back.

    "take_over" pauses the policy, and at the next asking lets the trainer lead; once more pauses the trainer.
    "give_back" lets the policy lead again. Nothing jumps: whoever takes the lead is blended in from where the robot is.
    A trainer whose device fails while leading is paused, and the robot holds.

    Args:
        robot: the robot that is flown.
        policy: leads at first.
        trainer: corrects.
        asking: what keys and pedals have asked for.
        say: tells the trainer what has changed.
    """

    name = "corrected"

    def __init__(
        self,
        robot: RobotSpec,
        policy: Flyer,
        trainer: Trainer,
        asking: Asking,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._policy = policy
        self._trainer = trainer
        self._asking = asking
        self._say = say
        self._handover = Handover(robot)
        self._is_begun = False
        self._is_giving_back = False
        self._notes: list[str] = []
        self._rest_periods = max(1, round(ASK_AGAIN_S * robot.control_hz))
        self._resting = 0
        self.was_corrected = False  # in this episode, so its success is not the policy's own
        self.wishes = Wishes("nobody", None, None)

    @property
    def phase(self) -> Phase:
        return self._handover.phase

    @property
    def doubt(self) -> float | None:
        return self._policy.doubt

    @property
    def alarm_step(self) -> int | None:
        return self._policy.alarm_step

    def reset(self, scenario: Scenario, rng: np.random.Generator) -> None:
        self._policy.reset(scenario, rng)
        self._trainer.reset(scenario, rng)
        self._asking.forget()
        self._is_begun = self._is_giving_back = self.was_corrected = False
        self._resting = 0
        self._notes.clear()

    def command(self, observation: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> JointTarget | None:
        """The leader's wish, blended in; None, to hold, while nobody leads."""
        sent_rad: FloatArray = info["sent_rad"]
        if not self._is_begun:
            self._handover.reset(Phase.AUTONOMOUS, sent_rad, blend=False)
            self._is_begun = True
            self._note("the policy leads")
        policy_rad = _position(self._policy.command(observation, info))
        asked = self._asking.next()
        pilot_rad, trouble = self._trainer_wish(observation, info, asked)
        self._pass_on(asked, sent_rad, pilot_rad, trouble)
        wish_rad, commander = self._handover.command(sent_rad, policy_rad, pilot_rad)
        notes = tuple(Fault("note", SOURCE, text) for text in self._notes)
        self._notes.clear()
        self.wishes = Wishes(commander, pilot_rad, policy_rad, notes)
        return None if commander == "nobody" else JointTarget(wish_rad)

    def _trainer_wish(
        self, observation: Mapping[str, NDArray[Any]], info: Mapping[str, Any], asked: Ask | None
    ) -> tuple[FloatArray | None, str]:
        """What the trainer wishes, or what keeps it from wishing."""
        if asked is None and self._resting > 0:
            self._resting -= 1
            return None, ""
        self._resting = 0
        if asked == "take_over" and self.phase is Phase.PAUSED:
            self._trainer.let_go()  # the robot is elsewhere than when the trainer last began
        try:
            return _position(self._trainer.command(observation, info)), ""
        except PilotError as error:
            self._resting = self._rest_periods
            return None, str(error)

    def _pass_on(self, asked: Ask | None, sent_rad: FloatArray, pilot_rad: FloatArray | None, trouble: str) -> None:
        if self.phase is Phase.CORRECTING and (trouble or asked is not None):
            self._is_giving_back = not trouble and asked == "give_back"
            self._enter(Phase.PAUSED, sent_rad, trouble or "paused; the robot holds")
        elif self.phase is Phase.AUTONOMOUS and asked == "take_over":
            self._enter(Phase.PAUSED, sent_rad, "paused; take the robot's pose, and take over")
        elif self.phase is Phase.PAUSED and asked == "take_over":
            self._take_over(sent_rad, pilot_rad, trouble)
        elif self.phase is Phase.PAUSED and (asked == "give_back" or self._is_giving_back):
            self._is_giving_back = False
            self._enter(Phase.AUTONOMOUS, sent_rad, "the policy leads")

    def _take_over(self, sent_rad: FloatArray, pilot_rad: FloatArray | None, trouble: str) -> None:
        try:
            if trouble:
                raise PilotError(trouble)
            self._handover.enter(Phase.CORRECTING, sent_rad, pilot_rad)
        except PilotError as error:
            self._note(f"no take-over: {error}")
            return
        self.was_corrected = True
        self._note("the trainer leads")

    def _enter(self, phase: Phase, sent_rad: FloatArray, text: str) -> None:
        self._handover.enter(phase, sent_rad)
        self._note(text)

    def _note(self, text: str) -> None:
        self._notes.append(f"{self.phase}: {text}")
        self._say(text)


def _position(target: JointTarget | None) -> FloatArray | None:
    return None if target is None else target.position_rad
