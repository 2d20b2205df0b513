"""What servos sense, read by a plain sync read of ten bytes each and taken apart by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from struct import Struct

from hardware.bus import DynamixelBus
from hardware.replies import Block

_ADDRESS, _STATE = 126, Struct("<hii")  # present current, velocity and position


@dataclass(frozen=True)
class ServoReading:
    """What one servo senses, in its own units."""

    current_ticks: int
    velocity_ticks: int
    position_ticks: int
    alert: bool


@dataclass(frozen=True)
class StateReply:
    """The readings that arrived, by servo id, and why the others did not."""

    readings: Mapping[int, ServoReading]
    problems: Mapping[int, str]


def read_states(bus: DynamixelBus, servo_ids: Sequence[int]) -> StateReply:
    reply = bus.sync_read(servo_ids, _ADDRESS, _STATE.size)
    return StateReply({servo_id: _reading(block) for servo_id, block in reply.blocks.items()}, reply.problems)


def _reading(block: Block) -> ServoReading:
    return ServoReading(*_STATE.unpack(block.data), alert=block.alert)
