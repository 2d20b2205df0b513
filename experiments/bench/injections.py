"""Faults put into what was recorded of good episodes, none of which changes how long an episode is.

They are put into the measured motion, and into the commands where the person would have commanded so: joints move, and
hands follow by forward kinematics. Nothing is simulated again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from envs.body import FloatArray
from envs.episodes.quality.limbs import Limb, limbs_of
from envs.episodes.quality.pauses import Span
from envs.episodes.quality.recording import Recording
from envs.episodes.quality.steps import steps_of
from envs.pilots.paths import minimum_jerk

TREMOR_HZ = 6.0
TREMOR_M = 0.001
TREMOR_RAD = 0.002  # where no model tells where the hand is: a millimetre at half a metre
PAUSE_S = 0.4
HELD = 3  # samples
GRIP = 1.4
SERVO_S = 0.06  # a servo's lag, by which the measured motion answers to a changed command
_RAMP_S = 0.12  # in which a hand comes to rest
_BRIDGE_S = 0.4

Injection = Callable[[Recording, np.random.Generator], Recording | None]


def tremor(recording: Recording, rng: np.random.Generator) -> Recording | None:
    """A tremble of 6 Hz, 1 mm root mean square at the busiest hand, along a direction drawn among its arm's joints."""
    limb, arm = _busiest(recording)
    way = rng.normal(size=len(arm))
    wave = np.sqrt(2.0) * np.sin(2 * np.pi * (TREMOR_HZ * recording.stamp_s + rng.uniform()))
    shake = np.zeros_like(recording.position_rad)
    shake[:, arm] = wave[:, None] * way / np.linalg.norm(way)
    size = TREMOR_RAD
    if limb.unit == "m":
        probe = 1e-3
        moved = {one.side: one for one in limbs_of(recording.robot, recording.position_rad + probe * shake)}
        apart = moved[limb.side].path - limb.path
        size = TREMOR_M * probe / float(np.sqrt((apart**2).sum(axis=1).mean()))
    return replace(
        recording, position_rad=recording.position_rad + size * shake, sent_rad=recording.sent_rad + size * shake
    )


def pause(recording: Recording, rng: np.random.Generator) -> Recording | None:
    """The hand stops for 0.4 s in the midst of motion; all else goes a little faster, so that the duration stays."""
    return _paused(recording, rng, PAUSE_S)


def placebo(recording: Recording, rng: np.random.Generator) -> Recording | None:
    """No fault, but read at other times like a paused episode: what reading does to noise is in both."""
    return _paused(recording, rng, 0.0)


def held(recording: Recording, rng: np.random.Generator) -> Recording | None:
    """Every command is sent three times; the joints follow with the lag of a servo."""
    rows = np.arange(recording.ticks)
    sent = recording.sent_rad[rows - (rows + int(rng.integers(HELD))) % HELD * (rows >= HELD)]
    change, answer = sent - recording.sent_rad, np.zeros_like(sent)
    share = 1.0 - np.exp(-1.0 / (recording.robot.control_hz * SERVO_S))
    for row in range(1, len(sent)):
        answer[row] = answer[row - 1] + share * (change[row - 1] - answer[row - 1])
    return replace(recording, sent_rad=sent, position_rad=recording.position_rad + answer)


def grip(recording: Recording, rng: np.random.Generator) -> Recording | None:
    """Everything is held 1.4 times as hard; without touch, fingers are sent 1.4 times as far beyond where they are."""
    if recording.touch_n.shape[1]:
        return replace(recording, touch_n=GRIP * recording.touch_n)
    fingers = np.concatenate([recording.robot.group(f"{side}_hand") for side in ("left", "right")])
    if not len(fingers):
        return None
    sent = recording.sent_rad.copy()
    sent[:, fingers] += (GRIP - 1.0) * (sent - recording.position_rad)[:, fingers]
    return replace(recording, sent_rad=sent)


def as_long_as(recording: Recording, other: Recording) -> Recording:
    """A recording read along another time, so that it has the other's stamps and lasts as long."""
    stamps = recording.stamp_s
    share = (other.stamp_s - other.stamp_s[0]) / other.duration_s
    read_s = stamps[0] + share * recording.duration_s
    return _read_at(recording, read_s, other.stamp_s)


