"""What goes wrong on a virtual bus: by script, by chance, or both; the same seed gives the same run.

The kinds of faults are in `virtual_wire_faults` (bytes) and `virtual_servo_faults` (servos); here are those that keep
an instruction from being heard or answered, and the script that says when.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from hardware.dynamixel import InstructionPacket
from hardware.virtual_answers import Answer
from hardware.virtual_servo import VirtualServo


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong, and when.

    Args:
        cycles: in which cycles of its script, None for all. A cycle ends with a sync or bulk read: the goals that are
            written before it belong to it.
        from_s: from when on, by the clock of the bus.
        until_s: until when.
        probability: its chance in each instruction of that time. A fault of a servo, once it has begun, lasts.
    """

    cycles: range | None = None
    from_s: float = -inf
    until_s: float = inf
    probability: float = 1.0

    def is_due(self, cycle: int, now_s: float) -> bool:
        return (self.cycles is None or cycle in self.cycles) and self.from_s <= now_s < self.until_s


@dataclass(frozen=True, kw_only=True)
class HearingFault(Fault):
    """A fault that decides who hears, understands and can be heard."""

    def deafens(self, servo_id: int) -> bool:
        return False

    def garbles(self, servo_id: int) -> bool:
        return False

    def silences(self, servo_id: int) -> bool:
        return False


@dataclass(frozen=True, kw_only=True)
class WireFault(Fault, ABC):
    """A fault that changes answers on their way."""

    @abstractmethod
    def change(self, answers: list[Answer], sent: InstructionPacket, rng: np.random.Generator) -> list[Answer]:
        """What arrives in place of `answers`, those to `sent`."""


@dataclass(frozen=True)
class ServoFault(Fault):
    """A fault inside one servo, or in all with `servo_id` None."""

    servo_id: int | None

    def begin(self, servo: VirtualServo) -> None:
        """It begins; once a script."""

    def go_on(self, servo: VirtualServo, since_s: float) -> None:
        """It has been going on for `since_s`."""

    def end(self, servo: VirtualServo) -> None:
        """Its time is over."""


@dataclass(frozen=True)
class Silent(HearingFault):
    """A servo's answers are lost; with `hears` False, so are its instructions."""

    servo_id: int
    hears: bool = True

    def deafens(self, servo_id: int) -> bool:
        return servo_id == self.servo_id and not self.hears

    def silences(self, servo_id: int) -> bool:
        return servo_id == self.servo_id


@dataclass(frozen=True)
class AllSilent(HearingFault):
    """The adapter lives, and nobody is on its wire."""

    def deafens(self, servo_id: int) -> bool:
        return True


@dataclass(frozen=True)
class DamagedInstruction(HearingFault):
    """One servo, or everybody with None, hears instructions with a wrong check sum: it answers that, or keeps quiet."""

    servo_id: int | None = None
    answers: bool = True

    def garbles(self, servo_id: int) -> bool:
        return self.servo_id in (servo_id, None)

    def silences(self, servo_id: int) -> bool:
        return self.garbles(servo_id) and not self.answers


@dataclass(frozen=True)
class Interference:
    """What befalls one instruction."""

    on_hearing: tuple[HearingFault, ...]
    on_wire: tuple[WireFault, ...]

    def hears(self, servo_id: int) -> bool:
        return not any(fault.deafens(servo_id) for fault in self.on_hearing)

    def mishears(self, servo_id: int) -> bool:
        return any(fault.garbles(servo_id) for fault in self.on_hearing)

    def speaks(self, servo_id: int) -> bool:
        return not any(fault.silences(servo_id) for fault in self.on_hearing)


class FaultScript:
    """The faults of one bus, in the order in which they strike. Cycles count from the script's first instruction.

    Args:
        faults: what goes wrong.
        seed: decides all that the faults leave open.
    """

    def __init__(self, faults: Sequence[Fault], seed: int = 0) -> None:
        self.faults = tuple(faults)
        self.cycle = 0
        self._rng = np.random.default_rng(seed)
        self._in_servos = [fault for fault in self.faults if isinstance(fault, ServoFault)]
        self._began_s: dict[int, float] = {}  # by place in _in_servos
        self._over: set[int] = set()
        self._late: list[bytes] = []

    def advance(self, servos: Sequence[VirtualServo], now_s: float, by_chance: bool = False) -> None:
        """Begin, go on with and end the faults of servos. Those with a chance begin only where it is taken."""
        for place, fault in enumerate(self._in_servos):
            if place in self._over:
                continue
            those = [servo for servo in servos if fault.servo_id in (servo.servo_id, None)]
            is_due = fault.is_due(self.cycle, now_s)
            if place not in self._began_s and is_due and self._strikes(fault, by_chance):
                self._began_s[place] = now_s
                for servo in those:
                    fault.begin(servo)
            if place in self._began_s:
                for servo in those:
                    if is_due:
                        fault.go_on(servo, now_s - self._began_s[place])
                    else:
                        fault.end(servo)
                if not is_due:
                    self._over.add(place)

    def strike(self, servos: Sequence[VirtualServo], is_read_of_many: bool, now_s: float) -> Interference:
        """What befalls the next instruction; a sync or bulk read ends the cycle."""
        self.advance(servos, now_s, by_chance=True)
        due = [
            fault
            for fault in self.faults
            if not isinstance(fault, ServoFault) and fault.is_due(self.cycle, now_s) and self._strikes(fault, True)
        ]
        self.cycle += is_read_of_many
        return Interference(
            tuple(fault for fault in due if isinstance(fault, HearingFault)),
            tuple(fault for fault in due if isinstance(fault, WireFault)),
        )

    def deliver(self, interference: Interference, answers: list[Answer], sent: InstructionPacket) -> list[Answer]:
        """What arrives of the answers. Late ones of earlier instructions come first, as soon as there is an answer."""
        for fault in interference.on_wire:
            answers = fault.change(answers, sent, self._rng)
        if not answers:
            return answers
        arrived = [Answer(0, frame, silence_bytes=-len(frame)) for frame in self._late]
        self._late = [answer.frame for answer in answers if answer.late]
        return arrived + [_gap_of(answer) if answer.late else answer for answer in answers]

    def _strikes(self, fault: Fault, by_chance: bool) -> bool:
        return fault.probability >= 1.0 or (by_chance and bool(self._rng.random() < fault.probability))


def _gap_of(answer: Answer) -> Answer:
    return answer._replace(frame=b"", silence_bytes=answer.silence_bytes + len(answer.frame))
