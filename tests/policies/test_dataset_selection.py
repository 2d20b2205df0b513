"""Which episodes may be in a dataset, and what is said of those that may not."""

import dataclasses
import re
import shutil

import numpy as np
import pytest
from episode_samples import ROBOT, header_of, made_up_ticks, record_episode, scenario_of, success
from rewritten_episode import at, rewrite
from verdicts import QUALITY

from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue, Query
from envs.episodes.where import Where
from envs.errors import QueryError, UnreadableError
from envs.scenario import Pool
from policies.dataset.lerobot import build_dataset
from policies.errors import DatasetError, PoolError


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "archive")


def test_episodes_of_two_robots_are_not_mixed(archive, tmp_path):
    other = dataclasses.replace(ROBOT, name="other", joints=ROBOT.joints[:2])
    record_episode(archive, 2)
    record_episode(archive, 2, robot=other)
    with pytest.raises(DatasetError, match=f"'small' \\({ROBOT.digest}\\), episode .* 'other' \\({other.digest}\\)"):
        build_dataset(archive, tmp_path / "dataset")
    build_dataset(archive, tmp_path / "dataset", Query(robot_digest=ROBOT.digest))
    with pytest.raises(DatasetError, match=f"is of robot 'small' .*'other' \\({other.digest}\\)"):
        build_dataset(archive, tmp_path / "dataset", Query(robot_digest=other.digest))


@pytest.mark.parametrize("pool", [Pool.CALIBRATE, Pool.VERIFY, Pool.REGRESS, Pool.TEST])
def test_an_episode_that_must_never_train_is_refused(archive, tmp_path, pool):
    record_episode(archive, 2)
    kept_away = record_episode(archive, 2, pool=pool)
    with pytest.raises(PoolError, match=f"{kept_away} is stated as pool '{pool}'.*must never train"):
        build_dataset(archive, tmp_path / "dataset", Query())
    assert len(build_dataset(archive, tmp_path / "dataset").added) == 1
    report = build_dataset(archive, tmp_path / "evaluation", Query(), for_training=False)
    assert len(report.added) == 2
    with pytest.raises(PoolError, match="holds episodes that must never train"):
        build_dataset(archive, tmp_path / "evaluation")


def test_a_scenario_smuggled_into_a_trainable_pool_is_found(archive, tmp_path):
    record_episode(archive, 2, scenario=scenario_of(Pool.TEST))
    with pytest.raises(PoolError, match="stated as pool 'train' and its scenario is of 'test'"):
        build_dataset(archive, tmp_path / "dataset")


def test_a_recovery_inherits_the_pool_of_its_rollout(archive, tmp_path):
    rollout = record_episode(archive, 2, pool=Pool.DISCOVER, purpose="rollout", accepted=False)
    tested = record_episode(archive, 2, pool=Pool.TEST, purpose="rollout", accepted=False)
    fine = record_episode(archive, 2, pool=Pool.DISCOVER, scenario=scenario_of(Pool.TEST), parent=rollout)
    assert build_dataset(archive, tmp_path / "dataset").added == (fine,)
    record_episode(archive, 2, pool=Pool.TRAIN, parent=tested)
    with pytest.raises(PoolError, match="stated as pool 'train' and its scenario is of 'test'"):
        build_dataset(archive, tmp_path / "again")


def test_a_recovery_whose_rollout_is_kept_elsewhere_goes_by_its_own_scene(archive, tmp_path):
    elsewhere = "20260101-000000-000000-abcdef"
    fine = record_episode(archive, 2, parent=elsewhere)
    assert build_dataset(archive, tmp_path / "dataset").added == (fine,)
    record_episode(archive, 2, scenario=scenario_of(Pool.VERIFY), parent=elsewhere)
    with pytest.raises(PoolError, match="its scenario is of 'verify'"):
        build_dataset(archive, tmp_path / "again")


def test_a_rejected_episode_is_built_only_when_that_is_allowed(archive, tmp_path):
    rejected = record_episode(archive, 3, accepted=False)
    with pytest.raises(DatasetError, match=f"{rejected} were not accepted"):
        build_dataset(archive, tmp_path / "dataset", [rejected])
    with pytest.raises(DatasetError, match=r"no episode of .* is of pool discover or train, accepted; ask"):
        build_dataset(archive, tmp_path / "dataset")
    assert build_dataset(archive, tmp_path / "dataset", [rejected], accepted_only=False).added == (rejected,)


