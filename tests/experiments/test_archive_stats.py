"""`retake archive stats`: hours, pace, yield and causes, counted by hand beside it."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import cv2
import pytest
from episode_samples import ROBOT, header_of, made_up_ticks
from one_line import one_line

from envs.episodes.archive import Archive
from envs.episodes.catalogue import CatalogueEntry
from envs.episodes.durable import cannot_write
from envs.episodes.records import Outcome
from experiments import archive as verb
from experiments.archive_tally import BREAK_S, Tally, cause_of, efforts, tallies, tally

HZ = {"robot-a": 25.0, "robot-b": 50.0}
MORNING = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


def entry(started_s: float, ticks: int = 250, **changes: object) -> CatalogueEntry:
    """An episode of ten seconds that began so long after eight in the morning."""
    fields: dict[str, object] = {
        "id": f"e{started_s:09.1f}-{changes.get('operator', '')}",
        "status": "complete",
        "started_at": (MORNING + timedelta(seconds=started_s)).isoformat(),
        "task": "pick_fruit",
        "scenario_key": "k",
        "factors": {},
        "pool": "train",
        "body": "sim",
        "purpose": "nominal",
        "operator": "Li Na",
        "station": "bench-1",
        "policy": None,
        "request": None,
        "parent": None,
        "success": True,
        "reason": "",
        "accepted": True,
        "verdict_reason": "",
        "ticks": ticks,
        "robot_digest": "robot-a",
    }
    return CatalogueEntry(**(fields | changes))  # type: ignore[arg-type]


def one(entries: list[CatalogueEntry]) -> Tally:
    return tally("all", efforts(entries, HZ))


def test_work_runs_from_one_episode_to_the_next_and_stops_in_a_break() -> None:
    found = one([entry(0), entry(60), entry(120), entry(120 + BREAK_S), entry(180 + BREAK_S)])
    assert found.recorded_s == 50.0
    # Twice a minute to the next; before the break and at the end the episode alone; and a minute after the break.
    assert found.worked_s == 60.0 + 60.0 + 10.0 + 60.0 + 10.0
    assert found.episodes_an_hour == pytest.approx(5 * 3600.0 / 200.0)


def test_two_operators_at_once_work_two_times() -> None:
    both = [entry(0), entry(30, operator="Wang"), entry(60), entry(90, operator="Wang")]
    assert one(both).worked_s == 60.0 + 60.0 + 10.0 + 10.0


def test_the_time_that_a_robot_takes_for_a_step_is_its_own() -> None:
    assert one([entry(0), entry(5000, robot_digest="robot-b")]).recorded_s == 10.0 + 5.0


def test_rollouts_count_nowhere_but_end_the_work_on_what_was_before() -> None:
    rollout = entry(60, purpose="rollout", accepted=False, verdict_reason="a policy's rollout: kept as evidence")
    found = one([entry(0), rollout, entry(120)])
    assert (found.kept.count, found.kept.n, found.causes) == (2, 2, {})
    assert found.worked_s == 60.0 + 10.0


def test_causes_are_the_same_word_whatever_their_figures() -> None:
    rejected = [
        entry(number, accepted=False, verdict_reason=f"reach: the hand is {number} mm from the fruit")
        for number in range(3)
    ]
    found = one([*rejected, entry(10, accepted=False, verdict_reason="dropped: beside the basket"), entry(20)])
    assert found.causes == {"reach": 3, "dropped": 1}
    assert (found.kept.count, found.kept.n) == (1, 5)
    assert found.kept_s == 10.0
    assert cause_of(entry(0, accepted=False, status="recording")) == "recording"


def test_what_the_recorder_could_not_keep_is_one_cause_each() -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    reasons = [cannot_write(Path(f"/archive/{number}/raw.mcap"), full) for number in range(2)]
    found = one([entry(number, accepted=False, verdict_reason=reason) for number, reason in enumerate(reasons)])
    assert found.causes == {"the disk is full": 2}


def test_verdicts_of_quality_are_counted_where_somebody_judged() -> None:
    judged = [entry(number, quality_verdict=verdict) for number, verdict in enumerate(("good", "coach", "good", ""))]
    assert one(judged).quality == {"coach": 1, "good": 2}


def test_a_day_is_that_of_the_place() -> None:
    late = [entry(0), entry(15.5 * 3600.0), entry(16.5 * 3600.0)]  # 08:00, 23:30 and 00:30 in London
    by_day = tallies(efforts(late, HZ), "day", UTC)
    assert [(day.name, day.kept.n) for day in by_day] == [("2026-05-04", 2), ("2026-05-05", 1)]
    in_shanghai = tallies(efforts(late, HZ), "day", timezone(timedelta(hours=8)))
    assert [(day.name, day.kept.n) for day in in_shanghai] == [("2026-05-04", 1), ("2026-05-05", 2)]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Three of one operator, one of which was rejected, and one of another, two days later."""
    root = tmp_path / "archive"
    rows = ((0, "Li Na", ""), (60, "Li Na", "dropped: beside the basket"), (120, "Li Na", ""), (180_000, "Wang", ""))
    for start_s, operator, reason in rows:
        began = MORNING + timedelta(seconds=start_s)
        opened = Archive(root, now=lambda began=began: began)
        with opened.record(header_of(operator=operator)) as recorder:
            for tick in made_up_ticks(ROBOT, 10, images=True):
                recorder.tick(tick)
            recorder.finish(Outcome(not reason, reason, (), accepted=not reason, verdict_reason=reason))
    return root


