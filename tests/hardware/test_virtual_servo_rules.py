"""What guards a servo, and what time and restarts do to it; spoken to in bytes, so that no driver can hide a defect."""

from __future__ import annotations

import pytest

from hardware import control_table as table
from hardware.control_table import OperatingMode, Register, servo_model
from hardware.dynamixel import Instruction, InstructionPacket, StatusError, StatusPacket, decode
from hardware.virtual import VirtualBus
from hardware.virtual_servo import VirtualServo
from hardware.virtual_settings import WRITABLE

MODEL = servo_model("XM430-W350")


class Master:
    """Asks servo 1 in bytes, and turns the time."""

    def __init__(self, servo: VirtualServo) -> None:
        self.servo = servo
        self.bus = VirtualBus([servo])
        self.now_s = 10.0

    def ask(self, instruction: int, parameters: bytes = b"", servo_id: int = 1) -> StatusPacket | None:
        answer = self.bus.feed(InstructionPacket(servo_id, instruction, parameters).encode(), self.now_s)
        if not answer:
            return None
        status = decode(answer)
        assert isinstance(status, StatusPacket)
        return status

    def write(self, register: Register, value: int) -> int:
        """The error of the answer."""
        status = self.ask(Instruction.WRITE, register.address.to_bytes(2, "little") + register.encode(value))
        assert status is not None
        return status.error

    def sync_write(self, register: Register, value: int) -> None:
        head = register.address.to_bytes(2, "little") + register.size.to_bytes(2, "little")
        assert self.ask(Instruction.SYNC_WRITE, head + b"\x01" + register.encode(value), 254) is None

    def read(self, register: Register) -> int:
        status = self.ask(
            Instruction.READ, register.address.to_bytes(2, "little") + register.size.to_bytes(2, "little")
        )
        assert status is not None
        return register.decode(status.parameters)

    def in_mode(self, mode: OperatingMode, watchdog: int = 0) -> None:
        assert self.write(table.OPERATING_MODE, mode) == 0
        assert self.write(table.TORQUE_ENABLE, 1) == 0
        assert self.write(table.BUS_WATCHDOG, watchdog) == 0


@pytest.fixture
def master() -> Master:
    return Master(VirtualServo(1, MODEL))


# Bus watchdog.


def test_any_instruction_to_anybody_feeds_the_watchdog(master: Master) -> None:
    master.in_mode(OperatingMode.POSITION, watchdog=5)
    for _ in range(10):
        master.now_s += 0.09
        master.ask(Instruction.PING, servo_id=200)
    assert not master.servo.watchdog_tripped
    master.now_s += 0.11
    assert master.read(table.BUS_WATCHDOG) == table.WATCHDOG_TRIPPED


@pytest.mark.parametrize(
    ("goal", "value"),
    [(table.GOAL_PWM, 100), (table.GOAL_CURRENT, 10), (table.GOAL_VELOCITY, 10), (table.GOAL_POSITION, 1000)],
)
def test_a_tripped_watchdog_refuses_goals_until_it_is_cleared(master: Master, goal: Register, value: int) -> None:
    master.in_mode(OperatingMode.CURRENT_POSITION, watchdog=1)
    assert master.write(table.PROFILE_VELOCITY, 50) == 0
    master.now_s += 1.0
    assert master.write(goal, value) == StatusError.DATA_RANGE
    before = master.read(goal)
    master.sync_write(goal, value)
    assert master.read(goal) == before
    assert master.read(table.PROFILE_VELOCITY) == 0
    assert master.write(table.BUS_WATCHDOG, 5) == StatusError.DATA_RANGE
    assert master.write(table.BUS_WATCHDOG, 0) == 0
    assert master.write(goal, value) == 0


def test_a_tripped_servo_holds_where_it_stands_in_a_position_mode(master: Master) -> None:
    master.in_mode(OperatingMode.CURRENT_POSITION, watchdog=1)
    assert master.write(table.GOAL_POSITION, 3000) == 0
    master.servo.sense(2500)
    master.now_s += 1.0
    master.bus.advance(master.now_s)
    assert master.servo.target is not None
    assert master.servo.target.position_ticks == 2500


def test_a_tripped_servo_brakes_in_velocity_mode_and_goes_free_in_current_mode(master: Master) -> None:
    master.in_mode(OperatingMode.VELOCITY, watchdog=1)
    assert master.write(table.GOAL_VELOCITY, 100) == 0
    master.now_s += 1.0
    assert master.read(table.GOAL_VELOCITY) == 0
    assert master.servo.target is not None
    free = Master(VirtualServo(1, MODEL))
    free.in_mode(OperatingMode.CURRENT, watchdog=1)
    assert free.write(table.GOAL_CURRENT, 100) == 0
    free.now_s += 1.0
    assert free.read(table.GOAL_CURRENT) == 0
    assert free.servo.target is None
    assert free.servo.torque_on


# Writes.


