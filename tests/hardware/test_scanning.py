"""Scans at other baud rates: where a lost servo answers, and what an adapter cannot do."""

from __future__ import annotations

from typing import Any

import pytest
from baud_line import BaudLine, servo

from hardware.errors import PortError
from hardware.scanning import scan_bauds, scan_port


def test_every_servo_is_found_at_its_own_rate(clock: Any) -> None:
    line = BaudLine({"a": [servo(3, "XL430-W250"), servo(1, "XM430-W350", 57_600), servo(7, "XC330-T288", 4_000_000)]},
                    clock)  # fmt: skip
    found = scan_bauds("a", opener=line.open).found
    assert [(each.reply.servo_id, each.baud) for each in found] == [(3, 1_000_000), (1, 57_600), (7, 4_000_000)]
    assert [each.is_fresh for each in found] == [False, True, False]
    assert str(found[1]) == "XM430-W350 with id 1 at 57600 baud"


def test_a_wire_without_bauds_shows_each_servo_once(serve: Any) -> None:
    from hardware.virtual import VirtualBus

    path = serve(VirtualBus([servo(3, "XL430-W250")]).feed)
    scan = scan_bauds(path, (1_000_000, 57_600), reply_margin_s=0.5)
    assert [(each.reply.servo_id, each.baud) for each in scan.found] == [(3, 1_000_000)]


def test_a_rate_that_the_adapter_does_not_know_is_told_and_the_others_are_tried(clock: Any) -> None:
    line = BaudLine({"a": [servo(3, "XL430-W250")]}, clock, slowest_refused=3_000_000)
    scan = scan_bauds("a", opener=line.open)
    assert len(scan.found) == 1
    assert set(scan.untried) == {3_000_000, 4_000_000}


def test_a_port_that_opens_at_no_rate_is_an_error(clock: Any) -> None:
    line = BaudLine({}, clock)
    with pytest.raises(PortError, match="cannot open serial port a"):
        scan_bauds("a", opener=line.open)
    with pytest.raises(PortError, match="cannot open serial port a"):
        scan_port("a", opener=line.open)


def test_two_servos_with_one_id_come_twice(clock: Any) -> None:
    line = BaudLine({"a": [servo(3, "XL430-W250"), servo(3, "XL430-W250")]}, clock)
    assert [reply.servo_id for reply in scan_port("a", opener=line.open)] == [3, 3]
