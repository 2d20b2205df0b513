"""The taxel pads of the finger tips, over a serial line.

A touch frame of Retake's own (kind "T") holds one unsigned 16-bit number a taxel, in hundredths of a newton, pad by pad
in the robot table's order, each pad row by row. The other protocols send counts in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from assets.devices import TouchProtocol
from assets.robot import RobotSpec
from hardware.device import DeviceReader
from hardware.errors import PacketError, SensorError
from hardware.sensor_frames import TOUCH_KIND, FrameParser, SensorFrame
from hardware.serial_source import Parser, SerialSource
from hardware.touch_frames import FSR_VALUES, CredibleForces, DexumiBlocks, DexumiFsrBlocks, TouchLines

FloatArray = NDArray[np.float64]
Shape = tuple[int, int, int]
_UNIT_N = 0.01
_WIRE = np.dtype("<u2")


def pad_shape(spec: RobotSpec) -> Shape:
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


def decode_touch(payload: bytes, shape: Shape) -> FloatArray:
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
        spec: the robot, for its pads and for what they speak.
        path: the serial device.

    Raises:
        SensorError: the robot has no pads, pads of different sizes, or more or fewer taxels than its protocol sends.
    """

    def __init__(self, spec: RobotSpec, path: str) -> None:
        device = spec.devices.touch
        source = SerialSource(path, device.baud, touch_parser(spec))
        super().__init__(f"touch on {path}", source, device.latency_s)


def touch_parser(spec: RobotSpec) -> Callable[[], Parser[FloatArray]]:
    """What makes a parser of the protocol that a robot's pads speak.

    Raises:
        SensorError: the robot has no pads, pads of different sizes, or more or fewer taxels than its protocol sends.
    """
    shape, device = pad_shape(spec), spec.devices.touch
    taxels = int(np.prod(shape))
    if device.protocol == "dexumi-fsr" and taxels != FSR_VALUES:
        raise SensorError(f"robot {spec.name} has {taxels} taxels; a 'dexumi-fsr' block holds {FSR_VALUES}")
    limit_n = 2.0 * np.array([pad.max_force_n for pad in spec.pads])[:, None, None]
    scale = device.newton_per_count
    parsers: Mapping[TouchProtocol, Callable[[], Parser[FloatArray]]] = {
        "retake": partial(FrameParser, TOUCH_KIND, partial(decode_touch, shape=shape)),
        "lines": lambda: CredibleForces(TouchLines(shape, scale), limit_n),
        "dexumi": lambda: CredibleForces(DexumiBlocks(shape, scale), limit_n),
        "dexumi-fsr": lambda: CredibleForces(DexumiFsrBlocks(shape, scale), limit_n),
    }
    return parsers[device.protocol]
