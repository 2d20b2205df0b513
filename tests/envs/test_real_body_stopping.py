"""Stops, interrupts and pulled cables that come in the middle of what a body on cables does."""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from virtual_station import PATIENCE, SERVO_ROBOT, VirtualStation

from envs.body import JointTarget
from envs.clock import WallClock
from envs.errors import BodyError
from envs.real_body import RealBody
from envs.scenario import Scenario
from hardware import control_table as table
from hardware.dynamixel import Instruction, InstructionPacket
from hardware.errors import PortError
from hardware.virtual_answers import Answer
from hardware.virtual_faults import FaultScript, WireFault

LONG_S = 20.0
SCENARIO = Scenario("pointing", {"mark": 0.5, "colour": "red"})
HOME = JointTarget(SERVO_ROBOT.home)


@dataclass(frozen=True)
class Listener(WireFault):
    """Hears every write on a bus, and does something at the first one to a register."""

    at: table.Register | None = None
    then: Callable[[], None] = lambda: None
    heard: list[tuple[Instruction, int]] = field(default_factory=list)

    def change(self, answers: list[Answer], sent: InstructionPacket, rng: np.random.Generator) -> list[Answer]:
        if sent.instruction in (Instruction.WRITE, Instruction.SYNC_WRITE):
            address = int.from_bytes(sent.parameters[:2], "little")
            is_first = self.at is not None and address == self.at.address and address not in self.addresses()
            self.heard.append((Instruction(sent.instruction), address))
            if is_first:
                self.then()
        return answers

    def addresses(self, instruction: Instruction | None = None) -> list[int]:
        return [address for kind, address in self.heard if instruction in (kind, None)]


def body_at(station: VirtualStation, watchdog_s: float | None = None) -> RealBody:
    patience = PATIENCE if watchdog_s is None else replace(PATIENCE, watchdog_s=watchdog_s)
    return station.closing(RealBody(SERVO_ROBOT, WallClock(1 / 25), station.ports, patience))


def reset(body: RealBody) -> None:
    body.forget_stop()
    body.reset(SCENARIO, np.random.default_rng(0))


def listen(station: VirtualStation, bus: str, listener: Listener) -> Listener:
    with station.lock:
        station.servos.buses[bus].faults = FaultScript([listener])
    return listener


def test_a_stop_that_comes_while_the_first_step_takes_hold_again_switches_nothing_on(station: VirtualStation) -> None:
    body = body_at(station, watchdog_s=0.3)
    reset(body)
    elbow = station.servos.buses["arm"].servo(2)
    deadline_s = time.monotonic() + LONG_S
    while not elbow.watchdog_tripped and time.monotonic() < deadline_s:
        time.sleep(0.005)
    stopping = threading.Thread(target=lambda: body.stop("a hand in the way"))

    def press() -> None:
        stopping.start()
        time.sleep(0.1)  # it waits for the step by now

    listener = listen(station, "arm", Listener(table.GOAL_POSITION, press))
    with pytest.raises(BodyError, match="a hand in the way"):
        body.exchange(HOME)
    stopping.join()
    assert table.GOAL_POSITION.address in listener.addresses(Instruction.WRITE)
    assert table.TORQUE_ENABLE.address not in listener.addresses(Instruction.WRITE)
    assert station.servos.goals.is_limp.all()


def test_an_interrupt_while_the_servos_are_set_up_leaves_no_cable_taken(station: VirtualStation) -> None:
    body = body_at(station)
    body.forget_stop()
    listen(station, "arm", Listener(table.BUS_WATCHDOG, _thread.interrupt_main))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may start tests with it ignored
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            body.reset(SCENARIO, np.random.default_rng(0))
    finally:
        signal.signal(signal.SIGINT, before)
    with station.lock:
        station.servos.buses["arm"].faults = None
    body.close()
    again = body_at(station)
    reset(again)
    assert not station.servos.goals.is_limp.any()
    assert caught.value.__traceback__ is not None  # it keeps what the interrupted call had opened


def test_with_one_cable_pulled_the_other_servos_are_held_and_sink_before_they_are_let_go(
    station: VirtualStation,
) -> None:
    body = body_at(station)
    reset(body)
    body.exchange(HOME)
    listener = listen(station, "hand", Listener())
    station.replug("arm")
    with pytest.raises(PortError, match=r"torque may still be on; cut the power. bus arm \(shoulder, elbow\)"):
        body.exchange(HOME)
    let_go = listener.addresses(Instruction.SYNC_WRITE)
    before = let_go[: let_go.index(table.TORQUE_ENABLE.address)]
    assert before.count(table.GOAL_PWM.address) >= 4
    assert station.servos.goals.is_limp[2]


def test_closing_tells_of_servos_that_did_not_let_go(station: VirtualStation) -> None:
    body = RealBody(SERVO_ROBOT, WallClock(1 / 25), station.ports, PATIENCE)
    reset(body)
    body.stop("the red button")
    station.servos.buses["arm"].servo(2).is_silent = True
    with pytest.raises(BodyError, match=r"cut the power\. elbow"):
        body.close()
