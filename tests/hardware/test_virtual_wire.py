"""A port on a simulated clock: what arrives when, and what a pulled cable does."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import pytest

from hardware import control_table as table
from hardware.control_table import servo_model
from hardware.dynamixel import Instruction, InstructionPacket
from hardware.errors import PortError
from hardware.virtual import VirtualBus
from hardware.virtual_servo import VirtualServo
from hardware.virtual_wire import SimulatedClock, VirtualPort

BYTE_S = 1e-5
READ = InstructionPacket(254, Instruction.SYNC_READ, bytes.fromhex("7E000A00 010203")).encode()
FIRST_S = 100.0 + (len(READ) + 21) * BYTE_S


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(100.0)


@pytest.fixture
def bus() -> VirtualBus:
    model = servo_model("XM430-W350")
    return VirtualBus([VirtualServo(servo_id, model, settings={table.RETURN_DELAY: 0}) for servo_id in (1, 2, 3)])


@pytest.fixture
def port(bus: VirtualBus, clock: SimulatedClock) -> VirtualPort:
    return VirtualPort(bus, clock)


def test_answers_arrive_one_by_one_as_the_clock_is_turned(port: VirtualPort, clock: SimulatedClock) -> None:
    port.write(READ)
    assert port.read(100) == b""
    assert port.next_arrival_s() == pytest.approx(FIRST_S)
    clock.advance_to(FIRST_S - 1e-6)
    assert port.read(100) == b""
    clock.advance(2e-6)
    assert len(port.read(100)) == 21
    clock.advance(1.0)
    assert len(port.read(30)) == 30
    assert len(port.read(30)) == 12
    assert port.next_arrival_s() == inf


def test_waiting_turns_the_clock_to_the_next_arrival(port: VirtualPort, clock: SimulatedClock) -> None:
    port.write(READ)
    assert port.wait(200.0)
    assert port.now_s() == clock.now_s == pytest.approx(FIRST_S)
    assert port.wait(200.0)
    assert clock.now_s == pytest.approx(FIRST_S)


def test_waiting_ends_at_the_deadline(port: VirtualPort, clock: SimulatedClock) -> None:
    port.write(READ)
    assert not port.wait(100.0001)
    assert clock.now_s == 100.0001
    assert not port.wait(50.0)
    assert clock.now_s == 100.0001


def test_a_rest_lets_everything_arrive(port: VirtualPort, clock: SimulatedClock) -> None:
    port.write(READ)
    port.rest(101.0)
    assert clock.now_s == 101.0
    assert len(port.read(1000)) == 63


def test_what_has_arrived_is_read_before_what_is_on_its_way(port: VirtualPort) -> None:
    port.write(READ)
    port.wait(200.0)
    assert len(port.read(100)) == 21
    assert port.read(100) == b""
    port.rest(101.0)
    assert len(port.read(1000)) == 42


def test_ports_that_share_a_clock_share_their_waiting(clock: SimulatedClock, bus: VirtualBus) -> None:
    model = servo_model("XL330-M288")
    ports = [VirtualPort(bus, clock), VirtualPort(VirtualBus([VirtualServo(1, model)]), clock, baud=2_000_000)]
    for port in ports:
        port.write(READ)
    soonest = min(ports, key=VirtualPort.next_arrival_s)
    soonest.wait(inf)
    assert soonest is ports[0]
    ports[0].rest(ports[0].now_s() + 1.0)
    assert len(ports[1].read(100)) == 0  # at 2 Mbps its servo hears nothing


def test_servos_notice_the_time_that_a_port_lets_pass(
    bus: VirtualBus, port: VirtualPort, clock: SimulatedClock
) -> None:
    for address, value in ((64, 1), (98, 5)):
        port.write(InstructionPacket(254, Instruction.WRITE, bytes([address, 0, value])).encode())
    clock.advance(0.099)
    assert not any(servo.watchdog_tripped for servo in bus.servos)
    clock.advance(0.003)
    assert all(servo.watchdog_tripped for servo in bus.servos)


USES: dict[str, Callable[[VirtualPort], object]] = {
    "read": lambda port: port.read(1),
    "write": lambda port: port.write(b"\x00"),
    "wait": lambda port: port.wait(200.0),
    "rest": lambda port: port.rest(200.0),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("leave", [VirtualPort.close, VirtualPort.unplug], ids=["closed", "unplugged"])
def test_a_port_that_is_gone_is_an_error_that_names_it(
    port: VirtualPort, use: Callable[[VirtualPort], object], leave: Callable[[VirtualPort], None]
) -> None:
    leave(port)
    with pytest.raises(PortError, match="virtual"):
        use(port)


def test_a_cable_may_come_back_under_another_name_and_what_was_on_its_way_is_lost(port: VirtualPort) -> None:
    port.write(READ)
    port.unplug()
    port.plug("usb1")
    assert port.name == "usb1"
    port.rest(101.0)
    assert port.read(100) == b""
    port.write(READ)
    assert port.wait(200.0)


def test_time_never_runs_backwards(clock: SimulatedClock) -> None:
    clock.advance_to(99.0)
    clock.advance(-1.0)
    assert clock() == 100.0
