"""A trained policy at work: plan a chunk, carry out part of it, plan again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from envs.senses.resize import resize_image
from policies.batches import image_tensor
from policies.checkpoint import TrainedPolicy
from policies.dataset.features import GOAL, STATE
from policies.dataset.meta import CAMERA_PREFIX
from policies.errors import PolicyError

FloatArray = NDArray[np.float64]
Observation = Mapping[str, NDArray[Any] | None]


@dataclass(frozen=True, eq=False)
class Plan:
    """What the policy wants to do next, and how sure it is.

    `doubt` is the mean standard deviation of the opinions, over the chunk, in standard deviations of the training
    commands. `inconsistency` is the mean distance a joint between this chunk and what the last one said of the same
    steps, in the same unit; 0 for an episode's first plan.
    """

    chunk: FloatArray  # (horizon, joints), absolute targets in the joints' units, led over from the plan before
    doubt: float
    embedding: NDArray[np.float32]  # (width,)
    inconsistency: float


class ClonedPolicy:
    """Acts with a trained policy.

    Where a plan overlaps with the one before it, it is led over from that evenly, as temporal ensembling does with all
    plans (Zhao et al. 2023, "Learning fine-grained bimanual manipulation").

    Observations are named and shaped as the dataset's features; images are uint8 (height, width, 3) of any size;
    `features.GOAL` is what was last sent, (joints,). A sense whose value is None counts as dead and is left out.
    """

    def __init__(self, trained: TrainedPolicy) -> None:
        self.trained = trained
        self._network = trained.network.eval()
        self._anchor = GOAL if trained.scaler.anchor == "goal" else STATE
        self._senses = [features for _, features in self._network.feeds]
        self.reset()

    @property
    def execute(self) -> int:
        """Steps of a chunk that are carried out before the next plan."""
        return self._network.config.execute

    @property
    def plan_now(self) -> Plan | None:
        """The plan being carried out."""
        return self._plan

    def reset(self) -> None:
        """Forget the episode."""
        self._plan: Plan | None = None
        self._done = 0  # steps of the plan carried out

    def needs_images(self) -> bool:
        """Whether the next `act` plans, and so wants fresh images; other steps only read the plan."""
        return self._plan is None or self._done >= self.execute

    def act(self, observation: Observation) -> FloatArray:  # (joints,)
        """The absolute target for this step; plans first where the last chunk is used up.

        Raises:
            PolicyError: as `plan`.
        """
        plan = self._plan if self._plan is not None and self._done < self.execute else self.plan(observation)
        target: FloatArray = plan.chunk[self._done]
        self._done += 1
        return target

    def plan(self, observation: Observation) -> Plan:
        """A chunk from this observation on; it becomes the plan that `act` carries out.

        Raises:
            PolicyError: a feature is missing, or has another shape than in training.
        """
        tensors, present = self._tensors(observation)
        with torch.inference_mode():
            opinions, embedding = self._network(tensors, present)
        scaled = opinions[:, 0].numpy()  # (opinions, horizon, joints)
        chunk = self.trained.scaler.decode_chunk(scaled.mean(axis=0, keepdims=True), self._start(observation))[
            0
        ].astype(np.float64)
        inconsistency = self._inconsistency(chunk)
        doubt = float(scaled.std(axis=0).mean())
        self._plan, self._done = Plan(self._led_over(chunk), doubt, embedding[0].numpy(), inconsistency), 0
        return self._plan

    def _led_over(self, chunk: FloatArray) -> FloatArray:
        """From what the last plan still meant to do to a new chunk, step by step: a leap between them would spill."""
        if self._plan is None or not 0 < self._done < len(chunk):
            return chunk
        left = self._plan.chunk[self._done :]
        share = (np.arange(len(left)) + 1.0) / (len(left) + 1.0)  # of the new one
        mixed = share[:, None] * chunk[: len(left)] + (1.0 - share)[:, None] * left
        return np.concatenate([mixed, chunk[len(left) :]])

    def _start(self, observation: Observation) -> FloatArray:  # (1, joints)
        return np.asarray(observation[self._anchor], dtype=np.float64).reshape(1, -1)

    def _inconsistency(self, chunk: FloatArray) -> float:
        if self._plan is None or not 0 < self._done < len(chunk):
            return 0.0
        overlap = len(chunk) - self._done
        apart = np.abs(chunk[:overlap] - self._plan.chunk[self._done :]) / self.trained.scaler.action.std[:overlap]
        return float(apart.mean())

    def _tensors(self, observation: Observation) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        inputs, size = self._network.inputs, self._network.config.image_size
        for name in (STATE, self._anchor):
            if observation.get(name) is None:
                raise PolicyError(f"a plan needs {name!r}: a robot is not flown blind to where its joints are and go")
        missing = sorted({name for features in self._senses for name in features} - set(observation))
        if missing:
            raise PolicyError(f"the observation lacks {', '.join(missing)}; pass None for a sense that is dead")
        tensors = {}
        _finite(self._anchor, observation[self._anchor], inputs.joints)
        for name, width in inputs.vectors.items():
            value = observation[name]
            flat = np.zeros(width) if value is None else _finite(name, value, width)
            tensors[name] = torch.from_numpy(self.trained.scaler.encode_feature(name, flat[None]))
        for camera in inputs.cameras:
            name = CAMERA_PREFIX + camera
            pixels = observation[name]
            blank = np.zeros((size, size, 3), dtype=np.uint8)
            tensors[name] = image_tensor((blank if pixels is None else resize_image(pixels, size))[None])
        alive = [all(observation[name] is not None for name in features) for features in self._senses]
        return tensors, torch.tensor([alive])


def _finite(name: str, value: NDArray[Any] | None, width: int) -> NDArray[Any]:
    flat = np.asarray(value).reshape(-1)
    if flat.size != width or not np.isfinite(flat).all():
        raise PolicyError(f"{name!r} must be {width} finite numbers; got {flat.size}: {flat[:4]}...")
    return flat
