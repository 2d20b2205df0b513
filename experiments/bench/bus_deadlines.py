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
_TASK = "pick_fruit"


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
            late_s, empty_s, stops = _run(env, clock, scenario, steps, period_s)
        finally:
            env.close()
        figures = twin.figures()
    share = float((late_s > LATE_S).mean())
    told = (
        f"{int((late_s > LATE_S).sum())} of {len(late_s)}; worst {1e3 * late_s.max():.1f} ms, median "
        f"{1e3 * np.median(late_s):.2f} ms; {stops} stops; the twin slipped {figures['slipped_s']:.2f} s"
    )
    name = f"periods of RealBody on the twin that ended more than 10 ms late, {minutes:g} minutes at 25 Hz"
    empty = float((empty_s > LATE_S).mean()) if len(empty_s) else 0.0
    worst_ms = 1e3 * float(empty_s.max()) if len(empty_s) else 0.0
    beside = f"in a process of its own, at the same time; worst {worst_ms:.1f} ms"
    return [
        Row(name, share, "share", goal=LATE_GOAL, note=told),
        Row("the same of an empty loop", empty, "share", note=beside),
    ]


def _run(
    env: HumanoidEnv, clock: _WatchedClock, scenario: object, steps: int, period_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Hold still for so many steps; how late each period ended here and in an empty loop, and how often it stopped."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    idler = context.Process(target=_idle, args=(period_s, theirs), daemon=True)
    idler.start()
    late_s: list[float] = []
    stops = done = 0
    with progress_bar("real body on the twin", steps) as advance:
        while done < steps:
            _, info = env.reset(seed=done, options={"scenario": scenario})
            clock.late_s.clear()
            is_over = False
            while not is_over and done < steps:
                _, _, terminated, truncated, info = env.step(info["sent_rad"])
                is_over = terminated or truncated
                done += 1
                advance(f"{len(late_s)} periods")
            late_s += clock.late_s
            stops += info["stop"] is not None
    ours.send("enough")
    empty_s = np.array(ours.recv())
    idler.join()
    return np.array(late_s), empty_s, stops


def _idle(period_s: float, parent: Connection) -> None:
    clock = _WatchedClock(period_s)
    clock.start(time.monotonic())
    while not parent.poll():
        clock.wait()
    parent.send(clock.late_s)


class _WatchedClock(WallClock):
    """A wall clock that notes how late each period really ended, its own oversleeping included."""

    def __init__(self, period_s: float) -> None:
        super().__init__(period_s, sleep=self._sleep_and_note)
        self.late_s: list[float] = []

    def wait(self) -> None:
        super().wait()
        if self.lateness_s > 0.0:  # nothing was left to sleep
            self.late_s.append(self.lateness_s)

    def _sleep_and_note(self, duration_s: float) -> None:
        due_s = time.monotonic() + duration_s
        time.sleep(duration_s)
        self.late_s.append(time.monotonic() - due_s)
