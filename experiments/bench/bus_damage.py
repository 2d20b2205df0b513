"""How many wrong values the driver accepts among replies that are stuffed at random and damaged in every way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.bench.bus_cycles import SERVO_IDS, OurCycle
from experiments.bench.rows import Row
from experiments.workers import progress_bar
from hardware.crc import crc16, crc_tables
from hardware.dynamixel import (
    BROADCAST_ID,
    HEADER,
    STATUS_MARK,
    STUFFED_PATTERN,
    Instruction,
    StatusPacket,
    status_head,
)
from hardware.state_link import LinkState

SHARES = (0.01, 0.1)
_PERIOD_S = 0.01
_COUNT = len(SERVO_IDS)
_ROW = np.dtype(
    [
        ("head", "u1", 4),
        ("id", "u1"),
        ("length", "<u2"),
        ("mark", "u1"),
        ("error", "u1"),
        ("clock", "<u2"),
        ("moving", "u1", 2),
        ("pwm", "<i2"),
        ("current", "<i2"),
        ("velocity", "<i4"),
        ("position", "<i4"),
        ("crc", "<u2"),
    ]
)
_DATA_AT = 9
_STEP_TICKS = 4  # what a servo moves in a cycle
_PROGRESS = 20


def measure(cycles: int, seed: int) -> list[Row]:
    """Plain sync reads, and a tenth as many fast ones."""
    rows = []
    runs = [(share, count, is_fast) for is_fast, count in ((False, cycles), (True, cycles // 10)) for share in SHARES]
    with progress_bar("damaged replies", len(runs) * _PROGRESS) as advance:
        for share, count, is_fast in runs:
            servos = Servos(share, np.random.default_rng([seed, round(1000 * share), is_fast]))
            rows.append(_run(servos, count, share, is_fast, advance))
    return rows


def _run(servos: Servos, cycles: int, share: float, is_fast: bool, advance: Callable[[str], None]) -> Row:
    tally = Tally()
    servos.next_period(is_whole=True)
    cycle = OurCycle(servos, reply_margin_s=0.0, fast=is_fast)
    for number in range(cycles):
        servos.next_period()
        tally.count(cycle(), servos)
        if is_fast and not cycle.link.is_fast:  # it went back to plain reads, as it should, and is not to stay there
            servos.next_period(is_whole=True)
            cycle.link.probe_fast()
        if (number + 1) % max(1, cycles // _PROGRESS) == 0:
            advance(f"{tally.wrong} wrong values")
    kind = "fast" if is_fast else "plain"
    name = f"wrong values accepted in {cycles:,} cycles of {kind} reads, {share:.0%} of them damaged"
    counters = cycle.link.counters
    told = (
        f"{servos.damaged:,} damaged, {servos.stuffed:,} stuffed cycles; lost were {tally.lost_ill:,} "
        f"values of damaged cycles and {tally.lost_well:,} of others; refused as out of reach or time "
        f"{counters.refused + counters.old:,}"
    )
    return Row(name, float(tally.wrong), "values", goal=0.0, note=told)


@dataclass
class Tally:
    wrong: int = 0
    lost_ill: int = 0
    lost_well: int = 0

    def count(self, state: LinkState, servos: Servos) -> None:
        fresh = state.fresh
        is_right = (
            (state.position_ticks == servos.position)
            & (state.velocity_ticks == servos.velocity)
            & (state.current_ticks == servos.current)
        )
        self.wrong += int((fresh & ~is_right).sum())
        lost = _COUNT - int(fresh.sum())
        if servos.is_damaged:
            self.lost_ill += lost
        else:
            self.lost_well += lost


class Servos:
    """Thirty moving servos as a port, with the noise that stuffs replies as often as in use, and damage by chance."""

    name = "damaged replies"
    byte_time_s = 0.0

    def __init__(self, share: float, rng: np.random.Generator) -> None:
        self._share = share
        self._rng = rng
        self._now_s = 1000.0
        self._answer = b""
        self._rows = np.zeros(_COUNT, dtype=_ROW)
        self._rows["head"] = np.frombuffer(HEADER, np.uint8)
        self._rows["id"] = SERVO_IDS
        self._rows["length"] = _ROW.itemsize - 7
        self._rows["mark"] = STATUS_MARK
        self._tables = crc_tables(_ROW.itemsize - 2)
        self._places = np.arange(_ROW.itemsize - 2)
        self.position: NDArray[np.int64] = rng.integers(0, 4096, _COUNT)
        self.velocity: NDArray[np.int64] = np.zeros(_COUNT, dtype=np.int64)
        self.current: NDArray[np.int64] = np.zeros(_COUNT, dtype=np.int64)
        self.is_damaged = self._is_spared = False
        self.damaged = self.stuffed = 0

    def next_period(self, is_whole: bool = False) -> None:
        """Everybody has moved a little. `is_whole` lets the wire leave this period alone."""
        rng = self._rng
        self._now_s += _PERIOD_S
        self.position = self.position + rng.integers(-_STEP_TICKS, _STEP_TICKS + 1, _COUNT)
        self.velocity = np.rint(rng.normal(0.0, 2.0, _COUNT)).astype(np.int64)
        self.current = np.rint(rng.normal(0.0, 3.0, _COUNT)).astype(np.int64)
        rows = self._rows
        rows["clock"] = int(self._now_s * 1000.0) % 32_768
        rows["position"], rows["velocity"], rows["current"] = self.position, self.velocity, self.current
        raw = rows.view(np.uint8).reshape(_COUNT, _ROW.itemsize)
        rows["crc"] = np.bitwise_xor.reduce(self._tables[self._places, raw[:, :-2]], axis=1)
        self._raw = raw
        self._is_spared = is_whole
        self.is_damaged = False

    def _answers(self) -> bytes:
        replies = [row.tobytes() for row in self._raw]
        whole = b"".join(replies)
        if whole.count(STUFFED_PATTERN) > _COUNT:  # more than the headers
            self.stuffed += 1
            for place, reply in enumerate(replies):
                if reply.find(STUFFED_PATTERN, 4) != -1:
                    replies[place] = StatusPacket(SERVO_IDS[place], 0, reply[_DATA_AT:-2]).encode()
            whole = b"".join(replies)
        return whole

    def _merged(self) -> bytes:
        length = 1 + _COUNT * (_ROW.itemsize - _DATA_AT + 2)
        packet = bytearray(status_head(BROADCAST_ID, length))
        crc = crc16(packet)
        for servo_id, row in zip(SERVO_IDS, self._raw, strict=True):
            part = bytes([0, servo_id]) + row[_DATA_AT:-2].tobytes()
            crc = crc16(part, crc)
            check = crc.to_bytes(2, "little")
            packet += part + check
            crc = crc16(check, crc)
        return bytes(packet)

    def _over_the_wire(self, data: bytes) -> bytes:
        if self._is_spared or self._rng.random() >= self._share:
            return data
        self.is_damaged = True
        self.damaged += 1
        return _damage(data, self._rng)

    def now_s(self) -> float:
        return self._now_s

    def write(self, data: bytes) -> None:
        if data[7] == Instruction.SYNC_READ:
            self._answer = self._over_the_wire(self._answers())
        elif data[7] == Instruction.FAST_SYNC_READ:
            self._answer = self._over_the_wire(self._merged())

    def read(self, limit: int) -> bytes:
        data, self._answer = self._answer[:limit], self._answer[limit:]
        return data

    def wait(self, deadline_s: float) -> bool:
        return bool(self._answer)

    def rest(self, until_s: float) -> None:
        """Time is the measurement's affair."""

    def close(self) -> None:
        """Nothing is held."""


