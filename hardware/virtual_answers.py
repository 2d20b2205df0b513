"""What servos put on a virtual wire, and when it has arrived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes whose last one is on the wire at `stamp_s`."""

    stamp_s: float
    data: bytes


class Answer(NamedTuple):
    """The bytes of one servo, and the silence before them: `delay_s`, and the time that `silence_bytes` would take.

    Negative `silence_bytes` make room for bytes that take no time on the wire themselves. A late answer leaves its
    place empty, and arrives in front of the next ones.
    """

    servo_id: int
    frame: bytes
    delay_s: float = 0.0
    silence_bytes: int = 0
    late: bool = False
