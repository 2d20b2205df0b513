"""DYNAMIXEL Protocol 2.0 packets as values, and their bytes.

    instruction: FF FF FD 00 | id | length | instruction | parameters | crc
    status:      FF FF FD 00 | id | length | 55 | error | parameters  | crc

Length and CRC are little endian. Length counts everything behind it. From the instruction to the last parameter every
FF FF FD is followed by an extra FD ("stuffing"), so a header never occurs inside a packet.
Source: the protocol's public manual.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from hardware.crc import crc16
from hardware.errors import PacketError

HEADER = b"\xff\xff\xfd\x00"
BROADCAST_ID = 0xFE
MAX_SERVO_ID = 252
PREFIX_BYTES = 7  # header, id, length
CRC_BYTES = 2
STATUS_OVERHEAD_BYTES = 11  # a status without parameters and without stuffing
STATUS_HEAD_BYTES = 8  # header, id, length, mark

STATUS_MARK = 0x55
STUFFED_PATTERN = b"\xff\xff\xfd"
_STUFFED = b"\xff\xff\xfd\xfd"


class Instruction(IntEnum):
    """What a packet asks for."""

    PING = 0x01
    READ = 0x02
    WRITE = 0x03
    REG_WRITE = 0x04
    ACTION = 0x05
    FACTORY_RESET = 0x06
    REBOOT = 0x08
    CLEAR = 0x10
    SYNC_READ = 0x82
    SYNC_WRITE = 0x83
    FAST_SYNC_READ = 0x8A
    BULK_READ = 0x92
    BULK_WRITE = 0x93
    FAST_BULK_READ = 0x9A


class StatusError(IntEnum):
    """The low seven bits of a status packet's error byte."""

    NONE = 0
    RESULT_FAIL = 1
    INSTRUCTION = 2
    CRC = 3
    DATA_RANGE = 4
    DATA_LENGTH = 5
    DATA_LIMIT = 6
    ACCESS = 7


HARDWARE_ALERT = 0x80  # set in the error byte of every status while Hardware Error Status is not 0; the data are valid


@dataclass(frozen=True, slots=True)
class InstructionPacket:
    """What the master says."""

    servo_id: int
    instruction: int
    parameters: bytes = b""

    def encode(self) -> bytes:
        """The bytes on the wire, stuffed and with CRC."""
        return _encode(self.servo_id, bytes([self.instruction]) + self.parameters)


@dataclass(frozen=True, slots=True)
class StatusPacket:
    """What a servo answers."""

    servo_id: int
    error: int
    parameters: bytes = b""

    def encode(self) -> bytes:
        """The bytes on the wire, stuffed and with CRC."""
        return _encode(self.servo_id, bytes([STATUS_MARK, self.error]) + self.parameters)

    @property
    def alert(self) -> bool:
        """Whether the servo reports a hardware error; the rest of the packet is valid all the same."""
        return bool(self.error & HARDWARE_ALERT)

    @property
    def failure(self) -> int:
        """Why the instruction was refused, as a `StatusError` value; 0 if it was not."""
        return self.error & ~HARDWARE_ALERT


Packet = InstructionPacket | StatusPacket


def status_head(servo_id: int, length: int) -> bytes:
    """The first bytes of a status whose length field says `length`."""
    return HEADER + bytes([servo_id]) + length.to_bytes(2, "little") + bytes([STATUS_MARK])


def stretch(address: int, size: int) -> bytes:
    """How parameters name a stretch of the control table."""
    return address.to_bytes(2, "little") + size.to_bytes(2, "little")


def stuff(body: bytes) -> bytes:
    """Put an FD behind every FF FF FD."""
    return body.replace(STUFFED_PATTERN, _STUFFED)


def unstuff(body: bytes) -> bytes:
    """The inverse of `stuff`."""
    return body.replace(_STUFFED, STUFFED_PATTERN)


def decode(frame: bytes) -> Packet:
    """One whole packet from its bytes.

    Raises:
        PacketError: the header, the length or the CRC is wrong, or a status has no error byte.
    """
    if len(frame) < PREFIX_BYTES + 1 + CRC_BYTES or not frame.startswith(HEADER):
        raise PacketError(f"{frame.hex(' ')} is not a packet: it must start with {HEADER.hex(' ')} and have 10 bytes")
    length = int.from_bytes(frame[5:7], "little")
    if len(frame) != PREFIX_BYTES + length:
        raise PacketError(f"{frame.hex(' ')} has {len(frame)} bytes, its length field says {PREFIX_BYTES + length}")
    sent, computed = int.from_bytes(frame[-CRC_BYTES:], "little"), crc16(frame[:-CRC_BYTES])
    if sent != computed:
        raise PacketError(f"{frame.hex(' ')} carries CRC {sent:04x}, its bytes give {computed:04x}")
    body = unstuff(frame[PREFIX_BYTES:-CRC_BYTES])
    if body[0] != STATUS_MARK:
        return InstructionPacket(frame[4], body[0], body[1:])
    if len(body) < 2:
        raise PacketError(f"{frame.hex(' ')} is a status without an error byte")
    return StatusPacket(frame[4], body[1], body[2:])


def _encode(servo_id: int, body: bytes) -> bytes:
    if not (0 <= servo_id <= MAX_SERVO_ID or servo_id == BROADCAST_ID):
        raise PacketError(f"servo id {servo_id} is not allowed: use 0..{MAX_SERVO_ID}, or {BROADCAST_ID} for all")
    stuffed = stuff(body)
    length = len(stuffed) + CRC_BYTES
    if length > 0xFFFF:
        raise PacketError(f"a packet of {length} bytes does not fit its 16-bit length field; send fewer servos at once")
    packet = HEADER + bytes([servo_id]) + length.to_bytes(2, "little") + stuffed
    return packet + crc16(packet).to_bytes(CRC_BYTES, "little")
