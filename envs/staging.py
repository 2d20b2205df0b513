"""Which scenario an episode begins with, out of what `reset` was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import numpy as np

from envs.errors import ScenarioError
from envs.scenario import Distribution, Pool, Scenario
from envs.snapshot import Snapshot
from envs.tasks.task import Task

_OPTIONS = ("scenario", "start", "distribution", "pool")


def choose_scenario(
    task: Task, options: Mapping[str, Any] | None, rng: np.random.Generator
) -> tuple[Scenario, Snapshot | None]:
    """The scenario to stage, and the snapshot to go on from where one was given.

    Options: `scenario` (a Scenario, its `to_dict()`, or its values by factor), `start` (a Snapshot or its bytes), or,
    where neither is given, `distribution` ("deployment" or "nominal") and `pool` (a Pool or its name) to draw from.

    Raises:
        ScenarioError: an option is unknown, or its scenario or snapshot is of another task, or the two contradict.
    """
    options = options or {}
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise ScenarioError(f"unknown reset options {unknown}; allowed are {', '.join(_OPTIONS)}")
    start = _snapshot(options.get("start"))
    asked = options.get("scenario")
    if asked is None and start is None:
        drawn = task.space.draw(_pool(options.get("pool")), rng, distribution=_distribution(options))
        return next(drawn), None
    if "distribution" in options or "pool" in options:
        raise ScenarioError("distribution and pool say how to draw a scenario; leave them out where one is given")
    if asked is None and start is not None:
        return _checked(task, start.scenario), start
    scenario = _scenario(task, asked)
    if start is not None and start.scenario != scenario:
        raise ScenarioError("the snapshot was taken in another scenario than the one given; give the snapshot alone")
    return scenario, start


def _snapshot(start: Any) -> Snapshot | None:
    if start is None or isinstance(start, Snapshot):
        return start
    if isinstance(start, bytes):
        return Snapshot.from_bytes(start)
    raise ScenarioError(f"option start is a {type(start).__name__}; give a Snapshot or its bytes")


def _scenario(task: Task, asked: Any) -> Scenario:
    if isinstance(asked, Scenario):
        return _checked(task, asked)
    if not isinstance(asked, Mapping):
        raise ScenarioError(f"option scenario is a {type(asked).__name__}; give a Scenario or a dictionary")
    if asked.keys() == {"task", "values"}:
        if not isinstance(asked["values"], Mapping):
            raise ScenarioError(f"a scenario's values are {asked['values']!r}; give a dictionary by factor")
        return _checked(task, Scenario.from_dict(dict(asked)))
    return task.space.scenario(asked)


def _checked(task: Task, scenario: Scenario) -> Scenario:
    if scenario.task != task.name:
        raise ScenarioError(f"the scenario is of task {scenario.task!r}; this environment runs {task.name!r}")
    return task.space.scenario(scenario.values)


def _distribution(options: Mapping[str, Any]) -> Distribution:
    distribution: Distribution = options.get("distribution", "deployment")
    if distribution not in get_args(Distribution):
        raise ScenarioError(f"distribution is {distribution!r}; choose one of {', '.join(get_args(Distribution))}")
    return distribution


def _pool(pool: Any) -> Pool | None:
    try:
        return None if pool is None else Pool(pool)
    except ValueError:
        raise ScenarioError(f"pool is {pool!r}; choose one of {', '.join(Pool)}") from None
