import dataclasses
import fcntl
import json
import threading

import numpy as np
import pytest
from episode_samples import ROBOT, header_of, made_up_snapshot, made_up_ticks, record_episode, success
from mcap.reader import make_reader
from verdicts import QUALITY

from envs.episodes import recorder as recorder_module
from envs.episodes.archive import Archive
from envs.episodes.reading import read_episode
from envs.episodes.sheet import read_sheet
from envs.episodes.stream_writer import STREAM_NAME
from envs.errors import ArchiveError


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "archive")


def test_an_episode_comes_back_as_it_was_recorded(archive):
    ticks = made_up_ticks(ROBOT, 20)
    recorder = archive.record(header_of(request="r-1", parent="e-0", extra={"lamp": "left"}))
    for tick in ticks:
        recorder.tick(tick)
    episode = archive.open(recorder.finish(success(), QUALITY))

    states = [tick.state for tick in ticks]
    for name in ("position_rad", "velocity_rad_s", "effort_nm", "touch_n", "touch_stamp_s"):
        np.testing.assert_array_equal(getattr(episode, name), [getattr(state, name) for state in states])
    np.testing.assert_array_equal(episode.stamp_s, [state.joints_stamp_s for state in states])
    np.testing.assert_array_equal(episode.imu[:, :3], [state.imu.rate_rad_s for state in states])
    np.testing.assert_array_equal(episode.imu[:, 3:], [state.imu.acceleration_m_s2 for state in states])
    np.testing.assert_array_equal(episode.sent_rad, [tick.sent_rad for tick in ticks])
    np.testing.assert_array_equal(episode.pilot_rad, [tick.pilot_rad for tick in ticks])
    assert np.isnan(episode.policy_rad).all()
    assert np.isnan(episode.doubt[:2]).all()
    np.testing.assert_array_equal(episode.doubt[2:], 0.25)
    assert set(episode.in_command) == {"pilot"}
    assert episode.instruction.tolist() == [0] * 10 + [1] * 10
    assert episode.step.tolist() == list(range(20))
    assert episode.faults == ((3, states[3].faults[0]),)
    assert list(episode.snapshots) == [2]
    assert episode.snapshots[2].to_bytes() == made_up_snapshot(2).to_bytes()

    sheet = episode.sheet
    assert sheet.header == header_of(request="r-1", parent="e-0", extra={"lamp": "left"})
    assert (sheet.status, sheet.outcome, sheet.quality) == ("complete", success(), QUALITY)
    assert sheet.counts["command"] == sheet.counts["camera/head"] == sheet.ticks == 20
    assert [(fault.source, fault.count, fault.first_tick) for fault in sheet.faults] == [("camera head", 1, 3)]


def test_every_sound_window_can_be_rebuilt_from_the_blocks(archive):
    ticks = made_up_ticks(ROBOT, 40)
    episode = archive.open(record_episode(archive, 40))
    for index, tick in enumerate(ticks):
        np.testing.assert_array_equal(episode.sound_window(index), tick.state.sound)
    heard = ticks[-1].state.sound_count - ticks[0].state.sound_count
    assert len(episode.sound) == 8000 + heard, "each sample is stored once"


def test_sound_lost_between_two_steps_is_a_fault_in_the_recording(archive):
    first, second = made_up_ticks(ROBOT, 2)
    late = dataclasses.replace(second.state, sound_count=first.state.sound_count + 8100)
    with archive.record(header_of()) as recorder:
        recorder.tick(first)
        recorder.tick(dataclasses.replace(second, state=late))
        episode = archive.open(recorder.finish(success()))
    assert [(tick, fault.message) for tick, fault in episode.faults] == [
        (1, "100 samples of sound lost between two steps")
    ]
    np.testing.assert_array_equal(episode.sound_window(1), late.sound)


def test_video_holds_one_image_a_step_with_the_stamp_of_its_capture(archive):
    ticks = made_up_ticks(ROBOT, 9)
    episode = archive.open(record_episode(archive, 9))
    for camera in ("head", "wrist"):
        shown = np.stack([tick.state.images[camera].pixels for tick in ticks]).astype(int)
        decoded = episode.decode_images(camera).astype(int)
        assert decoded.shape == shown.shape
        assert np.abs(decoded - shown).mean() < 3.0
        # The nearest picture of all is the one that was shown, so no frame is out of place.
        apart = np.abs(decoded[:, None] - shown[None]).mean(axis=(2, 3, 4))
        assert all(apart[i, i] == apart[i].min() for i in range(9))
        stamps_s = [tick.state.images[camera].stamp_s for tick in ticks]
        np.testing.assert_allclose(episode.video[camera].stamp_s, stamps_s, atol=1e-9)


