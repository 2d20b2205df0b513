"""What `env.step` costs beside bare loops of MuJoCo that take the same physics steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from assets.reality_gap import load_gap
from assets.robot import RobotSpec
from assets.table import load_robot
from envs.clock import SimClock, substeps
from envs.engine import mujoco
from envs.humanoid import HumanoidEnv
from envs.physique import Physique
from envs.registry import make_env
from envs.senses.sight import SightSense
from envs.servo_drive import ServoDrive
from envs.sim_body import SimBody
from envs.simulation import Simulation
from envs.stage import Station
from envs.tasks.backdrop import Backdrop
from envs.tasks.known import load_rules, load_task
from experiments.bench.env_flights import Flight, Moment, record_flight
from experiments.bench.rows import Row
from experiments.port_options import DEFAULT_ROBOT

PLAN_EVERY = 8  # control steps: how often a chunked policy looks
PICTURE_PX = 96
JOINTS_GOAL, SENSES_GOAL, PICTURES_GOAL, PLANNING_GOAL = 1.15, 1.5, 1.10, 3.0
_QUICK_STEPS, _QUICK_STEPS_SEEN = 60, 3 * PLAN_EVERY


def over_physics(task: str, quick: bool) -> list[Row]:
    """`env.step` with joints only, and with every sense but images, over bare physics."""
    flight = record_flight(task, _QUICK_STEPS if quick else None)
    with ExitStack() as stack:
        joints = stack.enter_context(closing(make_env(task, images=False, senses=())))
        senses = stack.enter_context(closing(make_env(task, images=False)))
        ways: list[Way] = [Led(joints, flight), Led(senses, flight), Bare(joints.robot, flight)]
        taken = alternating(ways, 7 if quick else 25, time.process_time)
    joints_ms, senses_ms, bare_ms = _milliseconds(taken, flight)
    told = (
        f"processor time, {len(flight)} steps of the expert, medians of rounds; peer: mj_step with the scene's sensors"
    )
    return [
        Row("env.step with joints only", joints_ms, "ms", peer=bare_ms, note=told),
        Row("env.step with joints only over bare physics", _ratio(taken, 0, 2), "x", JOINTS_GOAL, peer=1.0),
        Row("env.step with all senses but images", senses_ms, "ms", peer=bare_ms),
        Row("env.step with all senses but images over bare physics", _ratio(taken, 1, 2), "x", SENSES_GOAL, peer=1.0),
    ]


def over_pictures(task: str, quick: bool) -> list[Row]:
    """`env.step` with two cameras over bare physics and renders; and what images only when planning save."""
    flight = record_flight(task, _QUICK_STEPS_SEEN if quick else None)
    rounds = 3 if quick else 9
    robot = _with_cameras(load_robot(DEFAULT_ROBOT), PICTURE_PX)
    with ExitStack() as stack:
        seeing = Led(stack.enter_context(closing(_env_of(robot, task))), flight)
        bare = stack.enter_context(closing(Bare(robot, flight, pictures=True)))
        shown = alternating([seeing, bare], rounds, time.process_time)
    with ExitStack() as stack:
        envs = [stack.enter_context(closing(make_env(task, camera_every=every))) for every in (1, PLAN_EVERY)]
        planned = alternating([Led(env, flight) for env in envs], rounds, time.process_time)
    seeing_ms, bare_ms = _milliseconds(shown, flight)
    every_ms, planned_ms = _milliseconds(planned, flight)
    cameras = f"{len(robot.cameras)} cameras of {PICTURE_PX}x{PICTURE_PX}"
    planning = f"images every {PLAN_EVERY} steps"
    return [
        Row(f"env.step with {cameras}", seeing_ms, "ms", peer=bare_ms, note="peer: mj_step and mujoco.Renderer alone"),
        Row(f"env.step with {cameras} over bare", _ratio(shown, 0, 1), "x", PICTURES_GOAL, peer=1.0),
        Row(f"env.step, {planning}", planned_ms, "ms", peer=every_ms, note="peer: images every step"),
        Row(f"images every step over {planning}", _ratio(planned, 0, 1), "x", PLANNING_GOAL, "at least", peer=1.0),
    ]


Seconds = Callable[[], float]


class Way(Protocol):
    """One way to go along a flight."""

    def begin(self) -> None:
        """Stand where the flight begins; not measured."""
        ...

    def go(self, clock: Seconds) -> float:
        """Take all its steps; the time that they took by a clock, in seconds."""
        ...


class Led:
    """An environment that is led along a flight."""

    def __init__(self, env: HumanoidEnv, flight: Flight) -> None:
        self._env, self._flight = env, flight

    def begin(self) -> None:
        self._flight.begin(self._env)

    def go(self, clock: Seconds) -> float:
        taken_s = 0.0
        for wish_rad in self._flight.wishes_rad:
            began_s = clock()
            self._env.step(wish_rad)
            taken_s += clock() - began_s
        return taken_s


class Bare:
    """The physics steps of a flight with nothing around them: what was sent, from where each step of it began.

    Rules change the physics within a step too (a stem breaks, a hand takes hold): without them it would soon go
    another way, with other contacts. So every step begins anew from the flight's own state, which is not measured.

    Args:
        robot, flight: what stands there, and what was commanded.
        pictures: render the robot's cameras after each period, as a bare mujoco.Renderer does.
    """

    def __init__(self, robot: RobotSpec, flight: Flight, *, pictures: bool = False) -> None:
        self.simulation = Simulation(robot, load_task(flight.task).scene)
        exemplar = load_gap(robot).exemplar("none")
        self._physique = Physique(self.simulation, exemplar)
        drive = ServoDrive(robot, exemplar)
        drive.reset(robot.home)
        self._pulled_rad = [drive.obey(sent_rad) for sent_rad in flight.sent_rad]  # a servo's work, not physics'
        self._rules = load_rules(flight.task)(self.simulation)  # type: ignore[call-arg]  # a Protocol has no __init__
        self._backdrop = Backdrop(self.simulation)
        self._flight = flight
        self._substeps = substeps(robot.control_hz, self.simulation.timestep_s)
        self._cameras = robot.cameras if pictures else ()
        self._sight = SightSense(self.simulation)

    def begin(self) -> None:
        with self._physique.staging():
            self._rules.stage(self.simulation, self._flight.scenario)
            self._backdrop.stage(self._flight.scenario)  # what is seen costs as much as it does there

    def go(self, clock: Seconds) -> float:
        taken_s = 0.0
        for pulled_rad, moment in zip(self._pulled_rad, self._flight.moments, strict=True):
            self._stand_at(moment)
            began_s = clock()
            self._step(pulled_rad)
            taken_s += clock() - began_s
        return taken_s

    def close(self) -> None:
        self._sight.close()

    def _stand_at(self, moment: Moment) -> None:
        model, data = self.simulation.model, self.simulation.data
        mujoco.mj_setState(model, data, moment.physics, mujoco.mjtState.mjSTATE_INTEGRATION)
        self._rules.restore(moment.rules)
        data.eq_active[:], model.eq_data[:] = moment.equality[:, 0], moment.equality[:, 1:]

    def _step(self, pulled_rad: NDArray[np.float64]) -> None:
        model, data = self.simulation.model, self.simulation.data
        data.ctrl[self.simulation.actuators] = pulled_rad
        mj_step = mujoco.mj_step
        for _ in range(self._substeps):
            mj_step(model, data)
        for camera in self._cameras:
            self._sight.render(camera.name, camera.width, camera.height)


def alternating(ways: Sequence[Way], rounds: int, clock: Seconds) -> NDArray[np.float64]:
    """Seconds that each way takes in each round, all ways once a round; (ways, rounds)."""
    taken = np.empty((len(ways), rounds + 1))
    for number in range(rounds + 1):
        for place, way in enumerate(ways):
            way.begin()
            taken[place, number] = way.go(clock)
    return taken[:, 1:]  # the first one warms up


def _milliseconds(taken: NDArray[np.float64], flight: Flight) -> list[float]:
    """Of a step of each way."""
    return [float(each) for each in 1e3 * np.median(taken, axis=1) / len(flight)]


def _ratio(taken: NDArray[np.float64], one: int, other: int) -> float:
    return float(np.median(taken[one] / taken[other]))


def _with_cameras(robot: RobotSpec, size_px: int) -> RobotSpec:
    return replace(robot, cameras=tuple(replace(camera, width=size_px, height=size_px) for camera in robot.cameras))


def _env_of(robot: RobotSpec, task_name: str) -> HumanoidEnv:
    task, clock = load_task(task_name), SimClock(1.0 / robot.control_hz)

    def connect() -> Station:
        body = SimBody(robot, task, load_rules(task_name), pacer=clock)
        return Station(body=body, judge=body, crew=body)

    return HumanoidEnv(robot, task, connect, clock)
