"""What an exoskeleton's filter does to a motion: how much of it arrives, how late, and how much of the tremor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.exoskeleton import ServoLayout, isomorphic_joints
from assets.robot import JointSpec, RobotSpec
from envs.pilots.exoskeleton import BETA, HOLD_AFTER_S, MIN_CUTOFF_HZ
from experiments.bench.rows import BenchOptions, Row
from hardware.exoskeleton import ServoExoskeleton
from hardware.port import InProcessPort
from hardware.smoothing import OneEuroFilter
from hardware.virtual_robot import VirtualExoskeleton

FloatArray = NDArray[np.float64]
Motion = Callable[[FloatArray], FloatArray]

AMPLITUDE_RAD = 0.5
AMPLITUDE_GOAL, LAG_GOAL_MS, REST_GOAL = 0.95, 40.0, 0.5
RATES_HZ = (25.0, 50.0)  # how often the exoskeleton is read
MOTIONS_HZ = (0.5, 1.0, 2.0)
PEER_CALLS = (10, 50)
# A resting hand trembles at 8 to 12 Hz; amplitude of an arm held in the air, and a sensor's own noise.
_TREMOR_HZ, _TREMOR_RAD, _NOISE_RAD = 9.0, 0.003, 0.001
_UNEVEN = 0.4  # share by which a period may be longer or shorter
_SETTLE_S = 3.0


@dataclass(frozen=True)
class Exo(BenchOptions):
    """How much of a trainer's motion reaches the robot, how late, and how much of the tremor at rest.

    Sines of 0.5 rad with hand tremor, through virtual servos (whose ticks round), the bus and the filter, read at
    uneven times about 25 and 50 times a second. The worst of all seeds counts. The peer is a per-call exponential
    average over 10 and 50 calls, as LeRobot smooths an exoskeleton, over the same readings.

    Example: retake bench exo
    """

    seeds: int = 5
    """How many motions of each kind, each with its own tremor and timing; --quick takes at most 2."""


@dataclass(frozen=True)
class _Followed:
    """One motion as it was made, read, and smoothed. All arrays are (readings,)."""

    stamp_s: FloatArray
    raw_rad: FloatArray
    smooth_rad: FloatArray


def measure(config: Exo) -> list[Row]:
    seeds = range(min(config.seeds, 2) if config.quick else config.seeds)
    length_s = 12.0 if config.quick else 30.0
    rows = []
    for motion_hz in MOTIONS_HZ:
        for rate_hz in RATES_HZ:
            runs = [_follow(motion_hz, rate_hz, length_s, seed) for seed in seeds]
            ours = [_response(run.stamp_s, run.smooth_rad, motion_hz) for run in runs]
            peer = [[_response(r.stamp_s, per_call_average(r.raw_rad, n), motion_hz) for r in runs] for n in PEER_CALLS]
            rows += _motion_rows(motion_hz, rate_hz, ours, peer)
    for rate_hz in RATES_HZ:
        runs = [_follow(0.0, rate_hz, length_s, seed) for seed in seeds]
        name = f"tremor at rest that passes, {rate_hz:g} Hz readings"
        value = max(_noise(run, run.smooth_rad) for run in runs)
        peers = [max(_noise(run, per_call_average(run.raw_rad, n)) for run in runs) for n in PEER_CALLS]
        note = f"peer over 10 calls; over 50 it is {peers[1]:.3f}, paid with the lag above"
        rows.append(Row(name, value, "share", goal=REST_GOAL, peer=peers[0], note=note))
    return rows


def per_call_average(values: FloatArray, calls: int) -> FloatArray:  # (readings,)
    """An exponential average with alpha 2 / (calls + 1) at every call, however much time lies between."""
    alpha, smooth = 2.0 / (calls + 1.0), float(values[0])
    averaged = np.empty_like(values)
    for index, value in enumerate(values):
        smooth += alpha * (float(value) - smooth)
        averaged[index] = smooth
    return averaged


def _motion_rows(
    motion_hz: float,
    rate_hz: float,
    ours: list[tuple[float, float]],
    peer: list[list[tuple[float, float]]],
) -> list[Row]:
    what = f"{motion_hz:g} Hz motion, {rate_hz:g} Hz readings"
    has_goal = motion_hz == MOTIONS_HZ[0]
    (short_kept, short_s), (long_kept, long_s) = ((min(k for k, _ in p), max(lag for _, lag in p)) for p in peer)
    return [
        Row(
            f"amplitude kept, {what}",
            min(kept for kept, _ in ours),
            "share",
            goal=AMPLITUDE_GOAL if has_goal else None,
            wanted="at least",
            peer=long_kept,
            note=f"peer over 50 calls; over 10 it keeps {short_kept:.3f}",
        ),
        Row(
            f"lag, {what}",
            1e3 * max(lag_s for _, lag_s in ours),
            "ms",
            goal=LAG_GOAL_MS if has_goal else None,
            peer=1e3 * long_s,
            note=f"peer over 50 calls; over 10 it lags {1e3 * short_s:.0f} ms",
        ),
    ]


def _follow(motion_hz: float, rate_hz: float, length_s: float, seed: int) -> _Followed:
    """Move a virtual exoskeleton and read it as a pilot does, on a simulated clock. At 0 Hz it rests."""
    rng = np.random.default_rng([seed, round(rate_hz), round(10 * motion_hz)])
    periods_s = rng.uniform(1.0 - _UNEVEN, 1.0 + _UNEVEN, round(length_s * rate_hz)) / rate_hz
    stamp_s = np.cumsum(periods_s)
    tremor = np.sin(2 * np.pi * (_TREMOR_HZ * stamp_s + rng.random())) * _TREMOR_RAD
    noise = rng.normal(0.0, _NOISE_RAD, stamp_s.size)
    shown_rad = AMPLITUDE_RAD * np.sin(2 * np.pi * motion_hz * stamp_s) + tremor + noise
    layout = ServoLayout(isomorphic_joints(_ONE_JOINT))
    worn = VirtualExoskeleton(layout.joints)
    now_s = 0.0
    port = InProcessPort(worn.bus.feed, lambda: now_s)
    smoothing = OneEuroFilter(MIN_CUTOFF_HZ, BETA)
    exoskeleton = ServoExoskeleton(_ONE_JOINT, layout.joints, port, smoothing, HOLD_AFTER_S)
    worn.hold(shown_rad[:1])
    exoskeleton.connect()
    raw_rad, smooth_rad = np.empty_like(stamp_s), np.empty_like(stamp_s)
    for index, position_rad in enumerate(shown_rad):
        now_s = float(stamp_s[index])
        worn.hold(np.array([position_rad]))
        reading = exoskeleton.read()
        raw_rad[index], smooth_rad[index] = reading.raw_position_rad[0], reading.position_rad[0]
    return _Followed(stamp_s, raw_rad, smooth_rad)


def _response(stamp_s: FloatArray, followed_rad: FloatArray, motion_hz: float) -> tuple[float, float]:
    """Share of the amplitude that arrives, and the lag in seconds, by least squares on a sine after settling."""
    is_settled = stamp_s > _SETTLE_S
    phase = 2 * np.pi * motion_hz * stamp_s[is_settled]
    columns = np.column_stack([np.sin(phase), np.cos(phase), np.ones_like(phase)])
    (in_phase, behind, _), *_ = np.linalg.lstsq(columns, followed_rad[is_settled], rcond=None)
    lag_rad = float(np.arctan2(-behind, in_phase))
    return float(np.hypot(in_phase, behind)) / AMPLITUDE_RAD, lag_rad / (2 * np.pi * motion_hz)


def _noise(run: _Followed, smooth_rad: FloatArray) -> float:
    """Standard deviation at rest, over that of the readings."""
    is_settled = run.stamp_s > _SETTLE_S
    return float(smooth_rad[is_settled].std() / run.raw_rad[is_settled].std())


_ONE_JOINT = RobotSpec(
    name="one joint",
    control_hz=25.0,
    joints=(JointSpec("elbow", "arm", -1.5, 1.5, home=0.0, max_rate=3.0, max_acceleration=20.0, max_effort_nm=1.0),),
)
