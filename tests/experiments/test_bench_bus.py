"""The benchmark of the servo bus counts what it says it counts."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.bench import bus_damage
from experiments.bench.bus_at_once import answering_at_once
from experiments.bench.bus_cycles import SERVO_IDS, OurCycle, sdk_cycle_at
from experiments.bench.bus_wire import cycle_bytes
from hardware import control_table as table
from hardware.dynamixel import Instruction
from hardware.serial_port import SerialPort
from hardware.state_link import STATE_ADDRESS, STATE_BLOCK
from hardware.sync_read import sync_request


@pytest.mark.parametrize("seed", [0, 1])
def test_damaged_replies_cost_servos_and_bring_no_wrong_value(seed: int) -> None:
    rows = bus_damage.measure(1_000, seed)
    assert [row.value for row in rows] == [0.0] * 4  # plain and fast reads, 1 % and 10 %
    assert all(row.holds for row in rows)
    # The damage was done, and it cost something.
    assert not rows[1].note.startswith("0 damaged")
    assert "lost were 0 " not in rows[1].note


def test_a_wrong_value_is_counted_where_one_is_accepted() -> None:
    servos = bus_damage.Servos(0.0, np.random.default_rng(0))
    tally = bus_damage.Tally()
    cycle = OurCycle(servos, reply_margin_s=0.0)
    servos.next_period()
    state = cycle()
    tally.count(state, servos)
    assert (tally.wrong, tally.lost_well) == (0, 0)
    servos.position = servos.position + 1  # the truth is another now than what was read
    tally.count(state, servos)
    assert tally.wrong == len(SERVO_IDS)


def test_the_wire_of_a_cycle_has_the_bytes_of_its_packets() -> None:
    goals, request = 14 + 30 * 5, 14 + 30
    assert cycle_bytes(fast=False) == goals + request + 30 * (11 + 16)
    assert cycle_bytes(fast=True) == goals + request + 8 + 30 * (4 + 16)


def test_servos_that_answer_at_once_are_believed_by_both_drivers() -> None:
    ours = sync_request(Instruction.SYNC_READ, SERVO_IDS, STATE_ADDRESS, STATE_BLOCK.itemsize)
    theirs = sync_request(Instruction.SYNC_READ, SERVO_IDS, table.PRESENT_CURRENT.address, 10)
    with answering_at_once((ours, theirs)) as path:
        port = SerialPort(path)
        cycle = OurCycle(port, reply_margin_s=5.0)
        for _ in range(5):
            cycle.whole()
        port.close()
        peer = sdk_cycle_at(path, 1_000_000)
        assert peer is not None
        peer()  # raises unless all of them answered
