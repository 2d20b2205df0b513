"""Episodes on cables: a busy machine delays a reset, and does not end the session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from envs.errors import BodyError, StaleReadingError
from experiments.case_book import CaseBook
from experiments.full_round import deploy
from experiments.round import Round
from experiments.serial_station import ROBOT, TWIN, begun, resets_at


def late(times: int, error: Exception) -> tuple[Callable[[], str], list[int]]:
    """An episode whose reset fails so often, and the attempts at it."""
    attempts: list[int] = []

    def work() -> str:
        attempts.append(len(attempts))
        if len(attempts) <= times:
            raise error
        return "episode"

    return work, attempts


def test_a_reset_with_late_readings_is_tried_again_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    work, attempts = late(2, StaleReadingError("stale touch is 0.120 s old"))
    assert begun(work, resets=3, wait_s=0.0) == "episode"
    assert len(attempts) == 3
    said = capsys.readouterr().out
    assert said.count("stale touch is 0.120 s old; trying again") == 2
    assert "reset 2 of 3" in said


def test_readings_that_stay_late_are_an_error_in_the_end() -> None:
    work, attempts = late(9, StaleReadingError("stale touch"))
    with pytest.raises(StaleReadingError):
        begun(work, resets=3, wait_s=0.0)
    assert len(attempts) == 3


def test_a_robot_never_moves_again_by_itself() -> None:
    work, attempts = late(1, StaleReadingError("stale touch"))
    with pytest.raises(StaleReadingError):
        begun(work, resets=resets_at(ROBOT), wait_s=0.0)
    assert len(attempts) == 1
    assert begun(work, resets=resets_at(TWIN), wait_s=0.0) == "episode"


def test_a_reset_that_needs_a_person_is_not_tried_again() -> None:
    work, attempts = late(1, BodyError("the way home was broken off"))
    with pytest.raises(BodyError):
        begun(work, resets=3, wait_s=0.0)
    assert len(attempts) == 1


def test_a_deployment_that_fails_leaves_its_reason_to_the_round(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trial, note = deploy(Round(tmp_path), CaseBook(tmp_path / "cases.json"), ())
    assert trial is None
    assert str(tmp_path / "after") in note
    assert "no deployment in this round" in capsys.readouterr().out
