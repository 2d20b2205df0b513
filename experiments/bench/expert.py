"""How often the scripted expert succeeds on scenarios that it has never been tried on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice

import numpy as np

from envs.humanoid import HumanoidEnv
from envs.pilots.scripted import ScriptedPilot
from envs.registry import make_env
from envs.scenario import Distribution, Scenario
from envs.tasks.known import load_task
from experiments.bench.rows import BenchOptions, Row
from experiments.orders import episode_seed
from experiments.workers import available_processes, run_jobs
from policies.cases.rates import Rate

NOMINAL_GOAL = 0.95


@dataclass(frozen=True)
class Expert(BenchOptions):
    """The scripted expert's success on fresh scenarios of every pool, without images, with Wilson's 95 % interval.

    Example: retake bench expert --seed 7 --episodes 200
    """

    task: str = "pick_fruit"
    """What is done."""
    seed: int = 0
    """Draws the scenarios; each seed draws others."""
    episodes: int = 100
    """How many of each distribution; --quick takes at most 16."""
    processes: int = available_processes()
    """How many episodes are simulated at once."""


@dataclass(frozen=True)
class _Trial:
    scenario: Scenario
    seed: int


def measure(config: Expert) -> list[Row]:
    episodes = min(config.episodes, 16) if config.quick else config.episodes
    rows = []
    wanted: tuple[tuple[Distribution, float | None], ...] = (("nominal", NOMINAL_GOAL), ("deployment", None))
    for distribution, goal in wanted:
        trials = _trials(config, distribution, episodes)
        reasons = run_jobs(f"{distribution} scenarios", partial(_fly, config.task), trials, processes=config.processes)
        rate = Rate.of(not reason for reason in reasons)
        low, high = rate.interval
        failures = sorted({reason.partition(":")[0] for reason in reasons if reason})
        note = f"{rate.count} of {rate.n}, interval {low:.3f}-{high:.3f}" + (
            f"; failed by {', '.join(failures)}" if failures else ""
        )
        rows.append(Row(f"success, {distribution}", rate.value, "share", goal=goal, wanted="at least", note=note))
    return rows


def _trials(config: Expert, distribution: Distribution, episodes: int) -> list[_Trial]:
    space = load_task(config.task).space
    drawn = space.draw(None, np.random.default_rng(config.seed), distribution=distribution)
    return [_Trial(scenario, episode_seed(scenario, config.seed)) for scenario in islice(drawn, episodes)]


def _fly(task: str, trial: _Trial) -> str:
    """Why the expert failed; "" where it succeeded."""
    env, pilot = _station(task)
    observation, info = env.reset(seed=trial.seed, options={"scenario": trial.scenario})
    pilot.reset(trial.scenario, np.random.default_rng([trial.seed, 1]))
    is_over = False
    while not is_over:
        target = pilot.command(observation, info)
        observation, _, terminated, truncated, info = env.step(info["sent_rad"] if target is None else target)
        is_over = terminated or truncated
    judgement = info["judgement"]
    return "" if judgement.success else str(judgement.unmet)


@lru_cache(maxsize=1)
def _station(task: str) -> tuple[HumanoidEnv, ScriptedPilot]:
    env = make_env(task, images=False)
    return env, ScriptedPilot(env)
