"""The environment is compared with the very same physics, and a difference between two episodes is found."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from envs.humanoid import HumanoidEnv
from envs.registry import make_env
from envs.sim_body import SimBody
from envs.simulation import Simulation
from experiments.bench import env_workers
from experiments.bench.env_costs import Bare, Led, Way
from experiments.bench.env_flights import Flight, record_flight
from experiments.bench.env_tasks import first_difference
from experiments.bench.rows import BenchOptions, publish

THROUGH_THE_POUR, INTO_THE_HOLD = 240, 54  # control steps of the expert
Array = NDArray[Any]


@pytest.fixture(scope="module")
def flight() -> Flight:
    return record_flight("pick_fruit", limit=12)


def simulation_of(env: HumanoidEnv) -> Simulation:
    assert isinstance(env.body, SimBody)
    return env.body.simulation


@dataclass(frozen=True)
class Seen:
    """What a step of the physics begins with and ends in."""

    held: Array  # what the equalities hold on to, and where
    mass_kg: Array
    contype: Array
    after: Array  # the physics

    def begins_like(self, other: Seen) -> bool:
        return all(np.array_equal(getattr(self, name), getattr(other, name)) for name in ("held", "mass_kg", "contype"))


def watched(way: Way, simulation: Simulation) -> list[Seen]:
    """Go along a flight by a way; its clock is read before and after each step, and so has a look."""
    looks: list[tuple[Array, ...]] = []

    def look() -> float:
        model = simulation.model
        held = np.hstack([simulation.equality_state(), model.eq_obj1id[:, None]])
        looks.append((held, model.body_mass.copy(), model.geom_contype.copy(), simulation.physics_state()))
        return 0.0

    way.begin()
    way.go(look)
    return [Seen(*before[:3], after[3]) for before, after in zip(looks[::2], looks[1::2], strict=True)]


def beside(flight: Flight) -> tuple[list[Seen], list[Seen], Array]:
    """The steps of the bare loop and those of an environment, and how far the two come apart within each."""
    with closing(make_env(flight.task, images=False, senses=())) as env, closing(Bare(env.robot, flight)) as bare:
        flight.begin(env)  # so that there is a simulation to watch
        led, alone = watched(Led(env, flight), simulation_of(env)), watched(bare, bare.simulation)
    for seen, moment in zip(led, flight.moments[1:], strict=False):
        assert np.array_equal(seen.after, moment.physics)
    return alone, led, np.array([np.abs(one.after - other.after).max() for one, other in zip(alone, led, strict=True)])


def test_the_bare_loop_pours_nothing_and_yet_carries_the_cup_as_full_as_it_is() -> None:
    flight = record_flight("brew_coffee", limit=THROUGH_THE_POUR)
    alone, led, apart = beside(flight)
    assert all(one.begins_like(other) for one, other in zip(alone, led, strict=True))
    poured = np.array([moment.rules["cup"]["poured"] for moment in flight.moments])
    is_constant = poured[1:] == poured[:-1]
    assert {0.0, 1.0} == set(poured[:-1][is_constant])
    assert (apart[:-1][is_constant] == 0.0).all()
    assert 0.0 < apart[:-1][~is_constant].max() < 1e-3  # a step's worth of coffee


def test_the_bare_loop_holds_what_the_hands_hold() -> None:
    flight = record_flight("fold_towel", limit=INTO_THE_HOLD)
    alone, led, apart = beside(flight)
    assert all(one.begins_like(other) for one, other in zip(alone, led, strict=True))
    is_held = np.array([any(hold["vertices"] for hold in moment.rules["holds"].values()) for moment in flight.moments])
    takes_hold = int(is_held.argmax())
    assert 0 < takes_hold < INTO_THE_HOLD - 4
    assert (apart[: takes_hold - 1] == 0.0).all()
    assert apart[-2:].max() < 0.1  # a hand still gathers what it holds, bit by bit; without its hold it is 200


def test_two_episodes_are_the_same_until_something_differs(flight: Flight) -> None:
    with closing(make_env(images=False)) as first, closing(make_env(images=False)) as second:
        assert first_difference(flight, first, second, len(flight)) is None
        simulation_of(second).model.opt.gravity[2] -= 0.1
        assert first_difference(flight, first, second, len(flight)) == "imu at step 0"


@pytest.mark.parametrize("wants_json", [True, False])
def test_one_core_gives_no_figure_of_two_and_no_goal_but_says_why(
    wants_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = env_workers.measure("pick_fruit", episodes=1, cores=1, quick=True)
    assert (row.value, row.goal, row.peer, row.holds) == (None, None, None, None)
    assert row.note == "not measured: it takes 2 cores, and this machine lends 1"
    assert publish("env", BenchOptions(json=wants_json), lambda: [row]) == 0
    out = capsys.readouterr().out
    assert "not measured" in out
    if wants_json:
        assert json.loads(out)["rows"][0]["value"] is None
