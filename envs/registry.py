"""Environments by name. Importing this is cheap: simulator, ports and OpenGL come with the first reset."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import gymnasium

from assets.robot import SENSES, Sense
from envs.errors import EnvError

if TYPE_CHECKING:
    from assets.calibration import Calibration
    from assets.robot import RobotSpec
    from envs.clock import Clock
    from envs.humanoid import HumanoidEnv
    from envs.operator import OperatorPanel
    from envs.stage import Station
    from envs.tasks.task import Task

BodyKind = Literal["sim", "fast-twin", "serial"]
Pace = Literal["sim", "wall"]

_ENTRY_POINT = "envs.registry:make_env"
_IDS: Mapping[str, tuple[str, BodyKind]] = {
    "Retake/PickFruit-v0": ("pick_fruit", "sim"),
    "Retake/PickFruitReal-v0": ("pick_fruit", "serial"),
    "Retake/FoldTowel-v0": ("fold_towel", "sim"),
    "Retake/FoldTowelReal-v0": ("fold_towel", "serial"),
    "Retake/BrewCoffee-v0": ("brew_coffee", "sim"),
    "Retake/BrewCoffeeReal-v0": ("brew_coffee", "serial"),
    "Retake/WashDishes-v0": ("wash_dishes", "sim"),
    "Retake/WashDishesReal-v0": ("wash_dishes", "serial"),
}


def register_envs() -> None:
    """Make the ids known to Gymnasium, so that `gymnasium.make("envs:Retake/PickFruit-v0")` works."""
    for env_id, (task, body) in _IDS.items():
        if env_id not in gymnasium.registry:
            gymnasium.register(
                env_id,
                entry_point=_ENTRY_POINT,
                kwargs={"task": task, "body": body},
                nondeterministic=body == "serial",
            )


def make_env(
    task: str = "pick_fruit",
    body: BodyKind = "sim",
    *,
    robot: str | Path = "tudi",
    pace: Pace | None = None,
    camera_every: int = 1,
    images: bool = True,
    senses: Collection[Sense] = SENSES,
    ports: Mapping[str, str] | None = None,
    panel: OperatorPanel | None = None,
    calibration: Calibration | None = None,
    deadline_s: float = 1.0,
    render_mode: str | None = None,
) -> HumanoidEnv:
    """An environment that knows its spaces and is connected to nothing yet.

    Args:
        task: one of `envs.tasks.known.TASK_NAMES`.
        body: "sim" for the simulated body, "serial" for one behind serial ports, "fast-twin" for the twin's world
            (see `assets.reality_gap`) without its cables, at the pace of simulation.
        robot: name under `assets`, or a folder with a `robot.toml`.
        pace: "sim" runs as fast as it can, "wall" in real time; a serial body has real time only.
        camera_every: simulated cameras render at every n-th control step.
        images: False leaves the cameras out, and needs no OpenGL.
        senses: which of touch, sound and imu there are; the others are neither sensed nor in the spaces.
        ports: what each of the robot's connections is plugged into, by the connection's name; serial only.
        panel: how a person at a serial body is asked to set up and to judge; a twin needs none.
        calibration: what was measured of the one robot at the ports; serial only, None trusts the table.
        deadline_s: a control period that ends later than this by the wall clock stops a serial body softly.
        render_mode: None or "rgb_array".

    Raises:
        EnvError: an argument is none of those allowed; the message lists them.
        RobotTableError: the robot's table is refused.
        CalibrationError: the calibration is of something else.
    """
    _require("body", body, get_args(BodyKind))
    is_serial = body == "serial"
    pace = pace if pace is not None else ("wall" if is_serial else "sim")
    _require("pace", pace, get_args(Pace))
    if is_serial and pace == "sim":
        raise EnvError("pace is 'sim', but a serial body lives in real time; give 'wall' or leave it out")
    if ports and not is_serial:
        raise EnvError(f"ports {dict(ports)} were given, but the simulated body has none; say body='serial'")
    if calibration is not None and not is_serial:
        raise EnvError("a calibration was given, but the simulated body has none; say body='serial'")
    for sense in senses:
        _require("a sense", sense, SENSES)
    if camera_every != 1 and is_serial:
        raise EnvError(f"camera_every is {camera_every}, but real cameras set their own pace; leave it out")
    from assets.table import load_robot
    from envs.clock import SimClock, WallClock
    from envs.humanoid import HumanoidEnv
    from envs.tasks.known import load_task

    spec, found = load_robot(robot), load_task(task)
    if set(senses) != set(SENSES):
        spec = spec.with_senses(senses)
    wall = WallClock(1.0 / spec.control_hz)
    if not is_serial:
        clock: Clock = SimClock(1.0 / spec.control_hz, pace=wall if pace == "wall" else None)
        connect = partial(_connect_sim, spec, found, clock, camera_every, images, body == "fast-twin")
    else:
        clock = wall
        if calibration is not None:
            calibration.of("robot", spec.name)
        connect = partial(_connect_serial, spec, found, clock, dict(ports or {}), panel, calibration)
    return HumanoidEnv(
        spec,
        found,
        connect,
        clock,
        images=images,
        camera_every=camera_every,
        deadline_s=deadline_s,
        render_mode=render_mode,
    )


def _connect_sim(spec: RobotSpec, task: Task, clock: Clock, camera_every: int, images: bool, is_twin: bool) -> Station:
    from envs.sim_body import SimBody
    from envs.stage import Station
    from envs.tasks.known import load_rules

    rules = load_rules(task.name)
    body = SimBody(spec, task, rules, camera_every=camera_every, images=images, pacer=clock, is_twin=is_twin)
    return Station(body=body, judge=body, crew=body)


def _connect_serial(
    spec: RobotSpec,
    task: Task,
    clock: Clock,
    ports: dict[str, str],
    panel: OperatorPanel | None,
    calibration: Calibration | None,
) -> Station:
    from envs.real_station import connect_station

    return connect_station(spec, task, clock, ports, panel, calibration=calibration)


def _require(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        raise EnvError(f"{name} is {value!r}; choose one of {', '.join(map(repr, allowed))}")
