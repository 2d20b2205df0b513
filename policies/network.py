"""The chunk policy: senses in, several independent opinions on the next joint targets out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from policies.dataset.channels import VELOCITY_BEFORE
from policies.dataset.features import EFFORT, IMU, SOUND, STATE, TOUCH, VELOCITY
from policies.dataset.meta import CAMERA_PREFIX
from policies.encoders import ImageEncoder, TouchEncoder, VectorEncoder
from policies.heads import MipHeads

PROPRIOCEPTION = (STATE, VELOCITY, VELOCITY_BEFORE, EFFORT)
VECTOR_FEATURES = (*PROPRIOCEPTION, TOUCH, IMU, SOUND)


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of a `ChunkPolicy`. The defaults suit two CPU cores at 25 Hz; for a GPU, trunk "transformer" and more."""

    horizon: int = 8  # control steps in a chunk: 0.32 s at 25 Hz; what lies further ahead costs precision now
    execute: int = 2  # of them carried out before planning again; the rest leads over to the next plan
    image_size: int = 64
    trunk: Literal["mlp", "transformer"] = "mlp"
    width: int = 256
    token_width: int = 64
    layers: int = 2
    channels: tuple[int, ...] = (32, 32, 32)
    opinions: int = 3  # heads on the one trunk; their disagreement is the doubt
    proprioception: tuple[str, ...] = (STATE,)  # velocity and effort give away the last command: left out
    modality_dropout: float = 0.03  # as often is each sense left out, so that a dead one does not end everything
    correction_weight: float = 0.1  # of the second regression step in the loss; the first carries the precision
    t_star: float = 0.9


@dataclass(frozen=True)
class InputSpec:
    """What the network is fed: width of each vector feature, the cameras, and the joints it commands."""

    vectors: Mapping[str, int]
    cameras: tuple[str, ...]
    joints: int


class ChunkPolicy(nn.Module):
    """Encoders by sense -> trunk -> `opinions` two-step regression heads.

    Inputs are what `InputSpec` declares, nothing else: no past commands, so that there is nothing to copy from.
    """

    def __init__(self, inputs: InputSpec, config: NetworkConfig) -> None:
        super().__init__()
        self.inputs, self.config = inputs, config
        token = config.token_width if config.trunk == "mlp" else config.width
        as_map = config.trunk == "transformer"
        self.encoders = nn.ModuleDict()
        self.feeds: list[tuple[str, tuple[str, ...]]] = []  # encoder, and the features it takes
        body = tuple(name for name in config.proprioception if name in inputs.vectors)
        self._add(
            "proprioception", body, VectorEncoder(sum(inputs.vectors[name] for name in body), config.width, token)
        )
        for key, feature in (("imu", IMU), ("sound", SOUND)):
            if feature in inputs.vectors:
                self._add(key, (feature,), VectorEncoder(inputs.vectors[feature], token, token))
        if TOUCH in inputs.vectors:
            self._add("touch", (TOUCH,), TouchEncoder(inputs.vectors[TOUCH], token, token))
        for camera in inputs.cameras:
            encoder = ImageEncoder(config.image_size, config.channels, token, as_map=as_map)
            self._add(f"camera_{camera.replace('.', '_')}", (CAMERA_PREFIX + camera,), encoder)
        self.absent = nn.Parameter(torch.zeros(len(self.feeds), token))  # stands for a sense that is dropped or dead
        if config.trunk == "mlp":
            self.trunk: nn.Module = _MlpTrunk(len(self.feeds) * token, config.width, config.layers)
        else:
            self.trunk = _TransformerTrunk(config.width, config.layers)
        numbers = config.horizon * inputs.joints
        self.heads = MipHeads(config.opinions, config.width, numbers, config.t_star, config.correction_weight)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch does not declare it

    @property
    def senses(self) -> tuple[str, ...]:
        return tuple(key for key, _ in self.feeds)

    def _add(self, key: str, features: tuple[str, ...], encoder: nn.Module) -> None:
        self.encoders[key] = encoder
        self.feeds.append((key, features))

    def embed(self, observation: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """The trunk's output, (batch, width).

        Args:
            observation: vectors (batch, numbers) normalised; images (batch, 3, size, size), about -1 to 1.
            present: (batch, senses) bool; a sense that is not present is replaced by a learnt token.
        """
        tokens = []
        for index, (key, features) in enumerate(self.feeds):
            sensed = torch.cat([observation[name] for name in features], dim=1)
            token = self.encoders[key](sensed)  # (batch, tokens, token)
            tokens.append(torch.where(present[:, index, None, None], token, self.absent[index]))
        embedding: Tensor = self.trunk(torch.cat(tokens, dim=1))
        return embedding

    def forward(self, observation: Mapping[str, Tensor], present: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised chunks (opinions, batch, horizon, joints), and the embedding (batch, width)."""
        embedding = self.embed(observation, present)
        chunks: Tensor = self.heads(embedding)
        return chunks.reshape(*chunks.shape[:2], self.config.horizon, self.inputs.joints), embedding

    def loss(
        self, observation: Mapping[str, Tensor], present: Tensor, target: Tensor, mask: Tensor, noise: Tensor
    ) -> Tensor:
        """The two-step regression loss, see `MipHeads.loss`.

        Args:
            target: (batch, horizon, joints) normalised.
            mask: (opinions, batch, horizon), how much each opinion learns from each step.
            noise: (opinions, batch, horizon, joints), standard normal.
        """
        wide = mask[..., None].expand(noise.shape).flatten(2)
        return self.heads.loss(self.embed(observation, present), target.flatten(1), wide, noise.flatten(2))


class _MlpTrunk(nn.Module):
    def __init__(self, numbers: int, width: int, layers: int) -> None:
        super().__init__()
        self.enter = nn.Linear(numbers, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, width)) for _ in range(layers)
        )
        self.leave = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:  # (batch, tokens, token) -> (batch, width)
        hidden = self.enter(tokens.flatten(1))
        for block in self.blocks:
            hidden = hidden + block(hidden)
        out: Tensor = self.leave(hidden)
        return out


class _TransformerTrunk(nn.Module):
    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.summary = nn.Parameter(torch.zeros(1, 1, width))
        layer = nn.TransformerEncoderLayer(
            width, nhead=max(width // 64, 1), dim_feedforward=4 * width, dropout=0.0, activation="gelu",
            batch_first=True, norm_first=True,
        )  # fmt: skip
        self.encoder = nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(width), enable_nested_tensor=False)

    def forward(self, tokens: Tensor) -> Tensor:  # (batch, tokens, width) -> (batch, width)
        summary = self.summary.expand(len(tokens), -1, -1)
        out: Tensor = self.encoder(torch.cat([summary, tokens], dim=1))[:, 0]
        return out
