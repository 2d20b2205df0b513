"""Encoder or disk too slow, or too small: it is said, counted and marked, and no image is at a wrong row."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from episode_samples import ROBOT, header_of, made_up_ticks, success
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from envs.body import Image
from envs.episodes import recorder as recorder_module
from envs.episodes.archive import Archive
from envs.episodes.losses import Gap, Losses, LossTally
from envs.episodes.reading import Episode
from envs.episodes.recorder import Recorder
from envs.episodes.records import LastFaults, Tick
from envs.episodes.verification.episode import verify_episode
from envs.episodes.video import FrameEncoder
from envs.errors import ArchiveError

STEPS = 40
RATE_S = 0.01
FIVE_BITS = 6  # and one more; enough for the number of each step


def numbered(step: int) -> NDArray[np.uint8]:
    """An image that says which step it belongs to."""
    picture = np.zeros((64, 64, 3), dtype=np.uint8)
    for bit in range(FIVE_BITS):
        picture[:, 8 * bit : 8 * bit + 8] = 220 if step >> bit & 1 else 30
    return picture


def number_of(picture: NDArray[np.uint8]) -> int:
    return sum(1 << bit for bit in range(FIVE_BITS) if picture[:, 8 * bit : 8 * bit + 8].mean() > 128)


def numbered_ticks(count: int = STEPS) -> list[Tick]:
    made = []
    for tick in made_up_ticks(ROBOT, count):
        images = {name: Image(numbered(tick.step), tick.state.joints_stamp_s) for name in tick.state.images}
        made.append(replace(tick, state=replace(tick.state, images=images)))
    return made


class Stalling:
    """The real encoder, which sleeps before some images of the head camera."""

    def __init__(self, camera: str, width: int, height: int, rate_hz: float, *, at: tuple[int, ...], for_s: float):
        self._encoder = FrameEncoder(camera, width, height, rate_hz)
        self._at = at if camera == "head" else ()
        self._for_s = for_s
        self._count = 0

    def encode(self, pixels: NDArray[np.uint8]) -> bytes:
        if self._count in self._at:
            time.sleep(self._for_s)
        self._count += 1
        return self._encoder.encode(pixels)


def archive_with(folder: Path, queue_ticks: int, at: tuple[int, ...], for_s: float) -> Archive:
    def stalling(camera: str, width: int, height: int, rate_hz: float) -> Stalling:
        return Stalling(camera, width, height, rate_hz, at=at, for_s=for_s)

    return Archive(folder / "archive", encoder=stalling, queue_ticks=queue_ticks)


def recorded_in_time(archive: Archive, ticks: list[Tick]) -> tuple[Episode, Recorder]:
    with archive.record(header_of(), is_real_time=True) as recorder:
        for tick in ticks:
            recorder.tick(tick)
            time.sleep(RATE_S)
        recorder.finish(success())
    return archive.open(recorder.episode_id), recorder


def has_its_own_image_in_each_row(episode: Episode) -> bool:
    return all(
        number_of(picture) == step
        for camera in ("head", "wrist")
        for picture, step in zip(episode.decode_images(camera), episode.step, strict=True)
    )


def test_a_slow_encoder_costs_nothing_while_the_queue_holds(tmp_path: Path) -> None:
    archive = archive_with(tmp_path, 256, (5, 12, 19, 26), 0.3)
    episode, recorder = recorded_in_time(archive, numbered_ticks())
    assert episode.ticks == STEPS
    assert has_its_own_image_in_each_row(episode)
    assert episode.sheet.losses.steps == 0
    assert episode.sheet.losses.worst_delay_s > 0.2
    assert episode.sheet.accepted
    assert verify_episode(recorder.path) == []


def test_what_a_slow_encoder_takes_away_is_said_counted_and_marked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    archive = archive_with(tmp_path, 6, (5, 12), 0.3)
    episode, recorder = recorded_in_time(archive, numbered_ticks())
    losses = episode.sheet.losses
    lost = STEPS - episode.ticks
    assert lost > 0
    assert has_its_own_image_in_each_row(episode)
    assert losses.steps == lost == sum(gap.steps for gap in losses.gaps)
    # Every stream tells how much of it is missing.
    for stream in ("joints", "command", "camera/head", "camera/wrist", "touch", "imu"):
        assert losses.streams[stream] == lost
        assert episode.sheet.counts[stream] == episode.ticks
    # The steps themselves tell where.
    seen = {int(before): int(after - before - 1) for before, after in zip(episode.step, episode.step[1:], strict=False)}
    assert {before: steps for before, steps in seen.items() if steps} == {
        gap.after_step: gap.steps for gap in losses.gaps if gap.after_step < episode.step[-1]
    }
    assert not episode.sheet.accepted
    assert episode.sheet.success
    assert f"steps lost while recording: {lost}" == episode.sheet.outcome.verdict_reason
    # It is in the log, in the recording, and told to whoever asks.
    assert "steps are being lost: no room for more while encoding the images of head" in caplog.text
    inside = [fault.message for _, fault in episode.faults if fault.source == "recorder"]
    assert any("steps were lost after step" in message for message in inside)
    assert any("steps are being lost" in fault.message for fault in recorder.news())
    assert recorder.news() == ()
    assert verify_episode(recorder.path) == []


def test_a_control_loop_in_real_time_never_waits_for_the_encoder(tmp_path: Path) -> None:
    is_at_it, is_free = threading.Event(), threading.Event()

    class Waiting(FrameEncoder):
        def encode(self, pixels: NDArray[np.uint8]) -> bytes:
            is_at_it.set()
            assert is_free.wait(60.0)
            return super().encode(pixels)

    archive = Archive(tmp_path, encoder=Waiting, queue_ticks=2)
    ticks = numbered_ticks(20)
    with archive.record(header_of(), is_real_time=True) as recorder:
        for tick in ticks:
            recorder.tick(tick)  # were one of them to wait, the encoder would never go on
            assert is_at_it.wait(60.0)
        is_free.set()
        recorder.finish(success(), last=LastFaults((), 1.0))
    episode = archive.open(recorder.episode_id)
    losses = episode.sheet.losses
    assert losses.gaps[-1].steps == losses.steps >= 17
    # Nothing came after the gap, and the recording tells of it all the same.
    assert episode.faults[-1][1].message == f"{losses.steps} steps were lost after step {19 - losses.steps}"
    heard = ticks[-1].state.sound_count - ticks[19 - losses.steps].state.sound_count
    assert losses.streams["sound"] == heard
    assert verify_episode(recorder.path) == []


def test_a_simulation_waits_and_loses_nothing(tmp_path: Path) -> None:
    archive = archive_with(tmp_path, 2, (3, 9), 0.2)
    with archive.record(header_of()) as recorder:
        for tick in numbered_ticks():
            recorder.tick(tick)
        recorder.finish(success())
    episode = archive.open(recorder.episode_id)
    assert episode.ticks == STEPS
    assert episode.sheet.losses == Losses()
    assert has_its_own_image_in_each_row(episode)


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own calls, each a tenth of a second late."""
    write, sync = os.write, os.fdatasync

    def slowly(call: Any) -> Any:
        def late(*arguments: Any) -> Any:
            time.sleep(0.1)
            return call(*arguments)

        return late

    monkeypatch.setattr(os, "write", slowly(write))
    monkeypatch.setattr(os, "fdatasync", slowly(sync))


