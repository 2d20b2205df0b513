"""The whole loop, end to end and very small, and what the verbs say of bad input."""

from __future__ import annotations

import html
import json
import threading
import time
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from input_pipe import InputPipe

from envs.episodes.archive import Archive
from envs.errors import ScenarioError
from envs.scenario import TRAINABLE, Pool, Scenario
from envs.tasks.known import load_task
from experiments import cases, cli, demo, evaluate
from experiments.case_book import CaseBook
from experiments.demo import move_aside
from experiments.orders import episode_seed, orders, scenarios
from experiments.rollout_files import load_rollouts
from experiments.round import RoundSizes
from hardware.gamepad import BTN_LEFT_SHOULDER
from hardware.input_events import EV_KEY
from hardware.pedal import KEY_A, KEY_B, KEY_C
from policies.cases.rollout import Rollout
from policies.checkpoint import load_policy

SMALL = RoundSizes(
    nominal=3, wide=2, serial=0, training_steps=6, calibrate=2, discover=3, requested=2, verify=2, regress=2, deploy=0
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("round") / "demo"
    assert demo.run(demo.Demo(folder=folder, sizes=SMALL, processes=1)) == 0
    return folder


@pytest.mark.slow
def test_a_round_leaves_a_page_and_all_its_figures(finished: Path) -> None:
    figures = json.loads((finished / "report.json").read_text())
    page = (finished / "report.html").read_text()
    assert figures["verify"]["n"] == figures["regress"]["n"] == 2
    assert figures["discover"]["success"]["n"] == 3
    assert figures["learned"]
    assert figures["learned"] in html.unescape(page)
    assert "<script src" not in page


@pytest.mark.slow
def test_rollouts_stay_as_evidence_and_never_as_demonstrations(finished: Path) -> None:
    sheets = list(Archive(finished / "archive").episodes())
    rollouts = [sheet for sheet in sheets if sheet.header.purpose == "rollout"]
    assert len(rollouts) == 2 + 3 + 2 * 2 + 2 * 2
    assert not any(sheet.accepted for sheet in rollouts)
    trained = [sheet for sheet in sheets if sheet.accepted]
    assert {sheet.header.pool for sheet in trained} <= TRAINABLE


@pytest.mark.slow
def test_both_policies_meet_the_same_scenarios_and_noise(finished: Path) -> None:
    sheets = [s for s in Archive(finished / "archive").episodes() if s.header.pool is Pool.VERIFY]
    identities = [load_policy(finished / name).identity for name in ("before", "after")]
    before, after = (
        {(s.header.scenario.key, s.header.seed) for s in sheets if s.header.policy == identity}
        for identity in identities
    )
    assert before == after
    assert len(before) == 2


@pytest.mark.slow
def test_every_failure_of_the_search_becomes_a_case_with_its_evidence(finished: Path) -> None:
    archive = Archive(finished / "archive")
    searched = load_rollouts(finished / "rollouts-before-discover.json").rollouts
    failed = {rollout.episode_id for rollout in searched if not rollout.success}
    assert failed  # six batches teach nobody to pick fruit
    cases_kept = CaseBook(finished / "cases.json").all()
    assert failed == {case.episode_id for case in cases_kept if case.failed}
    for case in cases_kept:
        episode = archive.open(case.episode_id)
        assert set(case.snapshot_steps) == {snapshot.step for snapshot in episode.snapshots.values()}


@pytest.mark.slow
def test_requests_can_be_listed_and_read_as_cards(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    requests = finished / "requests.json"
    assert cases.main(["list", "--requests", str(requests)]) == 0
    first = json.loads(requests.read_text())["requests"][0]["id"]
    assert cases.main(["list", "--requests", str(requests), "--card", first]) == 0
    assert "果" in capsys.readouterr().out


@pytest.mark.slow
def test_a_policy_tried_twice_on_the_same_scenarios_does_the_same(finished: Path, tmp_path: Path) -> None:
    said = []
    for attempt in range(2):
        out = tmp_path / f"{attempt}.json"
        options = ["--policy", str(finished / "after"), "--archive", str(tmp_path / "archive"), "--pool", "test"]
        assert evaluate.main([*options, "--episodes", "2", "--processes", "1", "--out", str(out)]) == 0
        rows = json.loads(out.read_text())["rollouts"]
        said.append([(row["key"], row["success"], row["steps"], row["decisions"]["doubt"]) for row in rows])
    assert said[0] == said[1]


@pytest.mark.slow
def test_a_rollout_that_cannot_be_flown_takes_none_before_it_along(finished: Path, tmp_path: Path) -> None:
    config = evaluate.Evaluate(finished / "after", tmp_path / "archive", processes=1)
    scene = scenarios(load_task("pick_fruit").space, Pool.TEST, 1, seed=0)[0]
    wanted = orders([scene, Scenario("fold_towel", {})], 0, "rollout", "policy")
    kept: list[Rollout] = []
    with pytest.raises(ScenarioError):
        evaluate.roll_out_all(config, "pick_fruit", wanted, None, lambda rollouts, is_whole: kept.extend(rollouts))
    assert [rollout.scenario for rollout in kept] == [scene]


@pytest.mark.parametrize("mark", ["archive/archive.json", "report.json", "recipe.json", "seed-3/archive/archive.json"])
def test_what_an_earlier_run_left_is_moved_aside(mark: str, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    for content in ("first", "second"):
        (folder / mark).parent.mkdir(parents=True)
        (folder / mark).write_text(content)
        move_aside(folder)
    assert not folder.exists()
    assert (tmp_path / "demo.1" / mark).read_text() == "first"
    assert (tmp_path / "demo.2" / mark).read_text() == "second"


@pytest.mark.parametrize("verb", ["demo", "loop"])
@pytest.mark.parametrize(
    ("folder", "told"),
    [
        (".", "is where you stand"),
        ("..", "is where you stand"),
        ("/", "is where you stand"),
        ("mine", "no demo or loop has left there"),
        ("mine/letter", "is no folder"),
        ("d" * 254, "cannot be moved aside"),  # with a number behind it the name is too long
    ],
)
def test_a_folder_that_is_not_to_be_moved_is_refused_and_stays(
    verb: str, folder: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (here := tmp_path / "here").mkdir()
    (here / "mine").mkdir()
    (here / "mine" / "letter").write_text("dear")
    (here / ("d" * 254)).mkdir()
    monkeypatch.chdir(here)
    before = sorted(tmp_path.rglob("*"))
    assert cli.main([verb, "--folder", folder]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_to_an_earlier_run_gives_way_and_the_run_stays_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "disk" / "seed-0").mkdir(parents=True)
    (tmp_path / "demo").symlink_to(tmp_path / "disk")
    move_aside(tmp_path / "demo")
    assert not (tmp_path / "demo").is_symlink()
    assert (tmp_path / "demo.1" / "seed-0").is_dir()
    assert (tmp_path / "disk" / "seed-0").is_dir()


def test_an_episodes_seed_follows_from_its_scenario_alone() -> None:
    from envs.tasks.pick_fruit import PICK_FRUIT

    few = scenarios(PICK_FRUIT.space, Pool.VERIFY, 3, seed=5)
    more = scenarios(PICK_FRUIT.space, Pool.VERIFY, 6, seed=5)
    assert more[:3] == few
    assert all(scenario.pool is Pool.VERIFY for scenario in more)
    assert len({episode_seed(scenario, 0) for scenario in more}) == 6


@pytest.mark.slow
def test_a_trainer_takes_over_from_a_policy_by_pedal_and_the_rollout_is_no_success_of_its_own(
    finished: Path, tmp_path: Path
) -> None:
    archive, out, is_over = tmp_path / "archive", tmp_path / "rollouts.json", threading.Event()
    pad, pedal = InputPipe(tmp_path / "pad"), InputPipe(tmp_path / "pedal")

    def correct() -> None:
        deadline_s = time.monotonic() + 120.0
        while not list(archive.glob("**/raw.mcap")) and time.monotonic() < deadline_s and not is_over.is_set():
            time.sleep(0.02)
        pad.send(EV_KEY, BTN_LEFT_SHOULDER, 0)
        for device, code in ((pedal, KEY_A), (pad, BTN_LEFT_SHOULDER), (pedal, KEY_A), (pedal, KEY_B), (pedal, KEY_C)):
            is_over.wait(0.8)
            device.send(EV_KEY, code, 1)

    trainer = threading.Thread(target=correct)
    trainer.start()
    words = ["evaluate", "--policy", str(finished / "before"), "--archive", str(archive), "--out", str(out)]
    words += ["--episodes", "1", "--seed", "77", "--correct-with", "gamepad"]
    words += ["--ports", f"gamepad={pad.path}", f"pedal={pedal.path}"]
    code = cli.main([*words, "--pedal-keys", f"{KEY_A}=take-over", f"{KEY_B}=give-back", f"{KEY_C}=e-stop"])
    is_over.set()
    trainer.join()
    pad.unplug(), pedal.unplug()
    assert code == 0
    (rollout,) = load_rollouts(out).rollouts
    assert not rollout.success
    episode = Archive(archive).open(rollout.episode_id)
    led = [who for who, _ in groupby(episode.in_command.tolist())]
    assert led[:3] == ["policy", "nobody", "pilot"]
    assert led[-1] == "policy"
    assert np.isfinite(episode.policy_rad).all()
    said = " ".join(fault.message for fault in episode.sheet.faults)
    assert "the trainer leads" in said
    assert not episode.sheet.accepted


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fly"], "is no verb of retake"),
        (["collect", "--archive", "{tmp}/a", "--task", "fold_shirt"], "choose one of pick_fruit"),
        (["collect", "--archive", "{tmp}/a", "--requests", "{tmp}/none.json"], "retake cases find"),
        (["collect", "--archive", "{tmp}/file"], "{tmp}/file"),
        (["collect", "--archive", "{tmp}/a", "--body", "serial", "--pilot", "expert"], "--pilot exoskeleton"),
        (["collect", "--archive", "{tmp}/a", "--body", "serial", "--ports", "right"], "connection=path"),
        (["collect", "--archive", "{tmp}/a", "--ports", "right=/dev/x"], "say --body serial"),
        (["collect", "--archive", "{tmp}/a", "--robot", "nope"], "nope"),
        (
            ["collect", "--archive", "{tmp}/a", "--body", "serial", "--ports", "right=/dev/x", "exoskeleton=/dev/y"],
            "missing are body, left,",
        ),
        (["evaluate", "--policy", "{tmp}/none", "--ports", "right=/dev/x"], "say --body serial"),
        (["evaluate", "--policy", "{tmp}/none", "--body", "serial", "--ports", "right=/dev/x"], "missing are body,"),
        (["train", "--datasets", "{tmp}/none", "--out", "{tmp}/p"], "{tmp}/none"),
        (["train", "--datasets", "{tmp}/none", "--out", "{tmp}/file"], "--out {tmp}/file cannot be written"),
        (["train", "--datasets", "{tmp}/none", "--out", "{tmp}/file/p"], "{tmp}/file is a file"),
        (["evaluate", "--policy", "{tmp}/none"], "give the folder that training wrote"),
        (["evaluate", "--policy", "{tmp}/none", "--out", "{tmp}"], "--out {tmp} is a folder"),
        (["evaluate", "--policy", "{tmp}/none", "--out", "{tmp}/file/r.json"], "--out {tmp}/file/r.json cannot"),
        (["evaluate", "--policy", "{tmp}/none", "--cases", "{tmp}/file"], "{tmp}/file holds no cases"),
        (
            ["evaluate", "--open-loop", "--policy", "{tmp}/none", "--dataset", "{tmp}/none", "--out", "{tmp}"],
            "--out {tmp} is a folder",
        ),
        (["cases", "find", "--rollouts", "{tmp}/none.json", "--out", "{tmp}/r.json"], "retake evaluate"),
        (
            ["cases", "find", "--rollouts", "{tmp}/n", "--out", "{tmp}/r", "--demonstrations", "0"],
            "--demonstrations is 0",
        ),
        (
            ["evaluate", "--policy", "{tmp}/none", "--pool", "nope"],
            "--pool is 'nope'; it must be one of train, discover",
        ),
        (["evaluate", "--policy", "{tmp}/none", "--pool=nope"], "--pool is 'nope'"),
        (["dataset", "build", "--archive", "{tmp}/a", "--out", "{tmp}/b", "--pool", "train", "no"], "--pool is 'no'"),
        (["collect", "--archive", "{tmp}/a", "--pilot", "nobody"], "one of expert, exoskeleton"),
        (["dataset", "verify", "--dataset", "{tmp}/none"], "{tmp}/none/meta/info.json does not exist"),
        (["twin", "--task", "nope"], "choose one of pick_fruit"),
        (["twin", "--robot", "nope"], "or one of tudi"),
        (["cases", "verify", "--before", "{tmp}/none.json", "--after", "{tmp}/none.json"], "retake evaluate"),
        (["collect", "--archive", "{tmp}/a", "--episodes", "-1"], "--episodes is -1"),
        (["collect", "--archive", "{tmp}/a", "--seed", "-1"], "--seed is -1"),
        (["collect", "--archive", "{tmp}/a", "--body", "serial", "--ports", "right=/dev/x"], "exoskeleton=/dev/"),
        (["evaluate", "--policy", "{tmp}/none", "--episodes", "0"], "--episodes is 0"),
        (["evaluate", "--policy", "{tmp}/none", "--seed", "-2"], "--seed is -2"),
        (["demo", "--folder", "{tmp}/a", "--seed", "-1"], "--seed is -1"),
        (["demo", "--folder", "{tmp}/a", "--sizes.verify", "0"], "--sizes.verify is 0"),
        (["demo", "--folder", "{tmp}/a", "--sizes.serial", "-1"], "--sizes.serial is -1"),
        (["loop", "--folder", "{tmp}/a", "--seeds", "0"], "--seeds is 0"),
        (["loop", "--folder", "{tmp}/a", "--first-seed", "-1"], "--first-seed is -1"),
        (["loop", "--folder", "{tmp}/a", "--sizes.training-steps", "0"], "--sizes.training-steps is 0"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("not an archive")
    assert cli.main([word.replace("{tmp}", str(tmp_path)) for word in words]) == 2
    error = capsys.readouterr().err
    assert told.replace("{tmp}", str(tmp_path)) in error
    assert error.count("\n") == 1
    assert not (tmp_path / "a").exists()
