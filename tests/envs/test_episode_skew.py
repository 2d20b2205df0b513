"""How far the streams of an episode lie apart: by hand, through the archive, and on the page of an episode."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from episode_samples import ROBOT, header_of, made_up_ticks, record_episode, success

from envs.body import NEVER_S, BodyState
from envs.episodes.archive import Archive
from envs.episodes.reading import read_episode
from envs.episodes.skew import SkewTally, StreamSkew
from experiments.view import skew_lines

PERIOD_S = 1.0 / ROBOT.control_hz


def states(touch_ms: list[float], head_ms: list[float]) -> list[BodyState]:
    """States whose touch and head camera are as late as is said, and whose other streams are right on time."""
    made = []
    for tick, touch, head in zip(made_up_ticks(ROBOT, len(touch_ms)), touch_ms, head_ms, strict=True):
        state, now_s = tick.state, tick.state.joints_stamp_s + 10.0
        images = {
            "head": replace(state.images["head"], stamp_s=now_s + head / 1000.0),
            "wrist": replace(state.images["wrist"], stamp_s=now_s),
        }
        made.append(
            replace(
                state,
                joints_stamp_s=now_s,
                touch_stamp_s=now_s + touch / 1000.0,
                sound_stamp_s=now_s,
                imu=replace(state.imu, stamp_s=now_s),
                images=images,
            )
        )
    return made


def figures_of(made: list[BodyState]) -> dict[str, StreamSkew]:
    tally = SkewTally(ROBOT)
    for state in made:
        tally.add(state)
    return tally.figures()


def test_median_extremes_and_the_share_over_the_budget_are_those_of_the_stamps() -> None:
    skew = figures_of(states([-1, -2, -3, -4, -20], [0] * 5))
    touch = skew["touch"]
    assert touch.median_s == pytest.approx(-0.003)
    assert touch.worst_s == pytest.approx(0.020)
    assert touch.p95_s == pytest.approx(0.004 + 0.8 * 0.016)  # four fifths of the way from the fourth to the fifth
    assert (touch.over_budget, touch.budget_s, touch.is_within_budget) == (0.2, 0.005, False)
    assert skew["image/head"].is_within_budget
    assert list(skew) == ["touch", "imu", "sound", "image/head", "image/wrist"]


def test_an_image_that_stays_is_repeated_and_grows_old() -> None:
    made = states([0] * 6, [0] * 6)
    made[1::2] = [
        replace(new, images={**new.images, "head": old.images["head"]})
        for old, new in zip(made[::2], made[1::2], strict=True)
    ]
    head = figures_of(made)["image/head"]
    assert (head.steps, head.repeats, head.missing) == (6, 3, 0)
    assert head.worst_s == pytest.approx(PERIOD_S)
    assert head.over_budget == 0.5


def test_what_has_never_come_is_counted_and_does_not_spoil_the_figures() -> None:
    made = states([-1] * 4, [0] * 4)
    made[:2] = [replace(state, touch_stamp_s=NEVER_S) for state in made[:2]]
    touch = figures_of(made)["touch"]
    assert (touch.steps, touch.missing, touch.repeats) == (4, 2, 0)
    assert touch.worst_s == pytest.approx(0.001)


def test_an_episode_carries_the_skew_of_its_streams(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    ticks = made_up_ticks(ROBOT, 6)
    made = states([-2] * 6, [-8] * 6)
    with archive.record(header_of()) as recorder:
        for tick, state in zip(ticks, made, strict=True):
            recorder.tick(replace(tick, state=state))
        recorder.finish(success())
    skew = archive.sheet(recorder.episode_id).skew
    assert skew == figures_of(made)
    assert skew["image/head"].median_s == pytest.approx(-0.008)


def test_an_episode_that_broke_off_carries_the_skew_so_far(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    recorder = archive.record(header_of())
    for tick in made_up_ticks(ROBOT, 3):
        recorder.tick(tick)
    recorder.abort("pulled")
    assert archive.sheet(recorder.episode_id).skew["touch"].steps == 3


def test_an_episode_from_before_skew_was_measured_is_read(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    path = archive.folder(record_episode(archive, 2)) / "episode.json"
    fields = json.loads(path.read_text())
    del fields["skew"], fields["robot"]["devices"]
    for camera in fields["robot"]["cameras"]:
        del camera["latency_s"], camera["importance"]
    path.write_text(json.dumps(fields))
    episode = read_episode(path.parent)
    assert episode.sheet.skew == {}
    assert episode.sheet.header.robot.digest == ROBOT.digest


def test_the_skew_of_an_episode_is_told_stream_by_stream() -> None:
    made = states([-2] * 4, [-2, -2, -30, -30])
    made[3] = replace(made[3], touch_stamp_s=made[2].touch_stamp_s)
    made[0] = replace(made[0], sound_stamp_s=NEVER_S)
    told = {line.split()[0]: line for line in skew_lines(figures_of(made))}
    assert "-16.0 ms in the middle, 30.0 ms in 95 %, 30.0 ms at worst" in told["image/head"]
    assert "10 ms allowed: over budget in 50% of steps; 0 of 4 repeated" in told["image/head"]
    assert told["touch"].endswith("1 of 4 repeated")
    assert "within budget" in told["imu"]
    assert told["sound"].endswith("0 of 4 repeated, 1 missing")
