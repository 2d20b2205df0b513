"""Clone a policy from datasets: `retake train`."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from experiments.command import UsageError, at_least, run_verb
from experiments.outputs import require_folder
from experiments.tracking import tracked
from experiments.workers import console, progress_bar
from policies.cases.request_queue import RequestQueue
from policies.cases.weights import retraining_weights
from policies.dataset.frame_cache import DEFAULT_BUDGET_BYTES, FrameCache
from policies.dataset.reader import LeRobotDataset, open_dataset
from policies.network import PROPRIOCEPTION, NetworkConfig
from policies.training import REAL_WEIGHT, TrainingConfig, TrainingReport, train

CHUNK_S = 0.32
PREDICTION_CHUNK_S = 0.64
EXECUTE_S = 0.24

Sense = Literal["sight", "touch", "sound", "imu"]  # of policies.dataset.table.SENSES


@dataclass(frozen=True)
class Train:
    """Clone a policy from one or more datasets of one robot.

    The datasets are LeRobot v3, as `retake dataset build` and `retake dataset import` write them. The policy sees
    the senses that they declare, plans 0.32 s ahead and carries out 0.24 s of it.

    Example: retake train --datasets runs/mine/dataset --out runs/mine/policy
    """

    datasets: tuple[Path, ...]
    """The datasets to learn from."""
    out: Path
    """The folder for the checkpoint; one that is there is replaced."""
    steps: int | None = None
    """How many batches to learn from; if left out, 2500 to act and 800 to predict."""
    batch: int = 64
    """Frames in a batch."""
    seed: int = 0
    """Decides the start, the order of the data and how it is varied."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to compute; "auto" takes a GPU if there is one."""
    trunk: Literal["mlp", "transformer"] = "mlp"
    """"mlp" suits a CPU; "transformer" is larger and wants a GPU."""
    image_size: int = 64
    """Edge of the images that the policy sees, in pixels; a multiple of 4."""
    episodes: str | None = None
    """Which episodes to learn from, such as 0:14 or 0,2,5:9 (of a single dataset); all, if left out."""
    recipe: Literal["act", "predict"] = "act"
    """"act" is for a policy that will act: it sees no velocities, which give away the last command. "predict" is for
    recordings of a robot that is not here: it uses velocities, commands all joints relative to their pose, and looks
    0.64 s ahead."""
    execute_s: float = EXECUTE_S
    """How much of a plan is carried out before the next one is made, in seconds. In simulation less is better (a cup is
    carried more smoothly); across the reality gap, where a robot answers later than in training, it is much worse."""
    real_weight: float = REAL_WEIGHT
    """How many times as often a step of a real body, or of what stands for it, is drawn as one of simulation."""
    without: tuple[Sense, ...] = ()
    """Senses that the policy is not to have, to see what each is worth; `retake bench senses` compares."""
    new_episodes: Path | None = None
    """A requests.json whose answers are new: they are weighted up against the rest of the (single) dataset."""
    cache: Path | None = None
    """Where decoded images are kept; in the datasets, if left out."""
    cache_gb: float = DEFAULT_BUDGET_BYTES / 1e9
    """How much of the disk decoded images may take. Videos that do not fit are decoded at every use, which is slow."""


def run(config: Train) -> int:
    """Train as configured.

    Raises:
        UsageError: no dataset is given, numbers cannot be used, or the checkpoint cannot be written.
        DatasetError, PoolError: the datasets cannot train.
    """
    wanted = training_config(config)
    require_folder("--out", config.out)
    datasets = open_for_training(config.datasets, config.episodes)
    weights = None if config.new_episodes is None else answered_weights(datasets, config.new_episodes)
    cache = FrameCache(config.cache, round(config.cache_gb * 1e9))
    report = train_policy(datasets, wanted, config.out, episode_weights=weights, cache=cache)
    last = report.curve[-1]
    held_out = "" if last.held_out_loss is None else f", {last.held_out_loss:.3f} on held-out episodes"
    console.print(
        f"  learnt from {report.train_episodes} episodes ({report.train_frames} frames) on {report.device}: "
        f"loss {last.loss:.3f}{held_out}\n  the policy is in {config.out}"
    )
    return 0


