"""The page says what the figures say, and carries everything it needs."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import planted
import pytest
from made_up_round import made_up_round

from envs.scenario import Pool
from experiments.factor_success import success_by_factor
from experiments.figures import RoundFigures
from experiments.report import ReportFiles, render, write_report
from experiments.summary import headline, what_was_learned
from policies.cases.rates import Interval
from policies.cases.verify import judge_improvement


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> RoundFigures:
    picture = tmp_path_factory.mktemp("pictures") / "scene.png"
    assert cv2.imwrite(str(picture), np.full((36, 64, 3), 120, dtype=np.uint8))
    return made_up_round(planted.TASK, planted.hard, picture=picture)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "data")]


@pytest.fixture(scope="module")
def files(figures: RoundFigures, tmp_path_factory: pytest.TempPathFactory) -> ReportFiles:
    return write_report(figures, tmp_path_factory.mktemp("report"))


def test_the_page_needs_no_other_file_and_no_network(files: ReportFiles, figures: RoundFigures) -> None:
    page = files.html.read_text(encoding="utf-8")
    links = _Links()
    links.feed(page)
    assert links.found
    assert all(link.startswith("data:image/") for link in links.found)
    assert sum(link.startswith("data:image/png") for link in links.found) == len(figures.requests)
    assert "url(" not in page
    assert "<script" not in page


def test_every_figure_of_the_page_is_in_the_json(files: ReportFiles) -> None:
    held = json.loads(files.json.read_text(encoding="utf-8"))
    verify = held["verify"]
    assert verify["after"]["count"] - verify["before"]["count"] == verify["fixed"] - verify["broken"]
    assert held["discover"]["success"]["n"] - held["discover"]["success"]["count"] == held["risk"]["failures"]
    assert sum(held["discover"]["signatures"].values()) == held["risk"]["failures"]
    assert held["learned"] in html.unescape(files.html.read_text(encoding="utf-8"))
    for factor in held["by_factor"]:
        assert sum(part["before"]["n"] for part in factor["bins"]) == 160  # 60 VERIFY and 100 REGRESS


def test_the_same_figures_give_the_same_page(files: ReportFiles, figures: RoundFigures) -> None:
    assert render(figures) == files.html.read_text(encoding="utf-8")


def test_an_improvement_that_is_not_significant_is_called_so(figures: RoundFigures) -> None:
    rollouts = planted.rollouts(40, 0)
    flipped = [replace(each, success=True) for each in rollouts[:3]] + rollouts[3:]
    doubtful = replace(figures, verify=judge_improvement(rollouts, flipped))
    assert "not significant" in headline(doubtful)
    assert "significant improvement" not in what_was_learned(doubtful)
    assert "one pair of networks" in what_was_learned(doubtful)
    clear = [replace(each, success=True) for each in rollouts]
    assert "a significant improvement" in what_was_learned(replace(figures, verify=judge_improvement(rollouts, clear)))
    worse = replace(figures, verify=judge_improvement(clear, rollouts))
    assert "no improvement" in what_was_learned(worse)


def test_a_shut_gate_is_told_and_a_hostile_name_stays_text(figures: RoundFigures, tmp_path: Path) -> None:
    study = replace(figures.study, failures=12, auroc=None, auroc_interval=None)
    shut = replace(
        figures,
        title="<script>alert(1)</script>",
        study=study,
        modes=(),
        detection=None,
        detection_note="Too few successes.",
        signals=None,
    )
    told = what_was_learned(shut)
    assert "No weakness is named: 12 failures in 160 rollouts" in told
    page = write_report(shut, tmp_path).html.read_text(encoding="utf-8")
    assert "Too few successes." in page
    assert "AUROC" not in page
    assert "<script>" not in page


def test_a_deployment_that_failed_is_told_with_its_reason(figures: RoundFigures, tmp_path: Path) -> None:
    failed = replace(figures, deployment=None, deployment_note="stale touch is 0.120 s old.")
    files = write_report(failed, tmp_path)
    held = json.loads(files.json.read_text(encoding="utf-8"))
    assert (held["deployment"], held["deployment_note"]) == (None, "stale touch is 0.120 s old.")
    assert "not tried to the end: stale touch is 0.120 s old. This" in files.html.read_text(encoding="utf-8")


def test_numbers_that_are_not_numbers_never_reach_the_json(figures: RoundFigures, tmp_path: Path) -> None:
    study = replace(figures.study, auroc_interval=Interval(float("nan"), 1.0))
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_report(replace(figures, study=study), tmp_path)
    assert not (tmp_path / "report.json").exists()


def test_success_along_a_factor_is_counted_in_equal_parts_of_its_range() -> None:
    rollouts = planted.rollouts(80, 3)
    by_name = {each.factor: each for each in success_by_factor(planted.SPACE, rollouts, rollouts[:0])}
    third = by_name["radius"].bins[2]
    inside = [each.success for each in rollouts if 5.0 <= each.scenario.number("radius") < 7.5]
    assert third.label == "5 to 7.5"
    assert (third.before.count, third.before.n, third.after.n) == (sum(inside), len(inside), 0)
    assert [part.label for part in by_name["leaves"].bins] == ["none", "left", "right"]


def test_the_largest_value_falls_into_the_last_part() -> None:
    scenario = next(islice(planted.SPACE.draw(Pool.TRAIN, np.random.default_rng(0)), 1))
    edge = planted.SPACE.scenario({**scenario.values, "radius": 10.0})
    parts = success_by_factor(planted.SPACE, [planted.rollout(edge, True)], [])[0].bins
    assert [part.before.n for part in parts] == [0, 0, 0, 1]


def test_figures_are_imported_without_a_plotting_library() -> None:
    code = "import sys, experiments.report; print('matplotlib' in sys.modules, 'torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"False False\s*", run.stdout)


def test_the_page_shows_the_verdicts_on_the_demonstrations(files: ReportFiles) -> None:
    page = html.unescape(files.html.read_text(encoding="utf-8"))
    assert "Keep the hand moving in 'carry'" in page
    assert re.search(r"<td>sim</td><td class=\"n\">62</td><td class=\"n\">57</td>.*<td class=\"n\">93</td>", page)
    verdicts = [row["verdicts"] for row in json.loads(files.json.read_text(encoding="utf-8"))["quality"]]
    assert [counts["unjudged"] for counts in verdicts] == [8, 0]
