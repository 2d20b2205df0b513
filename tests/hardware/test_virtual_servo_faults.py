"""Faults inside servos: what they show on the wire, when they begin and when they end."""

from __future__ import annotations

from collections.abc import Sequence

from faulty_bus import BYTE_S, IDS, ONCE, READ_ALL, bus_with, cycles, packets

from hardware import control_table as table
from hardware.dynamixel import Instruction, InstructionPacket, StatusPacket
from hardware.virtual_answers import Chunk
from hardware.virtual_servo_faults import Alert, BrownOutReboot, Frozen, OverloadShutdown, TemperatureRamp, VoltageSag


def errors(chunks: Sequence[Chunk]) -> dict[int, int]:
    return {packet.servo_id: packet.error for packet in packets(chunks) if isinstance(packet, StatusPacket)}


def test_an_alert_rides_on_the_answers_of_its_time_and_the_data_are_valid() -> None:
    answers = cycles(bus_with(Alert(3, cycles=ONCE)), 3)
    assert [errors(chunks)[3] for chunks in answers] == [0, 0x80, 0]
    assert all(len(packet.parameters) == 16 for packet in packets(answers[1]) if isinstance(packet, StatusPacket))


def test_an_overloaded_servo_shuts_down_and_goes_on_reporting() -> None:
    bus = bus_with(OverloadShutdown(3, cycles=ONCE))
    bus.feed(InstructionPacket(254, Instruction.WRITE, bytes([64, 0, 1])).encode(), 0.9)
    answers = cycles(bus, 4)
    assert [errors(chunks)[3] for chunks in answers] == [0, 0x80, 0x80, 0x80]
    assert [servo.torque_on for servo in bus.servos] == [True, True, False, True, True]
    bus.servo(3).reboot()
    assert bus.servo(3).write(table.TORQUE_ENABLE.address, b"\x01") == 0


def test_a_servo_warms_up_and_shuts_down_above_its_limit() -> None:
    bus = bus_with(TemperatureRamp(3, 60.0, 85.0, rate_c_s=1.0, from_s=10.0))
    servo = bus.servo(3)
    servo.write(table.TORQUE_ENABLE.address, b"\x01")
    seen = []
    for now_s in (9.0, 10.0, 20.0, 29.0, 31.0, 60.0):
        bus.advance(now_s)
        seen.append((servo.get(table.PRESENT_TEMPERATURE), servo.torque_on, servo.error_byte))
    assert seen == [
        (30, True, 0),
        (60, True, 0),
        (70, True, 0),
        (79, True, 0),
        (81, False, 0x80),
        (85, False, 0x80),
    ]


def test_a_sagging_supply_is_reported_by_every_servo_and_ends() -> None:
    bus = bus_with(VoltageSag(None, 9.4, cycles=ONCE))
    answers = cycles(bus, 2)
    assert errors(answers[1]) == dict.fromkeys(IDS, 0x80)
    assert {servo.get(table.PRESENT_VOLTAGE) for servo in bus.servos} == {94}
    bus.advance(9.0)
    assert {servo.get(table.PRESENT_VOLTAGE) for servo in bus.servos} == {120}


def test_a_brown_out_restarts_one_servo() -> None:
    bus = bus_with(BrownOutReboot(3, cycles=ONCE))
    for address, value in ((64, 1), (84, 200), (98, 100)):
        bus.feed(InstructionPacket(254, Instruction.WRITE, bytes([address, 0, value])).encode(), 0.9)
    cycles(bus, 2)
    assert [servo.torque_on for servo in bus.servos] == [True, True, False, True, True]
    assert [bus.servo(3).get(register) for register in (table.POSITION_P_GAIN, table.BUS_WATCHDOG)] == [800, 0]
    assert bus.servo(3).get(table.REALTIME_TICK) < bus.servo(2).get(table.REALTIME_TICK)


def test_a_frozen_servo_answers_the_same_again_and_again() -> None:
    bus = bus_with(Frozen(3, cycles=range(1, 4)))
    seen: dict[int, list[bytes]] = {2: [], 3: []}
    for nth in range(6):
        for servo in bus.servos:
            servo.sense(1000 + nth)
        for packet in packets(bus.answer(READ_ALL.encode(), 1.0 + 0.01 * nth, BYTE_S)):
            if isinstance(packet, StatusPacket) and packet.servo_id in seen:
                seen[packet.servo_id].append(packet.parameters)
    assert len(set(seen[2])) == 6
    assert len(set(seen[3][1:4])) == 1
    assert len(set(seen[3])) == 4


def test_what_happens_in_a_servo_happens_once() -> None:
    bus = bus_with(BrownOutReboot(3, probability=0.2), seed=1)
    restarts, before = 0, 0
    for nth in range(200):
        bus.answer(READ_ALL.encode(), 1.0 + 0.01 * nth, BYTE_S)
        tick = bus.servo(3).get(table.REALTIME_TICK)
        restarts, before = restarts + (tick < before), tick
    assert restarts == 1
