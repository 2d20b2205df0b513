"""An e-stop from another thread, at every stage of an episode on cables: limp servos, until a person re-arms."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analytic_body import POINTING
from input_pipe import InputPipe
from virtual_station import PATIENCE, SERVO_ROBOT, VirtualStation
from waiting import wait_until

from envs.body import JointTarget
from envs.clock import WallClock
from envs.episodes.archive import Archive
from envs.episodes.session import EpisodeOrder, EpisodeResult, run_episode
from envs.errors import EnvError, StoppedError
from envs.estop import EmergencyStop
from envs.humanoid import HumanoidEnv
from envs.pilots.correction import Asking, CorrectedPilot
from envs.real_body import RealBody
from envs.scenario import Scenario
from envs.stage import Judgement, Station
from hardware.input_events import EV_KEY
from hardware.pedal import KEY_C, Pedal

SCENARIO = Scenario("pointing", {"mark": 0.0, "colour": "red"})
ORDER = EpisodeOrder(SCENARIO, 1, "nominal", "ann")
STEPS = 12
WAIT_S = 30.0


@dataclass
class Stage:
    """A robot of bytes, a person who presses at one moment, and what led up to it."""

    station: VirtualStation
    press_at: str
    steps: int = 0
    presses: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock = WallClock(1.0 / SERVO_ROBOT.control_hz)
        self.body = RealBody(SERVO_ROBOT, clock, self.station.ports, PATIENCE)

        def connect() -> Station:
            self.reached("connecting")
            self.reached("opening the cables", after_s=0.05)
            return Station(self.body, self, self, comes_home_first=True)

        self.env = self.station.closing(HumanoidEnv(SERVO_ROBOT, POINTING, connect, clock, deadline_s=10.0))
        self.told: list[str] = []
        self.estop = EmergencyStop(self.env, self.told.append)

    def reached(self, moment: str, *, after_s: float = 0.0) -> None:
        """Press from another thread where this is the moment, and go on once that is done, or at once."""
        if moment != self.press_at:
            return
        self.press_at = ""
        timer = threading.Timer(after_s, self.estop.press, ["the test"])
        timer.start()
        self.presses.append(timer)
        if not after_s:
            timer.join()

    def set_up(self, scenario: Scenario, start: object, rng: np.random.Generator) -> None:
        self.reached("scene")

    def assess(self) -> Judgement:
        done = self.steps >= STEPS
        return Judgement(done=(done, done), success=done, failure=None, unmet="" if done else "turn: not yet")

    # It is also the pilot.
    def reset(self, scenario: Scenario, rng: np.random.Generator) -> None:
        self.steps = 0
        self.reached("before the first step")

    def let_go(self) -> None:
        pass

    doubt = alarm_step = None

    def command(self, observation: Any, info: Any) -> JointTarget:
        if self.steps == 4:
            self.reached("between steps")
            self.reached("in a step", after_s=0.02)
        self.steps += 1
        return JointTarget(SERVO_ROBOT.home)

    def is_limp(self) -> bool:
        with self.station.lock:
            return bool(self.station.servos.goals.is_limp.all())

    def run(self, archive: Archive, pilot: Any = None) -> EpisodeResult:
        return run_episode(self.env, pilot or self, ORDER, archive, station="test")


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def stopped_for_good(stage: Stage) -> None:
    """Limp, and no reset helps until a person re-arms."""
    for press in stage.presses:
        press.join()
    wait_until(stage.is_limp, WAIT_S)
    assert stage.estop.pressed_by == "the test"
    with pytest.raises(StoppedError, match="rearm"):
        stage.env.reset(options={"scenario": SCENARIO})
    assert stage.is_limp()


@pytest.mark.parametrize("moment", ["connecting", "opening the cables", "scene"])
def test_an_e_stop_before_the_episode_lets_none_begin(station: VirtualStation, archive: Archive, moment: str) -> None:
    stage = Stage(station, moment)
    with pytest.raises(EnvError, match="e-stop by the test"):
        stage.run(archive)
    stopped_for_good(stage)
    assert not list(archive.episodes())


def test_an_e_stop_while_the_robot_moves_home_breaks_the_way_off(station: VirtualStation, archive: Archive) -> None:
    stage = Stage(station, "homing")
    with station.lock:
        station.position_rad = SERVO_ROBOT.home + np.array([1.0, 0.5, 0.5])
    began = threading.Event()

    def press_on_the_way() -> None:
        wait_until(lambda: abs(station.position_rad[0] - SERVO_ROBOT.home[0]) < 0.9, WAIT_S)
        began.set()
        stage.estop.press("the test")

    person = threading.Thread(target=press_on_the_way)
    person.start()
    with pytest.raises(EnvError, match="e-stop by the test"):
        stage.run(archive)
    person.join()
    assert began.is_set()
    stopped_for_good(stage)
    assert abs(station.position_rad[0] - SERVO_ROBOT.home[0]) > 0.05  # it did not arrive


@pytest.mark.parametrize("moment", ["before the first step", "in a step", "between steps"])
def test_an_e_stop_in_an_episode_ends_it_with_its_reason(
    station: VirtualStation, archive: Archive, moment: str
) -> None:
    stage = Stage(station, moment)
    result = stage.run(archive)
    assert not result.success
    assert result.reason == "stopped: e-stop by the test"
    assert stage.steps < STEPS
    stopped_for_good(stage)
    assert archive.open(result.episode_id).sheet.outcome.reason == "stopped: e-stop by the test"


def test_an_e_stop_in_the_hand_over_ends_the_episode(station: VirtualStation, archive: Archive) -> None:
    stage = Stage(station, "between steps")
    asking = Asking()
    pilot = CorrectedPilot(SERVO_ROBOT, stage, stage, asking)
    reset = pilot.reset

    def and_ask(scenario: Scenario, rng: np.random.Generator) -> None:
        reset(scenario, rng)
        asking.ask("take_over")
        asking.ask("take_over")

    pilot.reset = and_ask  # type: ignore[method-assign]
    result = stage.run(archive, pilot)
    assert result.reason == "stopped: e-stop by the test"
    stopped_for_good(stage)


def test_an_e_stop_after_the_verdict_leaves_the_episode_whole_and_the_next_waits_for_a_person(
    station: VirtualStation, archive: Archive
) -> None:
    stage = Stage(station, "")
    result = stage.run(archive)
    assert result.success
    stage.press_at = "saved"
    stage.reached("saved")
    stopped_for_good(stage)
    assert archive.open(result.episode_id).sheet.outcome.success
    stage.estop.rearm("ann", stage.estop.presses)
    assert stage.run(archive).success


def test_an_e_stop_while_the_episode_is_saved_costs_nothing_of_it(station: VirtualStation, archive: Archive) -> None:
    stage = Stage(station, "saving")

    def on_step(info: dict[str, Any]) -> None:
        if info["judgement"].success:
            stage.reached("saving", after_s=0.001)

    result = run_episode(stage.env, stage, ORDER, archive, station="test", on_step=on_step)
    stopped_for_good(stage)
    assert archive.open(result.episode_id).sheet.status == "complete"


def test_an_e_stop_while_closing_and_after_does_no_harm(station: VirtualStation) -> None:
    stage = Stage(station, "closing")
    stage.env.reset(options={"scenario": SCENARIO})
    stage.reached("closing", after_s=0.01)
    stage.env.close()
    for press in stage.presses:
        press.join()
    assert stage.estop.presses == 1
    wait_until(stage.is_limp, WAIT_S)
    stage.estop.press("the test")
    assert stage.is_limp()


def test_the_pedal_stops_from_its_own_thread_and_so_does_pulling_it_out(
    station: VirtualStation, tmp_path: Path
) -> None:
    for is_pulled in (False, True):
        pipe = InputPipe(tmp_path / f"event{int(is_pulled)}")
        stage = Stage(station, "")
        with ExitStack() as stack:
            stack.callback(stage.env.close)
            pedal = Pedal(pipe.path, lambda meaning, stage=stage: stage.estop.press(f"the pedal ({meaning})"))
            stack.callback(pedal.close)
            stack.callback(stage.estop.close)
            pedal.start()
            stage.estop.watch(pedal, "the pedal")
            stage.env.reset(options={"scenario": SCENARIO})
            if is_pulled:
                pipe.unplug()
            else:
                pipe.send(EV_KEY, KEY_C, 1)
            wait_until(lambda stage=stage: stage.estop.pressed_by is not None and stage.is_limp(), WAIT_S)
            assert stage.estop.pressed_by == ("the pedal, which has gone" if is_pulled else "the pedal (e_stop)")
        pipe.unplug()


def test_an_e_stop_that_a_servo_does_not_hear_says_that_torque_may_still_be_on(
    station: VirtualStation, archive: Archive
) -> None:
    stage = Stage(station, "")

    def press(info: dict[str, Any]) -> None:
        if stage.told:
            return
        with station.lock:
            station.servos.buses["arm"].servo(2).is_silent = True
        stage.estop.press("the test")
        stage.estop.press("the pedal")

    try:
        result = run_episode(stage.env, stage, ORDER, archive, station="test", on_step=press)
        for said, by in zip(stage.told, ("the test", "the pedal"), strict=True):
            assert said.startswith(f"E-STOP by {by}: e-stop by the test; torque may still be on; cut the power. elbow")
        assert "torque may still be on" in archive.open(result.episode_id).sheet.outcome.reason
        stop = stage.env.stopped
        assert stop is not None
        assert (stop.severity, stop.is_body_safe) == ("hard", False)
    finally:
        station.servos.buses["arm"].servo(2).is_silent = False


def test_a_body_that_did_not_stop_needs_a_person_even_after_a_soft_stop(station: VirtualStation) -> None:
    stage = Stage(station, "")
    stage.env.reset(options={"scenario": SCENARIO})
    station.servos.buses["arm"].servo(2).is_silent = True
    try:
        assert stage.env.stop("too hot", "soft").reason.startswith("too hot; torque may still be on")
    finally:
        station.servos.buses["arm"].servo(2).is_silent = False
    with pytest.raises(StoppedError, match="rearm"):
        stage.env.reset(options={"scenario": SCENARIO})


def test_nobody_re_arms_without_a_name(station: VirtualStation) -> None:
    stage = Stage(station, "")
    stage.estop.press("the test")
    with pytest.raises(EnvError, match="name"):
        stage.estop.rearm(" ", stage.estop.presses)
    with pytest.raises(StoppedError, match="a person re-arms"):
        stage.estop.refuse_if_pressed()
    stage.estop.rearm("ann", stage.estop.presses)
    stage.estop.refuse_if_pressed()
