"""The inertial unit of the torso, over a serial line.

An IMU frame of Retake's own (kind "I") holds six signed 16-bit numbers: rates about x, y, z in mrad/s, then
accelerations along x, y, z in cm/s^2, gravity included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from assets.devices import ImuDevice, ImuProtocol
from hardware.device import DeviceReader, Sample
from hardware.errors import PacketError
from hardware.imu_frames import ImuLines, ImuReading, RvcParser, WitMotionParser
from hardware.relay import Relay, StampedSource
from hardware.sensor_frames import IMU_KIND, FrameParser, SensorFrame
from hardware.serial_source import Parser, SerialSource
from hardware.thawed import Thawed

_WIRE = np.dtype("<i2")
_RATE_UNIT_RAD_S = 0.001
_ACCELERATION_UNIT_M_S2 = 0.01


def encode_imu(sequence: int, reading: ImuReading) -> bytes:
    """One IMU frame, clipped to the wire's 32.767 rad/s and 327.67 m/s^2."""
    counts = np.concatenate(
        [reading.rate_rad_s / _RATE_UNIT_RAD_S, reading.acceleration_m_s2 / _ACCELERATION_UNIT_M_S2]
    )
    limits = np.iinfo(_WIRE)
    payload = np.clip(np.rint(counts), limits.min, limits.max).astype(_WIRE).tobytes()
    return SensorFrame(IMU_KIND, sequence, payload).encode()


def decode_imu(payload: bytes) -> ImuReading:
    """The reading in an IMU frame's payload.

    Raises:
        PacketError: the payload does not hold six numbers.
    """
    if len(payload) != 6 * _WIRE.itemsize:
        raise PacketError(f"an IMU frame of {len(payload)} bytes came; it must have {6 * _WIRE.itemsize}")
    counts = np.frombuffer(payload, _WIRE).astype(np.float64)
    return ImuReading(counts[:3] * _RATE_UNIT_RAD_S, counts[3:] * _ACCELERATION_UNIT_M_S2)


class ImuReader(DeviceReader[ImuReading]):
    """The newest rates and accelerations, in the torso's frame.

    A unit whose readings are equal 25 times in a row has frozen. One that speaks Retake's own frames says that by their
    sequence, and may be as still as a simulated one.

    Args:
        path: the serial device.
        device: what it speaks, and how it sits in the torso.
    """

    def __init__(self, path: str, device: ImuDevice | None = None) -> None:
        device = device or ImuDevice()
        source: StampedSource[ImuReading] = SerialSource(path, device.baud, imu_parser(device))
        if device.protocol != "retake":
            source = Thawed(source, _essence)
        super().__init__(f"IMU on {path}", _Turned(source, device), device.latency_s)


def imu_parser(device: ImuDevice) -> Callable[[], Parser[ImuReading]]:
    """What makes a parser of the protocol that a unit speaks, in the unit's own frame."""
    lines = partial(ImuLines, device.rate_unit_rad_s, device.acceleration_unit_m_s2)
    parsers: Mapping[ImuProtocol, Callable[[], Parser[ImuReading]]] = {
        "retake": partial(FrameParser, IMU_KIND, decode_imu),
        "lines": lines,
        "bno08x-rvc": RvcParser,
        "witmotion": WitMotionParser,
    }
    return parsers[device.protocol]


class _Turned(Relay[ImuReading]):
    """The readings of another source, turned from the unit's frame into the torso's."""

    def __init__(self, source: StampedSource[ImuReading], device: ImuDevice) -> None:
        from scipy.spatial.transform import Rotation

        super().__init__(source)
        self._torso_from_imu = Rotation.from_quat(device.imu_in_torso_wxyz, scalar_first=True).as_matrix()

    def read(self) -> Sample[ImuReading] | None:
        sample = self._source.read()
        if sample is None:
            return None
        turn, reading = self._torso_from_imu, sample.value
        return Sample(ImuReading(turn @ reading.rate_rad_s, turn @ reading.acceleration_m_s2), sample.stamp_s)


def _essence(reading: ImuReading) -> bytes:
    return reading.rate_rad_s.tobytes() + reading.acceleration_m_s2.tobytes()