@pytest.mark.usefixtures("slow_disk")
def test_what_a_slow_disk_takes_away_is_said_counted_and_marked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    episode, _ = recorded_in_time(Archive(tmp_path / "archive", queue_ticks=4), numbered_ticks())
    assert episode.sheet.losses.steps == STEPS - episode.ticks > 0
    assert has_its_own_image_in_each_row(episode)
    assert not episode.sheet.accepted
    assert "no room for more while writing to the disk" in caplog.text


def test_a_delay_is_told_before_anything_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorder_module, "_LATE_S", 0.1)
    archive = archive_with(tmp_path, 256, (5,), 0.3)
    _, recorder = recorded_in_time(archive, numbered_ticks(30))
    assert "behind while encoding the images of head; nothing of it is lost" in caplog.text
    assert {fault.severity for fault in recorder.news()} == {"note"}


def test_a_full_disk_ends_the_episode_and_is_called_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The system says that there is no space left, half way through a write, to streams and sheets alike."""
    caplog.set_level(logging.ERROR)
    archive, room, write = Archive(tmp_path / "archive"), [60_000], os.write

    def bounded(descriptor: int, data: bytes) -> int:
        if room[0] <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(descriptor, bytes(data[: room[0]]))
        room[0] -= written
        return written

    monkeypatch.setattr(os, "write", bounded)
    recorder = archive.record(header_of(), is_real_time=True)
    for tick in made_up_ticks(ROBOT, 60):
        recorder.tick(tick)
    with pytest.raises(ArchiveError, match=r"^the disk is full: cannot write .*raw\.mcap; free some space"):
        recorder.finish(success())
    monkeypatch.undo()
    sheet = archive.sheet(recorder.episode_id)
    assert (sheet.status, sheet.accepted) == ("interrupted", False)
    assert "the disk is full" in sheet.outcome.reason
    assert [damage.kind for damage in verify_episode(recorder.path)] == ["left open"]
    assert archive.recover() == [recorder.episode_id]
    assert verify_episode(recorder.path) == []
    assert 0 < archive.open(recorder.episode_id).ticks == sheet.ticks < 60


def test_sound_that_no_window_reaches_any_more_is_counted(tmp_path: Path) -> None:
    """A window holds 8000 samples; what fell out of it while steps were lost is what the recording lacks."""
    archive, ticks = archive_with(tmp_path, 2, (0,), 0.5), numbered_ticks(60)
    with archive.record(header_of(), is_real_time=True) as recorder:
        for tick in ticks[:-1]:
            recorder.tick(tick)
        while archive.open(recorder.episode_id).ticks < 2:
            time.sleep(0.05)
        recorder.tick(ticks[-1])
        recorder.finish(success())
    episode = archive.open(recorder.episode_id)
    kept = int(episode.step[-2])
    gone = ticks[-1].state.sound_count - ticks[kept].state.sound_count - 8000
    assert gone > 0
    assert episode.sheet.losses.streams["sound"] == gone
    assert f"{gone} samples of sound lost between two steps" in [fault.message for _, fault in episode.faults]


@given(st.lists(st.booleans(), max_size=60))
def test_gaps_are_the_runs_of_lost_steps(kept: list[bool]) -> None:
    tally, ticks = LossTally(), made_up_ticks(ROBOT, len(kept), images=False)
    for tick, is_kept in zip(ticks, kept, strict=True):
        (tally.keep if is_kept else tally.lose)(tick)
    losses = tally.losses(0.0)
    expected: list[Gap] = []
    for step, is_kept in enumerate(kept):
        if is_kept:
            continue
        if step and not kept[step - 1]:
            expected[-1] = Gap(expected[-1].after_step, expected[-1].steps + 1)
        else:
            expected.append(Gap(step - 1, 1))
    assert list(losses.gaps) == expected
    assert losses.steps == kept.count(False) == losses.streams.get("joints", 0)
    assert Losses.from_dict(losses.to_dict()) == losses


def test_in_real_time_encoders_are_open_before_the_first_step_and_no_other_is_made(tmp_path: Path) -> None:
    made: list[tuple[str, int, int]] = []

    def counting(camera: str, width: int, height: int, rate_hz: float) -> FrameEncoder:
        made.append((camera, width, height))
        return FrameEncoder(camera, width, height, rate_hz)

    ticks = made_up_ticks(ROBOT, 3)
    shown = {(name, *image.pixels.shape[1::-1]) for name, image in ticks[0].state.images.items()}
    archive = Archive(tmp_path, encoder=counting)
    for is_real_time, before in ((True, len(ROBOT.cameras)), (False, 0)):
        made.clear()
        recorder = archive.record(header_of(), is_real_time=is_real_time)
        assert len(made) == before
        for tick in ticks:
            recorder.tick(tick)
        archive.open(recorder.finish(success()))
        assert shown <= set(made)
        assert len(made) == max(before, len(shown))
