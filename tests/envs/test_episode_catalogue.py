import sqlite3

import pytest
from episode_samples import ROBOT, header_of, made_up_ticks, record_episode, scenario_of

from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue, Query
from envs.errors import ArchiveError
from envs.scenario import Pool


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Four episodes that differ in pool, body, purpose and verdict, one of them broken off."""
    archive = Archive(tmp_path_factory.mktemp("catalogue") / "archive")
    record_episode(archive, 3)
    record_episode(archive, 4, pool=Pool.DISCOVER, body="serial", purpose="rollout", policy="net-1", accepted=False)
    record_episode(archive, 2, pool=Pool.VERIFY, purpose="targeted", request="r-7", operator="Wang Wei")
    with archive.record(header_of(scenario=scenario_of(Pool.TRAIN, start=50))) as recorder:
        recorder.tick(made_up_ticks(ROBOT, 1)[0])
    return archive


@pytest.fixture
def catalogue(archive, tmp_path):
    with Catalogue(archive, f"sqlite:///{tmp_path / 'index.sqlite'}") as catalogue:
        catalogue.sync()
        yield catalogue


def test_a_rebuilt_catalogue_equals_the_one_that_grew(archive, tmp_path):
    with Catalogue(archive, f"sqlite:///{tmp_path / 'grown.sqlite'}") as grown:
        for sheet in archive.episodes():
            grown.add(sheet)
        entries = grown.query()
        assert grown.sync() == 0
        assert grown.rebuild() == 4
        assert grown.query() == entries
    assert [entry.id for entry in entries] == archive.ids()
    assert [entry.ticks for entry in entries] == [3, 4, 2, 1]
    assert entries[0].factors == {"mass_g": entries[0].factors["mass_g"], "colour": "red"}
    assert entries[0].robot_digest == ROBOT.digest


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({}, [0, 1, 2, 3]),
        ({"body": "serial"}, [1]),
        ({"pool": ["train", "discover"]}, [0, 1, 3]),
        ({"pool": Pool.VERIFY}, [2]),
        ({"accepted": True}, [0, 2]),
        ({"accepted": False, "success": True}, [1]),
        ({"success": False}, [3]),
        ({"purpose": "targeted", "request": "r-7"}, [2]),
        ({"task": "fold_towel"}, []),
        ({"pool": []}, []),
        ({"status": "interrupted"}, [3]),
    ],
)
def test_a_query_gives_the_episodes_that_meet_every_criterion(catalogue, archive, criteria, expected):
    ids = archive.ids()
    assert [entry.id for entry in catalogue.query(**criteria)] == [ids[i] for i in expected]
    assert catalogue.query(Query(**criteria)) == catalogue.query(**criteria)


def test_the_index_is_plain_sql(archive):
    with Catalogue(archive) as catalogue:
        catalogue.rebuild()
    with sqlite3.connect(archive.root / "catalogue.sqlite") as database:
        rows = database.execute(
            "select pool, json_extract(factors, '$.colour') from episodes where accepted order by id"
        ).fetchall()
    assert rows == [("train", "red"), ("verify", "red")]


def test_an_unknown_criterion_is_refused_with_those_that_there_are(catalogue):
    with pytest.raises(ArchiveError, match=r"cannot ask a catalogue for \['colour'\]; its criteria are task, body"):
        catalogue.query(colour="red")


def test_an_episode_that_was_still_being_recorded_is_entered_anew(tmp_path):
    archive = Archive(tmp_path / "archive")
    with Catalogue(archive) as catalogue:
        with archive.record(header_of()) as recorder:
            assert catalogue.sync() == 1
            assert catalogue.query()[0].status == "recording"
            recorder.tick(made_up_ticks(ROBOT, 1)[0])
        assert catalogue.sync() == 1
        assert (catalogue.query()[0].status, catalogue.query()[0].ticks) == ("interrupted", 1)


def test_a_database_that_is_none_is_refused(archive, tmp_path):
    (tmp_path / "broken.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(ArchiveError, match=r"broken\.sqlite: .*rebuild it from the archive"):
        Catalogue(archive, f"sqlite:///{tmp_path / 'broken.sqlite'}")
