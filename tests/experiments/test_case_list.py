"""Cases as a user sees them: what failed or alarmed, where it can be restarted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from envs.scenario import Pool
from envs.tasks.known import load_task
from experiments import cases
from experiments.case_book import CaseBook
from experiments.command import BAD_INPUT
from experiments.orders import scenarios
from policies.cases.rollout import Decisions, Rollout


def rollout(name: str, signature: str, alarm_step: int | None = None, *, body: str = "sim") -> Rollout:
    space = load_task("pick_fruit").space
    return Rollout(
        scenario=scenarios(space, Pool.DISCOVER, 1, 0)[0],
        pool=Pool.DISCOVER,
        success=not signature,
        signature=signature,
        episode_id=name,
        seed=0,
        steps=100,
        decisions=Decisions.of(np.arange(2), np.zeros(2), np.zeros(2)),
        alarm_step=alarm_step,
        snapshot_steps=(0, 5, 10) if body == "sim" else (),
        body="sim" if body == "sim" else "serial",
    )


def test_a_failure_of_a_real_body_is_listed_as_a_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "cases.json"
    flown = [rollout("e1", "bruised", body="serial"), rollout("e2", ""), rollout("e3", "", 37)]
    assert len(CaseBook(file).add(flown, ())) == 2
    assert CaseBook(file).add(flown, ()) == []
    assert cases.main(["list", "--cases", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    (failed,) = [line for line in lines if "e1" in line]
    (alarmed,) = [line for line in lines if "e3" in line]
    assert "serial" in failed
    assert "bruised" in failed
    assert "37" in alarmed
    assert not [line for line in lines if "e2" in line]


@pytest.mark.parametrize("given", [[], ["--cases", "a.json", "--requests", "b.json"]])
def test_a_list_is_of_requests_or_of_cases(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cases.main(["list", *given]) == BAD_INPUT
    assert "either --requests requests.json or --cases cases.json" in capsys.readouterr().err


def test_what_the_body_stopped_is_no_case_of_the_policy(tmp_path: Path) -> None:
    flown = [rollout("e1", "stopped", 12, body="serial"), rollout("e2", "bruised", body="serial")]
    assert [case.episode_id for case in CaseBook(tmp_path / "cases.json").add(flown, ())] == ["e2"]
