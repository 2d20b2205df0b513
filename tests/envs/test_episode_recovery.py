"""What a crash left is finished: the file gets its index, the sheet its end, and nothing that was whole is lost."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from episode_samples import ROBOT, header_of, made_up_ticks, record_episode
from mcap.reader import make_reader

from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue
from envs.episodes.verification.archive import verify_order
from envs.episodes.verification.episode import verify_episode

STEPS = 8


def crashed(tmp_path: Path, cut: int = 0) -> tuple[Archive, Path]:
    """An archive in which a recorder died; so many bytes of its file did not reach the disk."""
    living, archive = Archive(tmp_path / "living"), Archive(tmp_path / "archive")
    with living.record(header_of()) as recorder:
        for tick in made_up_ticks(ROBOT, STEPS):
            recorder.tick(tick)
        while living.open(recorder.episode_id).ticks < STEPS:
            pass
        folder = archive.folder(recorder.episode_id)
        shutil.copytree(recorder.path, folder)
    data = (folder / "raw.mcap").read_bytes()
    (folder / "raw.mcap").write_bytes(data[: len(data) - cut])
    return archive, folder


@pytest.mark.parametrize("cut", [0, 1, 100, 5000])
def test_a_recovered_recording_is_whole_for_every_reader(tmp_path: Path, cut: int) -> None:
    archive, folder = crashed(tmp_path, cut)
    assert {damage.kind for damage in verify_episode(folder)} == {"left open"}
    assert archive.recover() == [folder.name]
    assert archive.recover() == []
    assert verify_episode(folder) == []
    episode = archive.open(folder.name)
    assert episode.ticks == episode.sheet.ticks
    assert episode.ticks == STEPS if cut == 0 else STEPS - 3 < episode.ticks < STEPS
    expected = made_up_ticks(ROBOT, STEPS)[: episode.ticks]
    np.testing.assert_array_equal(episode.sent_rad, [tick.sent_rad for tick in expected])
    np.testing.assert_array_equal(episode.sound_window(episode.ticks - 1), expected[-1].state.sound)
    assert len(episode.decode_images("wrist")) == episode.ticks
    assert [(fault.source, fault.first_tick) for fault in episode.sheet.faults] == [("camera head", 3)]
    assert (episode.sheet.status, episode.sheet.accepted) == ("interrupted", False)
    with (folder / "raw.mcap").open("rb") as file:
        reader = make_reader(file)
        counts = reader.get_summary().statistics.channel_message_counts
        topics = {number: channel.topic for number, channel in reader.get_summary().channels.items()}
    assert {topics[number]: count for number, count in counts.items()} == episode.sheet.counts


def test_zeros_that_a_power_failure_left_at_the_end_cost_no_whole_step(tmp_path: Path) -> None:
    archive, folder = crashed(tmp_path)
    with (folder / "raw.mcap").open("ab") as file:
        file.write(bytes(3000))
    assert archive.recover() == [folder.name]
    assert archive.open(folder.name).ticks == STEPS
    assert verify_episode(folder) == []


def test_a_sheet_that_a_crash_took_is_written_anew_from_the_recording(tmp_path: Path) -> None:
    archive, folder = crashed(tmp_path)
    before = archive.sheet(folder.name)
    (folder / "episode.json").write_bytes(b"")
    assert archive.recover() == [folder.name]
    sheet = archive.sheet(folder.name)
    assert sheet.header == before.header
    assert (sheet.status, sheet.ticks) == ("interrupted", STEPS)
    assert verify_episode(folder) == []


@pytest.mark.parametrize("damage", [b"", b'{"id": 3}', b"\xff\xfe", None])
def test_the_sheet_of_a_finished_episode_comes_back_with_its_outcome(tmp_path: Path, damage: bytes | None) -> None:
    archive = Archive(tmp_path / "archive")
    folder = archive.folder(record_episode(archive, STEPS))
    path, before = folder / "episode.json", archive.sheet(folder.name)
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    assert archive.recover() == [folder.name]
    after = archive.sheet(folder.name)
    assert replace(after, seal=None) == replace(before, seal=None)
    assert after.seal.sha256 == before.seal.sha256
    assert verify_episode(folder) == []


def test_what_cannot_be_recovered_is_said_and_hides_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    archive, folder = crashed(tmp_path)
    lost = archive.folder("20200101-000000-000000-000000")
    lost.mkdir(parents=True)
    (lost / "raw.mcap").write_bytes(b"nothing that could be read")
    assert archive.recover() == [folder.name]
    assert "20200101-000000-000000-000000 cannot be recovered" in caplog.text


def test_a_finished_recording_is_never_written_again(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    folder = archive.folder(record_episode(archive, STEPS))
    damaged = bytearray((folder / "raw.mcap").read_bytes())
    del damaged[-2000:]
    (folder / "raw.mcap").write_bytes(damaged)
    (folder / "episode.json").unlink()
    archive.recover()
    assert (folder / "raw.mcap").read_bytes() == damaged


@pytest.mark.parametrize("place", ["data", "summary"])
def test_an_altered_recording_whose_sheet_is_lost_gets_no_new_seal(
    tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    archive = Archive(tmp_path / "archive")
    folder = archive.folder(record_episode(archive, STEPS))
    path = folder / "raw.mcap"
    with path.open("rb") as file:
        reader = make_reader(file)
        summary = reader.get_summary()
        first = next(message for _, _, message in reader.iter_messages("joints", log_time_order=False))
    data = bytearray(path.read_bytes())
    wanted = first.data[8:40] if place == "data" else summary.channels[1].topic.encode()
    found = data.find(wanted) if place == "data" else data.rfind(wanted)
    data[found + 3] ^= 1
    path.write_bytes(data)
    (folder / "episode.json").unlink()
    assert archive.recover() == []
    assert "was altered" in caplog.text
    assert not (folder / "episode.json").exists()
    assert verify_episode(folder) != []


def test_the_catalogue_knows_what_was_recovered(tmp_path: Path) -> None:
    archive, folder = crashed(tmp_path)
    with Catalogue(archive) as catalogue:
        catalogue.sync()
        archive.recover()
        assert [damage.kind for damage in verify_order(archive)] == ["catalogue"]
        catalogue.sync()
        assert verify_order(archive) == []
        assert json.loads((folder / "episode.json").read_text())["status"] == catalogue.query()[0].status
