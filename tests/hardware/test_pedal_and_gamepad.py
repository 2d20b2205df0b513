"""Pedals and gamepads: the kernel's records by golden bytes, presses that nobody may miss, and unplugged devices."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from input_pipe import InputPipe
from waiting import wait_until

import hardware.gamepad
from hardware.errors import PortError, SensorError, StaleDeviceError
from hardware.gamepad import (
    ABS_RZ,
    ABS_X,
    ABS_Y,
    AT_REST,
    BTN_EAST,
    BTN_LEFT_SHOULDER,
    DEAD_ZONE,
    Gamepad,
    GamepadReading,
    without_dead_zone,
)
from hardware.input_axes import ABS_INFO, EVIOCGABS, AxisInfo, AxisRange
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
from hardware.pedal import KEY_A, KEY_B, KEY_C, USUAL_PEDAL, Pedal, pedal_meanings


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


class Kernel:
    """What stands in for the kernel's answer, which a pipe has not: the codes that are down, or an error."""

    def __init__(self, *down: int, error: int = 0) -> None:
        self.down = down
        self.error = error

    def __call__(self, file: int) -> bytes:
        if self.error:
            raise OSError(self.error, os.strerror(self.error))
        return sum(1 << code for code in self.down).to_bytes(KEY_STATE_BYTES, "little")


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


def test_a_latching_e_stop_is_held_from_the_start_until_it_is_released(pipe: InputPipe) -> None:
    heard: list[str] = []
    pedal = Pedal(pipe.path, heard.append, key_states=Kernel(KEY_A, KEY_C))
    pedal.start()
    assert heard == ["e_stop"]
    assert pedal.is_e_stop_held
    assert not pedal.holds("clutch")
    pipe.send(EV_KEY, KEY_C, 0)
    wait_until(lambda: not pedal.is_e_stop_held)
    pedal.close()


def test_a_pedal_that_has_lost_events_is_seen_to_go(pipe: InputPipe) -> None:
    heard: list[str] = []
    pedal = Pedal(pipe.path, heard.append)
    pedal.start()
    for code in (SYN_DROPPED, SYN_REPORT):
        pipe.send(EV_SYN, code, 0)
    wait_until(lambda: not pedal.is_there)
    assert heard == ["e_stop"]
    wait_until(lambda: pedal.is_there)  # opened anew
    pedal.close()


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


def test_a_pedal_tells_what_was_pressed_and_holds_nothing_once_it_is_unplugged(pipe: InputPipe) -> None:
    heard: list[str] = []
    pedal = Pedal(pipe.path, heard.append)
    pedal.start()
    for code in (KEY_A, KEY_C, 99):
        pipe.send(EV_KEY, code, 1)
    wait_until(lambda: heard == ["clutch", "e_stop"])
    assert pedal.holds("clutch")
    assert pedal.has_e_stop
    pipe.unplug()
    wait_until(lambda: not pedal.is_there)
    assert not pedal.holds("clutch")
    pipe.plug()
    wait_until(lambda: pedal.is_there)
    assert not pedal.holds("clutch")
    pedal.close()


def test_pedal_keys_are_read_from_pairs_and_bad_ones_refused() -> None:
    assert pedal_meanings([]) == USUAL_PEDAL
    assert pedal_meanings(["30=e-stop", "48=take_over"]) == {30: "e_stop", 48: "take_over"}
    for bad, words in ((["30"], "code=meaning"), (["30=jump"], "e_stop"), (["30=clutch", "30=e-stop"], "twice")):
        with pytest.raises(SensorError, match=words):
            pedal_meanings(bad)


def test_a_gamepad_reads_sticks_from_minus_one_to_one_and_rests_once_it_is_unplugged(pipe: InputPipe) -> None:
    stops: list[str] = []
    gamepad = Gamepad(pipe.path, lambda: stops.append("stop"))
    gamepad.start()
    assert gamepad.read() == AT_REST
    pipe.send(EV_ABS, ABS_X, 32_767)
    pipe.send(EV_ABS, ABS_Y, -32_768)
    pipe.send(EV_ABS, ABS_RZ, 255)
    pipe.send(EV_KEY, BTN_LEFT_SHOULDER, 1)
    wait_until(lambda: gamepad.read().is_dead_man_held)
    reading = gamepad.read()
    assert (reading.left, reading.right, reading.close) == ((1.0, 1.0), (0.0, 0.0), 1.0)
    pipe.send(EV_KEY, BTN_EAST, 1)
    wait_until(lambda: stops == ["stop"])
    pipe.unplug()
    wait_until(lambda: gamepad.read() == AT_REST)
    gamepad.close()


