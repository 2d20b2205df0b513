"""All metrics of one episode, by instruction step and whole, and the moments worth looking at."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from envs.body import FloatArray
from envs.episodes.quality import contact, tracking
from envs.episodes.quality.deeds import deeds_of
from envs.episodes.quality.hand_lag import hand_lag
from envs.episodes.quality.limbs import Limb, limbs_of
from envs.episodes.quality.metrics import WHOLE
from envs.episodes.quality.moments import held_moments, jerk_moments, pause_moments, peak_moments, tremor_moments
from envs.episodes.quality.pauses import (
    Span,
    idle_s,
    is_hesitation,
    is_still,
    pauses,
    top_speed,
    without_twitches,
)
from envs.episodes.quality.recording import Recording
from envs.episodes.quality.resampling import RATE_HZ, EvenMotion, even, even_motion
from envs.episodes.quality.smoothness import log_dimensionless_jerk, sparc, submovements
from envs.episodes.quality.steps import Step, steps_of
from envs.episodes.quality.tremor import trembling, tremor_power
from envs.episodes.verdict import Moment

_BUSY = 0.2  # of the busiest limb's way: one that moves less is at rest
_STILL_FLOOR = {"m": 0.005, "rad": 0.02}  # a second: slower than this is noise
_FINGERS_HZ, _FINGERS_FLOOR = 3.0, 0.15
_SHORTEST_S = 0.3  # of a step whose smoothness is worth measuring
_LEAST_WAY = {"m": 0.02, "rad": 0.05}


@dataclass(frozen=True)
class Measured:
    """`metrics`, `deeds` and `duration_s` are by instruction step, "" being the whole episode."""

    metrics: Mapping[str, Mapping[str, float]]
    deeds: Mapping[str, Mapping[str, float]]  # what a step does: see `deeds_of`
    duration_s: Mapping[str, float]
    moments: tuple[Moment, ...]
    setting: Mapping[str, float] = field(default_factory=dict)  # see `Recording`


@dataclass(frozen=True)
class _Arm:
    """One limb on the even grid. `path` is not low-passed."""

    limb: Limb
    motion: EvenMotion
    path: FloatArray  # (samples, axes)


def measure(recording: Recording) -> Measured:
    """Measure an episode. One of fewer than eight readings, or with a reading that is no number, has no metrics."""
    if not np.isfinite(recording.position_rad).all():
        return Measured({}, {}, {}, ())
    steps = steps_of(recording.instruction, recording.instructions)
    limbs = limbs_of(recording.robot, recording.position_rad)
    arms = _busy(recording, limbs)
    if not arms:
        return Measured({}, {}, {}, ())
    still = _still(recording, limbs, arms, steps)
    paused = pauses(still, RATE_HZ)
    hesitations = {pause for pause in paused if _is_hesitation(arms, pause)}
    whole = Step(WHOLE, False, Span(0, recording.ticks))
    metrics, deeds, durations = {}, {}, {}
    for step in (whole, *steps):
        start_s, end_s = _seconds(recording, step)
        durations[step.name] = end_s - start_s
        found = {**_of_motion(arms, start_s, end_s), **_of_ticks(recording, limbs, step)}
        if not step.is_wait:
            found |= _of_pauses(paused, hesitations, arms[0].motion.start_s, start_s, end_s)
        metrics[step.name] = {name: value for name, value in found.items() if np.isfinite(value)}
        deeds[step.name] = deeds_of(recording, limbs, step.ticks)
    metrics[WHOLE]["idle_s"] = sum(idle_s(still, RATE_HZ))
    return Measured(metrics, deeds, durations, _moments(recording, arms, still, hesitations, steps), recording.setting)


def _busy(recording: Recording, limbs: Iterable[Limb]) -> list[_Arm]:
    """The limbs that work, the busiest first."""
    arms = []
    for limb in limbs:
        motion = even_motion(recording.stamp_s, limb.path)
        if len(motion.path):
            arms.append(_Arm(limb, motion, even(recording.stamp_s, limb.path, cutoff_hz=None)[1]))
    arms.sort(key=lambda arm: -arm.motion.length)
    return [arm for arm in arms if arm.motion.length >= _BUSY * arms[0].motion.length]


def _still(
    recording: Recording, limbs: Iterable[Limb], arms: list[_Arm], steps: Iterable[Step]
) -> NDArray[np.bool_]:  # (samples,)
    """Where all that works stands still, the fingers too, and nobody is meant to wait."""
    still: NDArray[np.bool_] = np.ones(len(arms[0].motion.path), dtype=np.bool_)
    for arm in arms:
        speed = arm.motion.speed
        still &= is_still(speed, top_speed(speed), _STILL_FLOOR[arm.limb.unit])
    for limb in limbs:
        if limb.fingers_rad.shape[1]:
            # Small gears: what fingers measure is so coarse that only their slow motion can be told from noise.
            speed = even_motion(recording.stamp_s, limb.fingers_rad, cutoff_hz=_FINGERS_HZ).speed
            still &= is_still(speed, top_speed(speed), _FINGERS_FLOOR)
    for step in steps:
        if step.is_wait:
            start_s, end_s = (moment - arms[0].motion.start_s for moment in _seconds(recording, step))
            still[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)] = False
    return without_twitches(still, RATE_HZ)


def _of_motion(arms: list[_Arm], start_s: float, end_s: float) -> dict[str, float]:
    parts = [arm.motion.between(start_s, end_s) for arm in arms]
    busiest = max(range(len(arms)), key=lambda place: parts[place].length)
    motion, unit = parts[busiest], arms[busiest].limb.unit
    found: dict[str, float] = {}
    if end_s - start_s < _SHORTEST_S or len(motion.path) < 3:
        return found
    speed, way = motion.speed, motion.length
    if way >= _LEAST_WAY[unit]:
        found["sparc"] = sparc(speed, RATE_HZ)
        found["ldlj"] = log_dimensionless_jerk(motion.velocity, RATE_HZ)
        found[f"submovements_per_{unit}"] = submovements(speed) / way
        straight = float(np.linalg.norm(motion.path[-1] - motion.path[0]))
        if straight >= _LEAST_WAY[unit]:
            found["path_ratio"] = way / straight
    first = round((start_s - arms[busiest].motion.start_s) * RATE_HZ)
    shaking = [tremor_power(arm.path[first : first + len(motion.path)]) for arm in arms]
    found["tremor_mm2" if unit == "m" else "tremor_mrad2"] = 1e6 * max(shaking)
    if len(arms) == 2:
        by_side = {arm.limb.side: part for arm, part in zip(arms, parts, strict=True)}
        found["hand_lag_s"] = abs(hand_lag(by_side["left"].speed, by_side["right"].speed, RATE_HZ))
    return found


def _of_ticks(recording: Recording, limbs: Iterable[Limb], step: Step) -> dict[str, float]:
    rows = slice(step.ticks.start, step.ticks.end)
    robot, stamp_s = recording.robot, recording.stamp_s[rows]
    sent, position = recording.sent_rad[rows], recording.position_rad[rows]
    found = {
        "tracking_rad": tracking.tracking_error(sent, position)[0],
        "limit_share": tracking.limit_share(position, robot.lower, robot.upper),
        "held_share": float(tracking.is_held(recording.sent_rad)[rows].mean()),
        "late_share": tracking.late_share(stamp_s, robot.control_hz),
    }
    by_hand: list[dict[str, float]] = []
    for limb in limbs:
        force = recording.touch_n[rows, :][:, recording.pads_of(limb.side)].sum(axis=1)
        fingers = robot.group(f"{limb.side}_hand")
        wished = (sent - position)[:, fingers].sum(axis=1)
        hand = {
            "grip_n": contact.usual_force(force),
            "grip_peak_n": contact.peak_force(force),
            "grip_rate_n_s": contact.force_rate(stamp_s, force),
            "grip_stiffness_n_rad": contact.contact_stiffness(stamp_s, force, wished),
            "grip_peaks": float(contact.force_peaks(force)) if len(recording.pads_of(limb.side)) else float("nan"),
        }
        if len(fingers):
            hand["squeeze_rad"] = float(np.quantile(np.abs(sent - position)[:, fingers].max(axis=1), 0.9))
        by_hand.append(hand)
    for name in dict.fromkeys(name for hand in by_hand for name in hand):
        known = [hand[name] for hand in by_hand if np.isfinite(hand.get(name, float("nan")))]
        if known:
            found[name] = max(known)
    return found


def _is_hesitation(arms: Iterable[_Arm], pause: Span) -> bool:
    motions = [arm.motion for arm in arms]
    return any(is_hesitation(motion.path, pause, RATE_HZ, top_speed(motion.speed)) for motion in motions)


def _of_pauses(
    paused: Iterable[Span], hesitations: Collection[Span], first_s: float, start_s: float, end_s: float
) -> dict[str, float]:
    inside: dict[Span, float] = {}
    for span in paused:
        from_s, to_s = first_s + span.start / RATE_HZ, first_s + span.end / RATE_HZ
        if start_s <= (from_s + to_s) / 2 <= end_s:
            inside[span] = to_s - from_s
    lasts_s = max(end_s - start_s, 1.0 / RATE_HZ)
    return {
        "pause_count": float(len(inside)),
        "pause_longest_s": max(inside.values(), default=0.0),
        "pause_share": min(sum(inside.values()) / lasts_s, 1.0),
        "hesitation_s": sum(lasts for span, lasts in inside.items() if span in hesitations),
    }


def _moments(
    recording: Recording,
    arms: list[_Arm],
    still: NDArray[np.bool_],
    hesitations: Collection[Span],
    steps: tuple[Step, ...],
) -> tuple[Moment, ...]:
    offset_s = arms[0].motion.start_s - float(recording.stamp_s[0])
    found = pause_moments(still, hesitations, offset_s)
    for arm in arms:
        found += jerk_moments(arm.motion, offset_s)
        found += tremor_moments(trembling(arm.path), offset_s)
    found += held_moments(recording)
    found += peak_moments(recording)
    return tuple(sorted((_in_step(recording, moment, steps) for moment in found), key=lambda moment: moment.start_s))


def _in_step(recording: Recording, moment: Moment, steps: tuple[Step, ...]) -> Moment:
    middle_s = float(recording.stamp_s[0]) + (moment.start_s + moment.end_s) / 2
    tick = int(np.clip(np.searchsorted(recording.stamp_s, middle_s), 0, recording.ticks - 1))
    name = next((step.name for step in steps if step.ticks.start <= tick < step.ticks.end), WHOLE)
    return Moment(moment.kind, moment.start_s, moment.end_s, name)


def _seconds(recording: Recording, step: Step) -> tuple[float, float]:
    """Stamps at which a step begins and ends."""
    stamps = recording.stamp_s
    return float(stamps[step.ticks.start]), float(stamps[min(step.ticks.end, recording.ticks - 1)])
