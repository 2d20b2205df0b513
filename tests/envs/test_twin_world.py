"""The twin's inside, in simulated time and without a process: every run is alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from assets.exoskeleton import isomorphic_joints
from assets.reality_gap import load_gap
from assets.table import load_robot
from envs.errors import PilotError, ScenarioError
from envs.pilots.exoskeleton import ExoskeletonPilot
from envs.registry import make_env
from envs.safety import Safety
from envs.scenario import Scenario
from envs.tasks.known import load_rules, load_task
from envs.twin.trainer import VirtualTrainer
from envs.twin.world import TwinWorld
from hardware.exoskeleton import ServoExoskeleton
from hardware.port import InProcessPort
from hardware.servos import ServoChain

TUDI = load_robot()
TASK = load_task("pick_fruit")
MIDDLE = TASK.space.at(np.full(len(TASK.space.factors), 0.5), "nominal")


class Rig:
    """A world, and the drivers on the other end of its cables, all on simulated time."""

    def __init__(self) -> None:
        self.world = TwinWorld(TUDI, TASK, load_rules("pick_fruit"), load_gap(TUDI).twin)
        self.chain = ServoChain(TUDI, {name: self._port(name) for name in self.world.servos.buses})
        worn = isomorphic_joints(TUDI)
        exoskeleton_port = InProcessPort(self.world.exoskeleton.bus.feed, self.now)
        self.pilot = ExoskeletonPilot(TUDI, ServoExoskeleton(TUDI, worn, exoskeleton_port), now=self.now)

    def now(self) -> float:
        return 100.0 + self.world.steps * self.world.simulation.timestep_s

    def period(self, goals_rad: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """One control period; the joints at its end."""
        if goals_rad is not None:
            self.chain.write_goals(goals_rad)
        for _ in range(self.world.steps_a_period):
            self.world.step(self.now())
        return self.chain.read().position_rad

    def _port(self, bus: str) -> InProcessPort:
        virtual = self.world.servos.buses[bus]
        return InProcessPort(lambda data, now_s: self.world.feed(virtual, data, now_s), self.now)


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.chain.close()


def fruit_m(rig: Rig) -> NDArray[np.float64]:  # (3,)
    return np.array(rig.world.simulation.data.body("ripe").xpos)


def test_a_limp_robot_sinks_and_does_not_fall(rig: Rig) -> None:
    start_rad = rig.period()
    speeds = [rig.world.joint_speed_rad_s() for _ in range(25) if rig.period() is not None]
    assert max(speeds) < 3.0
    assert np.abs(rig.period() - start_rad).max() > 0.05


def test_joints_follow_goals_that_come_over_the_bus(rig: Rig) -> None:
    rig.chain.connect()
    goals_rad = TUDI.home.copy()
    goals_rad[TUDI.joint_index["left_elbow"]] += 0.3
    for _ in range(25):
        position_rad = rig.period(goals_rad)
    np.testing.assert_allclose(position_rad, goals_rad, atol=0.1)


def test_no_servo_pushes_harder_than_its_goal_current_allows(rig: Rig) -> None:
    rig.chain.connect()
    rig.period(TUDI.home)
    simulation = rig.world.simulation
    limits_nm = simulation.model.actuator_forcerange[simulation.actuators, 1]
    assert (limits_nm <= TUDI.max_effort_nm + 1e-9).all()
    assert (limits_nm <= rig.world.servos.goals.effort_limit_nm + 1e-9).all()


def test_the_scene_is_set_up_around_the_robot_and_stands_when_it_is_home(rig: Rig) -> None:
    rig.chain.connect()
    away_rad = TUDI.home.copy()
    away_rad[TUDI.joint_index["left_shoulder_roll"]] += 0.5
    for _ in range(25):
        standing_rad = rig.period(away_rad)
    scenario = TASK.space.scenario({**MIDDLE.values, "fruit_x": 36.0, "fruit_height": 96.0})
    rig.world.set_up(scenario, None)
    np.testing.assert_allclose(rig.chain.read().position_rad, standing_rad, atol=0.002)
    data = rig.world.simulation.data
    address = rig.world.simulation.model.joint("ripe").qposadr[0]
    data.qpos[address : address + 3] = [0.2, 0.3, 0.2]  # knocked off on the way home
    for share in np.linspace(1.0, 0.0, 25):
        rig.period(TUDI.home + share * (away_rad - TUDI.home))
    for _ in range(25):
        rig.period(TUDI.home)
    assert rig.world.judge().failure is None
    expected_m = [0.36, scenario.number("fruit_y") / 100, 0.96 - scenario.number("fruit_radius") / 1000 - 0.02]
    np.testing.assert_allclose(fruit_m(rig), expected_m, atol=0.01)


def test_no_servo_forgets_what_it_was_told_while_the_scene_is_set_up(rig: Rig) -> None:
    rig.chain.connect()
    away_rad = TUDI.home.copy()
    away_rad[TUDI.joint_index["left_shoulder_roll"]] += 0.5
    for _ in range(25):
        rig.period(away_rad)
    simulation = rig.world.simulation
    before_nm = simulation.data.actuator_force.copy()
    rig.world.set_up(MIDDLE, None)
    for _ in range(6):  # past the latency of a command
        rig.world.step(rig.now())
        np.testing.assert_allclose(simulation.data.actuator_force, before_nm, atol=0.5)


def test_nothing_of_the_scene_is_in_the_robots_way_until_it_stands(rig: Rig) -> None:
    simulation = rig.world.simulation
    model, data = simulation.model, simulation.data
    model.body("basket").pos = data.site("right_grasp").xpos - [0.0, 0.0, 0.01]  # around the hand

    def touches() -> int:
        is_basket = model.geom_bodyid == model.body("basket").id
        return int(is_basket[data.contact.geom].any(axis=1).sum())

    rig.world.set_up(MIDDLE, None)
    assert touches() == 0
    rig.world.judge()
    assert touches() > 0


def test_a_scene_of_another_task_or_model_is_refused(rig: Rig) -> None:
    with pytest.raises(ScenarioError, match="fold_towel"):
        rig.world.set_up(Scenario("fold_towel", {}), None)
    with pytest.raises(ScenarioError, match="weather"):
        rig.world.set_up(Scenario("pick_fruit", {**MIDDLE.values, "weather": 1.0}), None)
    env = make_env("pick_fruit", images=False)
    env.reset(seed=1)
    start = env.snapshot()
    env.close()
    with pytest.raises(ScenarioError, match="model"):
        rig.world.set_up(start.scenario, replace(start, model_digest="another"))
    with pytest.raises(ScenarioError, match="lacks what a task remembers"):
        rig.world.set_up(start.scenario, replace(start, memory={"task": {}}))
    rig.world.judge()  # the twin goes on to serve, with the objects where the scenario has them


def test_a_start_brings_the_objects_and_leaves_the_robot(rig: Rig) -> None:
    env = make_env("pick_fruit", images=False)
    _, info = env.reset(seed=1)
    goal_rad = TUDI.home.copy()
    goal_rad[TUDI.joint_index["right_elbow"]] += 0.3
    for _ in range(10):
        env.step(goal_rad)
    start = env.snapshot()
    env.close()
    rig.world.set_up(start.scenario, start)
    assert rig.world.scenario == info["scenario"]
    np.testing.assert_allclose(rig.period(), TUDI.home, atol=0.02)


def test_a_trainer_who_does_not_know_the_task_says_so(rig: Rig) -> None:
    world = rig.world
    trainer = VirtualTrainer(TUDI, "knit", world.simulation, world.rules, world.exoskeleton)
    with pytest.raises(PilotError, match="pick_fruit"):
        trainer.wear(True)


@pytest.mark.parametrize("seed", [3, 4])
def test_the_trainers_exoskeleton_leads_the_robot_to_the_fruit_and_into_the_basket(rig: Rig, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scenario = next(TASK.space.draw(None, rng, distribution="nominal"))
    rig.world.trainer.wear(True)
    rig.world.set_up(scenario, None)
    rig.chain.connect()
    position_rad = rig.period(TUDI.home)
    safety = Safety(TUDI, TUDI.control_hz)
    sent_rad = safety.begin(position_rad)
    judgement = rig.world.judge()
    rig.pilot.reset(scenario, rng)
    for _ in range(150):
        if judgement.success or judgement.failure:
            break
        target = rig.pilot.command({}, {"sent_rad": sent_rad})
        assert target is not None
        sent_rad = safety.filter(target.position_rad)
        rig.period(sent_rad)
        judgement = rig.world.judge()
    assert judgement.success, judgement.unmet
