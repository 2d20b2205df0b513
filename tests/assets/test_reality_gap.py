"""The named differences between the simulation and the robot that stands for the real one."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from assets.errors import RobotTableError
from assets.reality_gap import FILE_NAME, Exemplar, GapParameter, load_gap
from assets.table import load_robot

TUDI = load_robot()
GAP = load_gap(TUDI)


def altered(folder: Path, old: str, new: str) -> str:
    """What is said of the table with one line changed."""
    assert TUDI.mjcf_path is not None
    text = (TUDI.mjcf_path.parent / FILE_NAME).read_text()
    assert old in text
    (folder / FILE_NAME).write_text(text.replace(old, new, 1))
    with pytest.raises(RobotTableError) as caught:
        load_gap(replace(TUDI, mjcf_path=folder / "robot.xml"))
    return str(caught.value)


@pytest.mark.parametrize("parameter", GAP.parameters, ids=lambda parameter: parameter.name)
def test_each_difference_is_within_its_cited_range(parameter: GapParameter) -> None:
    assert parameter.lower <= parameter.twin <= parameter.upper
    assert parameter.lower < parameter.upper
    assert parameter.simulated != parameter.twin
    assert len(parameter.source) > 20


def test_each_difference_is_told_in_the_documents() -> None:
    told = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text()
    assert [parameter.name for parameter in GAP.parameters if f"`{parameter.name}`" not in told] == []


def test_every_value_of_an_exemplar_is_stated_once() -> None:
    assert [parameter.name for parameter in GAP.parameters] == [field.name for field in fields(Exemplar)]


def test_the_gap_none_is_the_simulation() -> None:
    assert GAP.exemplar("none") == GAP.simulated
    assert GAP.exemplar("twin") == GAP.twin != GAP.simulated
    assert GAP.twin.digest != GAP.simulated.digest


def test_a_robot_without_the_table_has_no_gap_and_no_flaws(tmp_path: Path) -> None:
    for without in (replace(TUDI, mjcf_path=tmp_path / "robot.xml"), replace(TUDI, mjcf_path=None)):
        assert load_gap(without).twin == load_gap(without).simulated == Exemplar()


def test_a_twin_outside_of_what_is_real_is_refused_with_file_and_line(tmp_path: Path) -> None:
    said = altered(tmp_path, "twin = 16.0", "twin = 45.0")
    assert f"{FILE_NAME}:12: parameter 'command_latency_ms': the twin has 45, outside of what is real, 3 to 30" in said


def test_a_difference_that_nobody_knows_or_stated_is_refused(tmp_path: Path) -> None:
    assert "'wobble' is not known" in altered(tmp_path, '"backlash_deg"', '"wobble"')
    assert "stands twice" in altered(tmp_path, '"backlash_deg"', '"command_latency_ms"')
    assert "meaning is missing" in altered(tmp_path, 'meaning = "from a', '# "from a')


def test_independent_noises_add_by_their_squares() -> None:
    assert Exemplar(image_noise_levels=3.0).image_noise_with(4.0) == 5.0
