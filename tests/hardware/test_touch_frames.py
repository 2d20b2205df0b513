"""Tactile boards: DexUMI's blocks and lines of counts, damaged in every way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.devices import Devices, TouchDevice
from assets.robot import PadSpec, RobotSpec
from hardware.errors import SensorError
from hardware.sensor_writers import touch_writer
from hardware.tactile import touch_parser

# Two pads of one taxel each; sixteen counts are a newton.
PADS = RobotSpec("pads", 25.0, (), pads=(PadSpec("left", 1, 1, 20.0), PadSpec("right", 1, 1, 20.0)))
DEVICES = [TouchDevice(protocol, newton_per_count=0.0625) for protocol in ("dexumi", "dexumi-fsr", "lines")]


def speaking(device: TouchDevice) -> RobotSpec:
    return replace(PADS, devices=Devices(touch=device))


def block(first: int, second: int, clock: int) -> bytes:
    return touch_writer(DEVICES[0])(clock, np.array([first, second]).reshape(2, 1, 1) * 0.0625)


def test_a_dexumi_block_is_these_bytes() -> None:
    # Mark, 256 and 32, then the clock 0x0107 and the sum 0x0120, which share a number of 32 bits.
    by_hand = bytes.fromhex("AA550000 00010000 20000000 0701 2001")
    assert block(256, 32, 0x0107) == by_hand
    parser = touch_parser(speaking(DEVICES[0]))()
    first, second = parser.feed(by_hand + bytes.fromhex("AA550000 F0FFFFFF 10000000 0801 0000"))
    assert first.tolist() == [[[16.0]], [[2.0]]]
    assert second.tolist() == [[[0.0]], [[1.0]]]  # a pad does not pull


def test_a_dexumi_hand_packs_two_resistors_into_its_last_number() -> None:
    data = b"".join(
        bytes.fromhex("AA550000") + bytes(12 * 4) + bytes.fromhex("20004000") + bytes([clock, 0]) + b"\x20\x00"
        for clock in (1, 2)
    )
    parser = touch_parser(speaking(DEVICES[1]))()
    assert [force_n.ravel().tolist() for force_n in parser.feed(data)] == [[2.0, 4.0], [2.0, 4.0]]


def test_a_block_whose_clock_stands_is_a_frozen_boards() -> None:
    parser = touch_parser(speaking(DEVICES[0]))()
    assert len(parser.feed(block(1, 2, 5) * 4)) == 1
    assert parser.frozen == 3


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.protocol)
@given(
    counts=st.lists(st.tuples(st.integers(0, 320), st.integers(0, 320)), min_size=5, max_size=5),
    garbage=st.binary(max_size=60),
    cut=st.integers(1, 10),
)
def test_forces_come_back_after_garbage_and_a_cut(
    device: TouchDevice, counts: list[tuple[int, int]], garbage: bytes, cut: int
) -> None:
    write, parser = touch_writer(device), touch_parser(speaking(device))()
    forces_n = [np.array(pair).reshape(2, 1, 1) * 0.0625 for pair in counts]
    sent = [write(clock, force_n) for clock, force_n in enumerate(forces_n)]
    whole = [sent[0][:-cut], *sent[1:]]
    found = parser.feed(garbage + b"".join(whole))
    np.testing.assert_allclose(found[-1], forces_n[-1])


@pytest.mark.parametrize("device", DEVICES[:2], ids=lambda device: device.protocol)
def test_a_flipped_bit_of_a_block_gives_no_wrong_force_but_where_its_sum_is_blind(device: TouchDevice) -> None:
    """The sum leaves out the upper halves: there, only what no pad can feel is found out, so a hand's second resistor
    goes unguarded in its ten lower bits."""
    write = touch_writer(device)
    sent = [np.array([clock, 3 * clock]).reshape(2, 1, 1) * 0.0625 for clock in range(1, 6)]
    blocks = [write(clock, force_n) for clock, force_n in enumerate(sent)]
    right = {force_n.tobytes() for force_n in sent}
    length = len(blocks[0])
    blind = range(length - 6, length - 4) if device.protocol == "dexumi-fsr" else range(0)
    clock_bytes = range(length - 4, length - 2)
    for place in range(length * 8):
        damaged = bytearray(b"".join(blocks))
        damaged[2 * length + place // 8] ^= 1 << place % 8
        found = touch_parser(speaking(device))().feed(bytes(damaged))
        wrong = [force_n for force_n in found if force_n.tobytes() not in right]
        assert (np.array(wrong) <= 40.0).all()
        if place // 8 not in blind:
            assert not wrong
        assert len(found) >= (3 if place // 8 in clock_bytes else 4)


def test_a_line_with_a_force_that_no_pad_can_feel_is_dropped() -> None:
    parser = touch_parser(speaking(DEVICES[2]))()
    assert [f.ravel().tolist() for f in parser.feed(b"\n16,32\n16,3200\n32,16\n")] == [[1.0, 2.0], [2.0, 1.0]]
    assert parser.damaged == 1


def test_a_block_of_two_resistors_does_not_serve_other_pads() -> None:
    four = replace(speaking(DEVICES[1]), pads=(PadSpec("left", 2, 2, 20.0),))
    with pytest.raises(SensorError, match="has 4 taxels; a 'dexumi-fsr' block holds 2"):
        touch_parser(four)
