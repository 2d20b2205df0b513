"""A master that speaks to one virtual servo in bytes, so that no driver can hide a defect."""

from __future__ import annotations

from hardware import control_table as table
from hardware.control_table import OperatingMode, Register
from hardware.dynamixel import Instruction, InstructionPacket, StatusPacket, decode
from hardware.virtual import VirtualBus
from hardware.virtual_servo import VirtualServo


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