@pytest.mark.parametrize("register", [register for register in WRITABLE if register.address < table.EEPROM_END])
def test_no_eeprom_register_can_be_written_while_torque_is_on(master: Master, register: Register) -> None:
    assert master.write(table.TORQUE_ENABLE, 1) == 0
    assert master.write(register, master.servo.get(register)) == StatusError.ACCESS


@pytest.mark.parametrize(
    ("goal", "limit"),
    [
        (table.GOAL_PWM, table.PWM_LIMIT),
        (table.GOAL_CURRENT, table.CURRENT_LIMIT),
        (table.GOAL_VELOCITY, table.VELOCITY_LIMIT),
    ],
)
def test_goals_beyond_their_limits_are_refused_alone_and_lost_among_many(
    master: Master, goal: Register, limit: Register
) -> None:
    assert master.write(limit, 100) == 0
    assert master.write(goal, 100) == 0
    assert master.write(goal, -101) == StatusError.DATA_LIMIT
    master.sync_write(goal, 101)
    assert master.read(goal) == 100


def test_a_write_over_several_registers_is_taken_whole_or_not_at_all(master: Master) -> None:
    gains = table.POSITION_D_GAIN.address.to_bytes(2, "little")
    status = master.ask(Instruction.WRITE, gains + bytes.fromhex("0100 0200 FFFF"))
    assert status == StatusPacket(1, StatusError.DATA_RANGE)
    assert master.read(table.POSITION_D_GAIN) == 0
    master.ask(Instruction.WRITE, gains + bytes.fromhex("0100 0200 0300"))
    assert [master.read(one) for one in (table.POSITION_D_GAIN, table.POSITION_I_GAIN, table.POSITION_P_GAIN)] == [
        1,
        2,
        3,
    ]


def test_an_action_without_a_registered_write_is_an_error(master: Master) -> None:
    assert master.ask(Instruction.ACTION) == StatusPacket(1, StatusError.INSTRUCTION)
    assert master.ask(0x20, b"\x01CTRL") == StatusPacket(1, StatusError.INSTRUCTION)


def test_registered_writes_of_many_act_together(master: Master) -> None:
    other = VirtualServo(2, MODEL)
    master.bus.servos.append(other)
    for servo_id in (1, 2):
        master.ask(Instruction.REG_WRITE, bytes([116, 0]) + (700 + servo_id).to_bytes(4, "little"), servo_id)
    assert master.ask(Instruction.ACTION, servo_id=254) is None
    assert [servo.get(table.GOAL_POSITION) for servo in (master.servo, other)] == [701, 702]


@pytest.mark.parametrize(("level", "answered"), [(0, (True, False, False)), (1, (True, True, False)), (2, (True,) * 3)])
def test_the_return_level_decides_what_is_answered(
    master: Master, level: int, answered: tuple[bool, bool, bool]
) -> None:
    master.sync_write(table.STATUS_RETURN_LEVEL, level)
    answers = (
        master.ask(Instruction.PING),
        master.ask(Instruction.READ, bytes([132, 0, 4, 0])),
        master.ask(Instruction.WRITE, bytes([65, 0, 1])),
    )
    assert tuple(answer is not None for answer in answers) == answered
    assert master.servo.get(table.LED) == 1


def test_a_goal_may_switch_torque_on_where_the_drive_mode_says_so(master: Master) -> None:
    assert master.write(table.GOAL_POSITION, 2000) == 0
    assert not master.servo.torque_on
    assert master.write(table.DRIVE_MODE, 0x08) == 0
    master.sync_write(table.GOAL_POSITION, 2000)
    assert master.servo.torque_on


# Position.


def test_a_homing_offset_shifts_what_is_read_and_what_a_goal_means(master: Master) -> None:
    assert master.write(table.HOMING_OFFSET, 300) == 0
    assert master.read(table.PRESENT_POSITION) == 2348
    assert master.write(table.TORQUE_ENABLE, 1) == 0
    assert master.write(table.GOAL_POSITION, 2400) == 0
    assert master.servo.target is not None
    assert master.servo.target.position_ticks == 2100


def test_position_mode_honours_a_quarter_turn_of_homing_offset_only(master: Master) -> None:
    assert master.write(table.HOMING_OFFSET, 5000) == 0
    assert master.read(table.PRESENT_POSITION) == 2048 + 1024
    assert master.write(table.OPERATING_MODE, OperatingMode.EXTENDED_POSITION) == 0
    assert master.read(table.PRESENT_POSITION) == 2048 + 5000


def test_a_restart_forgets_turns_and_everything_in_ram(master: Master) -> None:
    master.in_mode(OperatingMode.EXTENDED_POSITION, watchdog=100)
    master.servo.sense(3 * 4096 + 77)
    assert master.read(table.PRESENT_POSITION) == 3 * 4096 + 77
    master.now_s += 1.0
    assert master.ask(Instruction.REBOOT) == StatusPacket(1, 0)
    master.servo.sense(3 * 4096 + 78)
    assert master.read(table.PRESENT_POSITION) == 78
    assert [master.read(one) for one in (table.TORQUE_ENABLE, table.BUS_WATCHDOG)] == [0, 0]
    assert master.read(table.OPERATING_MODE) == OperatingMode.EXTENDED_POSITION


