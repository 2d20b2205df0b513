"""Faults in the bytes of answers on their way.

`servo_id` None means one of the answers, chosen anew each time. An instruction that nobody answers is left alone.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np

from hardware.dynamixel import (
    BROADCAST_ID,
    HARDWARE_ALERT,
    HEADER,
    InstructionPacket,
    StatusError,
    StatusPacket,
    decode,
)
from hardware.errors import PacketError
from hardware.virtual_answers import Answer
from hardware.virtual_faults import WireFault


@dataclass(frozen=True)
class _AnswerFault(WireFault):
    """A fault in the answers of one servo."""

    servo_id: int | None = None

    def change(self, answers: list[Answer], sent: InstructionPacket, rng: np.random.Generator) -> list[Answer]:
        if not answers:
            return answers
        chosen = int(rng.integers(len(answers))) if self.servo_id is None else None
        changed: list[Answer] = []
        for place, answer in enumerate(answers):
            is_hit = place == chosen if chosen is not None else answer.servo_id == self.servo_id
            changed += self._instead_of(answer, rng) if is_hit and answer.frame else [answer]
        return changed

    @abstractmethod
    def _instead_of(self, answer: Answer, rng: np.random.Generator) -> list[Answer]:
        """What arrives in place of an answer that is hit."""


@dataclass(frozen=True)
class _DamageFault(_AnswerFault):
    """A fault in the bytes of one servo's answers."""

    def _instead_of(self, answer: Answer, rng: np.random.Generator) -> list[Answer]:
        return [answer._replace(frame=self._damaged(answer.frame, rng))]

    @abstractmethod
    def _damaged(self, frame: bytes, rng: np.random.Generator) -> bytes:
        """What arrives in place of the bytes of an answer."""


@dataclass(frozen=True)
class BitFlip(_DamageFault):
    """Bits of an answer are flipped."""

    bits: int = 1

    def _damaged(self, frame: bytes, rng: np.random.Generator) -> bytes:
        damaged = bytearray(frame)
        for place in rng.choice(len(frame) * 8, size=min(self.bits, len(frame) * 8), replace=False):
            damaged[place // 8] ^= 1 << (place % 8)
        return bytes(damaged)


@dataclass(frozen=True)
class LostByte(_DamageFault):
    """One byte of an answer is missing."""

    def _damaged(self, frame: bytes, rng: np.random.Generator) -> bytes:
        place = int(rng.integers(len(frame)))
        return frame[:place] + frame[place + 1 :]


@dataclass(frozen=True)
class ExtraByte(_DamageFault):
    """A byte that nobody sent stands in an answer."""

    def _damaged(self, frame: bytes, rng: np.random.Generator) -> bytes:
        place = int(rng.integers(len(frame) + 1))
        return frame[:place] + rng.bytes(1) + frame[place:]


@dataclass(frozen=True)
class Garbage(_DamageFault):
    """Bytes that nobody sent come before an answer."""

    size: int = 5

    def _damaged(self, frame: bytes, rng: np.random.Generator) -> bytes:
        return rng.bytes(self.size) + frame


@dataclass(frozen=True)
class Burst(_DamageFault):
    """A stretch of an answer is noise, of the same length."""

    size: int = 6

    def _damaged(self, frame: bytes, rng: np.random.Generator) -> bytes:
        start = int(rng.integers(max(1, len(frame) - self.size + 1)))
        noise = rng.bytes(min(self.size, len(frame)))
        return frame[:start] + noise + frame[start + len(noise) :]


@dataclass(frozen=True)
class DuplicateId(_AnswerFault):
    """Two servos with one id answer, one after the other. For answers that differ, put two servos on the bus."""

    def _instead_of(self, answer: Answer, rng: np.random.Generator) -> list[Answer]:
        return [answer, answer._replace(silence_bytes=0)]


@dataclass(frozen=True)
class Collided(_DamageFault):
    """Two servos with one id answer at once, and the wire carries a 0 wherever one of them sends it."""

    def _damaged(self, frame: bytes, rng: np.random.Generator) -> bytes:
        head = len(HEADER) + 5  # up to and with the error byte both say the same
        other = frame[:head] + rng.bytes(max(0, len(frame) - head))
        return bytes(one & two for one, two in zip(frame, other, strict=True))


@dataclass(frozen=True)
class LateReply(_AnswerFault):
    """The computer gets an answer only with those to the next instruction."""

    def _instead_of(self, answer: Answer, rng: np.random.Generator) -> list[Answer]:
        return [answer._replace(late=True)]


@dataclass(frozen=True)
class ErrorWithoutData(_DamageFault):
    """A servo answers with an error byte and nothing else."""

    error: int = StatusError.ACCESS

    def _damaged(self, frame: bytes, rng: np.random.Generator) -> bytes:
        try:
            status = decode(frame)
        except PacketError:
            return frame  # a part of a merged answer, which always has its data, or one that is damaged already
        if not isinstance(status, StatusPacket) or status.servo_id == BROADCAST_ID:
            return frame
        return StatusPacket(status.servo_id, self.error | status.error & HARDWARE_ALERT).encode()


@dataclass(frozen=True)
class CutReply(WireFault):
    """The cable moves in the middle of an answer: its rest is lost, and with `rest_lost` so are those after it."""

    servo_id: int | None = None
    rest_lost: bool = True

    def change(self, answers: list[Answer], sent: InstructionPacket, rng: np.random.Generator) -> list[Answer]:
        places = [place for place, answer in enumerate(answers) if self.servo_id in (answer.servo_id, None)]
        if not places:
            return answers
        place = places[int(rng.integers(len(places)))]
        frame = answers[place].frame
        size = int(rng.integers(1, len(frame))) if len(frame) > 1 else 0
        kept = answers[place]._replace(frame=frame[:size])
        return [*answers[:place], kept, *([] if self.rest_lost else answers[place + 1 :])]


@dataclass(frozen=True)
class OutOfOrder(WireFault):
    """The answers come in another order."""

    def change(self, answers: list[Answer], sent: InstructionPacket, rng: np.random.Generator) -> list[Answer]:
        order = [int(place) for place in rng.permutation(len(answers))]
        if order == sorted(order):
            order.reverse()
        return [answers[place] for place in order]


@dataclass(frozen=True)
class Echo(WireFault):
    """The adapter hears itself: the instruction comes back before the answers."""

    def change(self, answers: list[Answer], sent: InstructionPacket, rng: np.random.Generator) -> list[Answer]:
        frame = sent.encode()
        return [Answer(BROADCAST_ID, frame, silence_bytes=-len(frame)), *answers]