def training_config(config: Train) -> TrainingConfig:
    """The training that the options ask for; chunks last as long at any of the datasets' rates.

    Raises:
        UsageError: a number cannot be used, or the device is not there.
    """
    chunk_s = CHUNK_S if config.recipe == "act" else PREDICTION_CHUNK_S
    if (
        (config.steps is not None and config.steps < 1)
        or config.batch < 1
        or config.real_weight < 0.0
        or config.cache_gb < 0.0
        or not 0.0 < config.execute_s <= chunk_s
        or config.image_size < 16
        or config.image_size % 4
    ):
        raise UsageError(
            "--steps and --batch must be at least 1, --real-weight and --cache-gb 0, --image-size 16, 20, 24, ..., "
            f"--execute-s above 0 and at most {chunk_s:g}, which is as far as --recipe {config.recipe} plans"
        )
    at_least(0, seed=config.seed)
    if config.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device is cuda, and torch finds no GPU here; say --device auto, or install torch for CUDA")
    network = NetworkConfig(image_size=config.image_size, trunk=config.trunk)
    if config.trunk == "transformer":
        network = replace(network, width=384, layers=4, channels=(48, 64, 64))
    plain = TrainingConfig(
        batch=config.batch,
        seed=config.seed,
        without=config.without,
        real_weight=config.real_weight,
        device=config.device,
        network=network,
        chunk_s=chunk_s,
        execute_s=config.execute_s,
    )
    wanted = plain if config.recipe == "act" else prediction_recipe(plain)
    return wanted if config.steps is None else replace(wanted, steps=config.steps)


def prediction_recipe(config: TrainingConfig) -> TrainingConfig:
    """For few recordings of a foreign robot, whose sessions differ in pose more than what people did in them.

    Strong noise on positions keeps the network from telling sessions apart by them; all else is in `Train.recipe`.
    """
    network = replace(config.network, proprioception=PROPRIOCEPTION, modality_dropout=0.2)
    noise = replace(config.augmentation, shift=0.06, position=0.6, sense=0.3)
    plain = replace(config, steps=800, learning_rate=1e-3, absolute_groups=(), anchor="measured")
    return replace(plain, network=network, augmentation=noise)


def open_for_training(roots: Sequence[Path], episodes: str | None = None) -> list[LeRobotDataset]:
    """Open datasets, with only some episodes where there is a single one.

    Raises:
        UsageError: no dataset, or episodes of several, or episodes that make no sense.
        DatasetError, PoolError: as `open_dataset`.
    """
    if not roots or (episodes is not None and len(roots) > 1):
        raise UsageError(f"{len(roots)} datasets given; give at least one, and --episodes only with a single one")
    chosen = None if episodes is None else parse_episodes(episodes)
    return [open_dataset(root, episodes=chosen) for root in roots]


def parse_episodes(text: str) -> list[int]:
    """`0:3,7` to [0, 1, 2, 7].

    Raises:
        UsageError: the text is something else.
    """
    numbers: list[int] = []
    try:
        for part in text.split(","):
            first, colon, stop = part.partition(":")
            numbers += range(int(first), int(stop)) if colon else [int(first)]
    except ValueError as error:
        raise UsageError(f"episodes {text!r} cannot be read; write them as 0:14 or 0,2,5:9") from error
    return numbers


def answered_weights(datasets: Sequence[LeRobotDataset], requests: Path) -> dict[str, float]:
    """The weights of a retraining in which the accepted answers of a queue are what is new.

    Raises:
        UsageError: there is no such queue, not one dataset, or no answer is in it.
        RequestError: the file holds something else.
    """
    if len(datasets) != 1 or not requests.is_file():
        given = f"{len(datasets)} datasets and {requests}"
        raise UsageError(f"--new-episodes wants one dataset and a requests.json that exists; given are {given}")
    accepted = {episode for request in RequestQueue(requests).all() for episode in request.episodes}
    new = frozenset(accepted & {episode.identity for episode in datasets[0].episodes})
    if not new:
        raise UsageError(
            f"none of {len(accepted)} accepted answers of {requests} is in the dataset; collect, and build it again"
        )
    return weights_of_new(datasets[0], new)


def weights_of_new(dataset: LeRobotDataset, new: Collection[str]) -> dict[str, float]:
    """Sampling weights by episode, where those named in `new` are this round's and the others older."""
    old_steps = {e.identity: e.length for e in dataset.episodes if e.identity not in new}
    new_steps = {e.identity: e.length for e in dataset.episodes if e.identity in new}
    return retraining_weights(old_steps, new_steps)


def train_policy(
    datasets: Sequence[LeRobotDataset],
    config: TrainingConfig,
    out: Path,
    *,
    episode_weights: Mapping[str, float] | None = None,
    cache: FrameCache | Path | None = None,
    what: str = "training",
) -> TrainingReport:
    """Train with a bar on the terminal and a curve in wandb, kept beside the checkpoint."""
    with progress_bar(what, config.steps) as advance, tracked(out.name, out.parent, asdict(config)) as tracker:
        return train(
            datasets,
            config,
            out,
            episode_weights=episode_weights,
            cache=cache,
            tracker=tracker,
            progress=lambda step, _, loss: advance(f"loss {loss:.3f}"),
        )


def main(arguments: Sequence[str] | None = None) -> int:
    return run_verb("retake train", Train, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
