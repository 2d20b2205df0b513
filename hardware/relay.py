"""Sources that take what another gives and make something of it."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from hardware.device import Counting, Sample

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class StampedSource(Counting, Protocol[T_co]):
    """A `Source` that stamps what it gives, and counts what it withholds."""

    def open(self) -> None: ...

    def read(self) -> Sample[T_co] | None: ...

    def close(self) -> None: ...


class Relay(Generic[T]):
    """The cable and the counts of another source; whoever derives from it reads."""

    def __init__(self, source: StampedSource[T]) -> None:
        self._source = source

    @property
    def damaged(self) -> int:
        return self._source.damaged

    @property
    def frozen(self) -> int:
        return self._source.frozen

    def open(self) -> None:
        self._source.open()

    def close(self) -> None:
        self._source.close()