def test_an_episode_without_images_is_left_out_and_named(archive, tmp_path):
    with archive.record(header_of()) as recorder:
        for tick in made_up_ticks(ROBOT, 3, images=False):
            recorder.tick(tick)
        blind = recorder.finish(success())
    with pytest.raises(DatasetError, match=r"none of the 1 selected episodes .* without images of head, wrist"):
        build_dataset(archive, tmp_path / "dataset")
    seeing = record_episode(archive, 3)
    report = build_dataset(archive, tmp_path / "dataset")
    assert report.added == (seeing,)
    assert [(left.id, left.reason) for left in report.left_out] == [
        (blind, "it was recorded without images of head, wrist")
    ]


def test_a_folder_of_something_else_is_not_touched(archive, tmp_path):
    record_episode(archive, 2)
    (tmp_path / "thesis.tex").write_text("do not lose me")
    with pytest.raises(DatasetError, match="is not empty and is no dataset"):
        build_dataset(archive, tmp_path)
    with pytest.raises(DatasetError, match="has no finished episodes nope"):
        build_dataset(archive, tmp_path / "dataset", ["nope"])
    assert not (tmp_path / "dataset").exists()


def test_a_condition_chooses_and_leaves_the_defaults_to_what_it_does_not_name(archive, tmp_path):
    mine = record_episode(archive, 2, operator="Li Na")
    record_episode(archive, 2, operator="Wang")
    rejected = record_episode(archive, 2, operator="Li Na", accepted=False)
    tested = record_episode(archive, 2, operator="Li Na", pool=Pool.TEST)

    def built(name, text, **options):
        return build_dataset(archive, tmp_path / name, that=Where.parse(text), **options).added

    assert built("mine", 'operator = "Li Na"') == (mine,)
    assert built("rejected", 'operator = "Li Na" and not accepted') == (rejected,)
    assert built("tested", "pool = test", for_training=False) == (tested,)
    with pytest.raises(PoolError, match="must never train"):
        built("smuggled", "pool = test")
    with pytest.raises(DatasetError, match=r"of 2 episodes of .*, none is one where operator = Zhao"):
        built("nobody", "operator = Zhao")
    with pytest.raises(QueryError, match="there is no task 'pick_friut'"):
        built("typo", "task = pick_friut")


def spoil(path, at, byte):
    data = bytearray(path.read_bytes())
    data[at] ^= byte
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("damaged", [0, 1])
def test_a_recording_cut_short_keeps_no_other_from_being_built(archive, tmp_path, damaged):
    ids = [record_episode(archive, 3, seed=seed) for seed in range(3)]
    path = archive.folder(ids[damaged]) / "raw.mcap"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    report = build_dataset(archive, tmp_path / "dataset")
    assert report.added == tuple(episode_id for episode_id in ids if episode_id != ids[damaged])
    (left,) = report.left_out
    assert left.id == ids[damaged]
    assert f"{path} holds" in left.reason
    assert "restore it from a copy" in left.reason


def cut_sheet(folder):
    sheet = folder / "episode.json"
    sheet.write_text(sheet.read_text()[:100])


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (cut_sheet, r"{}/episode.json is damaged .* restore it from a copy"),
        (lambda folder: (folder / "episode.json").unlink(), r"{}/episode.json is gone; `retake archive recover` takes"),
        (shutil.rmtree, r"{} is gone, though the catalogue knows it; .* `retake archive rebuild`"),
        (lambda folder: folder.rename(folder.parent.parent / folder.name), r"{} is gone, though the catalogue knows"),
    ],
    ids=["cut short", "no sheet", "removed", "moved"],
)
def test_an_episode_without_a_sheet_keeps_no_other_from_being_built(archive, tmp_path, harm, told):
    ids = [record_episode(archive, 3, seed=seed) for seed in range(3)]
    with Catalogue(archive) as catalogue:
        catalogue.sync()
    harm(archive.folder(ids[1]))
    report = build_dataset(archive, tmp_path / "dataset")
    assert report.added == (ids[0], ids[2])
    (left,) = report.left_out
    assert left.id == ids[1]
    assert re.search(told.format(re.escape(str(archive.folder(ids[1])))), left.reason)
    with pytest.raises(DatasetError, match=r"none of the 1 selected episodes can be in a dataset: .*(gone|damaged)"):
        build_dataset(archive, tmp_path / "alone", [ids[1]])


def test_a_damaged_sheet_that_the_catalogue_never_saw_is_left_out_where_it_is_asked_for(archive, tmp_path):
    ids = [record_episode(archive, 3, seed=seed) for seed in range(2)]
    cut_sheet(archive.folder(ids[0]))
    report = build_dataset(archive, tmp_path / "dataset", ids)
    assert (report.added, [left.id for left in report.left_out]) == ((ids[1],), [ids[0]])


