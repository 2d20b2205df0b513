"""Disks that are full, and paths that cannot be."""

import errno
import os
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from episode_samples import ROBOT, header_of, made_up_ticks, record_episode, success

from envs.episodes.archive import Archive
from envs.episodes.durable import cannot_write, write_bytes
from envs.errors import ArchiveError


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "archive")


def test_a_disk_that_takes_no_more_keeps_all_that_was_recorded(archive):
    """A real limit of the kernel on the size of a file stands in for a full disk."""
    finished = record_episode(archive, 5)
    ticks = made_up_ticks(ROBOT, 60)
    recorder = archive.record(header_of())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
    try:
        for tick in ticks:
            recorder.tick(tick)
        with pytest.raises(
            ArchiveError, match=r"File too large: cannot write .*raw\.mcap; .*What was written before is kept"
        ):
            recorder.finish(success())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert archive.open(finished).ticks == 5
    episode = archive.open(recorder.episode_id)
    assert episode.sheet.status == "interrupted"
    assert 0 < episode.ticks == episode.sheet.ticks < 60
    np.testing.assert_array_equal(episode.sent_rad, [tick.sent_rad for tick in ticks[: episode.ticks]])


def left_behind(archive):
    """What lies in the archive beside its episodes, and which recordings are still open."""
    held = [os.readlink(entry) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    folders = [path.name for path in archive.root.glob("episodes/*/*")]
    return folders, [path for path in held if "raw.mcap" in path and str(archive.root) in path]


@pytest.mark.parametrize("fits", ["nothing", "the recording but not the sheet"])
def test_an_episode_that_a_full_disk_does_not_let_begin_leaves_nothing(archive, fits):
    long = header_of(extra={"numbers": [0] * 2000})  # one a line in the sheet, one after the other in the recording
    with archive.record(long) as trial:
        begun = (trial.path / "raw.mcap").stat().st_size
        assert begun < (trial.path / "episode.json").stat().st_size
        trial.abort("only to see how much a beginning takes")
    limit = 100 if fits == "nothing" else begun
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(ArchiveError, match="File too large: cannot write"):
            archive.record(long)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert left_behind(archive) == ([trial.episode_id], [])


class NoEncoder:
    def __init__(self, camera, width, height, rate_hz):
        raise RuntimeError(f"the graphics card of {camera} is gone")


def test_an_episode_that_cannot_begin_for_any_other_cause_leaves_nothing(archive, tmp_path):
    odd = replace(ROBOT, cameras=(replace(ROBOT.cameras[0], width=63),))
    with pytest.raises(ArchiveError, match="63"):
        archive.record(header_of(odd), is_real_time=True)
    with pytest.raises(ArchiveError, match="not plain JSON"):
        archive.record(header_of(extra={"key": object()}))
    assert left_behind(archive) == ([], [])
    broken = Archive(tmp_path / "broken", encoder=NoEncoder)
    with pytest.raises(RuntimeError, match="is gone"):
        broken.record(header_of(), is_real_time=True)
    assert left_behind(broken) == ([], [])


def test_a_full_disk_is_called_by_its_name(tmp_path):
    message = cannot_write(tmp_path / "raw.mcap", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert message.startswith("the disk is full: cannot write ")
    assert "raw.mcap; free some space" in message


@pytest.mark.parametrize("place", ["/proc/nowhere", f"/{300 * 'a'}"])
def test_a_path_that_cannot_be_is_no_matter_of_the_disk(place):
    with pytest.raises(OSError, match=place) as raised:
        write_bytes(Path(place) / "raw.mcap", b"")
    message = cannot_write(Path(place) / "raw.mcap", raised.value)
    assert "give another path" in message
    assert "disk" not in message
