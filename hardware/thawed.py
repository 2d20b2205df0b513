"""Finds out a device that has frozen: one that goes on sending, but the same thing over and over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hardware.device import Sample
from hardware.relay import Relay, StampedSource

T = TypeVar("T")

EQUAL_IN_A_ROW = 25  # the noise of a living sensor shows sooner


class Thawed(Relay[T]):
    """The samples of another source, but for those of a device that has frozen: they are withheld, and so grow stale.

    Args:
        source: a device whose readings are never quite alike.
        essence: the bytes of a sample that change with every reading of a living device.
        run: how many equal samples in a row are believed.
    """

    def __init__(self, source: StampedSource[T], essence: Callable[[T], bytes], run: int = EQUAL_IN_A_ROW) -> None:
        super().__init__(source)
        self._essence = essence
        self._run = run
        self._last = b""
        self._equal = 0
        self._withheld = 0

    @property
    def frozen(self) -> int:
        return self._source.frozen + self._withheld

    def read(self) -> Sample[T] | None:
        sample = self._source.read()
        if sample is None:
            return None
        essence = self._essence(sample.value)
        self._equal = self._equal + 1 if essence == self._last else 1
        self._last = essence
        if self._equal <= self._run:
            return sample
        self._withheld += 1
        return None
