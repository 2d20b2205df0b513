"""Lines of an exoskeleton: golden bytes of an arm, every fault of the stream, and no bad value followed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.calibration import Calibration, ChannelCalibration
from assets.exoskeleton import LineJoint, LineLayout
from assets.robot import RobotSpec
from hardware.errors import StaleDeviceError
from hardware.exoskeleton_lines import LineExoskeleton
from hardware.exoskeleton_stream import LineChannels, LineStream
from hardware.pseudo_terminal import PseudoTerminal

# HopeJR's arm: 16 raw numbers, then five angles; the elbow is number 17, the shoulder's pitch number 19.
ARM_LINE = b"2012 1480 7 8 9 10 11 12 13 14 15 16 17 18 19 20 101 950 103 450 105\r\n"
ARM = LineLayout(
    joints=(LineJoint(17, "elbow", 0, 2000, 0.0, 2.0), LineJoint(19, "shoulder", -500, 1000, -1.5, 1.0, sign=-1)),
    fields=21,
)
ONE = LineLayout((LineJoint(0, "elbow", 0, 1000, 0.0, 2.0),), fields=1)


def listening(fields: int) -> LineStream:
    """A stream whose first, probably half line has passed."""
    stream = LineStream(fields)
    stream.feed(b"\n")
    return stream


def test_an_arms_line_shows_the_joints_it_is_mapped_to() -> None:
    (values,) = listening(21).feed(ARM_LINE)
    state = LineChannels(ARM).feed(values, 5.0)
    # elbow: 950 of 0..2000 over 0..2 rad. shoulder, reversed: 450 is 950/1500 up, so 550/1500 from the other end.
    np.testing.assert_allclose(state.position_rad, [0.95, -1.5 + 2.5 * 550 / 1500])
    assert state.stamp_s.tolist() == [5.0, 5.0]
    assert not state.problems


def test_the_line_that_had_begun_before_we_listened_is_not_believed() -> None:
    stream = LineStream(2)
    assert stream.feed(b"5 6\n7 8\n") == [(7, 8)]
    assert stream.counts.half == 1


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"1 2", "wrong_count"),
        (b"1 2 3 4", "wrong_count"),
        (b"", "wrong_count"),
        (b"1 2 x", "not_numbers"),
        (b"1 2 3.5", "not_numbers"),
        (b"1 2 0x3", "not_numbers"),
        (b"1 2 1_0", "not_numbers"),
        (b"1 2 \xff\xfe", "not_numbers"),
        (b"1 2 12345678901", "not_numbers"),
    ],
)
def test_a_line_of_another_shape_is_counted_and_refused(line: bytes, kind: str) -> None:
    stream = listening(3)
    assert stream.feed(line + b"\n4 5 6\n") == [(4, 5, 6)]
    assert getattr(stream.counts, kind) == 1
    assert stream.counts.lines == 1


def test_half_a_line_waits_for_its_other_half_and_noise_without_an_end_is_dropped() -> None:
    stream = listening(2)
    assert stream.feed(b"12 3") == []
    assert stream.feed(b"4\n") == [(12, 34)]
    assert stream.feed(b"9" * 2000) == []
    assert stream.feed(b"1 2\n5 6\n") == [(5, 6)]
    assert stream.counts.half == 2


@given(st.lists(st.tuples(*[st.integers(-(10**6), 10**6)] * 3), min_size=1), st.data())
def test_lines_come_out_as_they_went_in_however_they_are_cut(lines: list[tuple[int, ...]], data: st.DataObject) -> None:
    wire = b"".join(b" ".join(b"%d" % value for value in line) + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    stream, found = listening(3), []
    for begin, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        found += stream.feed(wire[begin:end])
    assert found == lines


@given(st.lists(st.one_of(st.binary(max_size=30), st.just(b"500\n"), st.just(b"500")), max_size=30))
def test_whatever_the_wire_brings_no_value_outside_the_travel_is_followed(pieces: list[bytes]) -> None:
    stream, channels = LineStream(1), LineChannels(ONE)
    before_rad, before_s = 0.0, -inf
    for index, piece in enumerate(pieces):
        for values in stream.feed(piece):
            state = channels.feed(values, 0.01 * index)
            position_rad, stamp_s = state.position_rad[0], state.stamp_s[0]
            assert -0.1 <= position_rad <= 2.1
            if stamp_s > before_s > -inf:
                assert abs(position_rad - before_rad) <= 25.0 * (stamp_s - before_s) + 0.05
            before_rad, before_s = position_rad, stamp_s


def test_a_number_outside_its_travel_keeps_the_last_value_and_its_old_stamp() -> None:
    channels = LineChannels(ARM)
    good = [0] * 21
    good[17], good[19] = 900, 400
    before = channels.feed(good, 1.0)
    bad = list(good)
    bad[17] = 2200
    state = channels.feed(bad, 1.01)
    assert state.position_rad.tolist() == before.position_rad.tolist()
    assert state.stamp_s.tolist() == [1.0, 1.01]
    assert state.problems == {"elbow": "2200 lies outside its travel, 0 to 2000"}
    assert state.counts.out_of_range == 1
    bad[17] = 2050  # the margin
    assert channels.feed(bad, 2.0).position_rad[0] == pytest.approx(2.05)


def test_a_lost_digit_is_a_jump_that_no_hand_makes() -> None:
    channels = LineChannels(ONE)
    channels.feed([950], 1.0)
    state = channels.feed([95], 1.01)
    assert state.position_rad[0] == pytest.approx(1.9)
    assert state.counts.jumps == 1
    assert "jumped by 1.71 rad" in state.problems["elbow"]
    assert channels.feed([940], 1.02).position_rad[0] == pytest.approx(1.88)
    assert channels.feed([95], 1.2).position_rad[0] == pytest.approx(0.19)  # a hand can do that in 0.18 s


def test_a_sensor_that_no_longer_flickers_is_stuck_and_recovers() -> None:
    channels = LineChannels(replace(ONE, stuck_s=2.0))
    states = [channels.feed([500], 0.1 * index) for index in range(30)]
    stuck = [bool(state.problems) for state in states]
    assert stuck == [False] * 21 + [True] * 9
    assert "stuck at 500" in states[-1].problems["elbow"]
    assert states[-1].stamp_s[0] == pytest.approx(2.0)
    assert states[-1].counts.stuck == 1
    assert not channels.feed([501], 3.0).problems


@pytest.mark.parametrize(("before", "after"), [(65_530, 4), (-6, 4), (4, 65_530)])
def test_a_counter_that_wraps_at_sixteen_bits_goes_on_without_a_jump(before: int, after: int) -> None:
    layout = LineLayout((LineJoint(0, "elbow", -1000, 1000, -1.0, 1.0, turn=65_536),), fields=1)
    channels = LineChannels(layout)
    first = channels.feed([before], 1.0).position_rad[0]
    state = channels.feed([after], 1.01)
    assert abs(state.position_rad[0] - first) == pytest.approx(10 / 1000)
    assert not state.problems


def test_a_wrap_that_nobody_declared_is_refused() -> None:
    layout = LineLayout((LineJoint(0, "elbow", -1000, 1000, -1.0, 1.0),), fields=1)
    channels = LineChannels(layout)
    channels.feed([-6], 1.0)
    assert channels.feed([65_530], 1.01).counts.out_of_range == 1


def test_a_calibrated_travel_takes_the_place_of_the_tables() -> None:
    own = Calibration("exoskeleton", "pocket", "2025-01-01", (ChannelCalibration("elbow", 400, 600, 500),))
    channels = LineChannels(ONE, own)
    assert channels.feed([450], 1.0).position_rad[0] == pytest.approx(0.5)
    assert channels.feed([800], 2.0).problems


@pytest.fixture
def worn(robot: RobotSpec) -> Any:
    terminal = PseudoTerminal()
    layout = LineLayout((LineJoint(0, "elbow", 0, 1000, 0.0, 2.0), LineJoint(1, "wrist", 0, 1000, -1.0, 1.0)), 2)
    exoskeleton = LineExoskeleton(robot, layout, terminal.path, max_age_s=1.0, first_line_s=20.0)
    yield terminal, exoskeleton
    exoskeleton.close()
    terminal.close()


def until(work: Callable[[], Any], send: Callable[[], Any] = lambda: None) -> None:
    deadline_s = time.monotonic() + 20.0
    while time.monotonic() < deadline_s:
        send()
        if work():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


def connected(terminal: PseudoTerminal, exoskeleton: LineExoskeleton, line: bytes) -> Any:
    import threading

    done = threading.Event()

    def talk() -> None:
        while not done.wait(0.02):
            terminal.send(line)

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        return exoskeleton.connect()
    finally:
        done.set()
        talker.join()


def test_a_line_exoskeleton_on_a_cable_gives_the_newest_of_a_burst_after_a_gap(worn: Any) -> None:
    terminal, exoskeleton = worn
    first = connected(terminal, exoskeleton, b"500 500\n")
    np.testing.assert_allclose(first.position_rad, [1.0, 0.0])
    assert exoskeleton.joint_names == ("elbow", "wrist")
    assert exoskeleton.robot_index.tolist() == [1, 2]
    time.sleep(0.3)
    terminal.send(b"".join(b"%d 500\n" % raw for raw in range(500, 561, 20)))
    until(lambda: exoskeleton.read().position_rad[0] == pytest.approx(1.12))
    assert exoskeleton.counts.gaps >= 1
    assert exoskeleton.counts.skipped >= 1


def test_a_line_exoskeleton_that_falls_silent_or_talks_nonsense_is_stale(worn: Any) -> None:
    terminal, exoskeleton = worn
    connected(terminal, exoskeleton, b"500 500\n")

    def is_stale(words: str) -> bool:
        try:
            exoskeleton.read()
        except StaleDeviceError as error:
            return words in str(error)
        return False

    until(lambda: is_stale("wrist (5000 lies outside"), lambda: terminal.send(b"500 5000\n"))
    until(lambda: not is_stale(""), lambda: terminal.send(b"500 510\n"))
    until(lambda: is_stale("newest sample"))


def test_an_exoskeleton_whose_joint_never_shows_a_good_value_is_not_connected(robot: RobotSpec) -> None:
    terminal = PseudoTerminal()
    layout = LineLayout((LineJoint(0, "elbow", 0, 1000, 0.0, 2.0),), 1)
    exoskeleton = LineExoskeleton(robot, layout, terminal.path, first_line_s=1.0)
    try:
        with pytest.raises(StaleDeviceError, match=r"elbow|nothing within"):
            connected(terminal, exoskeleton, b"7777\n")
    finally:
        exoskeleton.close()
        terminal.close()
