"""Every damage is found and placed: by the seal, and, under a seal that fits, in the streams themselves."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from episode_samples import ROBOT, header_of, made_up_ticks, record_episode
from foxglove_schemas_protobuf.CompressedVideo_pb2 import CompressedVideo
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from rewritten_episode import Change, Told, at, rewrite

from envs.episodes import messages
from envs.episodes.archive import Archive
from envs.episodes.recovery import lock
from envs.episodes.seal import Block, Sealer, changed_stretches
from envs.episodes.sheet import read_sheet, write_sheet
from envs.episodes.verification.damage import Damage
from envs.episodes.verification.episode import verify_episode

STEPS = 12


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a whole episode."""
    archive = Archive(tmp_path_factory.mktemp("verification") / "archive")
    return archive.folder(record_episode(archive, STEPS))


@pytest.fixture
def folder(recorded: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(recorded, tmp_path / recorded.name))


def kinds(damages: list[Damage]) -> set[str]:
    return {damage.kind for damage in damages}


def test_a_whole_episode_has_no_damage(recorded: Path) -> None:
    assert verify_episode(recorded) == []


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_bit_in_the_recording_is_found(recorded: Path, folder: Path, data: st.DataObject) -> None:
    whole = bytearray((recorded / "raw.mcap").read_bytes())
    place, bit = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 7))
    whole[place] ^= 1 << bit
    (folder / "raw.mcap").write_bytes(whole)
    found = verify_episode(folder)
    assert "altered" in kinds(found)
    assert found[0].place.startswith(f"{folder.name}/raw.mcap steps 0 to {STEPS}")


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0.0, 1.0, exclude_max=True))
def test_a_recording_cut_off_anywhere_is_found(recorded: Path, folder: Path, share: float) -> None:
    whole = (recorded / "raw.mcap").read_bytes()
    (folder / "raw.mcap").write_bytes(whole[: int(share * len(whole))])
    assert "cut off" in kinds(verify_episode(folder))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_flipped_bit_in_the_sheet_is_found(recorded: Path, folder: Path, data: st.DataObject) -> None:
    whole = bytearray((recorded / "episode.json").read_bytes())
    place, bit = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 7))
    whole[place] ^= 1 << bit
    with suppress(ValueError):  # 1e-05 and 1E-05 are the same number
        assume(json.loads(bytes(whole)) != json.loads((recorded / "episode.json").read_bytes()))
    (folder / "episode.json").write_bytes(whole)
    found = verify_episode(folder)
    assert found
    assert found[0].place == f"{folder.name}/episode.json"
    assert found[0].kind in ("altered", "unreadable", "unsealed")


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=8), st.data())
def test_a_changed_byte_is_placed_in_its_own_stretch(stretches: list[bytes], data: st.DataObject) -> None:
    sealer = Sealer()
    for number, stretch in enumerate(stretches):
        sealer.add(stretch)
        sealer.end_block(number + 1)
    seal, whole = sealer.seal(len(stretches)), bytearray(b"".join(stretches))
    path = Path(f"/dev/shm/{os.getpid()}.stretch") if Path("/dev/shm").is_dir() else Path(f"{os.getpid()}.stretch")
    try:
        path.write_bytes(whole)
        assert changed_stretches(path, seal) == []
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place] ^= 1
        path.write_bytes(whole)
        (found,) = changed_stretches(path, seal)
    finally:
        path.unlink()
    assert found.begin <= place < found.end
    ends = list(np.cumsum([len(stretch) for stretch in stretches]))
    assert found.end in ends
    assert found.end_tick == ends.index(found.end) + 1
    assert seal.blocks[0] == Block(len(stretches[0]), 1, seal.blocks[0].crc32)


def _packet(one: Told, change: Callable[[bytes], bytes]) -> Told:
    frame = CompressedVideo.FromString(one.data)
    frame.data = change(frame.data)
    return replace(one, data=frame.SerializeToString())


def _field(one: Told, name: str, value: float) -> Told:
    layouts = messages.record_layouts(ROBOT)
    record = np.frombuffer(one.data, getattr(layouts, one.topic)).copy()
    record[name] = value
    return replace(one, data=record.tobytes())


def _swapped(told: list[Told]) -> list[Told]:
    """Two whole steps in the wrong order."""
    first, second = [[one for one in told if one.tick == tick] for tick in (4, 5)]
    rest = [one for one in told if one.tick not in (4, 5)]
    begin = next(place for place, one in enumerate(rest) if one.tick == 6)
    return [*rest[:begin], *second, *first, *rest[begin:]]