def test_an_archive_is_counted_as_json(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verb.main(["stats", "--archive", str(archive), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["all"]["kept"]["count"], told["all"]["kept"]["n"]) == (3, 4)
    assert told["all"]["causes"] == {"dropped": 1}
    assert told["all"]["recorded_hours"] == pytest.approx(4 * 10 / ROBOT.control_hz / 3600.0)
    assert [(each["name"], each["kept"]["n"]) for each in told["by"]["operator"]] == [("Li Na", 3), ("Wang", 1)]
    assert len(told["by"]["day"]) == 2


def test_tables_and_a_plot_are_for_people(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = tmp_path / "new" / "stats.png"
    assert verb.main(["stats", "--archive", str(archive), "--operator", "Li Na", "--out", str(drawn)]) == 0
    told = capsys.readouterr().out
    assert "demonstrations by operator" in told
    assert "2/3" in told
    assert "Wang" not in told
    assert "dropped" in told
    image = cv2.imread(str(drawn))
    assert image is not None
    assert image.std() > 10
    assert verb.main(["stats", "--archive", str(archive), "--out", str(tmp_path / "stats.svg")]) == 0
    assert "<svg" in (tmp_path / "stats.svg").read_text()


def test_a_damaged_sheet_is_counted_by_the_others_of_its_robot(
    archive: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    opened = Archive(archive)
    other = header_of(replace(ROBOT, name="other"))
    with opened.record(other) as recorder:
        for tick in made_up_ticks(ROBOT, 10, images=True):
            recorder.tick(tick)
        recorder.finish(Outcome(True, "", (), accepted=True))
    assert verb.main(["stats", "--archive", str(archive), "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    *ours, theirs = opened.ids()
    assert recorder.episode_id == theirs
    for damaged in ours[:-1]:
        (opened.folder(damaged) / "episode.json").write_text("{")
    assert verb.main(["stats", "--archive", str(archive), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == whole
    assert "not counted" not in caplog.text

    (opened.folder(theirs) / "episode.json").write_text("{")
    assert verb.main(["stats", "--archive", str(archive), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["all"]["kept"]["n"] == 4
    assert f"1 episodes of robot {other.robot.digest} are not counted" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--out", "stats.pdf"], "end its name so"),
        (["--since", "monday"], "such as 2026-05-04"),
        (["--since", "2030-01-01"], "holds no demonstrations that are asked for"),
    ],
)
def test_bad_input_is_told_in_one_line(
    arguments: list[str], told: str, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verb.main(["stats", "--archive", str(archive), *arguments]) == 2
    assert told in one_line(capsys.readouterr().err)
