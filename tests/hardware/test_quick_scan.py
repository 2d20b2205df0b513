"""Asking who is there, where it is known who should be."""

from __future__ import annotations

import pytest
from thirty_servos import COUNT, Rig

from hardware.bus import DynamixelBus
from hardware.control_table import servo_model
from hardware.virtual_servo import VirtualServo

IDS = range(1, COUNT + 1)
SLOT_S = 14 * 1e-5


@pytest.fixture
def rig() -> Rig:
    return Rig(connect=False)


def scan_s(rig: Rig, expected: range | tuple[int, ...]) -> tuple[list[int], float]:
    before_s = rig.clock.now_s
    found = DynamixelBus(rig.port, "arm", reply_margin_s=0.004).scan(expected)
    return [reply.servo_id for reply in found], rig.clock.now_s - before_s


def test_a_scan_ends_soon_after_all_that_are_expected_have_answered(rig: Rig) -> None:
    found, took_s = scan_s(rig, IDS)
    assert found == list(IDS)
    assert took_s < (COUNT + 2) * SLOT_S + 0.015


def test_without_expectation_or_with_one_missing_it_lasts_until_everybody_could_have_answered(rig: Rig) -> None:
    found, took_s = scan_s(rig, ())
    assert found == list(IDS)
    assert took_s > 253 * SLOT_S
    found, took_s = scan_s(rig, (*IDS, 99))
    assert found == list(IDS)
    assert took_s > 253 * SLOT_S


@pytest.mark.parametrize("double", [1, 7, COUNT])
def test_a_second_answer_is_waited_for(rig: Rig, double: int) -> None:
    rig.bus.servos.append(VirtualServo(double, servo_model("XM430-W350")))
    found, _ = scan_s(rig, IDS)
    assert found.count(double) == 2