def _damage(data: bytes, rng: np.random.Generator) -> bytes:
    """One of the things that wires, adapters and colliding servos do to bytes."""
    place = int(rng.integers(len(data)))
    length = int(rng.integers(1, 24))
    noise = rng.integers(0, 256, length, dtype=np.uint8).tobytes()
    match int(rng.integers(8)):
        case 0:  # flipped bits, up to eight anywhere
            changed = bytearray(data)
            for bit in rng.integers(0, 8 * len(data), int(rng.integers(1, 9))).tolist():
                changed[bit // 8] ^= 1 << bit % 8
            return bytes(changed)
        case 1:  # lost bytes
            return data[:place] + data[place + length :]
        case 2:  # bytes too many
            return data[:place] + noise + data[place:]
        case 3:  # a burst
            return data[:place] + noise + data[place + length :]
        case 4:  # a cut
            return data[:place]
        case 5:  # another servo's bytes over these
            other = int(rng.integers(len(data)))
            over = bytes(a & b for a, b in zip(data[place:], data[other:], strict=False))
            return data[:place] + over[:length] + data[place + min(length, len(over)) :]
        case 6:  # pieces in another order
            other = int(rng.integers(len(data)))
            first, second = sorted((place, other))
            return data[second:] + data[first:second] + data[:first]
        case _:  # two single bytes, far apart, as no burst check sees them
            changed = bytearray(data)
            for where in (place, (place + length) % len(data)):
                changed[where] = int(rng.integers(256))
            return bytes(changed)
