"""Train a chunk policy by behaviour cloning."""

from __future__ import annotations

import copy
import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from policies.batches import Augmentation, Batch, BatchStream, RowSampler, make_batch
from policies.checkpoint import Provenance, TrainedPolicy, save_policy
from policies.dataset.frame_cache import FrameCache
from policies.dataset.meta import BODY_COLUMN
from policies.dataset.reader import LeRobotDataset
from policies.dataset.table import FrameTable, tabulate
from policies.errors import DatasetError, PoolError
from policies.network import ChunkPolicy, NetworkConfig
from policies.scaling import Anchor, Scaler, fit_scaler, relative_joints

REAL_WEIGHT = 1.0
_SIMULATED = (None, "sim")  # bodies; None is an import, whose body nobody stated

_log = logging.getLogger(__name__)


class Tracker(Protocol):
    """Where training figures go."""

    def log(self, figures: Mapping[str, float], step: int) -> None: ...


@dataclass(frozen=True)
class TrainingConfig:
    """How to train. `chunk_s` and `execute_s`, where given, take the place of `network`'s steps, whatever the rate."""

    steps: int = 2_500
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warm_up_steps: int = 100
    ema_decay: float = 0.998
    clip_norm: float = 1.0
    bootstrap: float = 0.8  # share of the episodes that each opinion learns from
    held_out: float = 0.1  # share of the episodes kept for the curve; none where there are fewer than 10
    log_every: int = 50
    seed: int = 0
    device: str = "auto"  # "cpu", "cuda", or whichever there is
    without: tuple[str, ...] = ()  # senses of `table.SENSES` that the policy is not to have
    real_weight: float = REAL_WEIGHT  # how many times as often a step of a real body is drawn as one of simulation
    absolute_groups: tuple[str, ...] | None = None  # joint groups commanded absolutely; None: the hands
    anchor: Anchor = "goal"  # what other groups are commanded relative to, see `Scaler`
    augmentation: Augmentation = field(default_factory=Augmentation)
    chunk_s: float | None = None
    execute_s: float | None = None  # of a chunk carried out before planning again
    network: NetworkConfig = field(default_factory=NetworkConfig)


@dataclass(frozen=True)
class CurvePoint:
    step: int
    loss: float  # mean over the steps since the last point
    held_out_loss: float | None


@dataclass(frozen=True)
class TrainingReport:
    """What training did. `policy` is the EMA of the weights."""

    policy: TrainedPolicy
    curve: tuple[CurvePoint, ...]
    train_episodes: int
    held_out_episodes: int
    train_frames: int
    device: str


