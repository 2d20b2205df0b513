"""A body whose servos or cables come back, and a stop while they do: on pseudo-terminals, with wide deadlines."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from virtual_station import PATIENCE, SERVO_ROBOT, VirtualStation, station_env
from waiting import wait_until

from envs.clock import WallClock
from envs.errors import BodyError
from envs.real_body import RealBody
from envs.scenario import Scenario
from hardware import control_table as table
from hardware.virtual_faults import AllSilent, FaultScript

QUICK = replace(PATIENCE, reply_s=0.1)  # whoever waits for servos without power waits as often as there are servos
SCENARIO = Scenario("pointing", {"mark": 0.5, "colour": "red"})


def test_row_04_a_bus_whose_power_returns_is_set_up_again_at_the_next_reset(station: VirtualStation) -> None:
    env = station_env(station, QUICK)
    try:
        env.reset(seed=1)
        with station.lock:
            station.servos.buses["hand"].faults = FaultScript([AllSilent()])
            station.servos.buses["arm"].faults = FaultScript([AllSilent()])
        *_, truncated, info = env.step(SERVO_ROBOT.home)
        assert truncated
        assert "nobody answers on bus arm" in info["stop"].reason
        with station.lock:
            for bus in station.servos.buses.values():
                bus.faults = None
                for servo in bus.servos:
                    servo.reboot()
        assert info["stop"].severity == "hard"  # nobody consented to being let go
        env.rearm("ann")
        env.reset(seed=2)
        *_, truncated, info = env.step(SERVO_ROBOT.home)
        assert info["stop"] is None
        assert station.servos.buses["hand"].servo(3).get(table.GOAL_CURRENT) == 300
    finally:
        env.close()


def test_row_22_a_cable_that_comes_back_during_the_reset_is_waited_for(station: VirtualStation, tmp_path: Path) -> None:
    by_id = tmp_path / "arm"
    by_id.symlink_to(station.ports["arm"])
    env = station_env(station, arm=str(by_id))
    try:
        env.reset(seed=1)
        by_id.unlink()
        station.replug("arm")
        *_, truncated, _ = env.step(SERVO_ROBOT.home)
        assert truncated
        later = threading.Timer(0.3, lambda: by_id.symlink_to(station.ports["arm"]))
        later.start()
        env.reset(seed=2)
        later.join()
        *_, info = env.step(SERVO_ROBOT.home)
        assert info["stop"] is None
    finally:
        env.close()


@pytest.mark.parametrize("pause_s", [0.0, 0.02, 0.05, 0.1, 0.2])
def test_a_stop_while_the_cables_are_being_opened_wins(station: VirtualStation, pause_s: float) -> None:
    body = RealBody(SERVO_ROBOT, WallClock(1 / 25), station.ports, PATIENCE)
    errors: list[BaseException] = []

    def go_home() -> None:
        body.forget_stop()
        try:
            body.reset(SCENARIO, np.random.default_rng(0))
        except BodyError as error:
            errors.append(error)

    station.position_rad = np.array([-1.0, 1.5, 1.0])  # a long way
    thread = threading.Thread(target=go_home)
    try:
        thread.start()
        # Its torque limits are read and its goals are written before torque comes on.
        wait_until(lambda: body._senses is not None)
        time.sleep(pause_s)
        body.stop("the red button")
        assert station.servos.goals.is_limp.all()
        thread.join()
        assert "the red button" in str(errors[0])
        assert station.servos.goals.is_limp.all()
    finally:
        thread.join()
        body.close()
