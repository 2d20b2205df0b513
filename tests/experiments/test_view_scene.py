"""The scene of a simulated episode in rerun, and the window in which the expert does a task."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from episode_samples import header_of, success

from assets.table import load_robot
from envs.episodes.archive import Archive
from envs.episodes.reading import Episode
from envs.episodes.records import Tick
from envs.errors import ScenarioError
from envs.humanoid import HumanoidEnv
from envs.registry import make_env
from envs.scenario import Scenario
from experiments.flights import simulated_body
from experiments.view_scene import CLEAN, chosen_scenario, fly, write_scene
from experiments.viewer.scene import recorded_scene

STEPS = 6
CLOTH = "cloth"
A_STEP_M = 2e-3  # a snapshot holds the state before the last physics step
Places = dict[str, np.ndarray]


def recorded(task: str, root: Path) -> tuple[Episode, list[Places]]:
    """A few real steps with a snapshot at the first and at the last, and where every body was then."""
    env = make_env(task, images=False)
    try:
        scenario = chosen_scenario(env.task.space, (), 1)
        _, info = env.reset(seed=0, options={"scenario": scenario})
        robot = replace(env.robot, cameras=())
        header = header_of(robot, task=task, scenario=scenario, instructions=env.task.instructions)
        places: list[Places] = []
        with Archive(root / "archive").record(header) as recorder:
            for step in range(STEPS):
                state, snapshot = replace(info["state"], images={}), None
                if step in (0, STEPS - 1):
                    snapshot = env.snapshot()
                    places.append(_places(env))
                _, _, _, _, info = env.step(env.robot.home)
                recorder.tick(Tick(step, state, info["sent_rad"], "pilot", 0, snapshot=snapshot))
            recorder.finish(success())
        return Archive(root / "archive").open(recorder.episode_id), places
    finally:
        env.close()


def _places(env: HumanoidEnv) -> Places:
    simulation = simulated_body(env).simulation
    names = [simulation.model.body(number).name for number in range(simulation.model.nbody)]
    return dict(zip(names, simulation.data.xpos.copy(), strict=True)) | {CLOTH: simulation.data.flexvert_xpos.copy()}


def test_things_stand_where_they_stood_at_each_snapshot(tmp_path: Path) -> None:
    episode, places = recorded("pick_fruit", tmp_path)
    scene = recorded_scene(episode, load_robot("tudi"))
    assert scene is not None
    assert scene.ticks.tolist() == [0, STEPS - 1]
    assert {"basket", "ripe"} <= set(scene.names)
    assert not {"torso", "right_hand"} & set(scene.names), "the robot is drawn from what was measured"
    for moment, known in enumerate(places):
        for number, name in enumerate(scene.names):
            np.testing.assert_allclose(scene.poses.position_m[moment, number], known[name], atol=A_STEP_M)
    sizes_m = {name: shapes[0].size_m[0] for name, shapes in zip(scene.names, scene.shapes, strict=True)}
    radius_mm = float(episode.sheet.header.scenario.values["fruit_radius"])
    assert sizes_m["ripe"] == pytest.approx(radius_mm / 1000.0), "as the scenario made it"


def test_a_towel_lies_as_it_lay(tmp_path: Path) -> None:
    episode, places = recorded("fold_towel", tmp_path)
    scene = recorded_scene(episode, load_robot("tudi"))
    assert scene is not None
    (towel,) = scene.cloths
    for moment, known in enumerate(places):
        np.testing.assert_allclose(towel.vertices_m[moment], known[CLOTH], atol=A_STEP_M)
    corners = towel.vertices_m[0][towel.triangles]  # (triangles, 3, 3)
    area_m2 = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum() / 2
    side_m = float(np.ptp(places[0][CLOTH][:, 0]))
    assert 0.3 * side_m**2 < area_m2 < 1.2 * side_m**2, "its triangles cover it, once"


def test_a_scene_that_has_changed_since_is_refused(tmp_path: Path) -> None:
    episode, _ = recorded("pick_fruit", tmp_path)
    tick, snapshot = next(iter(episode.snapshots.items()))
    other = replace(episode, snapshots={tick: replace(snapshot, model_digest="0123")})
    with pytest.raises(ScenarioError, match="robot or scene have changed"):
        recorded_scene(other, load_robot("tudi"))


class FewFrames:
    """A window that is closed after some frames, and in which the space bar is pressed at one of them."""

    def __init__(self, env: HumanoidEnv, frames: int, press_at: int, wants_next: threading.Event) -> None:
        self._env, self._left, self._press_at, self.wants_next = env, frames, press_at, wants_next
        self.reach_m: list[float] = []
        self.textures: set[int] = set()

    def is_running(self) -> bool:
        return self._left > 0

    def lock(self) -> AbstractContextManager[None]:
        return nullcontext()

    def sync(self) -> None:
        data = simulated_body(self._env).simulation.data
        self.reach_m.append(float(np.linalg.norm(data.body("right_hand").xpos - data.body("ripe").xpos)))
        self._left -= 1
        if len(self.reach_m) == self._press_at:
            self.wants_next.set()

    def update_texture(self, texid: int, /) -> None:
        self.textures.add(texid)


def test_the_expert_flies_in_the_window_and_the_space_bar_brings_another_scenario() -> None:
    env, wants_next, asked = make_env("pick_fruit", images=False), threading.Event(), []

    def scenario_of(count: int) -> Scenario:
        asked.append(count)
        return chosen_scenario(env.task.space, (), count)

    window = FewFrames(env, frames=30, press_at=20, wants_next=wants_next)
    try:
        fly(env, window, scenario_of, wants_next)
    finally:
        env.close()
    assert asked == [0, 1]
    assert len(window.reach_m) == 30
    assert window.reach_m[19] < 0.5 * window.reach_m[0], "the hand is on its way to the fruit"
    assert window.reach_m[20] > window.reach_m[19], "and begins anew"
    assert window.textures


def test_after_an_episode_the_next_scenario_comes_by_itself() -> None:
    env, asked = make_env("pick_fruit", images=False), []

    def scenario_of(count: int) -> Scenario:
        asked.append(count)
        return chosen_scenario(env.task.space, (), None)

    window = FewFrames(env, frames=120, press_at=0, wants_next=threading.Event())
    try:
        fly(env, window, scenario_of, window.wants_next)
    finally:
        env.close()
    assert asked == [0, 1]
    assert len(window.reach_m) == 120


def test_a_picture_of_a_scene_has_the_exposure_and_the_grain_of_its_scenario(tmp_path: Path) -> None:
    def picture(*pairs: str) -> np.ndarray:
        write_scene(tmp_path / "scene.png", "pick_fruit", pairs, None, "trainer", (96, 64))
        return cv2.imread(str(tmp_path / "scene.png")).astype(float)

    plain, brighter, grainy = picture(*CLEAN), picture(*CLEAN, "camera_exposure=0.7"), picture("camera_noise=6")
    dim = (plain > 20) & (plain < 150)
    np.testing.assert_allclose(np.median(brighter[dim] / plain[dim]), 2.0 ** (0.7 / 2.2), rtol=0.02)
    assert np.std((grainy - plain)[dim]) == pytest.approx(6.0, rel=0.1)
