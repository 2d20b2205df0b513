"""The metrics: what each is counted in, which way is worse, and how small a difference is never worth a word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

WHOLE = ""  # in place of a step's name: the whole episode


@dataclass(frozen=True)
class Metric:
    """`floor` is the least spread that references are taken to have, in `unit`: less cannot be seen or felt."""

    unit: str
    worse: Literal["more", "less"]
    floor: float


METRICS: Mapping[str, Metric] = {
    "sparc": Metric("", "less", 0.1),
    "ldlj": Metric("", "less", 0.3),
    "submovements_per_m": Metric("/m", "more", 0.5),
    "submovements_per_rad": Metric("/rad", "more", 0.5),
    "pause_count": Metric("", "more", 0.25),
    "pause_longest_s": Metric("s", "more", 0.06),
    "pause_share": Metric("", "more", 0.05),
    "hesitation_s": Metric("s", "more", 0.06),
    "idle_s": Metric("s", "more", 0.3),
    "path_ratio": Metric("", "more", 0.1),
    "tremor_mm2": Metric("mm²", "more", 0.05),
    "tremor_mrad2": Metric("mrad²", "more", 0.2),
    "grip_n": Metric("N", "more", 0.1),
    "grip_peak_n": Metric("N", "more", 0.4),
    "grip_rate_n_s": Metric("N/s", "more", 10.0),
    "grip_stiffness_n_rad": Metric("N/rad", "more", 1.0),
    "grip_peaks": Metric("", "more", 0.5),
    "squeeze_rad": Metric("rad", "more", 0.005),  # a quarter of a newton at the tip of a finger
    "hand_lag_s": Metric("s", "more", 0.04),
    "tracking_rad": Metric("rad", "more", 0.002),
    "limit_share": Metric("", "more", 0.05),
    "held_share": Metric("", "more", 0.01),
    "late_share": Metric("", "more", 0.01),
}
"""By name. Those of smoothness want a step that lasts; what cannot be measured is left out."""
