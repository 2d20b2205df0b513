"""An episode in rerun: the file that is written, read back by rerun's own reader, holds what the episode holds."""

from __future__ import annotations

import io
import sys
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from episode_samples import INSTRUCTIONS, header_of, made_up_ticks, record_episode, success
from one_line import one_line
from verdicts import QUALITY

from assets.table import load_robot
from envs.episodes.archive import Archive
from envs.episodes.reading import Episode
from envs.episodes.verdict import Moment
from experiments import view
from experiments.view_episode import show_episode
from experiments.viewer.senses import sound_pieces
from experiments.workers import console

pytest.importorskip("rerun", reason="the extra `viewer` is not installed")

TICKS = 12
TUDI = load_robot("tudi")
HANDS = ("left_grasp", "right_grasp")
JUDGED = replace(QUALITY, moments=(Moment("pause", 0.12, 0.32, "reach"),))  # within twelve steps


@pytest.fixture(autouse=True)
def progress_on_standard_output() -> Iterator[None]:
    yield
    console.stderr = False


@pytest.fixture(scope="module")
def episode(tmp_path_factory: pytest.TempPathFactory) -> Episode:
    """The robot of the assets, moved at random, with a policy and then a trainer in command, and judged."""
    archive = Archive(tmp_path_factory.mktemp("viewer") / "archive")
    ticks = made_up_ticks(TUDI, TICKS)
    rng = np.random.default_rng(5)
    wishes = rng.uniform(-0.3, 0.3, (TICKS, len(TUDI.joints)))
    with archive.record(header_of(TUDI)) as recorder:
        for number, tick in enumerate(ticks):
            by_policy = number < 5
            recorder.tick(
                replace(
                    tick,
                    in_command="policy" if by_policy else "pilot",
                    policy_rad=wishes[number] if by_policy else None,
                )
            )
        recorder.finish(success(), JUDGED)
    return archive.open(recorder.episode_id)


class Recording:
    """What rerun's reader finds in a file."""

    def __init__(self, file: Path) -> None:
        from rerun.chunk import RrdReader

        reader = RrdReader(file)
        self.blueprints = reader.blueprints()
        self._columns: dict[tuple[str, str], list[Any]] = {}
        self._times_s: dict[tuple[str, str], list[float]] = {}
        for chunk in reader.stream().to_chunks():
            table = chunk.to_record_batch().to_pydict()
            for name, values in table.items():
                key = (chunk.entity_path, name)
                kept = [number for number, value in enumerate(values) if value is not None]
                self._columns.setdefault(key, []).extend(values[number] for number in kept)
                if "time" in table and name not in ("time", "step"):
                    times = [table["time"][number].total_seconds() for number in kept]
                    self._times_s.setdefault(key, []).extend(times)

    def entities(self) -> set[str]:
        return {entity for entity, _ in self._columns}

    def values(self, entity: str, component: str) -> list[Any]:
        """All values of a component, one of which each row holds, in the order of time."""
        found = self._columns[f"/{entity}", component]
        times = self._times_s.get((f"/{entity}", component), [0.0] * len(found))
        return [found[number][0] for number in np.argsort(times, kind="stable")]

    def rows(self, entity: str, component: str) -> list[Any]:
        """The same where each row holds several."""
        return self._columns[f"/{entity}", component]

    def times_s(self, entity: str, component: str) -> list[float]:
        return sorted(self._times_s[f"/{entity}", component])


