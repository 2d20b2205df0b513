"""How far a policy's commands are from a person's on recorded episodes: `retake evaluate --open-loop`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from envs.episodes.durable import write_json
from experiments.command import UsageError, run_verb
from experiments.outputs import require_file
from experiments.train import parse_episodes
from experiments.workers import console
from policies.checkpoint import TrainedPolicy, check_robot, load_policy
from policies.dataset.reader import LeRobotDataset, open_dataset
from policies.dataset.table import tabulate
from policies.open_loop import DEFAULT_AHEAD_S, OVERALL, OpenLoopReport, evaluate_open_loop


@dataclass(frozen=True)
class OpenLoop:
    """Compare a policy with simple baselines on recorded episodes that it was not trained on.

    The baselines hold the last command, or repeat what followed the most similar training frame. Errors are mean
    absolute ones, in the unit of each joint group; overall, each joint in standard deviations of the commands.

    Example: retake evaluate --open-loop --policy runs/g1/policy --dataset runs/g1/dataset
    """

    policy: Path
    """The folder of the checkpoint."""
    dataset: Path
    """The dataset that holds both the episodes trained on and those held out."""
    episodes: str | None = None
    """Held-out episodes, such as 14:18; all that the policy has not seen, if left out."""
    out: Path | None = None
    """A JSON file for the figures."""
    cache: Path | None = None
    """Where decoded images are kept; in the dataset, if left out."""


def run(config: OpenLoop) -> int:
    """Evaluate, print the table, and write the figures.

    Raises:
        UsageError: there is no episode to evaluate on, none to compare with, or no file can be written.
        CheckpointError: the policy is of another robot.
        DatasetError: the dataset cannot be read, or the policy was trained on a held-out episode.
    """
    require_file("--out", config.out)
    report = open_loop_report(config)
    console.print(open_loop_table(report))
    if config.out is not None:
        write_json(config.out, asdict(report))
    return 0


def open_loop_report(config: OpenLoop) -> OpenLoopReport:
    """The figures; raises as `run`."""
    policy = load_policy(config.policy)
    planned_s = policy.network.config.horizon / policy.provenance.fps
    if planned_s <= max(DEFAULT_AHEAD_S):
        raise UsageError(
            f"{config.policy} plans {planned_s:.2f} s, and is asked {max(DEFAULT_AHEAD_S)} s ahead; train it with "
            "--recipe predict"
        )
    dataset = open_dataset(config.dataset, purpose="evaluation")
    if dataset.robot is not None:
        check_robot(config.policy, policy.robot, dataset.robot)
    known, held_out = _split(dataset, set(policy.provenance.episodes), config.episodes)
    return compare_on(policy, known, held_out, config.cache)


def compare_on(
    policy: TrainedPolicy, known: LeRobotDataset, held_out: LeRobotDataset, cache: Path | None
) -> OpenLoopReport:
    """The policy beside the baselines on episodes that it has not seen; `known` are those it was trained on.

    Raises:
        DatasetError: training saw a held-out episode, or the policy does not plan that far ahead.
    """
    size, cameras = policy.network.config.image_size, policy.network.inputs.cameras
    training, unseen = (tabulate([part], size, cameras=cameras, cache=cache) for part in (known, held_out))
    return evaluate_open_loop(policy, training, unseen, DEFAULT_AHEAD_S)


def _split(dataset: LeRobotDataset, seen: set[str], episodes: str | None) -> tuple[LeRobotDataset, LeRobotDataset]:
    known = [episode.index for episode in dataset.episodes if episode.identity in seen]
    unseen = [episode.index for episode in dataset.episodes if episode.identity not in seen]
    held_out = unseen if episodes is None else parse_episodes(episodes)
    if not known or not held_out:
        raise UsageError(
            f"{dataset.root} has {len(known)} episodes that the policy was trained on and {len(held_out)} held out; "
            "both are needed. Train with --episodes to leave some out"
        )
    return dataset.select(known), dataset.select(held_out)


def open_loop_table(report: OpenLoopReport) -> Table:
    """The figures for the terminal; the best method of each line is bold."""
    lines = report.table()
    methods = [key for key in lines[0] if key not in ("group", "ahead_s", "unit")]
    title = f"open-loop error on {report.frames} frames of {report.episodes} held-out episodes"
    table = Table("joints", "ahead", "unit", *methods, title=title, title_justify="left")
    for line in lines:
        best = min(line[method] for method in methods)
        cells = [f"[bold]{line[m]:.4f}[/]" if line[m] == best else f"{line[m]:.4f}" for m in methods]
        table.add_row(
            line["group"], f"{line['ahead_s']:.1f} s", line["unit"], *cells, end_section=line["group"] == OVERALL
        )
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    return run_verb("python -m experiments.open_loop", OpenLoop, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
