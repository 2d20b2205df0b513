"""From each sense to tokens of one width."""

from __future__ import annotations

import torch
from torch import Tensor, nn

TOUCH_KNEE_N = 0.5  # force at which the squashed channel is most sensitive: first contact of a finger tip


class VectorEncoder(nn.Module):
    """A vector of normalised numbers to one token."""

    def __init__(self, numbers: int, width: int, token: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(numbers, width), nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, token))

    def forward(self, values: Tensor) -> Tensor:  # (batch, numbers) -> (batch, 1, token)
        out: Tensor = self.layers(values)
        return out[:, None]


class TouchEncoder(nn.Module):
    """Taxel forces in newton to one token: squashed, so that first contact shows, and as a logarithm, for strength."""

    def __init__(self, taxels: int, width: int, token: int) -> None:
        super().__init__()
        self.vector = VectorEncoder(2 * taxels, width, token)

    def forward(self, force_n: Tensor) -> Tensor:  # (batch, taxels) -> (batch, 1, token)
        positive = force_n.clamp(min=0.0)
        out: Tensor = self.vector(torch.cat([torch.tanh(force_n / TOUCH_KNEE_N), torch.log1p(positive)], dim=1))
        return out


class ImageEncoder(nn.Module):
    """A camera image to tokens, by a few convolutions learnt from scratch: patches of 4, one stride of 2, then 1.

    With `as_map`, each cell of the last map becomes a token with a learnt place (for a transformer). Otherwise the
    map is read out as one token: where each channel is (spatial softmax; Levine et al. 2016, "End-to-end training of
    deep visuomotor policies") and how strong it is on average.
    """

    def __init__(self, size: int, channels: tuple[int, ...], token: int, *, as_map: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before, edge = 3, size
        for index, after in enumerate(channels):
            if index == 0:  # patches: a third of the cost of two stride-2 layers, at the same resolution
                layers.append(nn.Conv2d(before, after, 4, stride=4))
                edge //= 4
            else:
                stride = 2 if index == 1 else 1
                layers += [nn.Conv2d(before, after, 3, stride, padding=1), nn.GroupNorm(4, after)]
                edge = (edge + stride - 1) // stride
            layers.append(nn.ReLU(inplace=True))
            before = after
        self.convolutions = nn.Sequential(*layers)
        self.as_map = as_map
        line = torch.linspace(-1.0, 1.0, edge)
        self.register_buffer("grid", torch.stack(torch.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2))
        self.grid: Tensor  # (cells, 2)
        if as_map:
            self.place = nn.Parameter(torch.zeros(1, edge * edge, token))
            self.project: nn.Module = nn.Linear(before, token)
        else:
            self.temperature = nn.Parameter(torch.ones(()))
            self.project = nn.Sequential(nn.Linear(3 * before, token), nn.LayerNorm(token), nn.SiLU())

    def forward(self, image: Tensor) -> Tensor:
        """(batch, 3, size, size), about -1 to 1, to (batch, tokens, token)."""
        features = self.convolutions(image.contiguous(memory_format=torch.channels_last))
        cells = features.permute(0, 2, 3, 1).flatten(1, 2)  # (batch, cells, channels)
        if self.as_map:
            mapped: Tensor = self.project(cells) + self.place
            return mapped
        attention = torch.softmax(cells * self.temperature, dim=1)
        where = torch.einsum("bkc,kx->bcx", attention, self.grid).flatten(1)
        token: Tensor = self.project(torch.cat([where, cells.mean(dim=1)], dim=1))
        return token[:, None]
