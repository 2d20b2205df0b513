"""One bus: the bytes it sends, and what a bad servo costs the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from states import read_states

from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.control_table import servo_model
from hardware.dynamixel import StatusPacket
from hardware.errors import BusError, PortError, ServoError
from hardware.port import InProcessPort, SerialPort
from hardware.virtual import VirtualBus
from hardware.virtual_servo import VirtualServo


def virtual(*servo_ids: int) -> VirtualBus:
    servos = (VirtualServo(servo_id, servo_model("XM430-W350")) for servo_id in servo_ids)
    return VirtualBus(servos, chain="continue")


def bus_over(feed: Callable[[bytes, float], bytes], clock: Any) -> DynamixelBus:
    return DynamixelBus(InProcessPort(feed, clock), "arm")


def test_requests_are_the_manuals_bytes(clock: Any) -> None:
    sent: list[bytes] = []

    def record(data: bytes, now_s: float) -> bytes:
        sent.append(data)
        return b""

    bus = bus_over(record, clock)
    bus.request_blocks((1, 2), table.PRESENT_POSITION.address, table.PRESENT_POSITION.size)
    bus.sync_write(table.GOAL_POSITION, {1: 150, 2: 170})
    assert sent[0] == bytes.fromhex("FFFFFD00FE090082840004000102CEFA")
    assert sent[1] == bytes.fromhex("FFFFFD00FE11008374000400019600000002AA0000008287")


def test_a_state_of_header_bytes_arrives_exactly(clock: Any) -> None:
    servos = virtual(1)
    servos.servo(1).sense(position_ticks=0xFF01 - 0x10000, velocity_ticks=-3, current_ticks=-1)  # FF FF FD FF FF FF
    reading = read_states(bus_over(servos.feed, clock), (1,)).readings[1]
    assert (reading.position_ticks, reading.velocity_ticks, reading.current_ticks) == (0xFF01 - 0x10000, -3, -1)


def test_one_silent_servo_leaves_the_others(clock: Any) -> None:
    servos = virtual(*range(1, 31))
    servos.servo(7).is_silent = True
    reply = read_states(bus_over(servos.feed, clock), tuple(range(1, 31)))
    assert set(reply.readings) == set(range(1, 31)) - {7}
    assert reply.problems == {7: "no answer"}


@pytest.mark.parametrize("cut", range(21))
def test_a_lost_byte_costs_one_servo(clock: Any, cut: int) -> None:
    servos = virtual(1, 2, 3)

    def lossy(data: bytes, now_s: float) -> bytes:
        answer = servos.feed(data, now_s)
        return answer[: 21 + cut] + answer[22 + cut :]

    reply = read_states(bus_over(lossy, clock), (1, 2, 3))
    assert set(reply.readings) >= {1, 3}
    assert set(reply.problems) <= {2}


def test_a_refusal_without_data_is_a_problem_of_that_servo(clock: Any) -> None:
    servos = virtual(1, 3)

    def refusing(data: bytes, now_s: float) -> bytes:
        return servos.feed(data, now_s) + StatusPacket(2, 7).encode()

    reply = read_states(bus_over(refusing, clock), (1, 2, 3))
    assert set(reply.readings) == {1, 3}
    assert "without the data" in reply.problems[2]


def test_answers_may_come_in_any_order_and_behind_an_echo(clock: Any) -> None:
    servos = virtual(2, 1)

    def echoing(data: bytes, now_s: float) -> bytes:
        answer = servos.feed(data, now_s)
        return data + answer[21:] + answer[:21]

    assert set(read_states(bus_over(echoing, clock), (1, 2)).readings) == {1, 2}


def test_a_damaged_answer_is_asked_for_again(clock: Any) -> None:
    servos = virtual(1)
    damaged = iter([True, True, False])

    def flaky(data: bytes, now_s: float) -> bytes:
        answer = bytearray(servos.feed(data, now_s))
        answer[-1] ^= next(damaged)
        return bytes(answer)

    bus = bus_over(flaky, clock)
    assert bus.read(1, table.MODEL_NUMBER) == 1020
    assert bus.damaged_packets == 2


def test_nobody_at_an_id_is_an_error_that_names_bus_and_servo(clock: Any) -> None:
    with pytest.raises(BusError, match=r"arm.*servo 9"):
        bus_over(virtual(1).feed, clock).ping(9)


def test_a_scan_finds_everybody_in_order(clock: Any) -> None:
    found = bus_over(virtual(9, 1, 200).feed, clock).scan()
    assert [reply.servo_id for reply in found] == [1, 9, 200]
    assert {reply.model_name for reply in found} == {"XM430-W350"}


def test_an_alert_is_kept_with_valid_data(clock: Any) -> None:
    servos = virtual(1, 2)
    servos.servo(2).raise_hardware_error(0x04)
    reply = read_states(bus_over(servos.feed, clock), (1, 2))
    assert [reply.readings[servo_id].alert for servo_id in (1, 2)] == [False, True]
    assert not reply.problems


def test_collecting_without_asking_is_an_error(clock: Any) -> None:
    with pytest.raises(BusError, match="request_blocks"):
        bus_over(virtual(1).feed, clock).collect_blocks()


def test_the_bus_works_over_a_pseudo_terminal(serve: Any) -> None:
    servos = virtual(1, 2)
    bus = DynamixelBus(SerialPort(serve(servos.feed)), "arm", reply_margin_s=5.0)
    bus.write(1, table.GOAL_POSITION, 3000)
    assert servos.servo(1).get(table.GOAL_POSITION) == 3000
    assert set(read_states(bus, (1, 2)).readings) == {1, 2}
    with pytest.raises(ServoError, match="read-only"):
        bus.write(1, table.PRESENT_POSITION, 1)
    bus.close()
    with pytest.raises(PortError):
        bus.ping(1)
