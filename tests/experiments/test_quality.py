"""Verdicts as a user gets them: learnt and judged by `retake quality`, live at the end of an episode, and benched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from episode_samples import header_of, record_episode, success
from hand_made_dataset import write_dataset
from moved import ARM, good_episode
from one_line import one_line

from envs.body import NEVER_S, SOUND_WINDOW, BodyState, Imu
from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue
from envs.episodes.quality.judging import judge
from envs.episodes.quality.measuring import measure
from envs.episodes.quality.recording import Recording, recording_of
from envs.episodes.quality.references import References, read_references, references_path
from envs.episodes.records import Tick
from envs.episodes.session import EpisodeOrder, run_episode
from envs.humanoid import HumanoidEnv
from envs.pilots.scripted import ScriptedPilot
from envs.registry import make_env
from envs.scenario import Pool
from envs.tasks.known import load_task
from experiments import quality
from experiments.bench.disturbed_pilot import DisturbedPilot
from experiments.bench.filtering import summary
from experiments.bench.injections import (
    GRIP,
    INJECTIONS,
    PAUSE_S,
    TREMOR_RAD,
    as_long_as,
    held,
    pause,
    placebo,
    swapped,
    tremor,
)
from experiments.bench.quality import fault_rows
from experiments.foreign_recordings import foreign_recordings
from policies.cases.rollout import Decisions, Rollout

RNG = np.random.default_rng
SCENARIO = next(load_task("pick_fruit").space.draw(Pool.TRAIN, RNG(0), distribution="nominal"))


@pytest.fixture(scope="module")
def env() -> Iterator[HumanoidEnv]:
    made = make_env("pick_fruit", images=False)
    yield made
    made.close()


def record_motion(root: Path, recording: Recording) -> str:
    """Record made-up motion as a demonstration that succeeded, and return its id."""
    imu, silence = Imu(np.zeros(3), np.zeros(3), NEVER_S), np.zeros(SOUND_WINDOW, np.int16)
    with Archive(root).record(header_of(recording.robot, instructions=recording.instructions)) as recorder:
        for row, stamp_s in enumerate(recording.stamp_s.tolist()):
            position_rad, sent_rad = recording.position_rad[row], recording.sent_rad[row]
            touch_n = np.repeat(recording.touch_n[row] / 16.0, 16).reshape(-1, 4, 4)
            still = np.zeros_like(position_rad)
            state = BodyState(position_rad, still, still, stamp_s, touch_n, stamp_s, {}, silence, NEVER_S, 0, imu, ())
            recorder.tick(Tick(row, state, sent_rad, "pilot", int(recording.instruction[row]), sent_rad))
        return recorder.finish(success())


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    root = tmp_path / "archive"
    for seed in range(9):
        record_motion(root, good_episode(seed))
    return root


def learnt(archive: Path) -> set[str]:
    """The episodes that are references."""
    return {one.episode for one in read_references(references_path(archive, "pick_fruit", "sim")).episodes}


def test_what_is_usual_is_learnt_and_every_demonstration_gets_its_verdict(archive: Path) -> None:
    assert quality.main(["judge", "--archive", str(archive), "--quiet"]) == 0
    with Catalogue(Archive(archive)) as catalogue:
        assert {entry.quality_score for entry in catalogue.query()} == {None}
        assert {entry.quality_verdict for entry in catalogue.query()} == {"unjudged"}
    assert quality.main(["learn", "--archive", str(archive)]) == 0
    assert quality.main(["judge", "--archive", str(archive)]) == 0
    sheets = list(Archive(archive).episodes())
    assert {sheet.quality.references[""] for sheet in sheets if sheet.quality} == {8}, "judged by the others"
    with Catalogue(Archive(archive)) as catalogue:
        for sheet, entry in zip(sheets, catalogue.query(), strict=True):
            assert sheet.quality is not None
            assert (entry.quality_verdict, entry.quality_score) == (sheet.quality.verdict, sheet.quality.score)


def test_a_damaged_episode_does_not_stop_the_others(archive: Path, caplog: pytest.LogCaptureFixture) -> None:
    ids = Archive(archive).ids()
    stream = Archive(archive).folder(ids[2]) / "raw.mcap"
    stream.write_bytes(stream.read_bytes()[:2000])
    assert quality.main(["learn", "--archive", str(archive)]) == 1
    assert learnt(archive) == set(ids) - {ids[2]}
    assert f"episode {ids[2]} is passed over" in caplog.text
    caplog.clear()
    assert quality.main(["judge", "--archive", str(archive)]) == 1
    assert [sheet.id for sheet in Archive(archive).episodes() if sheet.quality is None] == [ids[2]]
    assert f"episode {ids[2]} is passed over" in caplog.text


def test_an_altered_recording_is_neither_learnt_from_nor_judged(
    archive: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ids = Archive(archive).ids()
    stream = Archive(archive).folder(ids[1]) / "raw.mcap"
    content = bytearray(stream.read_bytes())
    content[len(content) // 2] ^= 1
    stream.write_bytes(content)
    assert quality.main(["learn", "--archive", str(archive)]) == 1
    assert learnt(archive) == set(ids) - {ids[1]}
    assert quality.main(["judge", "--archive", str(archive)]) == 1
    assert [sheet.id for sheet in Archive(archive).episodes() if sheet.quality is None] == [ids[1]]
    assert f"episode {ids[1]} is passed over" in caplog.text


def test_what_does_not_pass_the_gates_is_no_reference(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    usual = set(Archive(archive).ids())
    stalled = good_episode(20)
    gaps_s = np.where(np.arange(stalled.ticks) < 30, 0.0, 2.0)
    hole = record_motion(archive, replace(stalled, stamp_s=stalled.stamp_s + gaps_s))
    other_order = swapped(good_episode(21), RNG(0))
    assert other_order is not None
    exchanged = record_motion(archive, other_order)
    assert quality.main(["learn", "--archive", str(archive)]) == 0
    assert learnt(archive) == usual
    said = capsys.readouterr().out
    assert f"{hole} is no reference: Nothing was read for 2.04 s" in said
    assert f"{exchanged} is no reference: 'wait' and 'carry' were exchanged" in said


def test_where_no_demonstration_passes_the_gates_nothing_is_learnt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record_episode(Archive(tmp_path), 40)  # its joints leave their limits
    assert quality.main(["learn", "--archive", str(tmp_path)]) == 1
    assert "none of 1 demonstrations" in capsys.readouterr().out
    assert not references_path(tmp_path, "pick_fruit", "sim").exists()


def test_references_from_nowhere_are_refused(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert quality.main(["judge", "--archive", str(archive), "--references", "/nowhere"]) == 2
    assert "/nowhere does not exist" in one_line(capsys.readouterr().err)


def test_one_who_has_nothing_to_learn_from_is_told_so(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert quality.main(["learn", "--archive", str(archive), "--task", "fold_towel"]) == 2
    assert "no demonstration of fold_towel that succeeded" in one_line(capsys.readouterr().err)
    assert quality.main(["judge", "--archive", str(archive), "--episodes", "another"]) == 2
    assert "no episode 'another'" in one_line(capsys.readouterr().err)


def test_the_verdict_at_the_end_of_an_episode_is_that_of_its_recording(env: HumanoidEnv, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    none = References("pick_fruit", "tudi", "sim", ())
    pilot = ScriptedPilot(env)
    order = EpisodeOrder(SCENARIO, 1, "nominal", "expert")
    live = run_episode(env, pilot, order, archive, station="test", references=none)
    rollout = EpisodeOrder(SCENARIO, 1, "rollout", "policy")
    assert run_episode(env, pilot, rollout, archive, station="test", references=none).quality is None
    episode = archive.open(live.episode_id)
    assert live.quality is not None
    assert episode.sheet.quality == live.quality
    failure = "" if episode.sheet.outcome is None else episode.sheet.outcome.reason
    assert judge(recording_of(episode), none, skew=episode.sheet.skew, failure=failure) == live.quality
    assert {"reach", "grasp", "carry"} <= set(live.quality.metrics)


@pytest.mark.parametrize("fault", [*INJECTIONS, "placebo"])
def test_no_fault_changes_how_long_an_episode_is(fault: str) -> None:
    good = good_episode(3)
    faulty = {**INJECTIONS, "placebo": placebo}[fault](good, RNG(0))
    assert faulty is not None
    np.testing.assert_array_equal(faulty.stamp_s, good.stamp_s)
    assert np.abs(np.diff(faulty.position_rad, axis=0)).max() < 0.3, "nothing leaps"


def test_each_fault_is_as_large_as_it_says() -> None:
    good = good_episode(3)
    shaken = tremor(good, RNG(0))
    assert shaken is not None
    apart = (shaken.position_rad - good.position_rad)[:, :2]
    assert np.sqrt((apart**2).sum(axis=1).mean()) == pytest.approx(TREMOR_RAD, rel=0.1)
    paused = pause(good, RNG(0))
    assert paused is not None
    assert measure(paused).metrics[""]["pause_longest_s"] == pytest.approx(PAUSE_S, abs=0.2)
    stale = held(good, RNG(0))
    assert stale is not None
    assert measure(stale).metrics["reach"]["held_share"] > 0.5
    firm = INJECTIONS["grip x 1.4"](good, RNG(0))
    assert firm is not None
    assert measure(firm).metrics["carry"]["grip_n"] == pytest.approx(GRIP * measure(good).metrics["carry"]["grip_n"])
    other_order = swapped(good, RNG(0))
    assert other_order is not None
    assert sorted(set(other_order.instruction.tolist())) == [0, 1, 2]


def test_the_bench_tells_made_up_faults_from_good_episodes() -> None:
    rows = fault_rows("made up", [good_episode(seed) for seed in range(10)], None, 1)
    by_name = {row.name: row.value for row in rows}
    for fault in ("tremor, 6 Hz, 1 mm", "one pause of 0.4 s", "commands held for 3 samples", "grip x 1.4"):
        assert by_name[f"made up: AUROC, {fault}"] > 0.9
    assert by_name["made up: time of a verdict"] < 1.0
    (row,) = fault_rows("few", [good_episode(seed) for seed in range(4)], None, 1)
    assert "are needed" in row.note


def test_a_grip_that_was_simulated_again_is_judged_over_the_same_time() -> None:
    good = [good_episode(seed) for seed in range(10)]
    quicker = good_episode(20)
    fitted = as_long_as(quicker, good[0])
    np.testing.assert_array_equal(fitted.stamp_s, good[0].stamp_s)
    assert fitted.position_rad[-1] == pytest.approx(quicker.position_rad[-1])
    assert fitted.touch_n.shape == (good[0].ticks, 1)
    harder = {place: replace(one, touch_n=1.4 * one.touch_n) for place, one in enumerate(good[:6])}
    rows = {row.name: row for row in fault_rows("made up", good, harder, 1)}
    grip_row = rows["made up: AUROC, grip x 1.4"]
    assert grip_row.value > 0.9
    assert "6 of 10 episodes" in grip_row.note
    assert "simulated again" in grip_row.note
    rows = {row.name: row for row in fault_rows("made up", good, {}, 1)}
    assert "cannot be put" in rows["made up: AUROC, grip x 1.4"].note


def test_peoples_datasets_become_recordings_with_two_steps(tmp_path: Path) -> None:
    recordings = foreign_recordings(write_dataset(tmp_path / "data"))
    assert [recording.ticks for recording in recordings] == [30, 41, 25]
    assert all(set(recording.instruction.tolist()) <= {0, 1} for recording in recordings)


def test_a_disturbed_pilot_demonstrates_what_it_says(env: HumanoidEnv, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    seen = {}
    pilot = DisturbedPilot(ScriptedPilot(env), env)
    for seed in range(12):
        if len(seen) == 3:
            break
        result = run_episode(env, pilot, EpisodeOrder(SCENARIO, seed, "nominal", "x"), archive, station="test")
        seen[pilot.disturbance] = measure(recording_of(archive.open(result.episode_id))).metrics[""]
    assert set(seen) == {"tremor", "pauses", "held"}
    assert seen["held"]["held_share"] > 0.2, "safety turns each late command into several small ones"
    assert seen["tremor"]["tremor_mm2"] > 3 * seen["held"]["tremor_mm2"]
    assert max(seen, key=lambda kind: seen[kind]["pause_longest_s"]) == "pauses"


def test_a_filter_that_helps_in_every_seed_is_said_to() -> None:
    def rollouts(successes: int, seed: int) -> list[Rollout]:
        empty = Decisions.of(np.zeros(0, dtype=int), np.zeros(0), np.zeros(0))
        return [
            Rollout(where, where.pool, place < successes, "", str(place), place, 9, empty, None, ())
            for place, where in enumerate(drawn[10 * seed : 10 * seed + 10])
        ]

    drawn = list(islice(load_task("pick_fruit").space.draw(Pool.DISCOVER, RNG(0)), 20))
    rows = {row.name: row for row in summary([rollouts(8, 0), rollouts(9, 1)], [rollouts(5, 0), rollouts(4, 1)])}
    assert rows["gained by the filter, by seed"].value == pytest.approx(40.0)
    assert "2 seeds, 95 % interval" in rows["gained by the filter, by seed"].note


def test_arms_of_a_robot_without_a_model_are_shaken_in_joint_space() -> None:
    assert ARM.mjcf_path is None
    assert "tremor_mrad2" in measure(good_episode(0)).metrics[""]
