"""The far end of a sensor's cable: bytes as each kind of sensor sends them, for a robot that is only pretended."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from assets.devices import ImuDevice, ImuProtocol, TouchDevice, TouchProtocol
from hardware.imu import encode_imu
from hardware.imu_frames import RVC_PERIOD_S, STANDARD_GRAVITY_M_S2, WIT_M_S2, WIT_RAD_S, ImuReading
from hardware.tactile import encode_touch
from hardware.touch_frames import DEXUMI_MARK, FSR_NUMBERS

FloatArray = NDArray[np.float64]
Turn = Callable[[ImuReading], ImuReading]


class ImuWriter:
    """What an inertial unit sends while its torso moves.

    Args:
        device: its protocol, and how it sits in the torso.
        period_s: from one reading to the next.
    """

    def __init__(self, device: ImuDevice, period_s: float) -> None:
        from scipy.spatial.transform import Rotation

        self._imu_from_torso = Rotation.from_quat(device.imu_in_torso_wxyz, scalar_first=True).as_matrix().T
        self._attitude = Rotation.identity()
        self._period_s = period_s
        self._elapsed_s = 0.0
        self._device = device
        writers: Mapping[ImuProtocol, Callable[[int, ImuReading], bytes]] = {
            "retake": encode_imu,
            "lines": self._line,
            "bno08x-rvc": self._rvc_frames,
            "witmotion": self._wit_frames,
        }
        self._write = writers[device.protocol]

    def __call__(self, sequence: int, torso: ImuReading) -> bytes:
        """The bytes of one more reading, given in the torso's frame; none where the unit's own rate leaves it out."""
        turn = self._imu_from_torso
        return self._write(sequence, ImuReading(turn @ torso.rate_rad_s, turn @ torso.acceleration_m_s2))

    def _line(self, sequence: int, reading: ImuReading) -> bytes:
        rates = reading.rate_rad_s / self._device.rate_unit_rad_s
        accelerations = reading.acceleration_m_s2 / self._device.acceleration_unit_m_s2
        return (",".join(f"{value:.6g}" for value in (*rates, *accelerations)) + "\r\n").encode()

    def _wit_frames(self, sequence: int, reading: ImuReading) -> bytes:
        values = {0x51: reading.acceleration_m_s2 / WIT_M_S2, 0x52: reading.rate_rad_s / WIT_RAD_S}
        frames = (struct.pack("<2B3hh", 0x55, kind, *_int16(counts), 0) for kind, counts in values.items())
        return b"".join(frame + bytes([sum(frame) & 0xFF]) for frame in frames)

    def _rvc_frames(self, sequence: int, reading: ImuReading) -> bytes:
        """A report at every hundredth of a second that has passed: the unit keeps its own time."""
        from scipy.spatial.transform import Rotation

        frames = b""
        before_s, self._elapsed_s = self._elapsed_s, self._elapsed_s + self._period_s
        first, last = (int(time_s / RVC_PERIOD_S + 1e-6) for time_s in (before_s, self._elapsed_s))
        for report in range(first + 1, last + 1):
            turned = Rotation.from_rotvec(reading.rate_rad_s * (report * RVC_PERIOD_S - before_s))
            angles = (self._attitude * turned).as_euler("ZYX", degrees=True) * 100.0
            accelerations = reading.acceleration_m_s2 / STANDARD_GRAVITY_M_S2 * 1000.0
            body = struct.pack("<B6h3x", report % 256, *_int16(angles), *_int16(accelerations))
            frames += b"\xaa\xaa" + body + bytes([sum(body) & 0xFF])
        self._attitude = self._attitude * Rotation.from_rotvec(reading.rate_rad_s * self._period_s)
        return frames


def touch_writer(device: TouchDevice) -> Callable[[int, FloatArray], bytes]:
    """What taxel pads send of (pads, rows, columns) newton, by sequence."""
    writers: Mapping[TouchProtocol, Callable[[int, FloatArray], bytes]] = {
        "retake": encode_touch,
        "lines": partial(_touch_line, device.newton_per_count),
        "dexumi": partial(_dexumi_block, device.newton_per_count),
        "dexumi-fsr": partial(_dexumi_fsr_block, device.newton_per_count),
    }
    return writers[device.protocol]


def _touch_line(newton_per_count: float, sequence: int, force_n: FloatArray) -> bytes:
    return (",".join(str(count) for count in _counts(force_n, newton_per_count)) + "\r\n").encode()


def _dexumi_block(newton_per_count: float, sequence: int, force_n: FloatArray) -> bytes:
    return _block(_counts(force_n, newton_per_count), sequence)


def _dexumi_fsr_block(newton_per_count: float, sequence: int, force_n: FloatArray) -> bytes:
    first, second = (min(count, 0xFFFF) for count in _counts(force_n, newton_per_count))
    (packed,) = struct.unpack("<i", struct.pack("<2H", first, second))
    return _block([0] * (FSR_NUMBERS - 1) + [packed], sequence)


def _block(numbers: list[int], clock: int) -> bytes:
    data = struct.pack(f"<{len(numbers)}i", *numbers)
    return DEXUMI_MARK + data + struct.pack("<2H", clock & 0xFFFF, sum(numbers) & 0xFFFF)


def _counts(force_n: FloatArray, newton_per_count: float) -> list[int]:
    return [int(count) for count in np.rint(force_n.ravel() / newton_per_count)]


def _int16(values: FloatArray) -> list[int]:
    limits = np.iinfo(np.int16)
    return [int(value) for value in np.clip(np.rint(values), limits.min, limits.max)]