def swapped(recording: Recording, rng: np.random.Generator) -> Recording | None:
    """Two steps that follow each other are done in the other order, and marked as if they were in the right one.

    Where one ends elsewhere than the next begins, the hand is led over within 0.4 s. None where there are no two steps
    of half a second.
    """
    steps = [step.ticks for step in steps_of(recording.instruction, recording.instructions)]
    long_enough = 0.5 * recording.robot.control_hz
    places = [
        place for place in range(len(steps) - 1) if min(steps[place].samples, steps[place + 1].samples) >= long_enough
    ]
    if not places:
        return None
    place = int(rng.choice(places))
    one, other = steps[place], steps[place + 1]
    rows = np.arange(recording.ticks)
    rows[one.start : other.end] = np.r_[other.start : other.end, one.start : one.end]
    labels = recording.instruction.copy()
    first, second = labels[one.start], labels[other.end - 1]
    labels[one.start : other.end] = np.r_[np.full(other.samples, first), np.full(one.samples, second)]
    seams = (one.start, one.start + other.samples, other.end)
    return replace(
        recording,
        position_rad=_bridged(recording, recording.position_rad[rows], seams),
        sent_rad=_bridged(recording, recording.sent_rad[rows], seams),
        touch_n=recording.touch_n[rows],
        instruction=labels,
    )


INJECTIONS: Mapping[str, Injection] = {
    "tremor, 6 Hz, 1 mm": tremor,
    "one pause of 0.4 s": pause,
    "commands held for 3 samples": held,
    "grip x 1.4": grip,
    "two steps swapped": swapped,
}


def _busiest(recording: Recording) -> tuple[Limb, NDArray[np.intp]]:
    limbs = limbs_of(recording.robot, recording.position_rad)
    limb = max(limbs, key=lambda one: float(np.linalg.norm(np.diff(one.path, axis=0), axis=1).sum()))
    arm = recording.robot.group(f"{limb.side}_arm")
    return limb, arm if len(arm) else np.arange(len(recording.robot.joints))


def _paused(recording: Recording, rng: np.random.Generator, pause_s: float) -> Recording | None:
    """Read the recording along another time that stands still for a while, and takes as long altogether."""
    stamps, limb = recording.stamp_s, _busiest(recording)[0]
    speed = np.linalg.norm(np.gradient(limb.path, stamps, axis=0), axis=1)
    waits = {index for index, step in enumerate(recording.instructions) if step.is_wait}
    margin = int(recording.robot.control_hz * (PAUSE_S + _RAMP_S))
    moving = speed > 0.3 * np.quantile(speed, 0.95)
    moving[:margin] = moving[-margin:] = False
    moving &= ~np.isin(recording.instruction, list(waits))
    if not moving.any():
        return None
    centre_s = float(stamps[rng.choice(np.flatnonzero(moving))])
    grid = np.linspace(stamps[0], stamps[-1], 20 * len(stamps))
    outside = np.clip((np.abs(grid - centre_s) - pause_s / 2) / _RAMP_S, 0.0, 1.0)
    pace = (1.0 - np.cos(np.pi * outside)) / 2 if pause_s else 1.0 + 0.05 * np.cos(np.pi * outside)
    read = np.concatenate([[0.0], np.cumsum((pace[1:] + pace[:-1]) / 2)])
    read_s = np.interp(stamps, grid, stamps[0] + read / read[-1] * (stamps[-1] - stamps[0]))
    return _read_at(recording, read_s, stamps)


def _read_at(recording: Recording, read_s: FloatArray, stamp_s: FloatArray) -> Recording:
    """The recording as it was at other times, with new stamps; both (ticks,)."""
    stamps = recording.stamp_s
    nearest = np.clip(np.searchsorted(stamps, read_s - 0.5 / recording.robot.control_hz), 0, len(stamps) - 1)
    touch = [np.interp(read_s, stamps, pad) for pad in recording.touch_n.T]
    return replace(
        recording,
        stamp_s=stamp_s,
        position_rad=_read(stamps, recording.position_rad, read_s),
        sent_rad=_read(stamps, recording.sent_rad, read_s),
        touch_n=np.array(touch).reshape(len(touch), len(read_s)).T,
        instruction=recording.instruction[nearest],
    )


def _read(stamp_s: FloatArray, values: FloatArray, read_s: FloatArray) -> FloatArray:
    return np.asarray(CubicSpline(stamp_s, values)(read_s))


def _bridged(recording: Recording, rows: FloatArray, seams: tuple[int, ...]) -> FloatArray:
    """Take what lies apart at each seam off the rows after it, ever less of it."""
    count = round(_BRIDGE_S * recording.robot.control_hz)
    fading = np.array([1.0 - minimum_jerk(row / count) for row in range(count)])
    bridged = rows.copy()
    for seam in (seam for seam in seams if 1 < seam < len(rows) - 1):
        apart = (2 * bridged[seam - 1] - bridged[seam - 2]) - bridged[seam]
        span = Span(seam, min(seam + count, len(rows)))
        bridged[span.start : span.end] += fading[: span.samples, None] * apart
    return bridged
