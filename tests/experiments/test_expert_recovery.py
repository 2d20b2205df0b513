"""The expert goes on from before an alarm, and the benchmark says how often that succeeds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from envs.scenario import Pool
from envs.tasks.known import load_task
from experiments.bench import command
from experiments.bench.expert import recovery_orders
from experiments.command import BAD_INPUT
from experiments.orders import orders, scenarios
from experiments.rollout_files import load_rollouts, save_rollouts
from experiments.stations import Demonstrations
from experiments.workers import console
from policies.cases.rollout import Decisions, Rollout


@pytest.fixture(scope="module")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One episode in the archive, told as a rollout that alarmed in step 40 and as one that did not."""
    folder = tmp_path_factory.mktemp("flown")
    chosen = scenarios(load_task("pick_fruit").space, Pool.DISCOVER, 1, 0, distribution="nominal")
    result = Demonstrations("pick_fruit", folder / "archive", images=False).run(
        orders(chosen, 0, "nominal", "expert")[0]
    )
    calm = Rollout(
        scenario=chosen[0],
        pool=Pool.DISCOVER,
        success=True,
        signature="",
        episode_id=result.episode_id,
        seed=0,
        steps=result.steps,
        decisions=Decisions.of([0], [0.0], [0.0]),
        snapshot_steps=result.snapshot_steps,
    )
    file = folder / "rollouts.json"
    save_rollouts(file, "policy", "pick_fruit", folder / "archive", [calm, replace(calm, alarm_step=40)])
    return file


def test_it_starts_half_a_second_before_the_alarm_in_the_rollouts_own_pool(flown: Path) -> None:
    found = load_rollouts(flown)
    (order,) = recovery_orders(found, found.archive, 100, seed=0, lead_s=0.5)
    assert order.start is not None
    assert order.start.step == 25  # of every fifth step, the last at or before 40 - 12.5
    assert (order.purpose, order.pool) == ("recovery", Pool.DISCOVER)
    assert order.parent == found.rollouts[1].episode_id


def test_the_row_says_how_many_of_how_many_with_the_goal(flown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        assert command.main(["expert", "--rollouts", str(flown), "--processes", "1", "--json"]) == 0
    finally:
        console.stderr = False
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["name"], row["goal"]) == ("success, from 0.5 s before an alarm", 0.8)
    assert f"{row['value']:.0f} of 1, interval" in row["note"]


def test_a_failure_that_nothing_foresaw_is_told_apart_and_has_no_goal(
    flown: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = load_rollouts(flown)
    file = tmp_path / "failed.json"
    failed = replace(found.rollouts[0], success=False, signature="dropped")
    save_rollouts(file, "policy", "pick_fruit", found.archive, [failed])
    try:
        assert command.main(["expert", "--rollouts", str(file), "--processes", "1", "--json"]) == 0
    finally:
        console.stderr = False
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["name"], row["goal"]) == ("success, from 0.5 s before a failure without an alarm", None)


def test_rollouts_without_trouble_start_nothing(
    flown: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = load_rollouts(flown)
    file = tmp_path / "calm.json"
    save_rollouts(file, "policy", "pick_fruit", found.archive, found.rollouts[:1])
    assert command.main(["expert", "--rollouts", str(file)]) == BAD_INPUT
    assert "none of 1 rollouts alarmed or failed" in capsys.readouterr().err


def test_several_leads_have_a_row_each(flown: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["expert", "--rollouts", str(flown), "--processes", "1", "--json", "--lead-s", "0.5", "1.2"]
    try:
        assert command.main(words) == 0
    finally:
        console.stderr = False
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["name"] for row in rows] == [f"success, from {lead_s} s before an alarm" for lead_s in ("0.5", "1.2")]
    found = load_rollouts(flown)
    starts = [recovery_orders(found, found.archive, 1, 0, lead_s)[0].start for lead_s in (0.5, 1.2)]
    assert [start.step for start in starts if start is not None] == [25, 10]


@pytest.mark.parametrize("lead_s", ["0.4", "nan"])
def test_a_lead_that_leaves_no_time_to_help_is_refused(
    lead_s: str, flown: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["expert", "--rollouts", str(flown), "--lead-s", lead_s]) == BAD_INPUT
    assert f"--lead-s is {lead_s}; it must be at least 0.5" in capsys.readouterr().err


def test_a_lead_without_rollouts_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["expert", "--lead-s", "2"]) == BAD_INPUT
    assert "give both, or neither" in capsys.readouterr().err
