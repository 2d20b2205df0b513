"""What cannot be simulated is refused with the reason, and the environment goes on to serve."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pick_fruit_flights import blind_env, body_of, scenario

from assets.table import load_robot
from envs.errors import BodyError, EnvError, ScenarioError
from envs.registry import make_env
from envs.simulation import SCENES, Simulation

UNKNOWN_BODY = (SCENES / "pick_fruit.xml").read_text().replace('body1="ripe"', 'body1="nowhere"')


@pytest.mark.parametrize("text", ["no scene", UNKNOWN_BODY, None], ids=["no XML", "unknown body", "no file"])
def test_a_scene_that_does_not_compile_is_refused_by_name(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "broken.xml").write_text(text)
    with pytest.raises(BodyError, match=r"broken\.xml with robot 'tudi' does not compile: .*\w"):
        Simulation(load_robot(), str(tmp_path / "broken"))


def test_a_start_of_another_model_is_refused_and_the_next_reset_is_well() -> None:
    with blind_env() as env:
        env.reset(seed=0, options={"scenario": scenario()})
        env.step(env.robot.home)
        start = env.snapshot()
        with pytest.raises(ScenarioError, match=r"of model 0123456789abcdef; this one is .* changed since"):
            env.reset(options={"start": replace(start, model_digest="0123456789abcdef")})
        _, info = env.reset(options={"start": start})
        assert (info["restart"], info["step"]) == ("exact", 1)


def test_an_environment_without_senses_has_none_in_its_spaces_and_moves_alike() -> None:
    bare = make_env(images=False, senses=())
    with blind_env() as env:
        observation, _ = bare.reset(seed=3, options={"scenario": scenario()})
        env.reset(seed=3, options={"scenario": scenario()})
        assert set(observation) == {"position_rad", "velocity_rad_s", "effort_nm"} == set(bare.observation_space)
        for step in range(30):
            wish_rad = env.robot.home + 0.01 * step
            felt = bare.step(wish_rad)[0]
            assert felt in bare.observation_space
            full = env.step(wish_rad)[0]
            assert felt.keys() < full.keys()
        # Readings have noise, which is drawn for all senses in turn; the motion itself has none.
        np.testing.assert_array_equal(body_of(bare).simulation.physics_state(), body_of(env).simulation.physics_state())
        start = env.snapshot()
        assert bare.reset(options={"start": start})[1]["restart"] == "exact"
    bare.close()


def test_a_sense_that_there_is_not_is_refused() -> None:
    with pytest.raises(EnvError, match="a sense is 'smell'; choose one of 'touch', 'sound', 'imu'"):
        make_env(senses=("smell",))  # type: ignore[arg-type]
