"""Rollouts in as many processes as there are cores, over rollouts in one."""

from __future__ import annotations

import time
from itertools import islice

import numpy as np

from envs.tasks.known import load_task
from experiments.bench.rows import Row
from experiments.expert_trials import fly_expert
from experiments.orders import orders

CORES = 2
GOAL = 1.8


def measure(task: str, episodes: int, cores: int, quick: bool) -> list[Row]:
    """The expert's episodes without images, as `retake collect` and `retake evaluate` spread them over processes."""
    name = f"rollouts in {CORES} processes over one"
    if cores < CORES:
        return [Row(name, None, "x", note=f"not measured: it takes {CORES} cores, and this machine lends {cores}")]
    drawn = load_task(task).space.draw(None, np.random.default_rng(0), distribution="nominal")
    wanted = orders(list(islice(drawn, episodes)), 0, "uniform", "bench")

    def taken_s(processes: int) -> float:
        begin = time.perf_counter()
        fly_expert(task, wanted, f"rollouts in {processes}", processes)
        return time.perf_counter() - begin

    taken_s(1)  # loads what they need
    taken_s(CORES)
    pairs = [(taken_s(1), taken_s(CORES)) for _ in range(2 if quick else 5)]
    alone_s, shared_s = np.median(pairs, axis=0)
    gain = float(np.median([alone / shared for alone, shared in pairs]))
    told = f"{episodes} recorded episodes of {task}, median of {len(pairs)} paired rounds; peer: one process"
    return [
        Row(name, gain, "x", GOAL, "at least", peer=1.0, note=told),
        Row(f"episodes a second in {CORES} processes", episodes / shared_s, "1/s", peer=episodes / alone_s),
    ]
