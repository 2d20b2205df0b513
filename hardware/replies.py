"""What a servo bus gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hardware import control_table as table
from hardware.dynamixel import HARDWARE_ALERT, StatusError, StatusPacket

_REFUSALS = {
    StatusError.RESULT_FAIL: "it could not carry the instruction out",
    StatusError.INSTRUCTION: "it does not know the instruction",
    StatusError.CRC: "the instruction reached it damaged; check the cable",
    StatusError.DATA_RANGE: "the value is out of range, or its bus watchdog has tripped; write 0 to the watchdog",
    StatusError.DATA_LENGTH: "the value has too few bytes",
    StatusError.DATA_LIMIT: "the value is beyond the servo's own limit",
    StatusError.ACCESS: "the register is read-only, or it is locked while torque is on; switch torque off first",
}


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of one servo's control table, when it arrived, and the error byte it came with."""

    data: bytes
    error: int
    stamp_s: float

    @property
    def alert(self) -> bool:
        return bool(self.error & HARDWARE_ALERT)


@dataclass(frozen=True, slots=True)
class BlockReply:
    """What a sync read brought: a block for each good servo, a reason for each of the others."""

    blocks: Mapping[int, Block]
    problems: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class PingReply:
    """Who answers to an id."""

    servo_id: int
    model_number: int
    firmware: int

    @staticmethod
    def from_status(status: StatusPacket) -> PingReply:
        """The reply in the status packet that answers a ping."""
        return PingReply(status.servo_id, int.from_bytes(status.parameters[:2], "little"), status.parameters[2])

    @property
    def model_name(self) -> str:
        return table.model_name(self.model_number)


def refusal(status: StatusPacket) -> str:
    """Why a servo refused, in words."""
    if status.failure in _REFUSALS:
        return _REFUSALS[StatusError(status.failure)]
    return f"error {status.failure}"
