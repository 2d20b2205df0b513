"""Inertial units that can be bought: bytes of their data sheets, damage, freezing, and how they sit in the torso."""

from __future__ import annotations

import math
import struct
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.devices import ImuDevice
from hardware.device import Sample, SourceCounts
from hardware.imu import ImuReader, imu_parser
from hardware.imu_frames import ImuReading, RvcFrame, RvcParser, WitMotionParser
from hardware.pseudo_terminal import PseudoTerminal
from hardware.sensor_writers import ImuWriter
from hardware.thawed import EQUAL_IN_A_ROW, Thawed

G = 9.80665
LONG_S = 20.0
# BNO080 data sheet 1000-3927, section 1.3.5.2: the example message.
RVC_EXAMPLE = bytes.fromhex("AAAA DE 0100 92FF 2508 8DFE ECFF D103 000000 E7")
WAYS = [ImuDevice("bno08x-rvc"), ImuDevice("witmotion"), ImuDevice("lines"), ImuDevice("retake")]


def rvc(index: int, yaw: int = 0, pitch: int = 0, roll: int = 0) -> bytes:
    body = struct.pack("<B6h3x", index, yaw, pitch, roll, 0, 0, 1000)
    return b"\xaa\xaa" + body + bytes([sum(body) & 0xFF])


def wit(kind: int, *counts: int) -> bytes:
    frame = struct.pack("<2B3hh", 0x55, kind, *counts, 0)
    return frame + bytes([sum(frame) & 0xFF])


def test_a_bno08x_report_reads_as_in_its_data_sheet() -> None:
    report = RvcFrame.decode(RVC_EXAMPLE)
    assert report == RvcFrame(0xDE, (0.01, -1.10, 20.85), (-371, -20, 977))
    readings = RvcParser().feed(RVC_EXAMPLE + rvc(0xDF, 1, -110, 2085))
    np.testing.assert_allclose(readings[0].rate_rad_s, 0.0, atol=1e-12)
    still = RvcParser().feed(rvc(0xDD) + RVC_EXAMPLE)
    np.testing.assert_allclose(still[0].acceleration_m_s2, [-3.638, -0.196, 9.581], atol=1e-3)  # as printed there


@pytest.mark.parametrize(
    ("angles", "axis"), [((0, 0, 100), 0), ((0, 100, 0), 1), ((100, 0, 0), 2)], ids=["roll x", "pitch y", "yaw z"]
)
def test_a_degree_in_a_hundredth_of_a_second_is_a_hundred_degrees_a_second(
    angles: tuple[int, int, int], axis: int
) -> None:
    (reading,) = RvcParser().feed(rvc(255) + rvc(0, *angles))
    expected = np.zeros(3)
    expected[axis] = math.radians(100.0)
    np.testing.assert_allclose(reading.rate_rad_s, expected, atol=1e-9)


def test_rates_are_about_the_axes_of_the_unit_as_it_stands() -> None:
    """Rolled by a quarter turn, the unit's y points up: turning about the vertical is a rate about its own y."""
    (reading,) = RvcParser().feed(rvc(1, 0, 0, 9000) + rvc(2, 100, 0, 9000))
    np.testing.assert_allclose(reading.rate_rad_s, [0.0, math.radians(100.0), 0.0], atol=1e-9)


def test_a_yaw_that_passes_the_half_turn_is_no_jump() -> None:
    (reading,) = RvcParser().feed(rvc(1, 17990) + rvc(2, -17990))
    np.testing.assert_allclose(reading.rate_rad_s, [0, 0, math.radians(20.0)], atol=1e-9)


def test_lost_reports_lengthen_the_time_between_and_many_of_them_give_no_rate() -> None:
    (reading,) = RvcParser().feed(rvc(1) + rvc(4, 300))
    np.testing.assert_allclose(reading.rate_rad_s[2], math.radians(100.0))
    assert RvcParser().feed(rvc(1) + rvc(60, 300)) == []


def test_a_report_with_the_index_of_the_one_before_is_a_frozen_units() -> None:
    parser = RvcParser()
    assert len(parser.feed(rvc(1) + rvc(2) + rvc(2) + rvc(2))) == 1
    assert parser.frozen == 2


def test_witmotion_counts_are_sixteenths_of_their_full_scales() -> None:
    """16 g and 2,000 degrees a second over 32,768 counts, as the protocol manual says; bytes by hand."""
    acceleration = bytes.fromhex("55 51 0008 00F8 0010 0000 B6")
    assert acceleration == wit(0x51, 2048, -2048, 4096)
    (reading,) = WitMotionParser().feed(acceleration + wit(0x52, 16384, -16384, 0) + wit(0x53, 1, 2, 3))
    np.testing.assert_allclose(reading.acceleration_m_s2, [G, -G, 2 * G])
    np.testing.assert_allclose(reading.rate_rad_s, [math.radians(1000.0), -math.radians(1000.0), 0.0])


