"""A recorder that is killed: by the kernel, in the middle of an episode."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from episode_samples import ROBOT, header_of, made_up_ticks, record_episode, success

from envs.episodes.archive import Archive
from envs.episodes.stream_reader import read_streams
from envs.episodes.verification.archive import verify_order

_ROOT = Path(__file__).resolve().parents[2]
_RECORD = """
import sys, time
from envs.episodes.archive import Archive
from episode_samples import ROBOT, header_of, made_up_ticks, record_episode
archive = Archive(sys.argv[1])
record_episode(archive, 10, seed=1)
recorder = archive.record(header_of())
for tick in made_up_ticks(ROBOT, 400, seed=2):
    recorder.tick(tick)
    if tick.step == 60:
        while archive.open(recorder.episode_id).ticks < 61:
            time.sleep(0.005)
        print(recorder.episode_id, flush=True)
    time.sleep(0.002)
time.sleep(120.0)
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """An archive whose recorder was killed while it wrote, and the id of the episode that was open."""
    root = tmp_path_factory.mktemp("killed") / "archive"
    environment = {**os.environ, "PYTHONPATH": f"{_ROOT}:{_ROOT / 'tests'}"}
    process = subprocess.Popen([sys.executable, "-c", _RECORD, str(root)], stdout=subprocess.PIPE, env=environment)
    open_id = process.stdout.readline().decode().strip()
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    return Archive(root), open_id


def test_a_killed_recorder_keeps_finished_episodes_and_the_open_one_up_to_the_last_flushed_step(killed):
    archive, open_id = killed
    finished = next(sheet for sheet in archive.episodes() if sheet.id != open_id)
    assert archive.open(finished.id).ticks == 10

    path = archive.folder(open_id) / "raw.mcap"
    streams = read_streams(path)
    assert not streams.is_whole
    assert archive.recover() == [open_id]
    assert archive.recover() == []
    episode = archive.open(open_id)
    assert (episode.sheet.status, episode.sheet.accepted) == ("interrupted", False)
    assert "died" in episode.sheet.outcome.verdict_reason
    # The process spoke once 61 steps stood in the file, and went on.
    assert 61 <= episode.ticks == episode.sheet.ticks <= 400
    expected = made_up_ticks(ROBOT, 400, seed=2)[: episode.ticks]
    np.testing.assert_array_equal(episode.sent_rad, [tick.sent_rad for tick in expected])
    np.testing.assert_array_equal(episode.sound_window(episode.ticks - 1), expected[-1].state.sound)
    assert len(episode.decode_images("head")) == episode.ticks


def test_an_episode_cut_at_any_byte_gives_its_whole_steps(tmp_path):
    archive = Archive(tmp_path / "archive")
    path = archive.folder(record_episode(archive, 6)) / "raw.mcap"
    data = path.read_bytes()
    cut, ticks = tmp_path / "cut.mcap", []
    for end in range(len(data), 0, -211):
        cut.write_bytes(data[:end])
        streams = read_streams(cut) if end > 8 else None
        if streams is None:
            break
        ticks.append(streams.ticks)
        assert all(tick < streams.ticks for stream in streams.by_topic.values() for tick in stream.ticks)
        camera = streams.by_topic.get("camera/head")
        assert (len(camera.messages) if camera else 0) == streams.ticks
    assert ticks == sorted(ticks, reverse=True)
    assert set(ticks) == set(range(7))


def test_recovery_leaves_a_living_recorder_alone(tmp_path):
    archive = Archive(tmp_path / "archive")
    with archive.record(header_of()) as recorder:
        recorder.tick(made_up_ticks(ROBOT, 1)[0])
        assert Archive(archive.root).recover() == []
        recorder.finish(success())
    assert archive.sheet(recorder.episode_id).status == "complete"


def test_what_was_flushed_is_in_the_file_while_recording_goes_on(tmp_path):
    archive = Archive(tmp_path / "archive")
    with archive.record(header_of()) as recorder:
        for tick in made_up_ticks(ROBOT, 5):
            recorder.tick(tick)
        deadline = time.monotonic() + 20.0
        while archive.open(recorder.episode_id).ticks < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert archive.open(recorder.episode_id).ticks == 5
        recorder.finish(success())


@pytest.fixture
def at_event():
    """Do something at the next audit event that fits, that is: in the middle of what somebody else does."""
    waiting = []

    def hear(event, arguments):
        if waiting and waiting[0][0](event, arguments):
            waiting.pop()[1]()

    sys.addaudithook(hear)  # for ever: Python has no way to take it out, so it must do nothing later
    yield lambda fits, action: waiting.append((fits, action))
    waiting.clear()


def test_an_episode_that_ends_well_while_recovery_looks_at_it_stays_complete(tmp_path, at_event):
    archive = Archive(tmp_path / "archive")
    recorder = archive.record(header_of())
    recorder.tick(made_up_ticks(ROBOT, 1)[0])
    stream, ended = str(recorder.path / "raw.mcap"), []
    at_event(
        lambda event, arguments: event == "open" and str(arguments[0]) == stream,
        lambda: ended.append(recorder.finish(success())),
    )
    assert archive.recover() == []
    assert ended == [recorder.episode_id]
    assert archive.sheet(recorder.episode_id).status == "complete"
    assert archive.open(recorder.episode_id).ticks == 1


def test_recovery_leaves_an_episode_alone_that_is_just_being_born(tmp_path, at_event):
    archive, recovered = Archive(tmp_path / "archive"), []
    at_event(
        lambda event, arguments: event == "fcntl.flock",
        lambda: recovered.append(Archive(archive.root).recover()),
    )
    episode_id = record_episode(archive, 3)
    assert recovered == [[]]
    assert archive.open(episode_id).ticks == 3
    assert sorted(path.name for path in archive.folder(episode_id).iterdir()) == ["episode.json", "raw.mcap"]


def test_recovery_leaves_a_folder_alone_that_has_no_stream_to_lock_yet(tmp_path):
    archive = Archive(tmp_path / "archive")
    unborn = archive.folder(record_episode(archive, 3)).with_name(".new-20260101-000000")
    unborn.mkdir()
    (unborn / ".raw.mcap").touch()
    assert archive.recover() == []
    assert unborn.exists()
    assert verify_order(archive) == []

    two_days_ago_s = time.time() - 2 * 86_400
    os.utime(unborn, (two_days_ago_s, two_days_ago_s))
    assert [damage.kind for damage in verify_order(archive)] == ["left open"]
    assert archive.recover() == []
    assert not unborn.exists()


def test_recovery_clears_away_what_died_before_it_was_born(tmp_path):
    archive = Archive(tmp_path / "archive")
    folder = archive.folder(record_episode(archive, 3))
    shutil.copytree(folder, unborn := folder.with_name(".new-20250101-000000"))
    assert archive.recover() == []
    assert not unborn.exists()
    assert folder.exists()
