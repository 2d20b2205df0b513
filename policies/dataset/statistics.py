"""Statistics of features, by episode and over a dataset, in the form that LeRobot keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.episodes.video import GROUP_OF_PICTURES, decode_frames

Statistics = dict[str, NDArray[Any]]  # min, max, mean, std, count and quantiles of one feature

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
_FEWEST_IMAGES, _MOST_IMAGES = 16, 256


def numeric_statistics(values: NDArray[Any]) -> Statistics:
    """Of one episode's numeric feature. `values` is (rows, numbers); each statistic is (numbers,)."""
    exact = values.astype(np.float64)
    quantiles = np.quantile(exact, list(QUANTILES.values()), axis=0)
    return {
        "min": exact.min(axis=0),
        "max": exact.max(axis=0),
        "mean": exact.mean(axis=0),
        "std": exact.std(axis=0),
        **dict(zip(QUANTILES, quantiles, strict=True)),
        "count": np.array([len(exact)]),
    }


def sampled_images(packets: Sequence[bytes]) -> NDArray[np.uint8]:  # (images, height, width, 3)
    """Some of an episode's recorded images, key frames all: enough for their statistics."""
    key_frames = packets[::GROUP_OF_PICTURES]
    wanted = int(np.clip(len(packets) ** 0.75, _FEWEST_IMAGES, _MOST_IMAGES))
    chosen = np.unique(np.linspace(0, len(key_frames) - 1, min(wanted, len(key_frames))).round().astype(int))
    return decode_frames([key_frames[index] for index in chosen])


def image_statistics(images: NDArray[np.uint8]) -> Statistics:
    """Of images (images, height, width, 3) in [0, 1]; each is (3, 1, 1), counted in images."""
    channels = [_histogram_statistics(np.bincount(images[..., c].reshape(-1), minlength=256)) for c in range(3)]
    found = {name: np.array([channel[name] for channel in channels]).reshape(3, 1, 1) for name in channels[0]}
    return {**found, "count": np.array([len(images)])}


def _histogram_statistics(histogram: NDArray[np.int64]) -> dict[str, float]:
    """Of one colour channel in [0, 1], from how often each of its 256 levels occurs."""
    levels = np.arange(256) / 255.0
    share = histogram / histogram.sum()
    mean = float(share @ levels)
    seen = levels[histogram > 0]
    quantiles = np.searchsorted(np.cumsum(share), np.array(list(QUANTILES.values())) - 1e-12)
    return {
        "min": float(seen[0]),
        "max": float(seen[-1]),
        "mean": mean,
        "std": float(np.sqrt(share @ (levels - mean) ** 2)),
        **{name: float(levels[level]) for name, level in zip(QUANTILES, quantiles, strict=True)},
    }


def combined(parts: Sequence[Mapping[str, NDArray[Any]]]) -> Statistics:
    """Of a feature over several episodes. Moments are exact; a quantile is the mean of theirs, by count."""
    counts = np.array([part["count"][0] for part in parts], dtype=np.float64)
    weights = (counts / counts.sum()).reshape(-1, *[1] * np.ndim(parts[0]["mean"]))

    def stacked(name: str) -> NDArray[Any]:
        return np.stack([part[name] for part in parts])

    mean = (weights * stacked("mean")).sum(axis=0)
    variance = (weights * (stacked("std") ** 2 + (stacked("mean") - mean) ** 2)).sum(axis=0)
    return {
        "min": stacked("min").min(axis=0),
        "max": stacked("max").max(axis=0),
        "mean": mean,
        "std": np.sqrt(variance),
        **{name: (weights * stacked(name)).sum(axis=0) for name in QUANTILES},
        "count": np.array([int(counts.sum())]),
    }


class Moments:
    """Least, greatest, mean and spread of a feature whose rows come in parts."""

    def __init__(self, numbers: int) -> None:
        self.rows = 0
        self.least = np.full(numbers, np.inf)
        self.greatest = np.full(numbers, -np.inf)
        self.mean = np.zeros(numbers)
        self._squares = np.zeros(numbers)  # sum of squared distances from the mean

    def add(self, values: NDArray[Any]) -> None:
        """Take in `values` (rows, numbers).

        Chan, Golub and LeVeque, "Algorithms for computing the sample variance" (1983), for two parts.
        """
        if not len(values):
            return
        exact = values.astype(np.float64)
        self.least = np.minimum(self.least, exact.min(axis=0))
        self.greatest = np.maximum(self.greatest, exact.max(axis=0))
        rows, mean = self.rows + len(exact), exact.mean(axis=0)
        apart = mean - self.mean
        self._squares += ((exact - mean) ** 2).sum(axis=0) + apart**2 * self.rows * len(exact) / rows
        self.mean = self.mean + apart * len(exact) / rows
        self.rows = rows

    @property
    def std(self) -> NDArray[np.float64]:
        return np.asarray(np.sqrt(self._squares / max(self.rows, 1)))