def test_a_rate_without_the_acceleration_before_it_is_no_reading() -> None:
    damaged = bytearray(wit(0x51, 1, 2, 3))
    damaged[4] ^= 1
    whole = wit(0x51, 9, 9, 9) + wit(0x52, 9, 9, 9)
    data = wit(0x53, 0, 0, 0) * 2 + bytes(damaged) + wit(0x52, 4, 5, 6) + wit(0x53, 0, 0, 0) + whole
    parser = WitMotionParser()
    readings = parser.feed(data)
    assert len(readings) == 1
    np.testing.assert_allclose(readings[0].acceleration_m_s2, np.full(3, 9) * 16 * G / 32768)
    assert parser.damaged == 1


READINGS = st.lists(st.floats(-30.0, 30.0), min_size=6, max_size=6).map(np.array)


@pytest.mark.parametrize("device", WAYS, ids=lambda device: device.protocol)
@given(values=READINGS, garbage=st.binary(max_size=30))
def test_what_a_unit_sends_comes_back_in_the_torsos_frame(
    device: ImuDevice, values: np.ndarray, garbage: bytes
) -> None:
    """Held against a rotation by hand: the unit stands on its side, its x forwards, its y up."""
    lying = replace(device, imu_in_torso_wxyz=(math.sqrt(0.5), math.sqrt(0.5), 0.0, 0.0))
    torso = ImuReading(values[:3], values[3:])
    writer, parser = ImuWriter(lying, 0.01), imu_parser(lying)()
    data = b"".join(writer(sequence, torso) for sequence in range(6))
    unit = parser.feed(garbage + b"\n" + data)[-1]

    def on_its_side(vector: np.ndarray) -> list[float]:  # torso y is the unit's -z, torso z its y
        return [vector[0], -vector[2], vector[1]]

    if device.protocol != "bno08x-rvc":  # which sends attitudes; the next test is of the rates in them
        np.testing.assert_allclose(on_its_side(unit.rate_rad_s), torso.rate_rad_s, atol=0.002)
    np.testing.assert_allclose(on_its_side(unit.acceleration_m_s2), torso.acceleration_m_s2, atol=0.01)


@given(rates=st.lists(st.floats(-3.0, 3.0), min_size=3, max_size=3).map(np.array))
def test_rates_that_a_bno08x_does_not_send_come_out_of_its_attitudes(rates: np.ndarray) -> None:
    writer = ImuWriter(ImuDevice("bno08x-rvc"), 0.012)  # out of step with its own hundredths
    torso = ImuReading(rates, np.array([0.0, 0.0, G]))
    readings = RvcParser().feed(b"".join(writer(sequence, torso) for sequence in range(12)))
    assert len(readings) == 13
    for reading in readings:
        np.testing.assert_allclose(reading.rate_rad_s, rates, atol=math.radians(2.5))


class Film(SourceCounts):
    """A source that reads out what it was given."""

    def __init__(self, values: list[int]) -> None:
        self.values = iter(values)

    def open(self) -> None:
        pass

    def read(self) -> Sample[int] | None:
        return Sample(next(self.values), 0.0)

    def close(self) -> None:
        pass


def test_a_device_whose_readings_are_equal_too_often_is_withheld_until_one_differs() -> None:
    source = Thawed(Film([1] * (EQUAL_IN_A_ROW + 3) + [2, 2, 1]), lambda value: bytes([value]))
    read = [source.read() for _ in range(EQUAL_IN_A_ROW + 6)]
    withheld = [index for index, sample in enumerate(read) if sample is None]
    assert withheld == [EQUAL_IN_A_ROW, EQUAL_IN_A_ROW + 1, EQUAL_IN_A_ROW + 2]
    assert source.frozen == 3


def test_a_reader_turns_readings_and_tells_a_unit_that_has_frozen() -> None:
    terminal = PseudoTerminal()
    half_turn = ImuDevice("lines", 115_200, imu_in_torso_wxyz=(0.0, 0.0, 0.0, 1.0), rate_unit_rad_s=0.5)
    reader = ImuReader(terminal.path, half_turn)
    reader.begin()
    deadline_s = time.monotonic() + LONG_S
    while reader.figures.frozen < 3 and time.monotonic() < deadline_s:
        terminal.send(b"\n2 4 6 1 2 9.8\n")
        time.sleep(0.002)
    assert "it has frozen" in reader.trouble
    assert reader.latest is not None
    np.testing.assert_allclose(reader.latest.value.rate_rad_s, [-1.0, -2.0, 3.0], atol=1e-12)
    np.testing.assert_allclose(reader.latest.value.acceleration_m_s2, [-1.0, -2.0, 9.8], atol=1e-12)
    reader.close()
    terminal.close()