def train(
    datasets: Sequence[LeRobotDataset],
    config: TrainingConfig,
    out: Path | None = None,
    *,
    episode_weights: Mapping[str, float] | None = None,
    cameras: Sequence[str] | None = None,
    cache: FrameCache | Path | None = None,
    tracker: Tracker | None = None,
    progress: Callable[[int, int, float], None] | None = None,
) -> TrainingReport:
    """Train on all selected episodes of `datasets` and write the checkpoint to `out`.

    The same datasets, config, machine and number of threads give the same weights.

    Args:
        episode_weights: episode identity to sampling weight; 1 where absent. A row is drawn in proportion to its
            episode's weight times its own `sample_weight`, and times `real_weight` where its body was real.
        progress: called with (step, steps, loss) at every step.

    Raises:
        DatasetError: nothing can be drawn, a weight is negative, the datasets do not belong together, or a chunk is
            shorter than its use.
        PoolError: a dataset was opened for evaluation.
    """
    for dataset in datasets:
        if dataset.purpose != "training":
            raise PoolError(f"{dataset.root} was opened for {dataset.purpose}; open it for training")
    table = tabulate(datasets, config.network.image_size, cameras=cameras, cache=cache, without=config.without)
    network_config = _at_rate(config, table.fps)
    rng = np.random.default_rng(config.seed)
    held_out = _held_out(len(table.episodes), config.held_out, rng)
    learning = [index for index in range(len(table.episodes)) if index not in held_out]
    weights = _row_weights(table, learning, episode_weights or {}, config.real_weight)
    scaler = _fit(table, np.flatnonzero(weights), network_config.horizon, config)
    run = _Run(table, scaler, network_config, config, learning)
    batches = BatchStream(
        table, scaler, RowSampler(weights), config.batch, network_config.horizon, config.augmentation, rng
    )
    check = run.check_batch(held_out, rng)
    curve: list[CurvePoint] = []
    recent: list[float] = []
    for step in range(1, config.steps + 1):
        loss = run.step(next(batches), rng)
        recent.append(loss)
        if progress is not None:
            progress(step, config.steps, loss)
        if step % config.log_every == 0 or step == config.steps:
            point = CurvePoint(step, float(np.mean(recent)), run.held_out_loss(check))
            curve.append(point)
            recent.clear()
            if tracker is not None:
                tracker.log({k: v for k, v in asdict(point).items() if v is not None and k != "step"}, step)
    dataset_identity = "+".join(sorted(dataset.identity for dataset in datasets))
    seen = tuple(episode.identity for episode in table.episodes)
    provenance = Provenance(
        dataset_identity,
        seen,
        config.steps,
        config.seed,
        table.fps,
        {"training": json.loads(json.dumps(asdict(config)))},
        tasks=tuple(sorted({episode.task for episode in table.episodes if episode.task is not None})),
    )
    policy = TrainedPolicy(run.averaged(), scaler, table.robot, provenance)
    if out is not None:
        save_policy(policy, out)
    _log.info("trained %d steps on %d episodes, loss %.4f", config.steps, len(learning), curve[-1].loss)
    frames = int(np.count_nonzero(weights))
    return TrainingReport(policy, tuple(curve), len(learning), len(held_out), frames, run.device.type)


class _Run:
    """One training: network, optimiser, averages and generators."""

    def __init__(
        self,
        table: FrameTable,
        scaler: Scaler,
        network: NetworkConfig,
        config: TrainingConfig,
        learning: Sequence[int],
    ) -> None:
        name = config.device if config.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(name)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.network = ChunkPolicy(table.inputs, network).to(self.device)
        self._average = copy.deepcopy(self.network).eval().requires_grad_(False)
        self._table, self._scaler, self._config = table, scaler, config
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimizer, self._rate)
        self._generator = torch.Generator().manual_seed(config.seed)
        self._learns = _bootstrap(network.opinions, len(table.episodes), learning, config)
        self._steps = 0

    def step(self, batch: Batch, rng: np.random.Generator) -> float:
        self.network.train()
        present = rng.random((len(batch.rows), len(self.network.senses))) >= self.network.config.modality_dropout
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._loss(self.network, batch, torch.from_numpy(present), self._generator)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self._config.clip_norm)
        self._optimizer.step()
        self._schedule.step()
        self._steps += 1
        decay = min(self._config.ema_decay, (1 + self._steps) / (10 + self._steps))
        with torch.no_grad():
            ours: list[Tensor] = list(self._average.parameters())
            theirs: list[Tensor] = list(self.network.parameters())
            torch._foreach_lerp_(ours, theirs, 1.0 - decay)
        return float(loss.detach())

    def check_batch(self, held_out: Sequence[int], rng: np.random.Generator) -> Batch | None:
        """A fixed batch of held-out rows, not augmented."""
        if not held_out:
            return None
        rows = self._table.rows_of(held_out)
        rows = np.sort(rng.choice(rows, size=min(256, len(rows)), replace=False))
        return make_batch(self._table, self._scaler, rows, self.network.config.horizon)

    def held_out_loss(self, batch: Batch | None) -> float | None:
        if batch is None:
            return None
        present = torch.ones(len(batch.rows), len(self.network.senses), dtype=torch.bool)
        with torch.no_grad():
            generator = torch.Generator().manual_seed(self._config.seed)
            return float(self._loss(self._average, batch, present, generator, everyone=True))

    def averaged(self) -> ChunkPolicy:
        return self._average.cpu()

    def _loss(
        self, network: ChunkPolicy, batch: Batch, present: Tensor, generator: torch.Generator, *, everyone: bool = False
    ) -> Tensor:
        opinions = network.config.opinions
        noise = torch.randn((opinions, *batch.target.shape), generator=generator)
        mask = batch.valid.float().expand(opinions, -1, -1)
        if not everyone:
            learns = self._learns[:, self._table.episode_of_row[batch.rows]]
            mask = mask * torch.from_numpy(learns)[..., None]
        observation = {name: value.to(self.device, non_blocking=True) for name, value in batch.observation.items()}
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=self.device.type == "cuda"):
            return network.loss(
                observation,
                present.to(self.device),
                batch.target.to(self.device),
                mask.to(self.device),
                noise.to(self.device),
            )

    def _rate(self, step: int) -> float:
        warm_up = min(1.0, (step + 1) / max(self._config.warm_up_steps, 1))
        return warm_up * 0.5 * (1.0 + math.cos(math.pi * min(step / max(self._config.steps, 1), 1.0)))