def axes(**given: tuple[int, int, int]) -> AxisInfo:
    """What stands in for the kernel's answer, which a pipe has not: value, minimum and maximum by the axis' name."""

    def ask(file: int, code: int) -> bytes:
        found = [numbers for name, numbers in given.items() if code == getattr(hardware.gamepad, name)]
        return struct.pack("6i", *(found[0] if found else (0, 0, 0)), 0, 0, 0)

    return ask


def test_the_question_for_an_axis_is_laid_out_as_the_kernel_lays_it_out() -> None:
    # _IOC(_IOC_READ, 'E', 0x40 + axis, sizeof(struct input_absinfo)).
    assert (EVIOCGABS + ABS_RZ, ABS_INFO.size) == (0x80184545, 24)


def test_sticks_and_triggers_of_other_ranges_rest_in_the_middle_and_reach_both_ends(pipe: InputPipe) -> None:
    wide = (32_900, 0, 65_535)
    gamepad = Gamepad(
        pipe.path,
        axis_info=axes(ABS_X=wide, ABS_Y=wide, ABS_RX=wide, ABS_RY=wide, ABS_Z=(-500, -512, 511), ABS_RZ=(3, 0, 1023)),
    )
    gamepad.start()
    assert gamepad.read() == AT_REST

    def sent(**numbers: int) -> GamepadReading:
        for name, number in numbers.items():
            pipe.send(EV_ABS, getattr(hardware.gamepad, name), number)
        pipe.send(EV_KEY, BTN_LEFT_SHOULDER, int(not gamepad.read().is_dead_man_held))
        was_held = gamepad.read().is_dead_man_held
        wait_until(lambda: gamepad.read().is_dead_man_held != was_held)
        return gamepad.read()

    reading = sent(ABS_X=32_800, ABS_Y=32_700, ABS_RX=65_535, ABS_RY=0, ABS_Z=-512, ABS_RZ=1023)
    assert (reading.left, reading.right, reading.close) == ((0.0, 0.0), (1.0, 1.0), 1.0)
    reading = sent(ABS_RX=0, ABS_RY=65_535, ABS_Z=511, ABS_RZ=0)
    assert (reading.right, reading.close) == ((-1.0, -1.0), -1.0)
    gamepad.close()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"ABS_X": (0, 0, 65_535)}, "left stick at 0 of 0 to 65535"),
        ({"ABS_RY": (255, 0, 255)}, "right stick at 255 of 0 to 255"),
        ({"ABS_RZ": (128, 0, 255)}, "right trigger at 128 of 0 to 255"),  # a stick on a trigger's number
    ],
)
def test_a_gamepad_that_is_not_at_rest_when_it_is_opened_is_refused(
    pipe: InputPipe, given: dict[str, tuple[int, int, int]], words: str
) -> None:
    gamepad = Gamepad(pipe.path, axis_info=axes(**given))
    with pytest.raises(StaleDeviceError, match=words):
        gamepad.start()
    assert not gamepad.is_there


@given(st.integers(-70_000, 70_000), st.integers(-70_000, 70_000), st.integers(1, 140_000))
def test_an_axis_goes_from_end_to_end_whatever_its_numbers(value: int, lowest: int, width: int) -> None:
    axis = AxisRange(lowest, lowest + width)
    assert -1.0 <= axis.about_middle(value) <= 1.0
    assert (axis.about_middle(axis.lowest), axis.about_middle(axis.highest)) == (-1.0, 1.0)
    assert (axis.from_lowest(axis.lowest), axis.from_lowest(axis.highest)) == (0.0, 1.0)
    assert axis.about_middle(value) <= axis.about_middle(value + 1)


@given(st.floats(-1.5, 1.5))
def test_the_dead_zone_is_flat_and_has_no_step_at_its_edge(value: float) -> None:
    moved = without_dead_zone(value)
    assert abs(moved) <= 1.0
    assert (abs(value) > DEAD_ZONE) or moved == 0.0
    assert without_dead_zone(-value) == -moved
    assert abs(without_dead_zone(value + 1e-6) - moved) < 1e-5
