"""A simulation that breaks down ends its episode with a reason and with evidence, and the next episode is well."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from pick_fruit_flights import blind_env, body_of, scenario

from assets.table import robot_folder
from envs.episodes.archive import Archive
from envs.episodes.session import EpisodeOrder, run_episode
from envs.errors import EvidenceError, UnstableError
from envs.evidence import MODEL_LIMIT, replay
from envs.humanoid import HumanoidEnv
from envs.pilots.scripted import ScriptedPilot
from experiments import collect

TOO_HARD_N = 1e14


def push_the_fruit(env: HumanoidEnv, force_n: float = TOO_HARD_N) -> None:
    simulation = body_of(env).simulation
    simulation.data.xfrc_applied[simulation.model.body("ripe").id, 0] = force_n


def stop_reason(env: HumanoidEnv) -> str:
    *_, truncated, info = env.step(env.robot.home)
    assert truncated
    assert isinstance(info["error"], UnstableError)
    assert info["stop"].severity == "soft"
    return str(info["stop"].reason)


def folder_in(reason: str) -> Path:
    found = re.search(r"the last states and the model are in (\S+)$", reason)
    assert found, reason
    return Path(found[1])


def test_a_breakdown_stops_softly_with_what_is_needed_to_see_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with blind_env() as env:
        env.reset(seed=0, options={"scenario": scenario()})
        for _ in range(3):
            _, _, _, truncated, last = env.step(env.robot.home)
        assert not truncated
        push_the_fruit(env)
        observation, *_, info = env.step(env.robot.home)
        reason = info["stop"].reason
        assert "became unstable at step 3: the acceleration of joint 'ripe' is no number, or huge" in reason
        assert info["state"] == last["state"]  # not what MuJoCo made of it
        assert observation in env.observation_space
        again = replay(folder_in(reason))
        assert again.found == "the acceleration of joint 'ripe' is no number, or huge"
        assert again.scenario == scenario()
        env.reset(seed=0, options={"scenario": scenario()})
        assert not env.step(env.robot.home)[3]


def test_evidence_lies_beside_its_episode_and_models_are_kept_once_and_of_a_few_only(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    masses_g = [50, 50, *range(60, 60 + 10 * MODEL_LIMIT, 10), 50]
    with blind_env() as env:
        pilot = ScriptedPilot(env)
        results = []
        for seed, mass_g in enumerate(masses_g):
            order = EpisodeOrder(scenario(fruit_mass=mass_g), seed, "nominal", "expert")
            result = run_episode(env, pilot, order, archive, station="test", on_step=lambda _: push_the_fruit(env))
            assert (result.success, result.signature, result.steps) == (False, "stopped", 1)
            assert archive.sheet(result.episode_id).status == "complete"
            results.append(result)
        well = run_episode(env, pilot, EpisodeOrder(scenario(), 9, "nominal", "expert"), archive, station="test")
    assert well.success
    folders = [archive.folder(result.episode_id) / "evidence" for result in results]
    found = [sorted(file.name for file in folder.iterdir()) for folder in folders]
    alone, with_model = ["evidence.json", "states.npz"], ["evidence.json", "model.mjb", "states.npz"]
    assert found == [with_model, alone, *[with_model] * (MODEL_LIMIT - 1), alone, alone]
    for place, (folder, result) in enumerate(zip(folders, results, strict=True)):
        sheet = json.loads((folder / "evidence.json").read_text())
        assert sheet["scenario"]["values"]["fruit_mass"] == masses_g[place]
        if place in (1, len(folders) - 1):  # the model of the first again
            assert result.reason.endswith(f"the last states are in {folder}, and the same model in {folders[0]}")
            assert (folder / sheet["model"]).resolve() == folders[0] / "model.mjb"
        if place == MODEL_LIMIT + 1:
            assert result.reason.endswith(f"in {folder}, without the model: {MODEL_LIMIT} were kept")
            with pytest.raises(EvidenceError, match="the model was not kept: of one body only the first 3 are"):
                replay(folder)
        else:
            again = replay(folder)
            assert again.found == "the acceleration of joint 'ripe' is no number, or huge"
            assert again.scenario == scenario(fruit_mass=masses_g[place])
        assert (folder / "states.npz").stat().st_size < 100_000
    moved = archive.root.rename(tmp_path / "moved")
    assert replay(moved / folders[1].relative_to(archive.root)).found
    (moved / folders[0].relative_to(archive.root) / "model.mjb").unlink()
    with pytest.raises(EvidenceError, match=r"is not at .*model\.mjb; bring it back"):
        replay(moved / folders[1].relative_to(archive.root))


def test_a_model_whose_file_is_gone_is_kept_again(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    with blind_env() as env:
        pilot = ScriptedPilot(env)
        for seed in range(2):
            order = EpisodeOrder(scenario(), seed, "nominal", "expert")
            result = run_episode(env, pilot, order, archive, station="test", on_step=lambda _: push_the_fruit(env))
            folder = folder_in(result.reason)
            assert replay(folder).found
            (folder / "model.mjb").unlink()


def test_evidence_of_a_version_that_did_not_name_the_model_is_replayed(tmp_path: Path) -> None:
    with blind_env() as env:
        env.reset(seed=0, options={"scenario": scenario()})
        body_of(env).keep_evidence_in(tmp_path)
        push_the_fruit(env)
        stop_reason(env)
    sheet = json.loads((tmp_path / "evidence.json").read_text())
    assert sheet.pop("model") == "model.mjb"
    (tmp_path / "evidence.json").write_text(json.dumps(sheet))
    assert replay(tmp_path).found


def test_a_scene_that_cannot_even_be_staged_fails_its_own_episode_only(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    with blind_env() as env:
        env.reset(seed=0, options={"scenario": scenario()})
        env.step(env.robot.home)
        start = env.snapshot()
        simulation = body_of(env).simulation
        start.physics[1 : 1 + simulation.model.nq] = np.nan
        orders = [EpisodeOrder(scenario(), 0, "recovery", "expert", start=start)]
        orders += [EpisodeOrder(scenario(), 0, "nominal", "expert")]
        broken, well = [run_episode(env, ScriptedPilot(env), order, archive, station="test") for order in orders]
    assert (broken.success, broken.signature, broken.steps) == (False, "stopped", 0)
    assert "became unstable at step" in broken.reason
    assert archive.sheet(broken.episode_id).outcome is not None
    assert well.success


def test_a_folder_without_evidence_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="holds no evidence"):
        replay(tmp_path)


def test_collect_goes_on_with_the_next_episode(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    robot = robot_folder("tudi")
    for file in robot.iterdir():
        if file.is_file():
            text = file.read_text()
            # Fingers that drive themselves, the faster they are the more.
            (tmp_path / file.name).write_text(
                text.replace('range="-0.7 1.1" damping="0.02"', 'range="-0.7 1.1" damping="-5"')
            )
    command = ["--episodes", "2", "--processes", "1", "--archive", str(tmp_path / "archive"), "--robot", str(tmp_path)]
    assert collect.main(command) == 0
    sheets = list(Archive(tmp_path / "archive", create=False).episodes())
    assert len(sheets) == 2
    for sheet in sheets:
        assert sheet.outcome is not None
        assert "became unstable" in sheet.outcome.reason
        assert replay(folder_in(sheet.outcome.reason)).found
    assert "0 of 2" in capsys.readouterr().out
