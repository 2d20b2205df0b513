"""Devices that speak unasked: a thread reads, and whoever asks gets the newest sample with its stamp."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar, runtime_checkable

from hardware.errors import HardwareError, StaleDeviceError

_LOG = logging.getLogger(__name__)
_RETRY_S = 0.5
_JOIN_S = 3.0

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Sample(Generic[T_co]):
    """One thing sensed, and when: seconds on the monotonic clock."""

    value: T_co
    stamp_s: float


@dataclass(frozen=True, slots=True)
class DeviceFigures:
    """How a device has fared since its reader was started.

    `damaged` counts what arrived broken, `frozen` what was withheld because the device repeated itself, `reconnects`
    how often the cable had to be opened again. `worst_gap_s` lies between two stamps that followed each other.
    """

    samples: int = 0
    damaged: int = 0
    frozen: int = 0
    reconnects: int = 0
    worst_gap_s: float = 0.0
    newest_stamp_s: float | None = None


class SourceCounts:
    """What a source has withheld so far: broken arrivals, and repetitions of a device that froze."""

    damaged: int = 0
    frozen: int = 0


@runtime_checkable
class Counting(Protocol):
    """A source that can tell what it has withheld."""

    @property
    def damaged(self) -> int: ...

    @property
    def frozen(self) -> int: ...


class Source(Protocol[T_co]):
    """The far end of a cable. Each method raises a `HardwareError` when the cable fails."""

    def open(self) -> None:
        """Connect; called again after a failure."""
        ...

    def read(self) -> Sample[T_co] | T_co | None:
        """The next thing sensed, or None if none came within a fraction of a second.

        A source that knows better than its caller when it arrived, or was taken, gives a `Sample`.
        """
        ...

    def close(self) -> None:
        """Disconnect. May be called more than once, and without `open`."""
        ...


class DeviceReader(Generic[T]):
    """Keeps the newest sample of a source, and reconnects when its cable fails.

    Args:
        name: what a person calls the device.
        source: where samples come from; only the reader's thread uses it.
        latency_s: how long before its arrival, or its source's stamp, a sample was taken; it is taken off every stamp.
    """

    def __init__(self, name: str, source: Source[T], latency_s: float = 0.0) -> None:
        self.name = name
        self._source = source
        self._counts: Counting = source if isinstance(source, Counting) else SourceCounts()
        self._latency_s = latency_s
        self._newest: Sample[T] | None = None
        self._samples = self._opened = 0
        self._worst_gap_s = 0.0
        self._frozen_before = 0  # the newest sample
        self._trouble = "it has sent nothing yet"
        self._changed = threading.Condition()
        self._begun_s = time.monotonic()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"read {name}", daemon=True)

    def start(self, timeout_s: float = 5.0) -> Self:
        """Begin to read, and wait for the first sample.

        Raises:
            StaleDeviceError: none came within `timeout_s`; the reader is closed then.
        """
        self.begin()
        try:
            self.wait(timeout_s)
        except StaleDeviceError:
            self.close()
            raise
        return self

    def begin(self) -> None:
        """Begin to read, and wait for nothing."""
        self._begun_s = time.monotonic()
        self._thread.start()

    def wait(self, timeout_s: float) -> None:
        """Wait for the first sample of a reader that has begun.

        Raises:
            StaleDeviceError: none came within `timeout_s`; the reader goes on trying.
        """
        with self._changed:
            arrived = self._changed.wait_for(lambda: self._newest is not None, timeout_s)
        if not arrived:
            waited_s = time.monotonic() - self._begun_s
            raise StaleDeviceError(f"{self.name}: nothing within {waited_s:.1f} s of starting: {self.trouble}")

    @property
    def latest(self) -> Sample[T] | None:
        """The newest sample, however old; None before the first. Never waits."""
        with self._changed:
            return self._newest

    def newest(self, max_age_s: float) -> Sample[T]:
        """The newest sample. Never waits.

        Raises:
            StaleDeviceError: it is older than `max_age_s`, or there is none.
        """
        newest = self.latest
        age_s = float("inf") if newest is None else time.monotonic() - newest.stamp_s
        if newest is None or age_s > max_age_s:
            raise StaleDeviceError(
                f"{self.name}: the newest sample is {age_s:.3f} s old, at most {max_age_s} s are allowed: "
                f"{self.trouble}"
            )
        return newest

    @property
    def trouble(self) -> str:
        """Why there is no newer sample, as far as it can be told."""
        with self._changed:
            trouble, repeated, samples = self._trouble, self._counts.frozen - self._frozen_before, self._samples
        if repeated:
            return f"it repeats itself, {repeated} times so far; it has frozen, so switch it off and on"
        if not samples and (damaged := self._counts.damaged):
            return f"{trouble}; {damaged} damaged frames came, so look at its baud rate and protocol"
        return trouble

    @property
    def figures(self) -> DeviceFigures:
        """How the device has fared so far."""
        with self._changed:
            return DeviceFigures(
                samples=self._samples,
                damaged=self._counts.damaged,
                frozen=self._counts.frozen,
                reconnects=max(self._opened - 1, 0),
                worst_gap_s=self._worst_gap_s,
                newest_stamp_s=None if self._newest is None else self._newest.stamp_s,
            )

    def close(self) -> None:
        """Stop reading and disconnect. May be called more than once."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._opened += 1
                self._source.open()
                while not self._closing.is_set():
                    found = self._source.read()
                    if found is not None:
                        self._put(found if isinstance(found, Sample) else Sample(found, time.monotonic()))
            except HardwareError as error:
                if str(error) != self._trouble:  # a cable that stays out is told once
                    _LOG.warning("%s: %s", self.name, error)
                with self._changed:
                    self._trouble = str(error)
                self._closing.wait(_RETRY_S)
            finally:
                self._source.close()

    def _put(self, arrived: Sample[T]) -> None:
        sample = Sample(arrived.value, arrived.stamp_s - self._latency_s)
        with self._changed:
            if self._newest is not None:
                self._worst_gap_s = max(self._worst_gap_s, sample.stamp_s - self._newest.stamp_s)
            self._newest = sample
            self._samples += 1
            self._frozen_before = self._counts.frozen
            self._trouble = "it went quiet"
            self._changed.notify_all()
