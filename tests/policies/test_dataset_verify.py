"""One damage at a time: each is found, with its place and kind."""

import json
import shutil
from fractions import Fraction

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from episode_samples import record_episode

from envs.episodes.archive import Archive
from policies.dataset.lerobot import build_dataset
from policies.dataset.verify import verify_dataset
from policies.errors import DatasetError

DATA = "data/chunk-000/file-001.parquet"
EPISODES = "meta/episodes/chunk-000/file-001.parquet"
VIDEO = "videos/observation.images.head/chunk-000/file-001.mp4"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    archive = Archive(folder / "archive")
    for seed in range(2):
        record_episode(archive, 8, seed=seed)
    return build_dataset(archive, folder / "dataset").root


def change(path, column, edit):
    table = pq.read_table(path)
    values = table.column(column).to_pylist()
    edit(values)
    index = table.schema.get_field_index(column)
    pq.write_table(table.set_column(index, column, pa.array(values, type=table.schema.field(column).type)), path)


def set_value(row, value):
    def edit(values):
        values[row] = value

    return edit


def remux(path, *, drop=0, fps=25, shift=0):
    """The same packets with some missing, at another rate, or late."""
    with av.open(str(path)) as source, av.open(str(path.with_suffix(".tmp")), "w", format="mp4") as target:
        recorded = source.streams.video[0]
        video = target.add_stream_from_template(recorded)
        packets = [packet for packet in source.demux(recorded) if packet.size]
        for number, packet in enumerate(packets[: len(packets) - drop]):
            packet.stream, packet.time_base = video, Fraction(1, fps)
            packet.pts = packet.dts = number + (shift if number > 3 else 0)
            packet.duration = 1
            target.mux(packet)
    path.with_suffix(".tmp").rename(path)


def edit_info(root, **changes):
    path = root / "meta" / "info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def undeclared(path):
    table = pq.read_table(path)
    pq.write_table(table.append_column("extra", pa.array(np.zeros(table.num_rows))), path)


def cut(path):
    path.write_bytes(path.read_bytes()[:-200])


def edit_robot(root, **changes):
    path = root / "meta" / "robot.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


ROBOT_FILE = "meta/robot.json"
DAMAGES = {
    "a robot that is none": (lambda r: (r / ROBOT_FILE).write_text("{}"), {(ROBOT_FILE, "unreadable")}),
    "a robot that is a list": (lambda r: (r / ROBOT_FILE).write_text("[]"), {(ROBOT_FILE, "unreadable")}),
    "a robot of another rate": (lambda r: edit_robot(r, control_hz=50.0), {(ROBOT_FILE, "rate")}),
    "a robot without its cameras": (lambda r: edit_robot(r, cameras=[]), {(ROBOT_FILE, "columns")}),
    "a robot of fewer joints": (
        lambda r: edit_robot(r, joints=json.loads((r / ROBOT_FILE).read_text())["joints"][:-1]),
        {(ROBOT_FILE, "shape")},
    ),
    "a number that is none": (
        lambda r: change(r / DATA, "stamp_s", set_value(3, float("nan"))),
        {(DATA, "not finite")},
    ),
    "an index with a gap": (lambda r: change(r / DATA, "index", set_value(2, 99)), {(DATA, "index")}),
    "a frame counted twice": (lambda r: change(r / DATA, "frame_index", set_value(2, 1)), {(DATA, "index")}),
    "a row of another episode": (lambda r: change(r / DATA, "episode_index", set_value(7, 0)), {(DATA, "index")}),
    "a time off the grid": (lambda r: change(r / DATA, "timestamp", set_value(5, 0.205)), {(DATA, "timestamp")}),
    "a task that there is not": (lambda r: change(r / DATA, "task_index", set_value(0, 2)), {(DATA, "task")}),
    "a column that is not declared": (lambda r: undeclared(r / DATA), {(DATA, "columns")}),
    "a column that is missing": (
        lambda r: pq.write_table(pq.read_table(r / DATA).drop_columns("action"), r / DATA),
        {(DATA, "columns")},
    ),
    "a table cut short": (lambda r: cut(r / DATA), {(DATA, "unreadable"), ("meta/info.json", "count")}),
    "overlapping episodes": (
        lambda r: change(r / EPISODES, "dataset_from_index", set_value(0, 7)),
        {("meta/episodes, row 1", "range")},
    ),
    "a wrong length": (
        lambda r: change(r / EPISODES, "length", set_value(0, 9)),
        {("meta/episodes, row 1", "range")},
    ),
    "totals too high": (lambda r: edit_info(r, total_frames=17), {("meta/info.json", "count")}),
    "a video that is missing": (lambda r: (r / VIDEO).unlink(), {(VIDEO, "missing")}),
    "a video that nobody uses": (
        lambda r: shutil.copy(r / VIDEO, r / VIDEO.replace("001", "002")),
        {(VIDEO.replace("001", "002"), "left over")},
    ),
    "a frame too few": (lambda r: remux(r / VIDEO, drop=1), {(VIDEO, "video frames")}),
    "a video at half the rate": (lambda r: remux(r / VIDEO, fps=12), {(VIDEO, "video grid")}),
    "a video with a gap": (lambda r: remux(r / VIDEO, shift=2), {(VIDEO, "video grid")}),
    "a video that starts late": (
        lambda r: change(r / EPISODES, "videos/observation.images.head/from_timestamp", set_value(0, 0.04)),
        {(VIDEO, "video grid")},
    ),
}


@pytest.mark.parametrize("shape", [{}, -1, "x", [], [-3], [2.5], [None], None, [[3]], [True]], ids=repr)
@pytest.mark.parametrize("name", ["action", "observation.images.head", "timestamp"])
def test_a_shape_that_is_none_is_told_and_nothing_is_held_against_it(sound, tmp_path, name, shape):
    root = tmp_path / "dataset"
    shutil.copytree(sound, root)
    features = json.loads((root / "meta/info.json").read_text())["features"]
    features[name] |= {"shape": shape}
    edit_info(root, features=features)
    (found,) = verify_dataset(root)
    assert (found.place, found.kind) == ("meta/info.json", "shape")
    assert f"that of {name} is {shape!r}; it must be a list of whole numbers above 0" in found.message


@pytest.mark.parametrize("fps", [float("nan"), float("inf"), "25", None, True, -25, 12.5])
def test_a_rate_that_is_none_is_told(sound, tmp_path, fps):
    root = tmp_path / "dataset"
    shutil.copytree(sound, root)
    edit_info(root, fps=fps)
    assert ("meta/info.json", "rate") in {(found.place, found.kind) for found in verify_dataset(root)}


def test_a_sound_dataset_has_no_findings(sound):
    assert verify_dataset(sound) == []


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found_by_place_and_kind(sound, tmp_path, name):
    damage, expected = DAMAGES[name]
    root = tmp_path / "dataset"
    shutil.copytree(sound, root)
    damage(root)
    findings = verify_dataset(root)
    assert {(finding.place, finding.kind) for finding in findings} == expected, "\n".join(map(str, findings))


def test_what_is_no_dataset_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"info\.json does not exist; give the root"):
        verify_dataset(tmp_path)


@pytest.mark.parametrize("text", ["[]", "{", "{}", '{"features": []}', '{"features": {"action": 3}}'])
def test_an_info_that_is_none_says_what_to_do(sound, tmp_path, text):
    root = tmp_path / "dataset"
    shutil.copytree(sound, root)
    (root / "meta/info.json").write_text(text)
    with pytest.raises(DatasetError, match=r"restore it from a copy, or remove the dataset and build or import it"):
        verify_dataset(root)
