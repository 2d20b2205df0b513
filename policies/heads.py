"""Two-step regression heads: a first guess, and one correction of it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_KNEE = 0.1  # in standard deviations of the commands; smaller errors count by their square


class MipHeads(nn.Module):
    """Several independent minimal-iterative-policy heads over one embedding, computed side by side.

    After "Much Ado About Noising" (arXiv 2512.01809): with pi(o, x, t), the loss is
    |pi(o, 0, 0) - a|^2 / t*^2 + |pi(o, a + (1 - t*) e, t*) - a|^2 / (1 - t*)^2, and the action pi(o, pi(o, 0, 0), t*).
    Here pi(o, x, t*) = x + (1 - t*) f(o, x): the second term is then |f + e|^2, which starts at about 1 a number as
    the first does. `correction_weight` weighs it: its floor is the noise itself, not to be chased by a short training.

    The first term is the absolute error, not its square (Charbonnier's smooth form of it). Nobody can foresee how
    people pace themselves; squared, those errors drown the centimetre that a hand must not be off when it arrives.
    """

    def __init__(
        self,
        heads: int,
        width: int,
        numbers: int,
        t_star: float,
        correction_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.t_star = t_star
        self.correction_weight = correction_weight
        self.from_embedding = _weights(heads, width, width)
        self.from_guess = _weights(heads, numbers, width)
        self.stage = nn.Parameter(torch.zeros(heads, 2, 1, width))  # stands for t: there are only two
        self.middle = _weights(heads, width, width)
        self.middle_bias = nn.Parameter(torch.zeros(heads, 1, width))
        self.out = _weights(heads, width, numbers)
        self.out_bias = nn.Parameter(torch.zeros(heads, 2, 1, numbers))

    def forward(self, embedding: Tensor) -> Tensor:
        """(batch, width) to normalised chunks (heads, batch, numbers)."""
        start = torch.matmul(embedding, self.from_embedding)  # (heads, batch, width)
        return self._correct(start, self._finish(start, 0))

    def loss(self, embedding: Tensor, target: Tensor, mask: Tensor, noise: Tensor) -> Tensor:
        """Mean over what `mask` (heads, batch, numbers) counts; `target` is (batch, numbers), `noise` like `mask`."""
        step = 1.0 - self.t_star
        start = torch.matmul(embedding, self.from_embedding)
        guess = self._finish(start, 0)
        corrected = self._correct(start, target + step * noise)
        correction = self.correction_weight * ((corrected - target) / step) ** 2
        missed = (guess - target) / self.t_star
        error = torch.sqrt(missed**2 + _KNEE**2) - _KNEE + correction
        return (error * mask).sum() / mask.sum().clamp(min=1.0)

    def _correct(self, start: Tensor, guess: Tensor) -> Tensor:
        return guess + (1.0 - self.t_star) * self._finish(start + torch.bmm(guess, self.from_guess), 1)

    def _finish(self, hidden: Tensor, stage: int) -> Tensor:
        hidden = nn.functional.silu(hidden + self.stage[:, stage])
        hidden = hidden + nn.functional.silu(torch.baddbmm(self.middle_bias, hidden, self.middle))
        return torch.baddbmm(self.out_bias[:, stage], hidden, self.out)


def _weights(heads: int, before: int, after: int) -> nn.Parameter:
    bound = 1.0 / math.sqrt(before)
    return nn.Parameter(torch.empty(heads, before, after).uniform_(-bound, bound))
