"""The inertial unit of the torso, over a serial line.

An IMU frame (kind "I") holds six signed 16-bit numbers: rates about x, y, z in mrad/s, then accelerations along x, y, z
in cm/s^2, gravity included, all in the torso's frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hardware.device import DeviceReader
from hardware.errors import PacketError
from hardware.sensor_frames import IMU_KIND, SENSOR_BAUD, FrameSource, SensorFrame

FloatArray = NDArray[np.float64]
_WIRE = np.dtype("<i2")
_RATE_UNIT_RAD_S = 0.001
_ACCELERATION_UNIT_M_S2 = 0.01


@dataclass(frozen=True)
class ImuReading:
    """Rates and accelerations of the torso, in the torso's frame; gravity included."""

    rate_rad_s: FloatArray  # (3,)
    acceleration_m_s2: FloatArray  # (3,)


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
    """The newest rates and accelerations.

    Args:
        path: the serial device.
        baud: bits a second.
    """

    def __init__(self, path: str, baud: int = SENSOR_BAUD) -> None:
        super().__init__(f"IMU on {path}", FrameSource(path, baud, IMU_KIND, decode_imu))
