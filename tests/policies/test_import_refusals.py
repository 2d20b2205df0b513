"""An import that cannot be made says why by the source's own names, and leaves nothing behind."""

import json
import re
from pathlib import Path

import av
import pytest
from hand_made_dataset import CAMERA, as_v21, write_dataset

from envs.scenario import Pool
from policies.dataset.importing import import_dataset
from policies.errors import DatasetError


def test_what_cannot_be_imported_leaves_nothing_behind(tmp_path):
    source = write_dataset(tmp_path / "made")
    with pytest.raises(DatasetError, match="exists already"):
        import_dataset(source, source, Pool.TRAIN)
    with pytest.raises(DatasetError, match="does not exist"):
        import_dataset(tmp_path / "nowhere", tmp_path / "ours", Pool.TRAIN)
    info = json.loads((source / "meta/info.json").read_text())
    info["features"]["action"]["shape"] = [7]
    (source / "meta/info.json").write_text(json.dumps(info))
    with pytest.raises(DatasetError, match="one number a joint"):
        import_dataset(source, tmp_path / "ours", Pool.TRAIN)
    (source / "meta/info.json").write_text(json.dumps({**info, "codebase_version": "v1.6"}))
    with pytest.raises(DatasetError, match=r"format v1\.6"):
        import_dataset(source, tmp_path / "ours", Pool.TRAIN)
    assert not list(tmp_path.glob("ours*"))


def of_version(version, folder):
    made = write_dataset(folder / "made", (30, 41), episodes_a_film=1)
    return made if version == "v3.0" else as_v21(made, folder / "old")


def film_of(source):
    return sorted(source.glob("videos/**/*1.mp4"))[0]


def leading_index(path):
    """The same film with its index first, as many write it: then one that is cut short still opens."""
    with av.open(str(path)) as source, av.open(str(path) + ".mp4", "w", options={"movflags": "faststart"}) as target:
        video = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = video
                target.mux(packet)
    Path(f"{path}.mp4").replace(path)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def cut_behind_its_index(path):
    leading_index(path)
    cut(path)


def spoil_frames(path):
    """Each frame keeps its place and its length, and is no h264 any more."""
    leading_index(path)
    data = path.read_bytes()
    begin = data.index(b"mdat") + 4
    path.write_bytes(data[:begin] + b"\xff" * (len(data) - begin))


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (
            Path.unlink,
            r"does not exist, though it should hold observation\.images\.head of episode 1; fetch it, or take",
        ),
        (cut, "cannot be decoded"),
        (cut_behind_its_index, r"has no frame for \d+ of the 41 rows of episode 1, first at .* cut short"),
        (spoil_frames, "cannot be decoded"),
        (lambda path: path.write_bytes(b""), "cannot be decoded"),
    ],
    ids=["missing", "cut short", "cut behind its index", "no frames", "empty"],
)
def test_a_video_that_cannot_be_taken_is_named_by_its_own_path(tmp_path, version, harm, told):
    source = of_version(version, tmp_path)
    film = film_of(source)
    harm(film)
    with pytest.raises(DatasetError, match=f"^{re.escape(str(film))}:? .*{told}"):
        import_dataset(source, tmp_path / "ours", Pool.TRAIN)
    assert not list(tmp_path.glob("ours*"))


NO_SHAPE = {"action": {"dtype": "float32", "shape": "x"}}


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"video_path": None}, "video_path is None; it must be the path of a file with "),
        ({"video_path": "videos/{nothing}.mp4"}, r"video_path is 'videos/\{nothing\}.mp4'; it must be the path"),
        ({"video_path": ["videos"]}, r"video_path is \['videos'\]; it must be the path"),
        ({"fps": "thirty"}, "fps is 'thirty'; it must be a whole number above 0"),
        ({"fps": 0}, "fps is 0; it must be"),
        ({"fps": None}, "fps is None; it must be"),
        ({"fps": float("nan")}, "fps is nan; it must be"),
        ({"features": []}, r"features is \[\]; it must say of each feature"),
        ({"features": {"action": 3}}, "feature action is 3; it must hold a dtype and a shape"),
        ({"features": NO_SHAPE}, "the shape of action is 'x'; it must be a list of whole numbers above 0"),
        ({"features": {CAMERA: {"dtype": "video", "shape": [4]}}}, "must be its height, width and channels"),
        ({"codebase_version": 3}, "is not that of a LeRobot dataset"),
    ],
)
def test_an_info_that_cannot_be_says_what_it_must_be(tmp_path, version, changes, told):
    source = of_version(version, tmp_path)
    path = source / "meta/info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(DatasetError, match=f"^{re.escape(str(path))}:? .*{told}"):
        import_dataset(source, tmp_path / "ours", Pool.TRAIN)
    assert not list(tmp_path.glob("ours*"))


def test_metadata_that_lerobot_would_not_write_is_named(tmp_path):
    old = of_version("v2.1", tmp_path)

    def refused(path, text, told):
        whole = path.read_text()
        path.write_text(text)
        with pytest.raises(DatasetError, match=told):
            import_dataset(old, tmp_path / "ours", Pool.TRAIN)
        path.write_text(whole)

    meta = old / "meta"
    refused(meta / "tasks.jsonl", '{"task": "wave"}', r"tasks\.jsonl is not as LeRobot writes it \(KeyError")
    refused(meta / "tasks.jsonl", "", r"episode 0 has rows of tasks 0 to 0, but there are 0")
    refused(meta / "episodes.jsonl", "[3]", r"episodes\.jsonl is not as LeRobot writes it \(TypeError")
    refused(
        meta / "episodes.jsonl", '{"episode_index": 0, "length": "long"}', r"episodes\.jsonl is not as .*ValueError"
    )
    info = json.loads((meta / "info.json").read_text())
    info["features"]["observation.velocity"] = info["features"]["action"]
    refused(meta / "info.json", json.dumps(info), r"episode 0 has no column observation\.velocity, though")
    del info["features"]["observation.velocity"]
    for name in ("action", "observation.state"):
        info["features"][name] |= {"shape": [2]}
    refused(meta / "info.json", json.dumps(info), r"episode 0 has 3 numbers of .* a row, though info\.json declares 2")
    assert not list(tmp_path.glob("ours*"))
