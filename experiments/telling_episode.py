"""One rollout to look at: its signals, its instruction steps, and where the doubt left its band."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from envs.episodes.archive import Archive
from envs.episodes.reading import Episode
from experiments.figures import EpisodeSignals, Track
from policies.cases.doubt import DoubtBand, running_mean
from policies.cases.rollout import Rollout


def telling_episode(archive: Path, rollouts: Sequence[Rollout], band: DoubtBand | None) -> EpisodeSignals | None:
    """The signals of the failure that was foreseen earliest, else of any failure, else of any rollout; None of none."""
    if not rollouts:
        return None
    chosen = min(rollouts, key=lambda r: (r.success, r.alarm_step is None, (r.alarm_step or 0) - r.steps))
    episode = Archive(archive, create=False).open(chosen.episode_id)
    outcome = episode.sheet.outcome
    how = "succeeded" if chosen.success else f"failed: {outcome.reason if outcome else chosen.signature}"
    started_s = float(episode.stamp_s[0])
    return EpisodeSignals(
        title=f"Rollout {chosen.episode_id}, which {how}",
        tracks=_tracks(episode, chosen, band),
        marks=outcome.marks if outcome else (),
        alarm_s=_stamp(episode, chosen.alarm_step, started_s),
    )


def _tracks(episode: Episode, rollout: Rollout, band: DoubtBand | None) -> tuple[Track, ...]:
    robot = episode.sheet.header.robot
    arm, hand = robot.group("right_arm"), robot.group("right_hand")
    stamp_s = episode.stamp_s
    arm_rate = np.linalg.norm(episode.velocity_rad_s[:, arm], axis=1)
    lag = np.linalg.norm((episode.sent_rad - episode.position_rad)[:, hand], axis=1)
    touch = episode.touch_n.sum(axis=(1, 2, 3))
    steps = rollout.decisions.step
    rows = np.searchsorted(episode.step, steps)
    signal = running_mean(rollout.decisions.signal(band.signal if band else "doubt"), band.window if band else None)
    limit = None if band is None else band.threshold(len(steps))
    return (
        Track("arm speed", "rad/s", stamp_s, arm_rate),
        Track("hand: commanded beyond measured", "rad", stamp_s, lag),
        Track("touch, all pads", "N", stamp_s, touch),
        Track("doubt, running mean", "standard deviations", stamp_s[rows], signal, limit),
    )


def _stamp(episode: Episode, step: int | None, otherwise_s: float) -> float | None:
    if step is None:
        return None
    rows = np.flatnonzero(episode.step == step)
    return float(episode.stamp_s[rows[0]]) if rows.size else otherwise_s
