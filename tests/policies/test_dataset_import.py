"""Imports: a made v3 dataset, a made v2.1 dataset, and the real G1 episodes where they are."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hand_made_dataset import CAMERA, as_v21, write_dataset

from envs.scenario import Pool
from experiments.bench.read_peer import BLOCK, PEER_SCRIPT
from policies.dataset.channels import describe_robot, flat_names, group_of
from policies.dataset.importing import backward_velocity, import_dataset
from policies.dataset.reader import open_dataset
from policies.dataset.verify import verify_dataset
from policies.errors import DatasetError, PoolError

G1 = Path(os.environ.get("RETAKE_G1", Path(__file__).parents[3] / "shared/data/g1_pick_bottle"))
needs_g1 = pytest.mark.skipif(
    not (G1 / "meta/info.json").exists(),
    reason="real G1 episodes absent: set RETAKE_G1 or put them at ../shared/data/g1_pick_bottle",
)


def contents(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_what_lies_where_an_import_is_made_ready_is_not_removed(tmp_path):
    source = write_dataset(tmp_path / "made")
    (tmp_path / "ours.draft").mkdir()
    (tmp_path / "ours.draft" / "thesis.tex").write_text("do not lose me")
    with pytest.raises(DatasetError, match=r"ours\.draft exists already.* Remove it"):
        import_dataset(source, tmp_path / "ours", Pool.TRAIN)
    assert (tmp_path / "ours.draft" / "thesis.tex").read_text() == "do not lose me"
    import_dataset(source, tmp_path / "other", Pool.TRAIN)
    assert not (tmp_path / "other.draft").exists()


def test_a_v3_dataset_keeps_its_rows_and_frames(tmp_path):
    source = write_dataset(tmp_path / "made")
    before = contents(source)
    report = import_dataset(source, tmp_path / "ours", Pool.TRAIN)
    assert contents(source) == before
    theirs, ours = open_dataset(source), open_dataset(tmp_path / "ours")
    assert (report.episodes, report.frames, report.derived, report.source_version) == (3, 96, (), "v3.0")
    for name in ("action", "observation.state", "observation.velocity", "index", "frame_index"):
        np.testing.assert_array_equal(ours.column(name), theirs.column(name))
    np.testing.assert_array_equal(
        ours.frames("head", 16).gather(ours.rows), theirs.frames("head", 16, cache=tmp_path).gather(theirs.rows)
    )
    assert verify_dataset(tmp_path / "ours") == []


def test_a_v21_dataset_becomes_v3_with_a_robot(tmp_path):
    made = write_dataset(tmp_path / "made", (30, 41), episodes_a_film=1)
    report = import_dataset(as_v21(made, tmp_path / "old"), tmp_path / "ours", Pool.DISCOVER)
    ours, theirs = open_dataset(tmp_path / "ours"), open_dataset(made)
    assert (report.source_version, report.derived, report.pool) == (
        "v2.1",
        ("observation.velocity", "observation.velocity_before"),
        "discover",
    )
    assert ours.robot is not None
    assert ours.robot.name == "two_arms"
    assert [joint.group for joint in ours.robot.joints] == ["left_arm", "right_arm", "right_hand"]
    assert [episode.pool for episode in ours.episodes] == ["discover", "discover"]
    assert [episode.identity for episode in ours.episodes] == ["old/000000", "old/000001"]
    np.testing.assert_array_equal(ours.column("action"), theirs.column("action"))
    np.testing.assert_array_equal(
        ours.frames("head", 16).gather(ours.rows), theirs.frames("head", 16, cache=tmp_path).gather(theirs.rows)
    )
    assert verify_dataset(tmp_path / "ours") == []


def as_pictures(v3, height, width):
    """The same dataset with its frames in the rows, as PNG, in place of its video."""
    path = v3 / "data/chunk-000/file-000.parquet"
    frames = open_dataset(v3, mapped=False).frames("head", None, cache=v3.parent / "cache").gather(np.arange(96))
    frames = frames[:, :height, :width]
    pictures = [{"bytes": cv2.imencode(".png", frame[..., ::-1])[1].tobytes(), "path": ""} for frame in frames]
    pq.write_table(pq.read_table(path).append_column(CAMERA, pa.array(pictures)), path)
    info = json.loads((v3 / "meta/info.json").read_text())
    info["features"][CAMERA] = {"dtype": "image", "shape": [height, width, 3], "names": None}
    (v3 / "meta/info.json").write_text(json.dumps(info))
    shutil.rmtree(v3 / "videos")
    return frames


def test_pictures_in_the_rows_become_a_film(tmp_path):
    source = write_dataset(tmp_path / "made")
    frames = as_pictures(source, 47, 64)
    report = import_dataset(source, tmp_path / "ours", Pool.TRAIN)
    assert report.left_out == ()
    assert [(camera.name, camera.height, camera.width) for camera in report.robot.cameras] == [("head", 46, 64)]
    assert verify_dataset(tmp_path / "ours") == []
    ours = open_dataset(tmp_path / "ours")
    shown = ours.frames("head", None).gather(ours.rows)
    assert np.abs(shown.astype(float) - frames[:, :46]).mean() < 3.0
    changes = np.abs(np.diff(frames[:, :46].astype(float), axis=0)).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(np.abs(np.diff(shown.astype(float), axis=0)).mean(axis=(1, 2, 3)), changes, atol=2.0)


def test_a_pool_that_never_trains_is_kept(tmp_path):
    import_dataset(write_dataset(tmp_path / "made"), tmp_path / "ours", Pool.TEST)
    with pytest.raises(PoolError, match="pool test"):
        open_dataset(tmp_path / "ours")


def test_derived_velocities_look_only_back():
    time_s = np.arange(20)[:, None] / 25
    position = np.concatenate([2.0 * time_s, 3.0 * time_s**2], axis=1)
    now, before = (backward_velocity(position, 25.0, *span) for span in ((0, 1), (1, 3)))
    np.testing.assert_allclose(now[1:, 0], 2.0, atol=1e-5)
    np.testing.assert_allclose(now[1:, 1], 6.0 * (time_s[1:, 0] - 0.02), atol=1e-5)  # half a row ago
    np.testing.assert_allclose(before[3:, 1], 6.0 * (time_s[3:, 0] - 0.08), atol=1e-5)  # two rows ago
    assert not now[0].any()
    assert not before[:2].any()
    changed = position.copy()
    changed[12:] += 1.0
    np.testing.assert_array_equal(backward_velocity(changed, 25.0, 0, 1)[:12], now[:12])


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("kLeftShoulderPitch", "left_arm"),
        ("kRightHandThumbBend", "right_hand"),
        ("right_gripper", "right_hand"),
        ("left_joint_3", "left_arm"),
        ("waist_yaw", "waist"),
        ("left_knee", "left_leg"),
        ("motor_0", "body"),
    ],
)
def test_groups_follow_from_names(name, group):
    assert group_of(name) == group


@pytest.mark.parametrize("names", [["a", "b"], [["a", "b"]], {"motors": ["a", "b"]}, {"a": 0, "b": 1}])
def test_channel_names_are_found_in_every_form(names):
    assert flat_names(names, 2) == ("a", "b")


@pytest.mark.parametrize("names", [None, ["a"], ["a", "a"], []])
def test_useless_channel_names_are_replaced(names):
    assert flat_names(names, 2) == ("joint_0", "joint_1")


@pytest.mark.skipif("RETAKE_LEROBOT_PYTHON" not in os.environ, reason="set RETAKE_LEROBOT_PYTHON to one with lerobot")
def test_what_lerobot_wrote_comes_in_whole(tmp_path):
    """Several episodes in one AV1 film; LeRobot's own reader is the oracle."""
    source, loaded = tmp_path / "theirs", tmp_path / "loaded.npz"
    jobs = ["write", str(source), "--", "load", str(source), str(loaded)]
    command = [os.environ["RETAKE_LEROBOT_PYTHON"], str(PEER_SCRIPT), str(tmp_path / "hf"), *jobs]
    subprocess.run(command, check=True, capture_output=True, timeout=240)
    report = import_dataset(source, tmp_path / "ours", Pool.TRAIN)
    assert (report.source_version, report.episodes, report.frames) == ("v3.0", 3, 39)
    assert verify_dataset(tmp_path / "ours") == []
    ours = open_dataset(tmp_path / "ours")
    with np.load(loaded) as theirs:
        for name in ("action", "observation.state", "timestamp", "frame_index", "episode_index"):
            np.testing.assert_array_equal(ours.column(name), theirs[name])
        frames = ours.frames("head", None).gather(ours.rows)
        means = frames.reshape(39, 64 // BLOCK, BLOCK, 96 // BLOCK, BLOCK, 3).mean(axis=(2, 4)).transpose(0, 3, 1, 2)
        apart = np.abs(means[:, None] / 255 - theirs["observation.images.head"][None]).mean(axis=(2, 3, 4))
    assert (apart.argmin(axis=1) == np.arange(39)).all(), "each frame is nearest to its own"
    assert apart.diagonal().max() < 0.02


@needs_g1
def test_the_real_g1_episodes_come_in_whole(tmp_path):
    report = import_dataset(G1, tmp_path / "g1", Pool.TRAIN)
    assert (report.episodes, report.frames, report.source_version) == (18, 6509, "v2.1")
    assert report.robot.groups == ("left_arm", "right_arm", "left_hand", "right_hand")
    units = {joint.group: set() for joint in report.robot.joints}
    for joint in report.robot.joints:
        units[joint.group].add(joint.unit)
    assert units == {"left_arm": {"rad"}, "right_arm": {"rad"}, "left_hand": {"ratio"}, "right_hand": {"ratio"}}
    assert verify_dataset(tmp_path / "g1") == []
    dataset = open_dataset(tmp_path / "g1")
    for index in (0, 17):
        table = pq.read_table(G1 / f"data/chunk-000/episode_{index:06d}.parquet")
        rows = slice(dataset.episodes[index].start, dataset.episodes[index].stop)
        np.testing.assert_array_equal(dataset.column("action")[rows], np.array(table["action"].to_pylist()))


@needs_g1
def test_a_real_g1_film_has_a_frame_for_each_row(tmp_path):
    import_dataset(G1, tmp_path / "g1", Pool.TRAIN)
    dataset = open_dataset(tmp_path / "g1", episodes=[5])
    frames = dataset.frames("cam_high", 16).gather(dataset.rows)
    assert frames.shape == (221, 16, 16, 3)
    assert frames.std() > 20.0


def test_limits_of_motion_are_those_of_the_signed_signal_within_its_episodes():
    fps, amplitude, hz = 200.0, 0.5, 2.0
    omega = 2 * np.pi * hz
    time_s = np.arange(0, 1.0, 1 / fps)
    wave = amplitude * np.sin(omega * time_s)[:, None]
    sawtooth = np.tile([[0.0], [1.0]], (50, 1))  # its rate only changes sign, so that |rate| never changes
    once = np.ones(len(wave) - 1, dtype=bool)
    (joint,) = describe_robot("one", fps, ["joint"], wave, wave, once, []).joints
    assert joint.max_rate == pytest.approx(1.5 * amplitude * omega, rel=0.01)
    assert joint.max_acceleration == pytest.approx(1.5 * amplitude * omega**2, rel=0.01)
    (joint,) = describe_robot("one", 10.0, ["joint"], sawtooth, sawtooth, np.ones(99, dtype=bool), []).joints
    assert joint.max_acceleration == pytest.approx(1.5 * 2 * 10.0**2)
    # A second episode that begins elsewhere moves no faster.
    both = np.concatenate([wave, 3.0 + wave])
    seam = np.concatenate([once, [False], once])
    (joint,) = describe_robot("one", fps, ["joint"], both, both, seam, []).joints
    assert joint.max_rate == pytest.approx(1.5 * amplitude * omega, rel=0.01)
    assert joint.max_acceleration == pytest.approx(1.5 * amplitude * omega**2, rel=0.01)
