"""Whether the real body keeps its control period on a twin, with its cameras on, minute after minute."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.connection import Connection

import numpy as np
from numpy.typing import NDArray

from assets.table import load_robot
from envs.clock import WallClock
from envs.humanoid import HumanoidEnv
from envs.real_station import connect_station
from envs.scenario import Pool
from envs.tasks.known import load_task
from envs.twin.process import TwinProcess
from experiments.bench.rows import Row
from experiments.orders import scenarios
from experiments.workers import progress_bar

LATE_S = 0.010
LATE_GOAL = 0.001
STALL_S = 0.003  # of the empty loop: the machine was elsewhere
NEAR_S = 0.25
_TASK = "pick_fruit"
_APART = f"no period of the empty loop within {NEAR_S} s was late by {1e3 * STALL_S:.0f} ms"


def measure(minutes: float) -> list[Row]:
    robot, task = load_robot(), load_task(_TASK)
    period_s = 1.0 / robot.control_hz
    steps = round(60.0 * minutes / period_s)
    (scenario,) = scenarios(task.space, Pool.TRAIN, 1, seed=0)
    clock = _WatchedClock(period_s)
    with TwinProcess.start(_TASK) as twin:
        ports = {name: port for name, port in twin.ports.items() if name != "exoskeleton"}
        env = HumanoidEnv(robot, task, lambda: connect_station(robot, task, clock, ports), clock)
        try:
            ours, empty, stops = _run(env, clock, scenario, steps, period_s)
        finally:
            env.close()
        figures = twin.figures()
    late_s, empty_s = ours[:, 1], empty[:, 1]
    share = float((late_s > LATE_S).mean())
    told = (
        f"{int((late_s > LATE_S).sum())} of {len(late_s)}; worst {1e3 * late_s.max():.1f} ms, median "
        f"{1e3 * np.median(late_s):.2f} ms; {stops} stops; the twin slipped {figures['slipped_s']:.2f} s"
    )
    name = f"periods of RealBody on the twin that ended more than 10 ms late, {minutes:g} minutes at 25 Hz"
    empty_share = float((empty_s > LATE_S).mean()) if len(empty_s) else 0.0
    worst_ms = 1e3 * float(empty_s.max()) if len(empty_s) else 0.0
    beside = f"in a process of its own, at the same time; worst {worst_ms:.1f} ms"
    return [
        Row(name, share, "share", goal=LATE_GOAL, note=told),
        Row("the same of an empty loop", empty_share, "share", note=beside),
        Row("late where the empty loop kept its time", _alone(ours, empty), "share", note=_APART),
    ]


def _alone(ours: NDArray[np.float64], empty: NDArray[np.float64]) -> float:
    """Share of our periods that ended late while no period of the empty loop near it did."""
    stalled_s = empty[empty[:, 1] > STALL_S, 0]
    late_at_s = ours[ours[:, 1] > LATE_S, 0]
    near = np.searchsorted(stalled_s, late_at_s - NEAR_S) < np.searchsorted(stalled_s, late_at_s + NEAR_S)
    return float((~near).sum() / len(ours))


def _run(
    env: HumanoidEnv, clock: _WatchedClock, scenario: object, steps: int, period_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Hold still for so many steps; when each period ended and how late, (periods, 2), here and in an empty loop, and
    how often it stopped.
    """
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    idler = context.Process(target=_idle, args=(period_s, theirs), daemon=True)
    idler.start()
    ours_s: list[tuple[float, float]] = []
    stops = done = 0
    with progress_bar("real body on the twin", steps) as advance:
        while done < steps:
            _, info = env.reset(seed=done, options={"scenario": scenario})
            clock.ends.clear()
            is_over = False
            while not is_over and done < steps:
                _, _, terminated, truncated, info = env.step(info["sent_rad"])
                is_over = terminated or truncated
                done += 1
                advance(f"{len(ours_s)} periods")
            ours_s += clock.ends
            stops += info["stop"] is not None
    pipe.send("enough")
    empty = np.array(pipe.recv()).reshape(-1, 2)
    idler.join()
    return np.array(ours_s).reshape(-1, 2), empty, stops


def _idle(period_s: float, parent: Connection) -> None:
    clock = _WatchedClock(period_s)
    clock.start(time.monotonic())
    while not parent.poll():
        clock.wait()
    parent.send(clock.ends)


class _WatchedClock(WallClock):
    """A wall clock that notes how late each period really ended, its own oversleeping included."""

    def __init__(self, period_s: float) -> None:
        super().__init__(period_s, sleep=self._sleep_and_note)
        self.ends: list[tuple[float, float]] = []  # when, and how late

    def wait(self) -> None:
        super().wait()
        if self.lateness_s > 0.0:  # nothing was left to sleep
            self.ends.append((time.monotonic(), self.lateness_s))

    def _sleep_and_note(self, duration_s: float) -> None:
        due_s = time.monotonic() + duration_s
        time.sleep(duration_s)
        now_s = time.monotonic()
        self.ends.append((now_s, now_s - due_s))
