"""A person at the panel: what the card says, and what becomes of the person's word."""

import numpy as np
import pytest
from analytic_body import POINTING

from envs.errors import ScenarioError
from envs.operator import OperatorJudge, OperatorWord, PersonCrew
from envs.scenario import Scenario
from envs.snapshot import Snapshot

SCENARIO = Scenario("pointing", {"mark": 0.25, "colour": "blue"})


class Panel:
    def __init__(self) -> None:
        self.shown: list[tuple[str, tuple[str, ...]]] = []
        self.newest = OperatorWord()

    def prepare(self, title: str, lines: tuple[str, ...]) -> None:
        self.shown.append((title, lines))

    def word(self) -> OperatorWord:
        return self.newest


def test_the_card_says_how_to_set_every_factor_up() -> None:
    panel = Panel()
    PersonCrew(POINTING, panel).set_up(SCENARIO, None, np.random.default_rng(0))
    assert panel.shown == [(POINTING.title, ("Put the mark at 0.25 rad.", "Paint it blue."))]


def test_the_card_asks_for_no_more_digits_than_a_person_can_set() -> None:
    panel = Panel()
    scene = Scenario("pointing", {"mark": 0.2471234, "colour": "blue"})
    PersonCrew(POINTING, panel).set_up(scene, None, np.random.default_rng(0))
    assert panel.shown[0][1][0] == "Put the mark at 0.247 rad."


def test_the_card_of_a_recovery_says_where_to_go_on() -> None:
    panel = Panel()
    start = Snapshot(SCENARIO, "digest", 37, np.zeros(1), np.zeros((0, 12)), {}, episode="20260101-x")
    PersonCrew(POINTING, panel).set_up(SCENARIO, Snapshot.from_bytes(start.to_bytes()), np.random.default_rng(0))
    objects, robot = panel.shown[0][1][-2:]
    assert "step 37 of episode 20260101-x" in objects
    assert "starts from home" in robot


def test_a_scenario_of_another_task_is_not_shown_to_anybody() -> None:
    panel = Panel()
    with pytest.raises(ScenarioError, match="fold_towel"):
        PersonCrew(POINTING, panel).set_up(Scenario("fold_towel", {}), None, np.random.default_rng(0))
    assert not panel.shown


@pytest.mark.parametrize(
    ("word", "done", "success", "failure", "unmet"),
    [
        (OperatorWord(), (False, False), False, None, "turn: the operator has not marked it"),
        (OperatorWord(1), (True, False), False, None, "rest: the operator has not marked it"),
        (OperatorWord(2), (True, True), False, None, "verdict: the operator has not marked it"),
        (OperatorWord(0, "success"), (True, True), True, None, ""),
        (OperatorWord(1, "failure", "fell"), (True, False), False, "operator: fell", "operator: fell"),
    ],
)
def test_the_persons_word_is_the_judgement(
    word: OperatorWord, done: tuple[bool, ...], success: bool, failure: str | None, unmet: str
) -> None:
    panel = Panel()
    panel.newest = word
    judgement = OperatorJudge(POINTING, panel).assess()
    assert (judgement.done, judgement.success, judgement.failure, judgement.unmet) == (done, success, failure, unmet)
