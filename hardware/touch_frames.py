"""What bought and home-made tactile boards send: lines of counts, and the blocks of DexUMI's hands.

A DexUMI block is `AA 55 00 00`, some signed 32-bit numbers, and a last number: the sum of the others modulo 2^16 in its
upper half, the board's clock in its lower half; all little endian.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from hardware.fixed_frames import FixedFrames
from hardware.number_lines import NumberLines
from hardware.serial_source import Parser

FloatArray = NDArray[np.float64]
Shape = tuple[int, int, int]

FSR_VALUES = 2  # force-sensing resistors that a block of DexUMI's hand packs into one number
FSR_NUMBERS = 13  # twelve voltages, and that one
DEXUMI_MARK = b"\xaa\x55\x00\x00"
_WORD_BYTES = 4


class CredibleForces:
    """The forces of another parser, but for those that no pad can feel: twice what saturates one is misread.

    A line has no checksum, and that of a DexUMI block does not cover the upper halves of its numbers.

    Args:
        parser: what finds the forces.
        limit_n: (pads, 1, 1) above which a force is misread; all that came with it are dropped.
    """

    def __init__(self, parser: Parser[FloatArray], limit_n: FloatArray) -> None:
        self._parser = parser
        self._limit_n = limit_n
        self._incredible = 0

    @property
    def damaged(self) -> int:
        return self._parser.damaged + self._incredible

    @property
    def frozen(self) -> int:
        return self._parser.frozen

    def feed(self, data: bytes) -> list[FloatArray]:
        forces = self._parser.feed(data)
        credible = [force_n for force_n in forces if (np.abs(force_n) <= self._limit_n).all()]
        self._incredible += len(forces) - len(credible)
        return [np.maximum(force_n, 0.0) for force_n in credible]  # a pad does not pull; its zero drifts


class TouchLines:
    """Forces (pads, rows, columns) in newton out of lines with one count a taxel, as FSR and tacterion boards print.

    Args:
        shape: of the taxels.
        newton_per_count: what one count is.
    """

    def __init__(self, shape: Shape, newton_per_count: float) -> None:
        self._shape = shape
        self._newton_per_count = newton_per_count
        self._lines = NumberLines(int(np.prod(shape)))
        self.frozen = 0

    @property
    def damaged(self) -> int:
        return self._lines.damaged

    def feed(self, data: bytes) -> list[FloatArray]:
        return [np.reshape(numbers, self._shape) * self._newton_per_count for numbers in self._lines.feed(data)]


class _Blocks:
    """The numbers of DexUMI blocks whose sum is right and whose clock goes on."""

    def __init__(self, numbers: int, shape: Shape, newton_per_count: float) -> None:
        self._shape = shape
        self._newton_per_count = newton_per_count
        self._layout = struct.Struct(f"<{numbers}i")
        length = len(DEXUMI_MARK) + (numbers + 1) * _WORD_BYTES
        self._frames = FixedFrames(DEXUMI_MARK, length, self._is_sound)
        self._last_clock: int | None = None
        self.frozen = 0

    @property
    def damaged(self) -> int:
        return self._frames.damaged

    def take(self, data: bytes) -> list[tuple[int, ...]]:
        blocks = []
        for frame in self._frames.feed(data):
            clock = int.from_bytes(frame[-4:-2], "little")
            if clock == self._last_clock:
                self.frozen += 1
                continue
            self._last_clock = clock
            blocks.append(self._layout.unpack_from(frame, len(DEXUMI_MARK)))
        return blocks

    def _is_sound(self, frame: bytes) -> bool:
        total = sum(self._layout.unpack_from(frame, len(DEXUMI_MARK)))
        return bool(total & 0xFFFF == int.from_bytes(frame[-2:], "little"))


class DexumiBlocks(_Blocks):
    """Forces (pads, rows, columns) in newton out of blocks with one number a taxel.

    Args:
        shape: of the taxels.
        newton_per_count: what one count is.
    """

    def __init__(self, shape: Shape, newton_per_count: float) -> None:
        super().__init__(int(np.prod(shape)), shape, newton_per_count)

    def feed(self, data: bytes) -> list[FloatArray]:
        return [np.reshape(numbers, self._shape) * self._newton_per_count for numbers in self.take(data)]


class DexumiFsrBlocks(_Blocks):
    """Forces (pads, rows, columns) of two taxels, two 16-bit counts in the last number of a DexUMI hand's block.

    Args:
        shape: of the taxels.
        newton_per_count: what one count is.
    """

    def __init__(self, shape: Shape, newton_per_count: float) -> None:
        super().__init__(FSR_NUMBERS, shape, newton_per_count)

    def feed(self, data: bytes) -> list[FloatArray]:
        packed = (numbers[-1] for numbers in self.take(data))
        pairs = ((word & 0xFFFF, (word >> 16) & 0xFFFF) for word in packed)
        return [np.reshape(pair, self._shape) * self._newton_per_count for pair in pairs]
