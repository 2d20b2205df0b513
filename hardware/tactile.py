"""The taxel pads of the finger tips, over a serial line.

A touch frame (kind "T") holds one unsigned 16-bit number a taxel, in hundredths of a newton, pad by pad in the robot
table's order, each pad row by row.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from hardware.device import DeviceReader
from hardware.errors import PacketError, SensorError
from hardware.sensor_frames import SENSOR_BAUD, TOUCH_KIND, FrameSource, SensorFrame

FloatArray = NDArray[np.float64]
_UNIT_N = 0.01
_WIRE = np.dtype("<u2")


def pad_shape(spec: RobotSpec) -> tuple[int, int, int]:
    """(pads, rows, columns) of the robot.

    Raises:
        SensorError: it has no pads, or pads of different sizes.
    """
    sizes = {(pad.rows, pad.columns) for pad in spec.pads}
    if len(sizes) != 1:
        raise SensorError(f"robot {spec.name} has pads of the sizes {sorted(sizes)}; all must have one size")
    return (len(spec.pads), *sizes.pop())


def encode_touch(sequence: int, force_n: FloatArray) -> bytes:
    """One touch frame of (pads, rows, columns) newton, clipped to the wire's 0 to 655.35 N."""
    counts = np.clip(np.rint(force_n / _UNIT_N), 0, 0xFFFF).astype(_WIRE)
    return SensorFrame(TOUCH_KIND, sequence, counts.tobytes()).encode()


def decode_touch(payload: bytes, shape: tuple[int, int, int]) -> FloatArray:
    """The (pads, rows, columns) newton in a touch frame's payload.

    Raises:
        PacketError: the payload does not have as many taxels as `shape`.
    """
    expected = int(np.prod(shape)) * _WIRE.itemsize
    if len(payload) != expected:
        raise PacketError(
            f"a touch frame of {len(payload)} bytes came, {shape} taxels need {expected}; do pads and table match?"
        )
    return np.frombuffer(payload, _WIRE).reshape(shape).astype(np.float64) * _UNIT_N


class TactileReader(DeviceReader[FloatArray]):
    """The newest forces of all pads, (pads, rows, columns) in newton.

    Args:
        spec: the robot, for its pads.
        path: the serial device.
        baud: bits a second.

    Raises:
        SensorError: the robot has no pads, or pads of different sizes.
    """

    def __init__(self, spec: RobotSpec, path: str, baud: int = SENSOR_BAUD) -> None:
        shape = pad_shape(spec)
        source = FrameSource(path, baud, TOUCH_KIND, lambda payload: decode_touch(payload, shape))
        super().__init__(f"touch on {path}", source)