def test_turns_can_be_cleared_at_standstill_only(master: Master) -> None:
    assert master.write(table.OPERATING_MODE, OperatingMode.EXTENDED_POSITION) == 0
    clear = bytes.fromhex("0144584C22")
    master.servo.sense(-4096 + 5, velocity_ticks=40)
    assert master.ask(Instruction.CLEAR, clear) == StatusPacket(1, StatusError.RESULT_FAIL)
    assert master.read(table.PRESENT_POSITION) == -4096 + 5
    master.servo.sense(-4096 + 5)
    assert master.ask(Instruction.CLEAR, clear) == StatusPacket(1, 0)
    assert master.read(table.PRESENT_POSITION) == 5


def test_a_servo_says_whether_it_moves(master: Master) -> None:
    master.servo.sense(0, velocity_ticks=-11)
    assert master.read(table.MOVING) == 1
    master.servo.sense(0, velocity_ticks=10)
    assert master.read(table.MOVING) == 0


# Time, starts, resets.


def test_the_tick_counts_milliseconds_from_the_start_and_wraps(master: Master) -> None:
    master.now_s = 32.0
    assert master.read(table.REALTIME_TICK) == 32_000
    master.now_s = 32.8
    assert master.read(table.REALTIME_TICK) == 32
    master.ask(Instruction.REBOOT)
    master.now_s = 33.0
    assert master.read(table.REALTIME_TICK) == pytest.approx(200, abs=1)


def test_a_servo_is_deaf_while_it_starts() -> None:
    master = Master(VirtualServo(1, MODEL, boot_s=0.3))
    assert master.ask(Instruction.PING) is not None
    assert master.ask(Instruction.REBOOT) is not None
    master.now_s += 0.29
    assert master.ask(Instruction.PING) is None
    master.now_s += 0.02
    assert master.ask(Instruction.PING) is not None


def test_a_startup_configuration_switches_torque_on_by_itself(master: Master) -> None:
    assert master.write(table.STARTUP_CONFIGURATION, 1) == 0
    master.servo.sense(1234)
    master.ask(Instruction.REBOOT)
    assert master.servo.target is not None
    assert master.servo.target.position_ticks == 1234


@pytest.mark.parametrize(("option", "servo_id", "baud"), [(0xFF, 1, 57_600), (1, 9, 57_600), (2, 9, 1_000_000)])
def test_a_factory_reset_keeps_what_it_is_told_to(option: int, servo_id: int, baud: int) -> None:
    servo = VirtualServo(9, MODEL, settings={table.RETURN_DELAY: 0, table.HOMING_OFFSET: 40})
    master = Master(servo)
    assert master.ask(Instruction.FACTORY_RESET, bytes([option]), 9) == StatusPacket(9, 0)
    assert (servo.servo_id, servo.baud, servo.get(table.RETURN_DELAY)) == (servo_id, baud, 250)
    assert servo.get(table.HOMING_OFFSET) == 0


def test_nobody_loses_its_id_to_a_factory_reset_of_all_from_firmware_42_on() -> None:
    for firmware, servo_id in ((41, 1), (42, 9)):
        master = Master(VirtualServo(9, MODEL, firmware=firmware))
        assert master.ask(Instruction.FACTORY_RESET, b"\xff", 254) is None
        assert master.servo.servo_id == servo_id


# Alerts.


def test_an_error_outside_the_shutdown_mask_leaves_torque_on(master: Master) -> None:
    master.in_mode(OperatingMode.POSITION)
    master.servo.feel(supply_v=9.0)
    assert master.ask(Instruction.PING) == StatusPacket(1, 0x80, bytes([0xFC, 0x03, 46]))
    assert master.servo.torque_on
    master.servo.feel(temperature_c=81)
    assert not master.servo.torque_on
    assert master.read(table.HARDWARE_ERROR_STATUS) == 0x05
    assert master.write(table.TORQUE_ENABLE, 1) == 0x80 | StatusError.RESULT_FAIL


def test_a_cause_that_lasts_outlives_a_restart(master: Master) -> None:
    master.servo.feel(supply_v=9.0)
    master.ask(Instruction.REBOOT)
    assert master.read(table.HARDWARE_ERROR_STATUS) == 0x01
    master.servo.feel(supply_v=12.0)
    master.ask(Instruction.REBOOT)
    assert master.read(table.HARDWARE_ERROR_STATUS) == 0


@pytest.mark.parametrize("name", ["XL330-M288", "XC330-T288", "XL430-W250", "2XL430-W250", "XM430-W350", "XM540-W270"])
def test_every_model_starts_without_an_alert(name: str) -> None:
    assert VirtualServo(1, servo_model(name)).error_byte == 0