def _at_rate(config: TrainingConfig, fps: float) -> NetworkConfig:
    horizon = config.network.horizon if config.chunk_s is None else max(round(config.chunk_s * fps), 1)
    execute = config.network.execute if config.execute_s is None else max(round(config.execute_s * fps), 1)
    if execute > horizon:
        raise DatasetError(f"{execute} steps of a chunk of {horizon} cannot be carried out; lengthen the chunk")
    return replace(config.network, horizon=horizon, execute=execute)


def _held_out(episodes: int, share: float, rng: np.random.Generator) -> list[int]:
    count = round(share * episodes) if episodes >= 10 else 0
    return sorted(rng.choice(episodes, size=count, replace=False).tolist())


def _row_weights(
    table: FrameTable, learning: Sequence[int], episode_weights: Mapping[str, float], real_weight: float
) -> NDArray[np.float64]:
    known = {episode.identity for episode in table.episodes}
    if real_weight < 0.0:
        raise DatasetError(f"real_weight is {real_weight:g}; give 0, to leave real bodies out, or more")
    strangers = sorted(set(episode_weights) - known)
    if strangers or any(weight < 0 for weight in episode_weights.values()):
        raise DatasetError(f"episode weights must be at least 0 and name episodes of the dataset; unknown: {strangers}")
    of_episode = np.array([episode_weights.get(episode.identity, 1.0) for episode in table.episodes])
    of_episode[np.setdiff1d(np.arange(len(of_episode)), learning)] = 0.0
    is_real = np.array([episode.columns.get(BODY_COLUMN) not in _SIMULATED for episode in table.episodes])
    of_episode[is_real] *= real_weight
    weights: NDArray[np.float64] = table.sample_weight.astype(np.float64) * of_episode[table.episode_of_row]
    if not weights.any():
        raise DatasetError(f"no row of {len(table.episodes)} episodes has a weight above 0; there is nothing to learn")
    return weights


def _fit(table: FrameTable, rows: NDArray[np.intp], horizon: int, config: TrainingConfig) -> Scaler:
    chunk, valid = table.chunks(rows, horizon)
    features = {name: values[rows] for name, values in table.vectors.items()}
    relative = relative_joints(table.robot, config.absolute_groups)
    anchor = config.anchor
    return fit_scaler(features, chunk, valid, table.anchor(rows, anchor), relative, anchor)


def _bootstrap(opinions: int, episodes: int, learning: Sequence[int], config: TrainingConfig) -> NDArray[np.float32]:
    """Which opinion learns from which episode, (opinions, episodes): whole episodes, as their rows are alike."""
    rng = np.random.default_rng([config.seed, 1])
    learns = rng.random((opinions, episodes)) < config.bootstrap
    learns[rng.integers(opinions, size=episodes), np.arange(episodes)] = True  # someone learns from each
    for opinion in np.flatnonzero(~learns[:, list(learning)].any(axis=1)):
        learns[opinion] = True
    return learns.astype(np.float32)
