"""A snapshot restarts an episode in its middle, bit for bit, and none but its own model takes it."""

from __future__ import annotations

from contextlib import closing
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pick_fruit_flights import GRASP, FloatArray, Info, blind_env, body_of, fly, scenario

from assets.table import load_robot
from envs.body import BodyState, JointTarget
from envs.errors import ScenarioError
from envs.humanoid import HumanoidEnv
from envs.registry import make_env
from envs.sim_body import SimBody
from envs.snapshot import Snapshot
from envs.tasks.known import load_rules
from envs.tasks.pick_fruit import PICK_FRUIT

STEPS = 20


def snapshot_while_grasping(env: HumanoidEnv) -> tuple[Snapshot, list[FloatArray], list[BodyState]]:
    """A snapshot from when fingers have just touched the fruit, and the next twenty wishes and states."""
    snapshot: Snapshot | None = None
    wishes: list[FloatArray] = []
    states: list[BodyState] = []
    for info in fly(env, scenario(), seed=9):
        if snapshot is not None:
            wishes.append(info["wish_rad"])
            states.append(info["state"])
            if len(states) == STEPS:
                return snapshot, wishes, states
        elif info["judgement"].current >= GRASP and is_touching(info):
            snapshot = Snapshot.from_bytes(env.snapshot().to_bytes())
    raise AssertionError("the expert never touched the fruit")


def is_touching(info: Info) -> bool:
    return bool(info["state"].touch_n.sum() > 2.0)


def test_an_environment_goes_on_bit_for_bit_where_the_snapshot_was_taken() -> None:
    with blind_env() as env, blind_env() as fresh:
        snapshot, wishes, states = snapshot_while_grasping(env)
        for restarted in (env, fresh):
            _, info = restarted.reset(seed=123, options={"start": snapshot})
            assert info["restart"] == "exact"
            assert info["step"] == snapshot.step
            for wish_rad, state in zip(wishes, states, strict=True):
                *_, info = restarted.step(wish_rad)
                assert info["state"] == state


def test_a_body_goes_on_bit_for_bit_where_the_snapshot_was_taken() -> None:
    robot = load_robot("tudi")
    body = SimBody(robot, PICK_FRUIT, load_rules("pick_fruit"), images=False)
    rng = np.random.default_rng(3)
    where = scenario()
    body.set_up(where, None, rng)
    body.reset(where, rng)
    targets = robot.home + np.random.default_rng(4).uniform(-0.1, 0.1, (2 * STEPS, len(robot.joints)))
    for target in targets[:STEPS]:
        body.exchange(JointTarget(target))
    snapshot = body.snapshot(STEPS, {})
    states = [body.exchange(JointTarget(target)) for target in targets[STEPS:]]
    judged = body.assess()
    other_rng = np.random.default_rng(77)
    body.set_up(where, snapshot, other_rng)
    body.reset(where, other_rng)
    assert [body.exchange(JointTarget(target)) for target in targets[STEPS:]] == states
    assert body.assess() == judged
    body.close()


def test_images_are_fresh_after_a_restart_and_those_of_the_original_from_its_next_rendering_on() -> None:
    with closing(make_env("pick_fruit", camera_every=4)) as env:
        home = env.robot.home
        env.reset(seed=2, options={"scenario": scenario()})
        snapshot = None
        states = []
        for step in range(1, 11):
            if step == 7:
                snapshot = env.snapshot()
            states.append(env.step(home + 0.01 * step)[-1]["state"])
        _, info = env.reset(seed=3, options={"start": snapshot})
        assert info["state"].images["head"].stamp_s == info["state"].joints_stamp_s > states[6].images["head"].stamp_s
        again = [env.step(home + 0.01 * step)[-1]["state"] for step in range(7, 11)]
    assert replace(again[0], images={}) == replace(states[6], images={})
    assert again[1:] == states[7:]


def test_a_restart_with_another_wish_goes_another_way() -> None:
    with blind_env() as env:
        snapshot, wishes, states = snapshot_while_grasping(env)
        env.reset(seed=123, options={"start": snapshot})
        for wish_rad, _ in zip(wishes, states, strict=True):
            *_, info = env.step(wish_rad + 0.01)
        assert info["state"] != states[-1]


def test_a_snapshot_of_another_model_is_refused(tmp_path: Path) -> None:
    robot = load_robot("tudi")
    assert robot.mjcf_path is not None
    heavier = tmp_path / "robot.xml"
    text = robot.mjcf_path.read_text()
    assert 'mass="1.2"' in text
    heavier.write_text(text.replace('mass="1.2"', 'mass="1.3"', 1))
    other = SimBody(replace(robot, mjcf_path=heavier), PICK_FRUIT, load_rules("pick_fruit"), images=False)
    with blind_env() as env:
        env.reset(seed=0, options={"scenario": scenario()})
        snapshot, digest = env.snapshot(), body_of(env).simulation.digest
    with pytest.raises(ScenarioError, match=snapshot.model_digest):
        other.set_up(snapshot.scenario, snapshot, np.random.default_rng(0))
    assert digest != other.simulation.digest
    other.close()


def test_a_state_of_another_size_is_refused() -> None:
    with blind_env() as env:
        env.reset(seed=0, options={"scenario": scenario()})
        simulation = body_of(env).simulation
        with pytest.raises(ScenarioError, match="another model"):
            simulation.restore(simulation.physics_state()[:-1], simulation.equality_state())


def without(snapshot: Snapshot, *path: str) -> Snapshot:
    """The same, as if an older version had not remembered that."""
    memory = deepcopy(snapshot.memory)
    owner = memory
    for name in path[:-1]:
        owner = owner[name]
    del owner[path[-1]]
    return replace(snapshot, memory=memory)


OLDER = [("task",), ("sound",), ("drive",), ("contacts",), ("body_rng",), ("task", "peak_n"), ("sound", "voices")]


def test_a_snapshot_of_an_older_version_is_refused_in_words_and_the_body_goes_on_to_serve() -> None:
    with blind_env() as env, blind_env() as fresh:
        env.reset(seed=0, options={"scenario": scenario()})
        env.step(env.robot.home)
        start = env.snapshot()
        for path in OLDER:
            with pytest.raises(ScenarioError, match=rf"lacks what a body remembers: KeyError.'{path[-1]}'.*another"):
                env.reset(options={"start": without(start, *path)})
        with pytest.raises(ScenarioError, match="lacks what a body remembers"):
            env.reset(options={"start": replace(start, memory={**start.memory, "task": None})})
        for which in (env, fresh):
            which.reset(seed=5, options={"scenario": scenario()})
        for _ in range(3):
            assert env.step(env.robot.home)[-1]["state"] == fresh.step(env.robot.home)[-1]["state"]
        assert env.reset(options={"start": start})[1]["restart"] == "exact"
