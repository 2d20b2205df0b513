"""Pedals and gamepads: what their keys, sticks and triggers mean, and unplugged devices."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from input_pipe import InputPipe
from kernel_keys import Kernel
from waiting import wait_until

import hardware.gamepad
from hardware.errors import SensorError, StaleDeviceError
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
from hardware.input_events import EV_ABS, EV_KEY, EV_SYN, SYN_DROPPED, SYN_REPORT
from hardware.pedal import KEY_A, KEY_C, USUAL_PEDAL, Pedal, pedal_meanings


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
        was_held = gamepad.read().is_dead_man_held
        pipe.send(EV_KEY, BTN_LEFT_SHOULDER, int(not was_held))
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
