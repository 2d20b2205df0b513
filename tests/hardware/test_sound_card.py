"""A microphone at a sound card: its clock, and what is said where PortAudio or the device is missing."""

from __future__ import annotations

import subprocess
import sys
from ctypes.util import find_library
from importlib.util import find_spec

import pytest

from hardware.errors import StaleDeviceError
from hardware.microphone import Microphone
from hardware.sound_card import newest_sample_s

HZ = 16_000


def test_the_last_sample_of_a_block_is_placed_on_the_monotonic_clock() -> None:
    """320 samples, the first heard 30 ms before the block was handed over: the last is 10.06 ms old."""
    heard_s = newest_sample_s(500.0, current_s=7.030, first_sample_s=7.0, samples=320, sound_hz=HZ)
    assert heard_s == pytest.approx(500.0 - 0.030 + 319 / HZ, abs=1e-9)


@pytest.mark.parametrize(
    ("current_s", "first_sample_s"),
    [(7.0, 0.0), (0.0, 0.0), (7.0, 7.0), (99.0, 7.0)],
    ids=["no converter time", "no clock", "of the future", "too old"],
)
def test_a_clock_that_cannot_be_right_gives_way_to_the_time_of_arrival(current_s: float, first_sample_s: float) -> None:
    assert newest_sample_s(500.0, current_s, first_sample_s, samples=320, sound_hz=HZ) == 500.0


@pytest.mark.skipif(
    find_spec("sounddevice") is not None and find_library("portaudio") is not None, reason="PortAudio is here"
)
@pytest.mark.parametrize("address", ["3", "device:USB"])
def test_without_portaudio_the_microphone_says_what_to_install(address: str) -> None:
    with pytest.raises(StaleDeviceError, match=r"retake\[robot\]|apt-get install libportaudio2"):
        Microphone(address).start(timeout_s=3.0)


def test_the_package_for_sound_cards_is_imported_where_one_is_opened_and_not_before() -> None:
    script = "import sys, hardware.microphone as m; m.Microphone('3'); assert 'sounddevice' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
