"""What bought inertial units send over a serial line: BNO08x in UART-RVC mode, WitMotion, and lines of six numbers."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware.fixed_frames import FixedFrames
from hardware.number_lines import NumberLines

FloatArray = NDArray[np.float64]
STANDARD_GRAVITY_M_S2 = 9.80665

_RVC_BYTES, _RVC_LONGEST_GAP = 19, 5
RVC_PERIOD_S = 0.01
_WIT_BYTES, _WIT_ACCELERATION, _WIT_RATE = 11, 0x51, 0x52
WIT_M_S2 = 16.0 * STANDARD_GRAVITY_M_S2 / 32768.0
WIT_RAD_S = np.deg2rad(2000.0) / 32768.0


@dataclass(frozen=True)
class ImuReading:
    """Rates and accelerations in one frame, the unit's or the torso's; gravity included."""

    rate_rad_s: FloatArray  # (3,)
    acceleration_m_s2: FloatArray  # (3,)


@dataclass(frozen=True)
class RvcFrame:
    """One report of a BNO08x in UART-RVC mode, in its own units.

    The attitude is yaw about z, then pitch about the new y, then roll about the new x (data sheet 1000-3927, section
    1.3.5.2).
    """

    index: int  # counts reports modulo 256
    yaw_pitch_roll_deg: tuple[float, float, float]
    acceleration_mg: tuple[int, int, int]

    @staticmethod
    def decode(frame: bytes) -> RvcFrame:
        """The report in 19 bytes whose checksum is right."""
        index, yaw, pitch, roll, x, y, z = struct.unpack_from("<B6h", frame, 2)
        return RvcFrame(index, (yaw / 100.0, pitch / 100.0, roll / 100.0), (x, y, z))


class RvcParser:
    """Readings of a BNO08x in UART-RVC mode: 100 frames a second, `AA AA index, six numbers, 3 bytes, sum`.

    It sends no rates. They are the way from one attitude to the next, over the hundredths of a second that the index
    counts: steps of 1 degree a second, and 5 ms late. After more than 50 ms without a report there is none.
    """

    def __init__(self) -> None:
        self._frames = FixedFrames(b"\xaa\xaa", _RVC_BYTES, lambda frame: sum(frame[2:-1]) & 0xFF == frame[-1])
        self._last: tuple[int, Any] | None = None  # index and attitude of the report before
        self.frozen = 0

    @property
    def damaged(self) -> int:
        return self._frames.damaged

    def feed(self, data: bytes) -> list[ImuReading]:
        from scipy.spatial.transform import Rotation

        readings = []
        for report in map(RvcFrame.decode, self._frames.feed(data)):
            attitude = Rotation.from_euler("ZYX", report.yaw_pitch_roll_deg, degrees=True)
            last, self._last = self._last, (report.index, attitude)
            if last is None:
                continue
            periods = (report.index - last[0]) % 256
            if periods == 0:
                self.frozen += 1
            elif periods <= _RVC_LONGEST_GAP:
                turned_rad = (last[1].inv() * attitude).as_rotvec()
                acceleration_m_s2 = np.array(report.acceleration_mg) * STANDARD_GRAVITY_M_S2 / 1000.0
                readings.append(ImuReading(turned_rad / (periods * RVC_PERIOD_S), acceleration_m_s2))
        return readings


class WitMotionParser:
    """Readings of a WitMotion unit: frames `55 kind, four numbers, sum`, of which 51 accelerates and 52 turns.

    A rate makes a reading with the acceleration right before it, and none where that is missing.
    """

    def __init__(self) -> None:
        self._frames = FixedFrames(b"\x55", _WIT_BYTES, _is_wit_frame)
        self._acceleration_m_s2: FloatArray | None = None
        self.frozen = 0

    @property
    def damaged(self) -> int:
        return self._frames.damaged

    def feed(self, data: bytes) -> list[ImuReading]:
        readings = []
        for frame in self._frames.feed(data):
            counts = np.array(struct.unpack_from("<3h", frame, 2), dtype=np.float64)
            if frame[1] == _WIT_ACCELERATION:
                self._acceleration_m_s2 = counts * WIT_M_S2
                continue
            if frame[1] == _WIT_RATE and self._acceleration_m_s2 is not None:
                readings.append(ImuReading(counts * WIT_RAD_S, self._acceleration_m_s2))
            self._acceleration_m_s2 = None
        return readings


class ImuLines:
    """Readings of a board that prints six numbers a line: rates about x, y, z, then accelerations along them.

    Args:
        rate_unit_rad_s, acceleration_unit_m_s2: what one of each is.
    """

    def __init__(self, rate_unit_rad_s: float, acceleration_unit_m_s2: float) -> None:
        self._lines = NumberLines(6)
        self._units = np.repeat([rate_unit_rad_s, acceleration_unit_m_s2], 3)
        self.frozen = 0

    @property
    def damaged(self) -> int:
        return self._lines.damaged

    def feed(self, data: bytes) -> list[ImuReading]:
        scaled = (np.array(numbers) * self._units for numbers in self._lines.feed(data))
        return [ImuReading(values[:3], values[3:]) for values in scaled]


def _is_wit_frame(frame: bytes) -> bool:
    return 0x50 <= frame[1] <= 0x5F and sum(frame[:-1]) & 0xFF == frame[-1]
