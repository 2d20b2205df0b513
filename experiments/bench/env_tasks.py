"""How fast a task runs over the wall clock, and whether the same seed gives the same episode."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing

import numpy as np

from envs.humanoid import HumanoidEnv
from envs.registry import make_env
from experiments.bench.env_costs import PLAN_EVERY, Led, alternating
from experiments.bench.env_flights import Flight, record_flight
from experiments.bench.rows import Row

_SPEED_GOALS = {"fold_towel": 2.0}  # of cloth
_RIGID_GOAL = 8.0
_QUICK_STEPS, _QUICK_SAME_STEPS = 50, 17


def measure(task: str, quick: bool) -> list[Row]:
    """Simulated over processor time without images, and whether two episodes of one seed are the same to the bit."""
    flight = record_flight(task, _QUICK_STEPS if quick else None)
    with closing(make_env(task, images=False)) as env:
        taken_s = alternating([Led(env, flight)], 1 if quick else 3, time.process_time)
        simulated_s = len(flight) / env.robot.control_hz
    speed = simulated_s / float(np.median(taken_s))
    steps = min(len(flight), _QUICK_SAME_STEPS) if quick else len(flight)
    told = f"{simulated_s:.2f} s of the expert, all senses but images, one core; on an idle machine that is wall time"
    goal = _SPEED_GOALS.get(task, _RIGID_GOAL)
    return [
        Row(f"{task}: simulated over processor time", speed, "x", goal, "at least", peer=1.0, note=told),
        _repeats(flight, steps),
    ]


def _repeats(flight: Flight, steps: int) -> Row:
    """Two environments, one of which has another episode behind it, led along the same way."""
    with ExitStack() as stack:
        first, second = (stack.enter_context(closing(make_env(flight.task, camera_every=PLAN_EVERY))) for _ in range(2))
        second.reset(seed=1)
        second.step(second.robot.home)
        differing = first_difference(flight, first, second, steps)
    told = (
        f"{steps} steps, all senses, images every {PLAN_EVERY}" if differing is None else f"not the same: {differing}"
    )
    name = f"{flight.task}: the same seed gives the same observations"
    return Row(name, float(differing is None), "", 1.0, "at least", peer=1.0, note=told)


def first_difference(flight: Flight, first: HumanoidEnv, second: HumanoidEnv, steps: int) -> str | None:
    """The first reading that is not the same to the bit where both are led along a flight; None if all are."""
    one, other = flight.begin(first), flight.begin(second)
    for step in range(steps + 1):
        for key, reading in one.items():
            if not np.array_equal(reading, other[key]):
                return f"{key} at step {step}"
        if step < steps:
            one, other = (env.step(flight.wishes_rad[step])[0] for env in (first, second))
    return None
