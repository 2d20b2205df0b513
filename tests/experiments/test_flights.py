"""The expert flies a scenario to its end, and only a simulated body shows a scene."""

from __future__ import annotations

from contextlib import closing

import pytest

from envs.registry import make_env
from experiments.command import UsageError
from experiments.flights import flown, simulated_body
from experiments.view_scene import chosen_scenario


def test_a_flight_tells_of_its_beginning_and_of_every_step_to_the_end() -> None:
    with closing(make_env("pick_fruit", images=False)) as env:
        with pytest.raises(UsageError, match="only a simulated body"):
            simulated_body(env)  # before the first reset there is none at all
        scenario = chosen_scenario(env.task.space, (), None)
        infos = list(flown(env, scenario, seed=4))
        assert [info["step"] for info in infos] == list(range(len(infos)))
        assert all(info["scenario"] == scenario for info in infos)
        assert [info["judgement"].success for info in infos] == [False] * (len(infos) - 1) + [True]
        again = flown(env, scenario, seed=4)
        assert [next(again)["state"] for _ in range(3)] == [info["state"] for info in infos[:3]]
        simulation = simulated_body(env).simulation
        assert simulation.data.time == pytest.approx(2.0 / env.robot.control_hz)