@pytest.fixture(scope="module")
def recording(episode: Episode, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    file = tmp_path_factory.mktemp("rrd") / "episode.rrd"
    notes = show_episode(episode, file)
    # The made-up snapshot is of no model, so the scene cannot be drawn; the robot can.
    assert [note.split(":")[0] for note in notes] == ["The things around the robot are not drawn"]
    return Recording(file)


def test_every_joint_is_there_as_it_was_measured_sent_and_wished(episode: Episode, recording: Recording) -> None:
    by_policy = episode.in_command == "policy"
    for number, joint in enumerate(TUDI.joint_names):
        for kind, values in (
            ("measured", episode.position_rad),
            ("sent", episode.sent_rad),
            ("pilot", episode.pilot_rad),
            ("velocity", episode.velocity_rad_s),
            ("effort", episode.effort_nm),
        ):
            np.testing.assert_array_equal(
                recording.values(f"joints/{joint}/{kind}", "Scalars:scalars"), values[:, number]
            )
        wishes = recording.values(f"joints/{joint}/policy", "Scalars:scalars")
        np.testing.assert_array_equal(wishes, episode.policy_rad[by_policy, number])


def test_rows_stand_at_the_stamps_of_the_joints_counted_from_the_first(episode: Episode, recording: Recording) -> None:
    since_start_s = episode.stamp_s - episode.stamp_s[0]
    for entity, component in (
        (f"joints/{TUDI.joint_names[0]}/measured", "Scalars:scalars"),
        ("camera/head", "VideoStream:sample"),
        ("touch/heat", "DepthImage:buffer"),
        ("world/robot/right_hand", "Transform3D:translation"),
    ):
        np.testing.assert_allclose(recording.times_s(entity, component), since_start_s, atol=1e-8)


def test_video_is_the_recorded_access_units_byte_for_byte(episode: Episode, recording: Recording) -> None:
    for camera, track in episode.video.items():
        samples = recording.values(f"camera/{camera}", "VideoStream:sample")
        assert [bytes(sample) for sample in samples] == list(track.packets)


def test_touch_is_a_heat_map_in_newton(episode: Episode, recording: Recording) -> None:
    rows, columns = TUDI.pads[0].rows, TUDI.pads[0].columns
    for tick, buffer in enumerate(recording.values("touch/heat", "DepthImage:buffer")):
        heat_n = np.frombuffer(bytes(buffer), dtype=np.float32).reshape(rows, -1)
        for number in range(len(TUDI.pads)):
            first = number * (columns + 1)
            np.testing.assert_allclose(heat_n[:, first : first + columns], episode.touch_n[tick, number], rtol=1e-6)
    for number, pad in enumerate(TUDI.pads):
        forces_n = recording.values(f"touch/force/{pad.name}", "Scalars:scalars")
        np.testing.assert_allclose(forces_n, episode.touch_n[:, number].sum(axis=(1, 2)))


def test_sound_is_all_that_was_heard_and_begins_before_the_first_step(episode: Episode, recording: Recording) -> None:
    with wave.open(io.BytesIO(bytes(recording.values("sound", "AssetAudio:blob")[0]))) as file:
        assert (file.getframerate(), file.getnchannels()) == (TUDI.sound_hz, 1)
        heard = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    np.testing.assert_array_equal(heard, episode.sound)
    assert recording.times_s("sound", "AssetAudio:blob") == [-int(episode.sound_end[0]) / 16_000]


def test_lost_sound_leaves_a_gap_and_what_follows_is_heard_when_it_was() -> None:
    time_s = np.array([0.0, 0.04, 0.08, 2.08, 2.12])  # two seconds of steps were lost, all but half a second of sound
    sound_end = np.array([8000, 8640, 9280, 17280, 17920])
    first, second = sound_pieces(sound_end, time_s, 16_000)
    assert first == (-0.5, 0, 9280)
    assert second == (pytest.approx(2.08 - 0.5), 9280, 17920)
    assert sound_pieces(sound_end[:3], time_s[:3], 16_000) == [(-0.5, 0, 9280)]


def test_the_robot_stands_where_forward_kinematics_puts_it(episode: Episode, recording: Recording) -> None:
    """MuJoCo's own forward pass over the attached model of the scene is the oracle."""
    from envs.engine import mujoco
    from envs.simulation import Simulation

    simulation = Simulation(TUDI, "pick_fruit")
    root_m = simulation.data.body("pelvis").xpos
    for tick in (0, TICKS - 1):
        simulation.place_home()
        simulation.data.qpos[simulation.qpos] = episode.position_rad[tick]
        mujoco.mj_forward(simulation.model, simulation.data)
        assert root_m[2] > 0.5
        for body in ("right_hand", "head", "left_forearm"):
            translation = recording.values(f"world/robot/{body}", "Transform3D:translation")[tick]
            np.testing.assert_allclose(translation, simulation.data.body(body).xpos, atol=1e-6)
            turn_xyzw = recording.values(f"world/robot/{body}", "Transform3D:quaternion")[tick]
            np.testing.assert_allclose(np.roll(turn_xyzw, 1), simulation.data.body(body).xquat, atol=1e-6)


def test_steps_commands_and_quality_marks_are_lanes(episode: Episode, recording: Recording) -> None:
    assert recording.values("lanes/step", "StateChange:state") == [step.name for step in INSTRUCTIONS]
    assert recording.values("lanes/command", "StateChange:state") == ["policy", "pilot"]
    change_s = float(episode.stamp_s[5] - episode.stamp_s[0])
    np.testing.assert_allclose(recording.times_s("lanes/command", "StateChange:state"), [0.0, change_s], atol=1e-8)
    (pause,) = JUDGED.moments
    assert recording.values("lanes/quality/pause", "StateChange:state") == ["pause in reach", ""]
    assert recording.times_s("lanes/quality/pause", "StateChange:state") == [pause.start_s, pause.end_s]


def test_what_quality_found_is_marked_on_the_paths_of_the_hands(episode: Episode, recording: Recording) -> None:
    paths = {hand: recording.values(f"world/path/{hand}", "LineStrips3D:strips")[0] for hand in HANDS}
    time_s = episode.stamp_s - episode.stamp_s[0]
    (pause,) = JUDGED.moments
    within = np.flatnonzero((time_s >= pause.start_s - 1e-9) & (time_s <= pause.end_s + 1e-9))
    marked = recording.rows("world/found/pause", "LineStrips3D:strips")[0]
    assert len(marked) == len(HANDS)
    for hand, strip in zip(HANDS, marked, strict=True):
        expected = np.array(paths[hand])[within]
        np.testing.assert_allclose(np.array(strip)[: len(expected)], expected, atol=1e-6)
        assert len(expected) <= len(strip) <= len(expected) + 1


def test_faults_steps_and_findings_are_listed_and_the_sheet_is_told(recording: Recording) -> None:
    texts = recording.values("events", "TextLog:text")
    assert "camera head: the image is late" in texts
    assert "step reach: done" in texts
    assert "quality: pause of 0.20 s in step reach" in texts
    told = recording.values("about", "TextDocument:text")[0]
    assert "pick_fruit: success" in told
    assert JUDGED.english in told
    assert "not drawn" in told
    assert len(recording.blueprints) == 1


@pytest.fixture
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


def test_an_episode_of_a_robot_that_is_not_here_is_saved_without_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = Archive(tmp_path / "archive")
    folder = archive.folder(record_episode(archive))
    file = tmp_path / "new" / "episode.rrd"
    assert view.main([str(folder), "--save", str(file)]) == 0
    told = capsys.readouterr().out
    assert f"{file} (open it with `rerun {file}`) shows {folder.name}: 10 steps" in told.replace("\n", "")
    assert "The robot is not drawn" in told
    entities = Recording(file).entities()
    assert "/joints/shoulder/measured" in entities
    assert not any(entity.startswith("/world") for entity in entities)


@pytest.mark.usefixtures("no_display")
def test_a_window_without_a_display_is_refused_and_files_are_offered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record_episode(Archive(tmp_path / "archive"))
    assert view.main(["--archive", str(tmp_path / "archive")]) == 2
    assert "with --save episode.rrd, or --out page.png" in one_line(capsys.readouterr().err)
    assert view.main(["--task", "pick_fruit"]) == 2
    assert "with --out scene.png" in one_line(capsys.readouterr().err)


def test_without_rerun_it_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)  # as Python marks a module that cannot be imported
    record_episode(Archive(tmp_path / "archive"))
    file = tmp_path / "episode.rrd"
    assert view.main(["last", "--archive", str(tmp_path / "archive"), "--save", str(file)]) == 2
    assert "pip install 'retake[viewer]'" in one_line(capsys.readouterr().err)
    assert not file.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["last"], "'last' is no folder of an episode"),
        (["--save", "episode.rrd"], "--save is for an episode"),
        (["--task", "pick_fruit", "--seed", "-1", "--out", "scene.png"], "seed"),
        (["last", "--archive", "nowhere", "--save", "episode.mp4"], "ends in .rrd"),
    ],
)
@pytest.mark.usefixtures("in_an_empty_folder")
def test_bad_input_is_told_in_one_line(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert view.main(arguments) == 2
    assert told in one_line(capsys.readouterr().err)
    assert list(Path.cwd().iterdir()) == []


def test_a_place_that_cannot_be_written_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record_episode(Archive(tmp_path / "archive"))
    (tmp_path / "full.rrd").symlink_to("/dev/full")
    assert view.main(["last", "--archive", str(tmp_path / "archive"), "--save", str(tmp_path / "full.rrd")]) == 2
    told = one_line(capsys.readouterr().err)
    assert "could not be written" in told or "cannot be written" in told
