"""Servos that give their state but not their vital signs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from thirty_servos import Rig

from hardware import control_table as table
from hardware.control_table import Register
from hardware.dynamixel import Instruction, InstructionPacket
from hardware.virtual_answers import Answer
from hardware.virtual_faults import WireFault


@dataclass(frozen=True)
class Withheld(WireFault):
    """A servo does not tell what lies from one register on."""

    servo_id: int
    register: Register

    def change(self, answers: list[Answer], sent: InstructionPacket, rng: np.random.Generator) -> list[Answer]:
        address = int.from_bytes(sent.parameters[:2], "little")
        if sent.instruction != Instruction.SYNC_READ or address != self.register.address:
            return answers
        return [answer for answer in answers if answer.servo_id != self.servo_id]


@pytest.mark.parametrize("register", [table.TORQUE_ENABLE, table.BUS_WATCHDOG, table.PRESENT_VOLTAGE])
def test_a_servo_that_withholds_one_group_is_noted_and_then_stops(register: Register) -> None:
    rig = Rig()
    rig.periods(3)
    rig.break_with(Withheld(7, register))
    begun_s = rig.clock.now_s
    noted: dict[str, float] = {}
    stopped: dict[str, float] = {}
    while rig.clock.now_s < begun_s + 3.6:
        period = rig.period()
        assert period.state.missing == {}
        noted |= {message: rig.clock.now_s - begun_s for message in period.notes if not noted}
        stopped |= {message: rig.clock.now_s - begun_s for message in period.stops if not stopped}
    (note,), (stop,) = noted, stopped
    assert note.startswith("joint_07 (id 7): has not told some of its vital signs for 1.")
    assert 1.0 <= noted[note] <= 1.4
    assert stop.startswith("joint_07 (id 7): has not told some of its vital signs for 3.")
    assert 3.0 <= stopped[stop] <= 3.4
    rig.bus.faults = None
    assert [period.faults for period in rig.periods(5)][3:] == [(), ()]


def test_a_pause_in_which_nobody_asks_is_no_silence() -> None:
    rig = Rig(watchdog_s=2.5)
    rig.periods(3)
    rig.clock.advance(2.0)
    assert all(period.faults == () for period in rig.periods(4))
