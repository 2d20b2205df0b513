"""Devices that speak unasked: a thread reads, and whoever asks gets the newest sample with its stamp."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from hardware.errors import HardwareError, StaleDeviceError

_LOG = logging.getLogger(__name__)
_RETRY_S = 0.5
_JOIN_S = 3.0

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Sample(Generic[T]):
    """One thing sensed, and when: seconds on the monotonic clock."""

    value: T
    stamp_s: float


class Source(Protocol[T_co]):
    """The far end of a cable. Each method raises a `HardwareError` when the cable fails."""

    def open(self) -> None:
        """Connect; called again after a failure."""
        ...

    def read(self) -> T_co | None:
        """The next sample, or None if none came within a fraction of a second."""
        ...

    def close(self) -> None:
        """Disconnect. May be called more than once, and without `open`."""
        ...


class DeviceReader(Generic[T]):
    """Keeps the newest sample of a source, and reconnects when its cable fails.

    Args:
        name: what a person calls the device.
        source: where samples come from; only the reader's thread uses it.
        latency_s: how long before its arrival a sample was taken; stamps are put back by as much.
    """

    def __init__(self, name: str, source: Source[T], latency_s: float = 0.0) -> None:
        self.name = name
        self._source = source
        self._latency_s = latency_s
        self._newest: Sample[T] | None = None
        self._trouble = "it has sent nothing yet"
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"read {name}", daemon=True)

    def start(self, timeout_s: float = 5.0) -> Self:
        """Begin to read, and wait for the first sample.

        Raises:
            StaleDeviceError: none came within `timeout_s`; the reader is closed then.
        """
        self._thread.start()
        with self._changed:
            arrived = self._changed.wait_for(lambda: self._newest is not None, timeout_s)
        if not arrived:
            self.close()
            raise StaleDeviceError(f"{self.name}: nothing within {timeout_s} s of starting: {self._trouble}")
        return self

    def newest(self, max_age_s: float) -> Sample[T]:
        """The newest sample. Never waits.

        Raises:
            StaleDeviceError: it is older than `max_age_s`, or there is none.
        """
        with self._changed:
            newest, trouble = self._newest, self._trouble
        age_s = float("inf") if newest is None else time.monotonic() - newest.stamp_s
        if newest is None or age_s > max_age_s:
            raise StaleDeviceError(
                f"{self.name}: the newest sample is {age_s:.3f} s old, at most {max_age_s} s are allowed: {trouble}"
            )
        return newest

    def close(self) -> None:
        """Stop reading and disconnect. May be called more than once."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._source.open()
                while not self._closing.is_set():
                    value = self._source.read()
                    if value is not None:
                        self._put(Sample(value, time.monotonic() - self._latency_s))
            except HardwareError as error:
                if str(error) != self._trouble:  # a cable that stays out is told once
                    _LOG.warning("%s: %s", self.name, error)
                with self._changed:
                    self._trouble = str(error)
                self._closing.wait(_RETRY_S)
            finally:
                self._source.close()

    def _put(self, sample: Sample[T]) -> None:
        with self._changed:
            self._newest = sample
            self._trouble = "it went quiet"
            self._changed.notify_all()
