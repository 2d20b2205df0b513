"""An episode ends in a verdict whatever its pilot does, and records only what the pilot said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analytic_body import POINTING
from numpy.typing import NDArray
from pick_fruit_flights import blind_env, scenario
from virtual_station import SERVO_ROBOT, station_env, virtual_station

from assets.calibration import Calibration, ChannelCalibration
from assets.table import load_robot
from envs.body import JointTarget
from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue
from envs.episodes.session import EpisodeOrder, run_episode
from envs.errors import PilotError, ScenarioError
from envs.humanoid import HumanoidEnv
from envs.pilots.scripted import ScriptedPilot
from envs.registry import BodyKind, make_env
from envs.scenario import Scenario
from envs.snapshot import Snapshot

GRASP = 1  # instruction step of pick_fruit
ROBOT = load_robot("tudi")
HAND = ROBOT.group("right_hand")


class FalteringPilot:
    """Holds at first, then commands, then can no more."""

    def __init__(self, *, silent: int, commands: int) -> None:
        self._silent, self._commands, self._asked = silent, commands, 0

    def reset(self, scenario: Scenario, rng: np.random.Generator) -> None:
        self._asked = 0

    def command(self, observation: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> JointTarget | None:
        self._asked += 1
        if self._asked <= self._silent:
            return None
        if self._asked <= self._silent + self._commands:
            return JointTarget(info["sent_rad"])
        raise PilotError("the arm cannot go there")


class FickleExpert(ScriptedPilot):
    """Takes hold of the fruit, opens the hand again, and stays there."""

    _gave_up = False

    def command(self, observation: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> JointTarget | None:
        self._gave_up = self._gave_up or info["judgement"].done[GRASP]
        if not self._gave_up:
            return super().command(observation, info)
        wish_rad = info["sent_rad"].copy()
        wish_rad[HAND] = ROBOT.home[HAND]
        return JointTarget(wish_rad)


@pytest.fixture(scope="module")
def env() -> Iterator[HumanoidEnv]:
    with blind_env() as made:
        yield made


@pytest.mark.parametrize("commands", [0, 2])
def test_a_pilot_that_gives_up_fails_its_own_episode_and_no_other(
    env: HumanoidEnv, tmp_path: Path, commands: int
) -> None:
    archive = Archive(tmp_path / "archive")
    pilot = FalteringPilot(silent=0, commands=commands)
    orders = [EpisodeOrder(scenario(), seed, "nominal", "expert") for seed in (1, 2)]
    results = [run_episode(env, pilot, order, archive, station="test") for order in orders]
    assert [(r.success, r.signature, r.steps) for r in results] == [(False, "pilot", commands)] * 2
    for result in results:
        sheet = archive.sheet(result.episode_id)
        assert sheet.status == "complete"
        assert not sheet.accepted
        assert sheet.outcome is not None
        assert sheet.outcome.reason == "pilot: the arm cannot go there"


def test_an_episode_says_how_far_it_came_also_where_all_was_lost_again(env: HumanoidEnv, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    result = run_episode(
        env, FickleExpert(env), EpisodeOrder(scenario(), 1, "nominal", "expert"), archive, station="test"
    )
    assert result.signature == "timeout:grasp"
    assert result.steps_done == GRASP + 1


def test_a_silent_pilot_leaves_no_command_of_its_own(env: HumanoidEnv, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    pilot = FalteringPilot(silent=2, commands=1)
    result = run_episode(env, pilot, EpisodeOrder(scenario(), 1, "nominal", "expert"), archive, station="test")
    episode = archive.open(result.episode_id)
    assert np.isnan(episode.pilot_rad[:2]).all()
    np.testing.assert_array_equal(episode.pilot_rad[2], episode.sent_rad[2])


@pytest.mark.parametrize("body", ["sim", "fast-twin"])
def test_an_episode_says_of_which_body_it_is(body: BodyKind, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    env = make_env(body=body, images=False)
    order = EpisodeOrder(scenario(), 1, "nominal", "expert")
    result = run_episode(env, FalteringPilot(silent=0, commands=1), order, archive, station="test")
    env.close()
    assert archive.sheet(result.episode_id).header.body == body
    with Catalogue(archive) as catalogue:
        catalogue.sync()
        assert [entry.id for entry in catalogue.query(body=body)] == [result.episode_id]


def test_a_restart_says_in_its_sheet_that_it_goes_on_where_it_was(env: HumanoidEnv, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    env.reset(seed=1, options={"scenario": scenario()})
    order = EpisodeOrder(scenario(), 1, "recovery", "expert", start=env.snapshot())
    result = run_episode(env, FalteringPilot(silent=0, commands=1), order, archive, station="test")
    assert archive.sheet(result.episode_id).header.extra == {"restart": "exact", "first_step": result.snapshot_steps[0]}


def test_an_order_whose_start_is_too_old_is_refused_and_leaves_no_recording(env: HumanoidEnv, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    env.reset(seed=1, options={"scenario": scenario()})
    start = env.snapshot()
    older = replace(start, memory={name: kept for name, kept in start.memory.items() if name != "drive"})
    pilot = FalteringPilot(silent=0, commands=1)
    with pytest.raises(ScenarioError, match=r"lacks what a body remembers: KeyError.'drive'.*; take another"):
        run_episode(env, pilot, EpisodeOrder(scenario(), 1, "recovery", "expert", start=older), archive, station="test")
    assert list(archive.episodes()) == []
    well = run_episode(env, pilot, EpisodeOrder(scenario(), 1, "nominal", "expert"), archive, station="test")
    assert well.steps == 1


def test_a_restart_on_cables_says_in_its_sheet_that_the_robot_began_at_home(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    scene = POINTING.space.scenario({"mark": 0.5, "colour": "red"})
    start = Snapshot(scene, "digest", 37, np.zeros(1), np.zeros((0, 12)), {})
    order = EpisodeOrder(scene, 1, "recovery", "expert", start=start, parent="e-0")
    with virtual_station() as station:
        env = station_env(station)
        result = run_episode(env, FalteringPilot(silent=0, commands=1), order, archive, station="test")
    header = archive.sheet(result.episode_id).header
    assert (header.extra, header.parent, header.body) == ({"restart": "staged", "first_step": 0}, "e-0", "serial")


def test_an_episode_carries_the_digest_of_the_calibration_that_its_joints_were_counted_by(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    scene = POINTING.space.scenario({"mark": 0.5, "colour": "red"})
    shifted = 100
    channels = tuple(
        ChannelCalibration(own.joint, 500, 3500, own.center_ticks + own.sign * shifted) for own in SERVO_ROBOT.servos
    )
    measured = Calibration("robot", SERVO_ROBOT.name, "2026-01-01T00:00:00+00:00", channels)
    with virtual_station() as station:
        env = station_env(station, calibration=measured)
        pilot = FalteringPilot(silent=0, commands=2)
        order = EpisodeOrder(scene, 1, "nominal", "trainer")
        result = run_episode(env, pilot, order, archive, station="test")
        # The servos stand where the table would count this much more.
        np.testing.assert_allclose(station.position_rad - SERVO_ROBOT.home, shifted * 2 * np.pi / 4096, atol=0.05)
    header = archive.sheet(result.episode_id).header
    assert header.extra == {"calibration": {"robot": measured.digest}}
    assert header.robot.digest == SERVO_ROBOT.digest  # policies fly any robot of this table
