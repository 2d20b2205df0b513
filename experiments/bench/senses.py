"""Which senses a task needs: policies trained and tried without each of them, on the same scenarios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from envs.scenario import Distribution
from envs.tasks.known import load_task
from experiments.bench.learning import SIM, LearningBench, lost_row
from experiments.bench.rows import BenchOptions, Row
from experiments.bench.success import success_row
from experiments.command import at_least
from experiments.step_starts import place_of_step
from experiments.task_option import TaskName
from experiments.train import EXECUTE_S, Sense, Train, training_config
from experiments.workers import available_processes
from policies.cases.rollout import Rollout
from policies.dataset.reader import open_dataset

_WITH_ALL = "all"


@dataclass(frozen=True)
class Senses(BenchOptions):
    """Train with every sense, and without each in turn, at equal steps; try all on the same scenarios in simulation.

    What a policy loses without a sense is what the task needs it for. With --begin, trials begin in the midst of the
    task as well: a policy that already fails at the first step cannot show what a later one needs. Whatever is in
    --folder already is used again, so a run that was broken off goes on.

    Examples:
      retake bench senses --task pick_fruit --folder runs/senses --seeds 3
      retake bench senses --task brew_coffee --steps 15000 --execute-s 0.08 --begin grasp wait --folder runs/coffee
    """

    folder: Path = Path("runs/senses")
    """Where recordings, policies and rollouts are kept; one for each task."""
    task: TaskName = "pick_fruit"
    """What is done."""
    without: tuple[Sense, ...] = ("sight", "touch", "sound")
    """The senses to do without, one at a time."""
    demonstrations: int = 120
    """By the expert."""
    steps: int = 2_500
    """Batches that each policy learns from."""
    execute_s: float = EXECUTE_S
    """How much of a plan each policy carries out before it looks again; see `retake train --help`."""
    trials: int = 50
    """Scenarios that each policy is tried on."""
    begin: tuple[str, ...] = ()
    """Instruction steps that trials begin with, the expert having done those before; the first one, if left out."""
    seeds: int = 3
    """Trainings of each, counted from seed 0; each seed tries other scenarios."""
    distribution: Distribution = "nominal"
    """How scenarios are drawn, of demonstrations and of trials."""
    processes: int = available_processes()
    """How many episodes are simulated at once."""

    @cached_property
    def sizes(self) -> tuple[int, int, int, int]:
        """Demonstrations, steps, trials and seeds."""
        return (2, 10, 1, 1) if self.quick else (self.demonstrations, self.steps, self.trials, self.seeds)


def measure(config: Senses) -> list[Row]:
    at_least(1, demonstrations=config.demonstrations, steps=config.steps, trials=config.trials, seeds=config.seeds)
    # What cannot be had is refused here: behind the first training it would cost hours.
    begins = ["" if place_of_step(step, config.task) == 0 else step for step in config.begin] or [""]
    training_config(Train((), config.folder, execute_s=config.execute_s))
    demonstrations, steps, trials, seeds = config.sizes
    sizes = (demonstrations, steps, trials, config.execute_s)
    bench = LearningBench(config.folder, config.task, config.distribution, config.processes, sizes)
    left_out: dict[str, tuple[Sense, ...]] = {_WITH_ALL: ()} | {f"no-{sense}": (sense,) for sense in config.without}
    tried: dict[str, dict[str, list[Rollout]]] = {step: {name: [] for name in left_out} for step in begins}
    # Only its flights tell whether the expert gets to where the trials begin.
    for seed in range(seeds):
        if not bench.has_policy(_WITH_ALL, seed):
            for step in begins:
                bench.trials(trials, seed, step)
    dataset = bench.demonstrations(SIM, demonstrations)
    for seed in range(seeds):
        for name, without in left_out.items():
            policy = bench.policy(name, [dataset], steps, seed, without=without, execute_s=config.execute_s)
            for step, by_policy in tried.items():
                by_policy[name] += bench.rollouts(policy, SIM, trials, seed, step)
    rows = [Row("demonstrations that were learnt from", len(open_dataset(dataset).episodes), "episodes")]
    for step, by_policy in tried.items():
        rows += summary(by_policy, f", from {step}" if step else "", trials * seeds)
    return rows


def summary(tried: Mapping[str, Sequence[Rollout]], since: str = "", asked: int = 0) -> list[Row]:
    """Each policy's success, how far it came, and what it lost against the one with all senses.

    `since` is added to the names of all rows.

    Of the `asked` trials of each policy those are missing in which the expert did not get as far as where they begin;
    the notes say how many, for what is left is easier than what was drawn.
    """
    whole = tried[_WITH_ALL]
    rows = [_success_row(f"success, all senses{since}", whole, asked), *_steps_rows(f"all senses{since}", whole)]
    for name, rollouts in tried.items():
        if name != _WITH_ALL:
            sense = name.removeprefix("no-")
            rows.append(_success_row(f"success, without {sense}{since}", rollouts, asked))
            rows += _steps_rows(f"without {sense}{since}", rollouts)
            rows.append(lost_row(f"lost by {sense}{since}", whole, rollouts))
    return rows


def _steps_rows(who: str, rollouts: Sequence[Rollout]) -> list[Row]:
    """How many instruction steps were done; none where that was not kept. It tells policies apart that all fail."""
    done = [rollout.steps_done for rollout in rollouts if rollout.steps_done is not None]
    if not done or len(done) < len(rollouts):
        return []
    names = [instruction.name for instruction in load_task(rollouts[0].scenario.task).instructions]
    told = ", ".join(f"{name} {sum(count > place for count in done)}" for place, name in enumerate(names))
    return [Row(f"steps done, {who}", sum(done) / len(done), f"of {len(names)}", note=f"{told}, of {len(done)}")]


def _success_row(name: str, rollouts: Sequence[Rollout], asked: int) -> Row:
    row, dropped = success_row(name, rollouts), asked - len(rollouts)
    if dropped <= 0:
        return row
    return replace(row, note=f"{row.note}; of {asked}, {dropped} dropped: the expert did not get that far")