def test_an_episode_that_was_built_before_its_sheet_was_lost_stays(archive, tmp_path):
    ids = [record_episode(archive, 3, seed=seed) for seed in range(2)]
    build_dataset(archive, tmp_path / "dataset")
    cut_sheet(archive.folder(ids[0]))
    report = build_dataset(archive, tmp_path / "dataset")
    assert (report.added, report.kept, report.left_out, report.unasked) == ((), 2, (), ())


def test_a_recovery_whose_rollout_cannot_be_read_is_left_out(archive, tmp_path):
    rollout = record_episode(archive, 2, pool=Pool.TEST, purpose="rollout", accepted=False)
    recovery = record_episode(archive, 2, parent=rollout)
    fine = record_episode(archive, 2)
    cut_sheet(archive.folder(rollout))
    report = build_dataset(archive, tmp_path / "dataset")
    assert (report.added, [left.id for left in report.left_out]) == ((fine,), [recovery])
    assert f"{archive.folder(rollout) / 'episode.json'} is damaged" in report.left_out[0].reason


def test_a_single_bit_that_is_not_as_recorded_leaves_the_episode_out(archive, tmp_path):
    altered, fine = (record_episode(archive, 3, seed=seed) for seed in range(2))
    path = archive.folder(altered) / "raw.mcap"
    value = np.float64(archive.open(altered).position_rad[1, 0]).tobytes()
    spoil(path, path.read_bytes().index(value), 1)
    assert archive.open(altered).ticks == 3, "the file can still be read"
    report = build_dataset(archive, tmp_path / "dataset")
    assert report.added == (fine,)
    assert [left.id for left in report.left_out] == [altered]
    assert f"{path} is not what was recorded" in report.left_out[0].reason
    with pytest.raises(DatasetError, match=r"none of the 1 selected .* is not what was recorded"):
        build_dataset(archive, tmp_path / "alone", [altered])


def test_a_damaged_snapshot_names_file_step_and_remedy(archive):
    episode_id = record_episode(archive, 4)
    rewrite(archive.folder(episode_id), at("snapshot", 2, lambda told: dataclasses.replace(told, data=b"{}")))
    with pytest.raises(UnreadableError, match=r"snapshot at step 2 of .*raw\.mcap cannot be read .* from a copy"):
        archive.open(episode_id)


def test_what_is_in_the_dataset_but_not_asked_for_is_said(archive, tmp_path, caplog):
    first, second = (record_episode(archive, 2, operator=name) for name in ("Li", "Wang"))
    build_dataset(archive, tmp_path / "dataset")
    assert build_dataset(archive, tmp_path / "dataset").unasked == ()
    assert build_dataset(archive, tmp_path / "dataset", [second]).unasked == ()
    assert not caplog.records
    report = build_dataset(archive, tmp_path / "dataset", that=Where.parse("operator = Wang"))
    assert (report.unasked, report.kept, report.episodes) == ((first,), 1, 2)
    assert "1 episodes that are in" in caplog.text
    assert "build into a new folder" in caplog.text


def test_what_a_gate_of_quality_rejects_is_built_only_where_quality_is_spoken_of(archive, tmp_path):
    gated, coached, unjudged, failed = (record_episode(archive, 2, seed=n, accepted=n < 3) for n in range(4))
    for episode_id, verdict in ((gated, "reject"), (coached, "coach"), (failed, "reject")):
        archive.keep_quality(episode_id, dataclasses.replace(QUALITY, verdict=verdict))

    def built(name, text=None, where=None, **options):
        that = None if text is None else Where.parse(text)
        return set(build_dataset(archive, tmp_path / name, where, that=that, **options).added)

    report = build_dataset(archive, tmp_path / "default")
    assert set(report.added) == {coached, unjudged}
    assert [left.id for left in report.left_out] == [gated]
    assert f"a gate of quality rejects it ({QUALITY.english})" in report.left_out[0].reason
    assert built("day", "day >= 2020-01-01") == {coached, unjudged}
    assert built("accepted", "accepted") == {coached, unjudged}
    assert built("failed", "not accepted") == {failed}
    assert built("verdict", "verdict = reject or verdict = coach") == {gated, coached}
    assert built("quality", "quality >= 0.5") == {gated, coached}
    assert built("queried", where=Query(quality_verdict="reject")) == {gated}
    assert built("named", where=[gated]) == {gated}
    assert built("all", accepted_only=False) == {gated, coached, unjudged, failed}
    with pytest.raises(DatasetError, match=r"none of the 1 selected episodes .* gate of quality rejects it"):
        built("alone", where=Query(id=gated))
