"""The merged answer of a fast sync or bulk read.

    FF FF FD 00 | FE | length | 55 | error | id | data | crc | error | id | data | crc | ...

The first servo says the header, each goes on where the one before it ended. Every check sum covers all bytes before it,
earlier check sums included, and nothing is stuffed. Source: the protocol's public manual.
"""

from __future__ import annotations

from collections.abc import Sequence

from hardware.crc import crc16
from hardware.dynamixel import BROADCAST_ID, CRC_BYTES, status_head
from hardware.virtual_answers import Answer
from hardware.virtual_hearing import Hearing
from hardware.virtual_servo import VirtualServo

_LONGEST = 0xFFFF
_TWO_IN_ONE = "2X"  # these models take no part, whatever their firmware


def fast_answers(requests: Sequence[tuple[int, int, int]], hearing: Hearing, from_firmware: int | None) -> list[Answer]:
    """Each servo's part, up to the first that is silent, for each waits for the one before it.

    Args:
        requests: id, address and size, in the order of the answers.
        hearing: who hears.
        from_firmware: servos with older firmware do not know fast reads, nor does any with None.
    """
    if from_firmware is None:
        return []
    length = 1 + sum(2 + size + CRC_BYTES for _, _, size in requests)
    if length > _LONGEST:  # no packet can say how long it would be
        return []
    part = status_head(BROADCAST_ID, length)
    crc = 0
    answers: list[Answer] = []
    for servo_id, address, size in requests:
        found = [part for part in hearing.read(servo_id, address, size) if _takes_part(part[0], from_firmware)]
        if not found:
            break
        servo, error, data = found[0]  # a second servo of that id talks at the same time and is taken for an echo
        part += bytes([error, servo_id]) + data.ljust(size, b"\x00")
        crc = crc16(part, crc)
        check = crc.to_bytes(CRC_BYTES, "little")
        crc = crc16(check, crc)
        answers.append(Answer(servo_id, part + check, 0.0 if answers else servo.return_delay_s))
        part = b""
    return answers


def _takes_part(servo: VirtualServo, from_firmware: int) -> bool:
    return servo.firmware >= from_firmware and not servo.model.name.startswith(_TWO_IN_ONE)