def test_every_second_frame_is_a_key_frame_with_its_own_parameter_sets(archive):
    track = archive.open(record_episode(archive, 6)).video["head"]
    kinds = [{unit[0] & 0x1F for unit in packet.split(b"\0\0\1")[1:]} for packet in track.packets]
    assert all({5, 7, 8} <= kind for kind in kinds[::2])  # IDR slice, sequence and picture parameter sets
    assert all(1 in kind and 5 not in kind for kind in kinds[1::2])  # a slice that is no IDR


def test_a_viewer_reads_the_file_by_its_index(archive):
    path = archive.folder(record_episode(archive, 10)) / "raw.mcap"
    with path.open("rb") as file:
        reader = make_reader(file)
        summary = reader.get_summary()
        counts = {summary.channels[i].topic: n for i, n in summary.statistics.channel_message_counts.items()}
        topics = [channel.topic for _, channel, message in reader.iter_messages() if message.sequence == 4]
    assert counts == read_sheet(path.parent).counts
    assert topics.count("camera/head") == topics.count("command") == topics.count("joints") == 1


def test_a_body_without_senses_is_recorded_too(archive):
    bare = dataclasses.replace(ROBOT, cameras=(), pads=(), sound_hz=None, has_imu=False)
    with archive.record(header_of(bare)) as recorder:
        for tick in made_up_ticks(bare, 5, images=False):
            recorder.tick(dataclasses.replace(tick, state=dataclasses.replace(tick.state, touch_n=np.zeros((0, 0, 0)))))
        episode = archive.open(recorder.finish(success()))
    assert episode.video == {}
    assert (episode.touch_n.shape, episode.imu.shape, len(episode.sound)) == ((5, 0, 0, 0), (5, 0), 0)
    assert not episode.sound_window(4).any()
    with pytest.raises(ArchiveError, match="has no images of 'head'; it has none at all"):
        episode.decode_images("head")


def test_a_slow_sensor_is_stored_once_a_reading_and_held_in_between(archive):
    ticks = made_up_ticks(ROBOT, 4)
    held = dataclasses.replace(
        ticks[1].state, touch_n=ticks[0].state.touch_n, touch_stamp_s=ticks[0].state.touch_stamp_s
    )
    ticks[1] = dataclasses.replace(ticks[1], state=held)
    with archive.record(header_of()) as recorder:
        for tick in ticks:
            recorder.tick(tick)
        episode = archive.open(recorder.finish(success()))
    assert episode.sheet.counts["touch"] == 3
    np.testing.assert_array_equal(episode.touch_n, [tick.state.touch_n for tick in ticks])
    np.testing.assert_array_equal(episode.touch_stamp_s, [tick.state.touch_stamp_s for tick in ticks])


def test_an_episode_without_a_step_is_an_episode(archive):
    episode = archive.open(archive.record(header_of()).finish(success()))
    assert (episode.ticks, episode.position_rad.shape, episode.sound_windows().shape) == (0, (0, 3), (0, 8000))


def test_a_failure_in_the_writer_is_raised_and_what_was_recorded_stays(archive):
    ticks = made_up_ticks(ROBOT, 3)
    recorder = archive.record(header_of())
    recorder.tick(ticks[0])
    recorder.tick(dataclasses.replace(ticks[1], sent_rad=np.zeros(7)))
    with pytest.raises(ArchiveError, match=r"sent_rad has shape \(7,\)"):
        recorder.finish(success())
    episode = read_episode(recorder.path)
    assert (episode.ticks, episode.sheet.status, episode.sheet.accepted) == (1, "interrupted", False)
    with pytest.raises(ArchiveError, match="has ended"):
        recorder.tick(ticks[2])


def test_a_camera_that_vanishes_ends_the_recording(archive):
    ticks = made_up_ticks(ROBOT, 2)
    blind = dataclasses.replace(ticks[1].state, images={"head": ticks[1].state.images["head"]})
    recorder = archive.record(header_of())
    recorder.tick(ticks[0])
    recorder.tick(dataclasses.replace(ticks[1], state=blind))
    with pytest.raises(ArchiveError, match=r"are \['head', 'wrist'\], this step has \['head'\]"):
        recorder.finish(success())


