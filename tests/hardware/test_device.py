"""The reader of a device, on sources that a test plays."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from hardware.device import DeviceReader, Sample, SourceCounts
from hardware.errors import PortError, StaleDeviceError

LONG_S = 20.0


class Played(SourceCounts):
    """Gives what it was given, one after the other; an exception is raised, and after the last one there is silence."""

    def __init__(self, *given: object) -> None:
        self.given: Iterator[object] = iter(given)
        self.opened = 0

    def open(self) -> None:
        self.opened += 1

    def read(self) -> object:
        found = next(self.given, None)
        if isinstance(found, Exception):
            raise found
        if found is None:
            time.sleep(0.01)
        return found

    def close(self) -> None:
        pass


class Bare:
    """A source that neither stamps nor counts."""

    def open(self) -> None:
        pass

    def read(self) -> str:
        time.sleep(0.001)
        return "here"

    def close(self) -> None:
        pass


def wait_for(reader: DeviceReader[object], samples: int) -> None:
    deadline_s = time.monotonic() + LONG_S
    while reader.figures.samples < samples and time.monotonic() < deadline_s:
        time.sleep(0.005)
    assert reader.figures.samples == samples


def test_the_stamp_of_a_source_is_believed_and_its_latency_taken_off() -> None:
    reader = DeviceReader("clock", Played(Sample("a", 10.0), Sample("b", 10.5), Sample("c", 10.7)), latency_s=0.25)
    reader.begin()
    wait_for(reader, 3)
    assert reader.latest == Sample("c", 10.45)
    figures = reader.figures
    assert (figures.worst_gap_s, figures.newest_stamp_s) == (0.5, 10.45)
    reader.close()


def test_what_has_no_stamp_is_stamped_as_it_comes() -> None:
    before_s = time.monotonic()
    reader = DeviceReader("bare", Bare()).start(LONG_S)
    sample = reader.newest(LONG_S)
    assert sample.value == "here"
    assert before_s <= sample.stamp_s <= time.monotonic()
    assert (reader.figures.damaged, reader.figures.frozen) == (0, 0)
    reader.close()


def test_a_cable_that_fails_is_opened_again_and_counted() -> None:
    source = Played(Sample(1, 5.0), PortError("pulled"), Sample(2, 8.0))
    reader: DeviceReader[object] = DeviceReader("cable", source)
    reader.begin()
    wait_for(reader, 2)
    assert (reader.figures.reconnects, source.opened, reader.figures.worst_gap_s) == (1, 2, 3.0)
    reader.close()


def test_a_reader_that_waits_in_vain_goes_on_trying() -> None:
    source = Played(*[PortError("not there")] * 1, Sample(1, time.monotonic()))
    reader: DeviceReader[object] = DeviceReader("late", source)
    reader.begin()
    with pytest.raises(StaleDeviceError, match=r"late: nothing within .* s of starting: not there"):
        reader.wait(0.05)
    reader.wait(LONG_S)
    assert reader.figures.samples == 1
    reader.close()
