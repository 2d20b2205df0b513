"""What `env.step` costs beside bare loops of MuJoCo that take the same physics steps from the same states."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from assets.table import load_robot
from envs.clock import SimClock, substeps
from envs.engine import mujoco
from envs.humanoid import HumanoidEnv
from envs.registry import make_env
from envs.senses.sight import SightSense
from envs.sim_body import SimBody
from envs.simulation import Simulation
from envs.stage import Station
from envs.tasks.known import load_rules, load_task
from experiments.bench.env_flights import Flight, record_flight
from experiments.bench.rows import Row
from experiments.port_options import DEFAULT_ROBOT

PLAN_EVERY = 8  # control steps: how often a chunked policy looks
PICTURE_PX = 96
JOINTS_GOAL, SENSES_GOAL, PICTURES_GOAL, PLANNING_GOAL = 1.15, 1.5, 1.10, 3.0
_QUICK_STEPS = 60

Clock = Callable[[], float]


def over_physics(task: str, quick: bool) -> list[Row]:
    """`env.step` with joints only, and with every sense but images, over bare physics."""
    flight = record_flight(task, _QUICK_STEPS if quick else None)
    with ExitStack() as stack:
        joints = stack.enter_context(closing(make_env(task, images=False, senses=())))
        senses = stack.enter_context(closing(make_env(task, images=False)))
        taken = in_step(flight, [joints, senses], BareLoop(joints.robot, flight), 5 if quick else 15, time.process_time)
    joints_ms, senses_ms, bare_ms = _milliseconds(taken)
    told = f"processor time of {len(flight)} steps of the expert, medians of paired rounds; peer: mj_step alone"
    return [
        Row("env.step with joints only", joints_ms, "ms", peer=bare_ms, note=told),
        Row("env.step with joints only over bare physics", joints_ms / bare_ms, "x", goal=JOINTS_GOAL, peer=1.0),
        Row("env.step with all senses but images", senses_ms, "ms", peer=bare_ms),
        Row("env.step with all senses but images over bare physics", senses_ms / bare_ms, "x", SENSES_GOAL, peer=1.0),
    ]


def over_pictures(task: str, quick: bool) -> list[Row]:
    """`env.step` with two cameras over bare physics and renders; and what images only when planning save."""
    flight = record_flight(task, _QUICK_STEPS if quick else None)
    rounds = 3 if quick else 8
    robot = _with_cameras(load_robot(DEFAULT_ROBOT), PICTURE_PX)
    with ExitStack() as stack:
        seeing = stack.enter_context(closing(_env_of(robot, task)))
        bare = BareLoop(seeing.robot, flight, pictures=True)
        stack.callback(bare.close)
        seeing_ms, bare_ms = _milliseconds(in_step(flight, [seeing], bare, rounds, time.perf_counter))
    with ExitStack() as stack:
        every = stack.enter_context(closing(make_env(task)))
        planned = stack.enter_context(closing(make_env(task, camera_every=PLAN_EVERY)))
        every_ms, planned_ms = _milliseconds(in_step(flight, [every, planned], None, rounds, time.perf_counter))
    cameras = f"{len(robot.cameras)} cameras of {PICTURE_PX}x{PICTURE_PX}"
    saved = every_ms / planned_ms
    planning = f"images every {PLAN_EVERY} steps"
    return [
        Row(f"env.step with {cameras}", seeing_ms, "ms", peer=bare_ms, note="peer: mj_step and mujoco.Renderer alone"),
        Row(f"env.step with {cameras} over bare", seeing_ms / bare_ms, "x", goal=PICTURES_GOAL, peer=1.0),
        Row(f"env.step, {planning}", planned_ms, "ms", peer=every_ms, note="peer: images every step"),
        Row(f"images every step over {planning}", saved, "x", goal=PLANNING_GOAL, wanted="at least", peer=1.0),
    ]


class BareLoop:
    """A simulation that takes the physics steps of another's control periods, with nothing around them.

    Args:
        robot, flight: what stands there.
        pictures: render the robot's cameras after each period, as a bare mujoco.Renderer does.
    """

    def __init__(self, robot: RobotSpec, flight: Flight, *, pictures: bool = False) -> None:
        self._simulation = Simulation(robot, load_task(flight.task).scene)
        rules = load_rules(flight.task)(self._simulation)  # type: ignore[call-arg]  # a Protocol has no __init__
        rules.stage(self._simulation, flight.scenario)
        self._substeps = substeps(robot.control_hz, self._simulation.timestep_s)
        self._cameras = robot.cameras if pictures else ()
        self._sight = SightSense(self._simulation)

    def follow(self, leader: Simulation) -> None:
        """Stand where another simulation of the same scene stands."""
        own = self._simulation
        own.model.eq_data[:] = leader.model.eq_data
        mujoco.mj_copyData(own.data, own.model, leader.data)

    def step(self, sent_rad: NDArray[np.float64]) -> None:
        model, data = self._simulation.model, self._simulation.data
        data.ctrl[self._simulation.actuators] = sent_rad
        for _ in range(self._substeps):
            mujoco.mj_step(model, data)
        for camera in self._cameras:
            self._sight.render(camera.name, camera.width, camera.height)

    def close(self) -> None:
        self._sight.close()


def in_step(
    flight: Flight, envs: Sequence[HumanoidEnv], bare: BareLoop | None, rounds: int, clock: Clock
) -> NDArray[np.float64]:
    """Seconds of each control step of a flight, taken by each environment and by a bare loop in turn.

    The bare loop begins each step where the first environment does, and is sent what that one sends.

    Returns:
        (environments and the loop, rounds, steps).
    """
    taken = np.zeros((len(envs) + (bare is not None), rounds, len(flight)))
    for number in range(-1, rounds):  # the first round warms up and is not counted
        for env in envs:
            flight.begin(env)
        for step, wish_rad in enumerate(flight.wishes_rad):
            if bare is not None:
                bare.follow(_simulation_of(envs[0]))
            sent_rad = wish_rad
            for place, env in enumerate(envs):
                begin = clock()
                info = env.step(wish_rad)[4]
                taken[place, number, step] = clock() - begin
                sent_rad = info["sent_rad"]
            if bare is not None:
                begin = clock()
                bare.step(sent_rad)
                taken[-1, number, step] = clock() - begin
    return taken


def _milliseconds(taken: NDArray[np.float64]) -> list[float]:
    """Of a mean step: each step's median over the rounds, so that no round in which the machine was busy counts."""
    return [float(each) for each in 1e3 * np.median(taken, axis=1).mean(axis=1)]


def _with_cameras(robot: RobotSpec, size_px: int) -> RobotSpec:
    return replace(robot, cameras=tuple(replace(camera, width=size_px, height=size_px) for camera in robot.cameras))


def _env_of(robot: RobotSpec, task_name: str) -> HumanoidEnv:
    task, clock = load_task(task_name), SimClock(1.0 / robot.control_hz)

    def connect() -> Station:
        body = SimBody(robot, task, load_rules(task_name), pacer=clock)
        return Station(body=body, judge=body, crew=body)

    return HumanoidEnv(robot, task, connect, clock)


def _simulation_of(env: HumanoidEnv) -> Simulation:
    if not isinstance(env.body, SimBody):
        raise TypeError(f"{env.body} is no simulated body")
    return env.body.simulation