def test_an_exception_while_recording_leaves_a_rejected_episode(archive):
    with pytest.raises(ZeroDivisionError), archive.record(header_of()) as recorder:  # noqa: PT012
        recorder.tick(made_up_ticks(ROBOT, 1)[0])
        _ = 1 / 0
    episode = archive.open(recorder.episode_id)
    assert (episode.ticks, episode.sheet.status, episode.sheet.accepted) == (1, "interrupted", False)
    assert "ZeroDivisionError" in episode.sheet.outcome.verdict_reason


class SlowFaults(tuple):
    """No faults, but whoever looks at them has to wait."""

    def __new__(cls, may_go_on):
        self = super().__new__(cls)
        self.may_go_on = may_go_on
        return self

    def __iter__(self):
        self.may_go_on.wait()
        return super().__iter__()


@pytest.fixture
def hanging_ticks(monkeypatch):
    """More ticks than the queue takes, the first of which holds the writer up until the event is set."""
    monkeypatch.setattr(recorder_module, "_WAIT_S", 0.2)
    monkeypatch.setattr(recorder_module, "QUEUE_TICKS", 2)
    may_go_on = threading.Event()
    slow, *others = made_up_ticks(ROBOT, 3)
    slow = dataclasses.replace(slow, state=dataclasses.replace(slow.state, faults=SlowFaults(may_go_on)))
    return (slow, *others), may_go_on


def test_a_writer_that_hangs_hides_no_error_and_leaves_no_stream_open(archive, hanging_ticks):
    ticks, may_go_on = hanging_ticks
    with pytest.raises(ZeroDivisionError), archive.record(header_of()) as recorder:  # noqa: PT012
        for tick in ticks:
            recorder.tick(tick)
        _ = 1 / 0
    sheet = archive.sheet(recorder.episode_id)
    assert (sheet.status, sheet.accepted) == ("interrupted", False)
    assert "ZeroDivisionError" in sheet.outcome.verdict_reason
    may_go_on.set()
    with (recorder.path / STREAM_NAME).open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # waits until the writer has let go of the file


def test_a_finish_that_the_writer_holds_up_closes_the_stream_all_the_same(archive, hanging_ticks):
    ticks, may_go_on = hanging_ticks
    recorder = archive.record(header_of())
    for tick in ticks:
        recorder.tick(tick)
    with pytest.raises(ArchiveError, match="has not kept up"):
        recorder.finish(success())
    assert archive.sheet(recorder.episode_id).status == "interrupted"
    may_go_on.set()
    with (recorder.path / STREAM_NAME).open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)


def test_a_wrong_path_is_no_archive(tmp_path):
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(ArchiveError, match="is not an archive"):
        Archive(tmp_path)
    with pytest.raises(ArchiveError, match="does not exist"):
        Archive(tmp_path / "nothing", create=False)
    with pytest.raises(ArchiveError, match=r"something else is in its place: cannot write"):
        Archive(tmp_path / "holiday.jpg" / "archive")


def test_an_unknown_episode_is_named(archive):
    with pytest.raises(ArchiveError, match="has no episode 'nope'"):
        archive.open("nope")


def test_a_damaged_sheet_hides_no_other_episode(archive, caplog):
    damaged, sound = record_episode(archive, 2), record_episode(archive, 2)
    (archive.folder(damaged) / "episode.json").write_text("{")
    assert [sheet.id for sheet in archive.episodes()] == [sound]
    assert damaged in caplog.text
    with pytest.raises(ArchiveError, match=r"episode\.json is damaged .*restore it from a copy"):
        archive.open(damaged)


def test_a_finished_recording_that_lost_its_end_is_refused(archive):
    folder = archive.folder(record_episode(archive, 8))
    data = (folder / "raw.mcap").read_bytes()
    (folder / "raw.mcap").write_bytes(data[: len(data) // 2])
    with pytest.raises(ArchiveError, match=r"holds \d of the 8 steps"):
        read_episode(folder)
    (folder / "raw.mcap").write_bytes(b"not a recording at all, but long enough to hold a head")
    with pytest.raises(ArchiveError, match="is not a recording"):
        read_episode(folder)


def test_the_sheet_is_plain_json_with_the_robot_in_it(archive):
    fields = json.loads((archive.folder(record_episode(archive, 2)) / "episode.json").read_text())
    assert fields["robot_digest"] == ROBOT.digest
    assert fields["robot"]["joints"][0]["name"] == "shoulder"
    assert fields["scenario"]["values"]["colour"] == "red"
    assert fields["pool"] == "train"
    assert fields["versions"]["numpy"] == np.__version__
