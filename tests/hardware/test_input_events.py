"""Devices below /dev/input: the kernel's records by golden bytes, presses that nobody may miss, and lost events."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from input_pipe import InputPipe
from kernel_keys import Kernel

from hardware.errors import PortError, StaleDeviceError
from hardware.gamepad import ABS_X
from hardware.input_events import (
    EV_ABS,
    EV_KEY,
    EV_SYN,
    EVIOCGKEY,
    KEY_STATE_BYTES,
    SYN_DROPPED,
    SYN_REPORT,
    EventSource,
    InputDevice,
    codes_of,
    encode_event,
)
from hardware.pedal import KEY_A, KEY_B, KEY_C


def source(pipe: InputPipe) -> EventSource:
    made = EventSource(pipe.path)
    made.open()
    return made


def test_an_event_is_laid_out_as_the_kernel_lays_it_out() -> None:
    # struct input_event on a 64-bit machine: 8 bytes of seconds, 8 of microseconds, type, code, value.
    golden = bytes.fromhex("050000000000000020a107000000000001001e0001000000")
    assert encode_event(EV_KEY, KEY_A, 1, 5.5) == golden


def test_keys_are_held_from_press_to_release_and_each_press_is_counted_once(pipe: InputPipe) -> None:
    events = source(pipe)
    for value in (1, 2, 2):  # a press and its repeats
        pipe.send(EV_KEY, KEY_A, value)
    state = events.read()
    assert state is not None
    assert (state.held, state.presses[KEY_A]) == (frozenset({KEY_A}), 1)
    pipe.send(EV_KEY, KEY_A, 0)
    state = events.read()
    assert state is not None
    assert not state.held
    events.close()


def test_a_press_and_release_between_two_readings_is_not_missed(pipe: InputPipe) -> None:
    heard: list[int] = []
    events = EventSource(pipe.path, heard.append)
    events.open()
    pipe.send(EV_KEY, KEY_C, 1)
    pipe.send(EV_KEY, KEY_C, 0)
    state = events.read()
    assert heard == [KEY_C]
    assert state is not None
    assert state.presses[KEY_C] == 1
    events.close()


def test_events_that_the_kernel_dropped_release_everything(pipe: InputPipe) -> None:
    events = source(pipe)
    pipe.send(EV_KEY, KEY_A, 1)
    pipe.send(EV_ABS, ABS_X, 900)
    pipe.send(EV_SYN, SYN_DROPPED, 0)
    state = events.read()
    assert state is not None
    assert (state.held, dict(state.axes)) == (frozenset(), {})
    events.close()


def test_the_question_for_the_keys_is_laid_out_as_the_kernel_lays_it_out() -> None:
    # _IOC(_IOC_READ, 'E', 0x18, 96): 768 keys, a bit each.
    assert (EVIOCGKEY, KEY_STATE_BYTES) == (0x80604518, 96)


@given(st.sets(st.integers(0, 767)))
def test_each_key_that_is_down_has_its_bit(codes: set[int]) -> None:
    assert codes_of(sum(1 << code for code in codes).to_bytes(KEY_STATE_BYTES, "little")) == codes


def test_a_key_whose_press_the_kernel_dropped_is_heard_once_and_held(pipe: InputPipe) -> None:
    heard: list[int] = []
    kernel = Kernel(KEY_A, KEY_C)
    events = EventSource(pipe.path, heard.append, key_states=kernel)
    events.open()
    pipe.send(EV_KEY, KEY_A, 1)
    events.read()
    pipe.send(EV_SYN, SYN_DROPPED, 0)
    pipe.send(EV_KEY, KEY_B, 1)  # of a report whose beginning is missing
    state = events.read()
    assert heard == [KEY_A]
    assert state is not None
    assert not state.held
    pipe.send(EV_SYN, SYN_REPORT, 0)
    state = events.read()
    assert heard == [KEY_A, KEY_C]
    assert state is not None
    assert state.held == {KEY_A, KEY_C}
    assert state.presses == {KEY_A: 1, KEY_C: 1}
    kernel.down = (KEY_C,)
    for code in (SYN_DROPPED, SYN_REPORT):
        pipe.send(EV_SYN, code, 0)
    state = events.read()
    assert heard == [KEY_A, KEY_C]
    assert state is not None
    assert state.held == {KEY_C}
    events.close()


def test_keys_that_came_after_the_dropped_ones_are_heard_once(pipe: InputPipe) -> None:
    heard: list[int] = []
    events = EventSource(pipe.path, heard.append, key_states=Kernel(KEY_C))
    events.open()
    for code in (SYN_DROPPED, SYN_REPORT):
        pipe.send(EV_SYN, code, 0)
    pipe.send(EV_KEY, KEY_C, 1)
    state = events.read()
    assert heard == [KEY_C]
    assert state is not None
    assert state.held == {KEY_C}
    events.close()


@pytest.mark.parametrize("kernel", [Kernel(), Kernel(KEY_C), Kernel(error=errno.ENOTTY), Kernel(error=errno.ENODEV)])
def test_an_e_stop_that_may_be_among_lost_events_counts_as_pressed_and_its_device_as_gone(
    pipe: InputPipe, kernel: Kernel
) -> None:
    heard: list[int] = []
    before = Kernel()
    events = EventSource(pipe.path, heard.append, stop_codes=[KEY_C], key_states=lambda file: before(file))
    events.open()
    before = kernel
    pipe.send(EV_KEY, KEY_A, 1)
    for code in (SYN_DROPPED, SYN_REPORT):  # the press and the release were between the two
        pipe.send(EV_SYN, code, 0)
    with pytest.raises(PortError, match="lost events"):
        events.read()
    assert heard == [KEY_A, KEY_C]
    assert not events.is_there
    events.close()


def test_a_device_that_goes_while_it_is_asked_what_it_lost_counts_as_gone(pipe: InputPipe) -> None:
    events = EventSource(pipe.path, key_states=Kernel(error=errno.ENODEV))
    events.open()
    for code in (SYN_DROPPED, SYN_REPORT):
        pipe.send(EV_SYN, code, 0)
    with pytest.raises(PortError, match="lost events"):
        events.read()
    assert not events.is_there
    events.close()


def test_an_e_stop_that_is_down_when_its_device_is_opened_is_pressed_and_nothing_else_is(pipe: InputPipe) -> None:
    heard: list[int] = []
    events = EventSource(pipe.path, heard.append, stop_codes=[KEY_C], key_states=Kernel(KEY_A, KEY_C))
    for _ in range(2):  # at the start, and after it was plugged in again
        heard.clear()
        events.open()
        state = events.read()
        assert heard == [KEY_C]
        assert state is not None
        assert state.held == {KEY_C}
        events.close()


@given(st.binary(max_size=200), st.integers(1, 23))
def test_half_a_record_waits_for_its_other_half(noise: bytes, cut: int) -> None:
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    try:
        events = EventSource(f"/proc/self/fd/{ours}")
        events.open()
        record = encode_event(EV_KEY, KEY_B, 1)
        os.write(theirs, record[:cut])
        events.read()
        os.write(theirs, record[cut:])
        state = events.read()
        assert state is not None
        assert state.held == {KEY_B}
        events.close()
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_device_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PortError, match="by-id"):
        EventSource(str(tmp_path / "none")).open()
    device = InputDevice("pedal", str(tmp_path / "none"))
    with pytest.raises(StaleDeviceError, match="by-id"):
        device.start(0.5)
