import json
import sqlite3

import pytest
from episode_samples import header_of, record_episode
from verdicts import QUALITY

from envs.episodes.archive import Archive
from envs.episodes.catalogue import CATALOGUE_NAME, Catalogue
from envs.episodes.sheet import SHEET_NAME
from envs.episodes.stream_writer import STREAM_NAME
from envs.episodes.verdict import QualityVerdict
from envs.errors import ArchiveError


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "archive")


def change_quality(archive, episode_id, change):
    path = archive.folder(episode_id) / SHEET_NAME
    fields = json.loads(path.read_text())
    fields["quality"] = change(fields["quality"])
    path.write_text(json.dumps(fields))


def test_a_verdict_survives_json():
    assert QualityVerdict.from_dict(json.loads(json.dumps(QUALITY.to_dict()))) == QUALITY


def test_a_judgement_is_written_beside_a_recording_that_stays_as_it_is(archive):
    episode_id = record_episode(archive, 3)
    stream = archive.folder(episode_id) / STREAM_NAME
    before, sheet = stream.read_bytes(), archive.sheet(episode_id)
    assert sheet.quality is None
    archive.keep_quality(episode_id, QUALITY)
    assert archive.sheet(episode_id).quality == QUALITY
    assert archive.sheet(episode_id).outcome == sheet.outcome
    assert stream.read_bytes() == before


@pytest.mark.parametrize("older", [{}, {"jerk": 0.5}], ids=["never judged", "bare figures"])
def test_the_quality_of_an_older_sheet_reads_as_not_judged(archive, older):
    episode_id = record_episode(archive, 2)
    change_quality(archive, episode_id, lambda _: older)
    assert archive.sheet(episode_id).quality is None


@pytest.mark.parametrize("change", [{"schema_version": 99}, {"verdict": "fine"}, {"where": {"kind": "pause"}}])
def test_a_judgement_that_cannot_be_one_is_refused(archive, change):
    episode_id = record_episode(archive, 2)
    archive.keep_quality(episode_id, QUALITY)
    change_quality(archive, episode_id, lambda fields: fields | change)
    with pytest.raises(ArchiveError, match="damaged"):
        archive.sheet(episode_id)


def test_the_catalogue_can_be_asked_for_verdict_and_score(archive):
    good, other = record_episode(archive, 2), record_episode(archive, 3)
    archive.keep_quality(good, QUALITY)
    with Catalogue(archive) as catalogue:
        catalogue.sync()
        (entry,) = catalogue.query(quality_verdict="coach")
        assert (entry.id, entry.quality_score, entry.quality_reason) == (good, 0.75, QUALITY.english)
        (entry,) = catalogue.query(quality_verdict="")
        assert (entry.id, entry.quality_score) == (other, None)


def test_a_catalogue_from_before_there_were_verdicts_is_filled_anew(archive):
    record_episode(archive, 2)
    with Catalogue(archive) as catalogue:
        catalogue.sync()
    with sqlite3.connect(archive.root / CATALOGUE_NAME) as database:
        database.execute("drop index ix_episodes_quality_verdict")
        for column in ("quality_verdict", "quality_score", "quality_reason"):
            database.execute(f"alter table episodes drop column {column}")
    with Catalogue(archive) as catalogue:
        assert [entry.quality_verdict for entry in catalogue.query()] == [""]


def test_an_episode_that_is_being_recorded_cannot_be_judged(archive):
    with archive.record(header_of()) as recorder, pytest.raises(ArchiveError, match="being recorded"):
        archive.keep_quality(recorder.episode_id, QUALITY)
