"""The verbs dataset, view and bench as a user types them: exit codes, one clear line, and what is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from episode_samples import record_episode
from one_line import one_line

from envs.episodes.archive import Archive
from envs.scenario import Pool, Scenario
from experiments import dataset, view
from experiments.bench import command as bench
from experiments.bench.rows import Row
from experiments.command import UsageError
from experiments.pictures import write_png
from experiments.workers import console


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    root = tmp_path / "archive"
    opened = Archive(root)
    for number in range(2):
        record_episode(opened, seed=number)
    return root


@pytest.fixture(autouse=True)
def progress_on_standard_output() -> Iterator[None]:
    yield
    console.stderr = False


def test_a_dataset_is_built_once_and_then_has_nothing_to_add(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["build", "--archive", str(archive), "--out", str(tmp_path / "set")]
    assert dataset.main(command) == 0
    assert "2 episodes with 20 steps: 2 added, 0 were there before" in capsys.readouterr().out
    assert dataset.main(command) == 0
    assert "2 episodes with 20 steps: 0 added, 2 were there before" in capsys.readouterr().out


def test_a_sound_dataset_verifies_and_a_damaged_one_does_not(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "set"
    assert dataset.main(["build", "--archive", str(archive), "--out", str(root)]) == 0
    assert dataset.main(["verify", "--dataset", str(root)]) == 0
    damaged = next(root.glob("data/*/*.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:50])
    capsys.readouterr()
    assert dataset.main(["verify", "--dataset", str(root), "--json"]) == dataset.FOUND_DAMAGE
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert ("unreadable", str(damaged.relative_to(root))) in {(found["kind"], found["place"]) for found in findings}


def test_a_filter_that_admits_nothing_is_told_in_one_line(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["build", "--archive", str(archive), "--out", str(tmp_path / "set"), "--body", "serial"]
    assert dataset.main(command) == 2
    assert "no episode" in one_line(capsys.readouterr().err)
    assert not (tmp_path / "set").exists()


def test_a_dataset_says_of_which_tasks_it_is(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn = (Scenario("brew_coffee", {"cup_mass": float(mass)}) for mass in range(100))
    scene = next(scenario for scenario in drawn if scenario.pool is Pool.TRAIN)
    command = ["build", "--archive", str(archive), "--out", str(tmp_path / "set")]
    assert dataset.main(command) == 0
    said = capsys.readouterr().out
    assert "episodes by task: pick_fruit 2\n" in said
    record_episode(Archive(archive), seed=2, task="brew_coffee", scenario=scene)
    assert dataset.main(command) == 0
    assert "brew_coffee 1, pick_fruit 2; one policy would learn all of them" in capsys.readouterr().out


def test_an_episode_is_shown_on_one_page(archive: Path, tmp_path: Path) -> None:
    page = tmp_path / "pages" / "page.png"
    assert view.main(["--archive", str(archive), "--out", str(page)]) == 0
    image = cv2.imread(str(page))
    assert image is not None
    assert image.shape[0] > 400
    assert image.std() > 10


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--out", "scene.jpg"], "ends in .png"),
        (["--out", "scene.png", "--task", "juggle"], "choose one of pick_fruit"),
        (["--out", "scene.png", "--factors", "fruit_radius"], "factor=value"),
        (["--out", "scene.png", "--factors", "fruit_radius=99"], "allowed is [20, 35]"),
        (["--out", "scene.png", "--factors", "fruit_radius=big"], "no number"),
        (["--out", "scene.png", "--camera", "moon"], "choose one of overview, trainer, head, wrist"),
        (["--archive", "nowhere", "--out", "page.png"], "does not exist"),
        (["--archive", "nowhere"], "does not exist"),
        (["brew_coffee"], "is a task, and no folder of an episode; `retake view --task brew_coffee`"),
    ],
)
def test_view_tells_bad_input_in_one_line(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert view.main(arguments) == 2
    assert told in one_line(capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("source", ["scene", "episode"])
def test_a_picture_in_the_place_of_a_folder_is_refused(
    source: str, archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder := tmp_path / "page.png").mkdir()
    arguments = ["--archive", str(archive)] if source == "episode" else []
    assert view.main([*arguments, "--out", str(folder)]) == 2
    assert f"is a folder; give the name of a file, such as {folder / 'result.png'}" in one_line(capsys.readouterr().err)


def test_a_written_picture_reads_back_as_it_was(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    file = write_png(tmp_path / "new" / "picture.png", pixels)
    np.testing.assert_array_equal(cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB), pixels)


def test_a_picture_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 3), dtype=np.uint8)
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    before = sorted(tmp_path.rglob("*"))
    for place in ("file/picture.png", "folder.png"):
        with pytest.raises(UsageError, match=f"cannot write .*{place}"):
            write_png(tmp_path / place, pixels)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_benchmark_prints_one_json_object_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["bus", "--parts", "cpu", "--quick", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["benchmark"] == "bus"
    assert {"versions", "machine", "rows", "quick"} <= set(result)
    for row in result["rows"]:
        assert {"name", "value", "unit", "goal", "peer", "holds", "note"} <= set(row)
        assert row["peer"] is not None or row["note"]


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        (Row("time", 1.0, "ms"), None),
        (Row("time", 1.0, "ms", goal=1.0), True),
        (Row("time", 1.1, "ms", goal=1.0), False),
        (Row("gain", None, "x", note="there is but one core"), None),
        (Row("share", 0.9, "", goal=0.95, wanted="at least"), False),
        (Row("share", 0.95, "", goal=0.95, wanted="at least"), True),
    ],
)
def test_a_goal_holds_in_its_own_direction(row: Row, holds: bool | None) -> None:
    assert row.holds is holds
