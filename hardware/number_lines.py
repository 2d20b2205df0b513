"""Lines of ASCII numbers, as the small boards of sensors print them: commas, semicolons, blanks or tabs between."""

from __future__ import annotations

import math
import re

_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_BETWEEN = re.compile(rb"\s*[,;]\s*|\s+")
_LONGEST_FIELD = 32


class NumberLines:
    """A decoder of lines that hold exactly so many numbers. A line has no checksum: one in which a digit was changed
    is as good as another, and whoever takes the numbers must know what they can be.

    What comes before the first line end is dropped, for it may be the half of a line.

    Args:
        fields: how many numbers a line holds.
    """

    def __init__(self, fields: int) -> None:
        self._fields = fields
        self._longest = fields * _LONGEST_FIELD
        self._buffer = b""
        self._is_cut = True  # the line that is arriving lacks its beginning
        self.damaged = 0

    def feed(self, data: bytes) -> list[tuple[float, ...]]:
        """Every whole line that `data` completes, as its numbers, in order of arrival."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        found: list[tuple[float, ...]] = []
        for line in lines:
            if self._is_cut:
                self._is_cut = False
            elif text := line.strip():
                if (numbers := self._numbers(text)) is None:
                    self.damaged += 1
                else:
                    found.append(numbers)
        if len(self._buffer) > self._longest:
            self.damaged += not self._is_cut
            self._buffer, self._is_cut = b"", True
        return found

    def _numbers(self, text: bytes) -> tuple[float, ...] | None:
        words = _BETWEEN.split(text.removesuffix(b",").removesuffix(b";").rstrip())
        if len(text) > self._longest or len(words) != self._fields:
            return None
        if not all(_NUMBER.fullmatch(word) for word in words):
            return None
        numbers = tuple(float(word) for word in words)
        return numbers if all(map(math.isfinite, numbers)) else None
