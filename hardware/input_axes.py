"""How far the axes of an input device go, as the kernel knows it: struct input_absinfo of linux/input.h."""

from __future__ import annotations

import fcntl
import struct
from collections.abc import Callable
from dataclasses import dataclass

from hardware.input_events import NO_SUCH_REQUEST

ABS_INFO = struct.Struct("6i")  # value, minimum, maximum, fuzz, flat, resolution
EVIOCGABS = 0x80004540 | ABS_INFO.size << 16  # and the axis' code

AxisInfo = Callable[[int, int], bytes]


@dataclass(frozen=True)
class AxisRange:
    """An axis from its lowest to its highest number; both are 0 for an axis that the device has not."""

    lowest: int
    highest: int

    @property
    def is_there(self) -> bool:
        return self.highest > self.lowest

    def about_middle(self, value: int) -> float:
        """From -1 at the lowest number to 1 at the highest; 0 for an axis that is not there."""
        return 2.0 * self.from_lowest(value) - 1.0 if self.is_there else 0.0

    def from_lowest(self, value: int) -> float:
        """From 0 at the lowest number to 1 at the highest; 0 for an axis that is not there."""
        share = (value - self.lowest) / (self.highest - self.lowest) if self.is_there else 0.0
        return min(max(share, 0.0), 1.0)


@dataclass(frozen=True)
class Axis:
    """Where an axis stands, and how far it goes."""

    value: int
    range: AxisRange


def kernel_axis_info(file: int, code: int) -> bytes:
    """The `input_absinfo` of an open device's axis; ioctl EVIOCGABS of linux/input.h.

    Raises:
        OSError: the device has gone, or is none that the kernel knows axes of.
    """
    return fcntl.ioctl(file, EVIOCGABS + code, bytes(ABS_INFO.size))


def read_axis(file: int, code: int, axis_info: AxisInfo = kernel_axis_info) -> Axis | None:
    """Where the axis stands now, and how far it goes; None for a pipe that stands in for a device.

    Raises:
        OSError: the device has gone.
    """
    try:
        value, lowest, highest, *_ = ABS_INFO.unpack(axis_info(file, code))
    except OSError as error:
        if error.errno not in NO_SUCH_REQUEST:
            raise
        return None
    return Axis(value, AxisRange(lowest, highest))
