"""What one virtual servo does on one instruction, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hardware.control_table import BAUD_CODE, FIRMWARE_VERSION, MODEL_NUMBER, SERVO_ID, Register
from hardware.dynamixel import Instruction, StatusError, StatusPacket
from hardware.virtual_servo import VirtualServo

_READ_LEVEL, _WRITE_LEVEL = 1, 2  # status return level from which on a read or a write is answered
_CLEAR_TURNS = bytes.fromhex("01 44 58 4C 22")
_KEPT: Mapping[bytes, tuple[Register, ...]] = {b"\xff": (), b"\x01": (SERVO_ID,), b"\x02": (SERVO_ID, BAUD_CODE)}


def carry_out(servo: VirtualServo, instruction: int, parameters: bytes) -> StatusPacket | None:
    """Carry one instruction out; the status packet, if the servo's return level grants one."""
    servo_id, level, alert = servo.servo_id, servo.return_level, servo.error_byte
    if instruction == Instruction.PING:
        data = MODEL_NUMBER.encode(servo.model.number) + FIRMWARE_VERSION.encode(servo.firmware)
        return StatusPacket(servo_id, alert, data)
    if instruction == Instruction.READ:
        status = read(servo, *_pair(parameters)) if len(parameters) == 4 else (StatusError.DATA_LENGTH | alert, b"")
        return StatusPacket(servo_id, *status) if status else None
    error = _DOERS[instruction](servo, parameters) if instruction in _DOERS else StatusError.INSTRUCTION
    return StatusPacket(servo_id, error | alert) if level >= _WRITE_LEVEL else None


def read(servo: VirtualServo, address: int, size: int) -> tuple[int, bytes] | None:
    """The error byte and the data that a servo answers to a read, if its return level grants an answer."""
    if servo.return_level < _READ_LEVEL:
        return None
    data = servo.read(address, size)
    return (data | servo.error_byte, b"") if isinstance(data, StatusError) else (servo.error_byte, data)


def carry_out_by_broadcast(servo: VirtualServo, instruction: int, parameters: bytes) -> None:
    """Carry out what everybody was told, which nobody answers; nobody forgets its id by it, from firmware 42 on."""
    if instruction == Instruction.FACTORY_RESET and parameters == b"\xff" and servo.firmware >= 42:
        return
    if instruction in _DOERS:
        _DOERS[instruction](servo, parameters)


def sync_read_requests(parameters: bytes) -> list[tuple[int, int, int]]:
    """Id, address and size of each servo's part."""
    address, size = _pair(parameters)
    return [(servo_id, address, size) for servo_id in parameters[4:]]


def bulk_read_requests(parameters: bytes) -> list[tuple[int, int, int]]:
    """Id, address and size of each servo's part; half a part at the end is none."""
    return [(parameters[at], *_pair(parameters[at + 1 : at + 5])) for at in range(0, len(parameters) - 4, 5)]


def sync_writes(parameters: bytes) -> list[tuple[int, int, bytes]]:
    """Id, address and data of each servo's part."""
    address, size = _pair(parameters)
    starts = range(4, len(parameters), 1 + size)
    return [(parameters[at], address, parameters[at + 1 : at + 1 + size]) for at in starts]


def bulk_writes(parameters: bytes) -> list[tuple[int, int, bytes]]:
    """Id, address and data of each servo's part."""
    writes, at = [], 0
    while at < len(parameters):
        address, size = _pair(parameters[at + 1 : at + 5])
        writes.append((parameters[at], address, parameters[at + 5 : at + 5 + size]))
        at += 5 + size
    return writes


def _pair(parameters: bytes) -> tuple[int, int]:
    """The address and the size at the head of `parameters`."""
    return int.from_bytes(parameters[:2], "little"), int.from_bytes(parameters[2:4], "little")


def _write(servo: VirtualServo, parameters: bytes) -> StatusError:
    address, data = int.from_bytes(parameters[:2], "little"), parameters[2:]
    return servo.write(address, data) if data else StatusError.DATA_LENGTH


def _register(servo: VirtualServo, parameters: bytes) -> StatusError:
    address, data = int.from_bytes(parameters[:2], "little"), parameters[2:]
    return servo.register_write(address, data) if data else StatusError.DATA_LENGTH


def _act(servo: VirtualServo, parameters: bytes) -> StatusError:
    return servo.act()


def _reset(servo: VirtualServo, parameters: bytes) -> StatusError:
    if parameters not in _KEPT:
        return StatusError.DATA_RANGE
    servo.reset_to_factory(_KEPT[parameters])
    return StatusError.NONE


def _reboot(servo: VirtualServo, parameters: bytes) -> StatusError:
    servo.reboot()
    return StatusError.NONE


def _clear(servo: VirtualServo, parameters: bytes) -> StatusError:
    return servo.clear_turns() if parameters == _CLEAR_TURNS else StatusError.DATA_RANGE


_DOERS: Mapping[int, Callable[[VirtualServo, bytes], StatusError]] = {
    Instruction.WRITE: _write,
    Instruction.REG_WRITE: _register,
    Instruction.ACTION: _act,
    Instruction.FACTORY_RESET: _reset,
    Instruction.REBOOT: _reboot,
    Instruction.CLEAR: _clear,
}