CHANGES: dict[str, tuple[Change, str, str]] = {
    "a frame is missing": (at("camera/head", 5, lambda one: None), "frames", "camera/head step 5"),
    "a frame is of another step": (
        at("camera/head", 5, lambda one: replace(one, tick=6)),
        "frames",
        "camera/head step 5",
    ),
    "a frame does not decode": (
        at("camera/wrist", 4, lambda one: _packet(one, lambda packet: packet[: len(packet) // 2])),
        "frames",
        "camera/wrist step 4",
    ),
    "a frame is no video": (
        at("camera/head", 4, lambda one: replace(one, data=b"\xff\xff\xff")),
        "unreadable",
        "camera/head step 4",
    ),
    "a frame is of another camera": (
        at("camera/head", 4, lambda one: replace(one, data=messages.encode_frame(b"", "wrist", one.log_ns * 1e-9))),
        "values",
        "camera/head step 4",
    ),
    "a step has no joints": (at("joints", 3, lambda one: None), "steps", "joints step 3"),
    "a joint is no number": (
        at("joints", 3, lambda one: _field(one, "position_rad", np.nan)),
        "values",
        "joints step 3",
    ),
    "what was sent is no number": (
        at("command", 3, lambda one: _field(one, "sent_rad", np.inf)),
        "values",
        "command step 3",
    ),
    "a step is left out": (at("command", 7, lambda one: _field(one, "step", 9)), "steps", "command step 6"),
    "nobody knows who commanded": (
        at("command", 3, lambda one: _field(one, "in_command", 9)),
        "values",
        "command step 3",
    ),
    "an instruction that there is not": (
        at("command", 3, lambda one: _field(one, "instruction", 2)),
        "values",
        "command step 3",
    ),
    "time stands still": (
        at("joints", 3, lambda one: _field(replace(one, log_ns=120_000_000), "stamp_s", 0.12)),
        "stamps",
        "joints step 3",
    ),
    "a record denies its message's stamp": (
        at("touch", 3, lambda one: replace(one, log_ns=one.log_ns + 1000)),
        "stamps",
        "touch step 3",
    ),
    "a sense runs backwards": (
        at("imu", 3, lambda one: _field(replace(one, log_ns=40_000_000), "stamp_s", 0.04)),
        "stamps",
        "imu step 3",
    ),
    "a message is of another moment": (
        at("command", 3, lambda one: replace(one, publish_ns=one.publish_ns + 1)),
        "stamps",
        "command step 3",
    ),
    "steps are in the wrong order": (_swapped, "steps", "joints step 5"),
    "sound is none": (at("sound", 3, lambda one: replace(one, data=b"\x0a")), "unreadable", "sound step 3"),
    "a snapshot is none": (at("snapshot", 2, lambda one: replace(one, data=b"{}")), "unreadable", "snapshot step 2"),
    "a fault is none": (at("fault", 3, lambda one: replace(one, data=b"\x0a")), "unreadable", "fault step 3"),
    "a sense is missing": (lambda told: [one for one in told if one.topic != "touch"], "counts", "touch"),
    "the last steps are missing": (lambda told: [one for one in told if one.tick < 9], "counts", "raw.mcap"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_wrong_under_a_seal_that_fits_is_found_in_the_streams(folder: Path, name: str) -> None:
    change, kind, place = CHANGES[name]
    rewrite(folder, change)
    found = verify_episode(folder)
    assert any(damage.kind == kind and place in damage.place for damage in found), list(map(str, found))
    assert not {"altered", "cut off", "unsealed"} & kinds(found), list(map(str, found))


def test_a_recording_that_is_rewritten_as_it_was_has_no_damage(folder: Path) -> None:
    rewrite(folder, lambda told: told)
    assert verify_episode(folder) == []


def test_a_recording_of_another_episode_is_found(folder: Path) -> None:
    rewrite(folder, lambda told: told, about=lambda text: text.replace("Li Na", "Wang Wei"))
    (found,) = verify_episode(folder)
    assert (found.kind, "operator 'Li Na' in place of 'Wang Wei'" in found.message) == ("altered", True)


def test_a_sheet_that_was_changed_and_sealed_anew_is_held_against_the_recording(folder: Path) -> None:
    sheet = read_sheet(folder)
    write_sheet(folder, replace(sheet, counts={**sheet.counts, "touch": 11, "radar": 3}))
    assert {str(damage).partition(": ")[0] for damage in verify_episode(folder)} == {
        f"{folder.name}/raw.mcap touch",
        f"{folder.name}/raw.mcap radar",
    }
    write_sheet(folder, replace(sheet, id="20200101-000000-000000-000000"))
    assert kinds(verify_episode(folder)) == {"misplaced", "altered"}
    write_sheet(folder, replace(sheet, seal=None))
    assert kinds(verify_episode(folder)) == {"unsealed"}
    write_sheet(folder, replace(sheet, outcome=None))
    assert kinds(verify_episode(folder)) == {"missing"}


@pytest.mark.parametrize("name", ["raw.mcap", "episode.json"])
def test_a_file_that_is_gone_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (found,) = verify_episode(folder)
    assert (found.place, found.kind) == (f"{folder.name}/{name}", "missing")


def test_bytes_behind_the_end_are_found(folder: Path) -> None:
    with (folder / "raw.mcap").open("ab") as file:
        file.write(b"more")
    assert any("were added after its end" in damage.message for damage in verify_episode(folder))


def test_two_may_verify_at_once(folder: Path) -> None:
    (folder / "raw.mcap").write_bytes((folder / "raw.mcap").read_bytes()[:-1])
    with lock(folder, is_shared=True) as is_free:
        assert is_free
        assert "cut off" in kinds(verify_episode(folder))


def test_an_episode_that_is_being_recorded_is_passed_over_and_one_that_died_is_not(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    with archive.record(header_of()) as recorder:
        recorder.tick(made_up_ticks(ROBOT, 1)[0])
        assert verify_episode(recorder.path) == []
        dead = shutil.copytree(recorder.path, tmp_path / recorder.path.name)
    assert kinds(verify_episode(dead)) == {"left open"}
