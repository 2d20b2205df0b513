"""Every fault stands in the archive: the body's own, those found by the environment, and the one that ended it all."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analytic_body import POINTING, AnalyticBody, analytic_env
from episode_samples import ROBOT, header_of, made_up_ticks, success
from mcap.reader import make_reader
from numpy.typing import NDArray

from envs.body import Fault, JointTarget
from envs.episodes.archive import Archive
from envs.episodes.reading import Episode
from envs.episodes.records import STOPPED, LastFaults
from envs.episodes.session import EpisodeOrder, run_episode
from envs.episodes.stream_writer import STREAM_NAME
from envs.errors import PilotError
from envs.scenario import Scenario
from hardware.errors import BusError

STEPS = 6
NOTE = Fault("note", "camera", "one frame was dropped")


class Saboteur:
    """Holds still for a while, and lets something happen to the body before each step."""

    def __init__(self, happen: Callable[[int], None]) -> None:
        self._happen = happen

    def reset(self, scenario: Scenario, rng: np.random.Generator) -> None:
        """Nothing is remembered."""

    def command(self, observation: Mapping[str, NDArray[Any]], info: Mapping[str, Any]) -> JointTarget | None:
        if info["step"] == STEPS:
            raise PilotError("enough")
        self._happen(info["step"])
        return JointTarget(info["sent_rad"])


def flown(folder: Path, happen: Callable[[AnalyticBody, int], None]) -> tuple[Episode, str]:
    """An episode of one to whose body that happens, and its signature."""
    env, body = analytic_env()
    archive = Archive(folder / "archive")
    order = EpisodeOrder(POINTING.space.scenario({"mark": 0.9, "colour": "red"}), 1, "nominal", "expert")
    result = run_episode(env, Saboteur(lambda step: happen(body, step)), order, archive, station="test")
    return archive.open(result.episode_id), result.signature


@pytest.mark.parametrize(
    ("name", "value", "source"),
    [
        ("deaf", True, "stale touch"),
        ("fault", Fault("hard", "servo 7", "is hot"), "servo 7"),
        ("broken", BusError("no answer"), "BusError"),
    ],
)
def test_the_fault_that_ended_an_episode_is_in_its_archive(
    name: str, value: object, source: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)

    def happen(body: AnalyticBody, step: int) -> None:
        if step == 1:
            setattr(body, name, value)

    episode, signature = flown(tmp_path, happen)
    assert signature == STOPPED
    last = episode.ticks - 1
    assert [(tick, fault.source) for tick, fault in episode.faults] == [(last, source)]
    assert [(fault.source, fault.count, fault.first_tick) for fault in episode.sheet.faults] == [(source, 1, last)]


@pytest.mark.parametrize(("step", "tick"), [(1, 2), (STEPS - 1, STEPS - 1)])
def test_a_note_is_recorded_once_with_the_state_that_it_was_found_in(step: int, tick: int, tmp_path: Path) -> None:
    def happen(body: AnalyticBody, now: int) -> None:
        body.fault = NOTE if now == step else None

    episode, signature = flown(tmp_path, happen)
    assert signature == "pilot"
    assert episode.ticks == STEPS
    assert episode.faults == ((tick, NOTE),)  # the last state has no tick of its own


def test_faults_found_outside_of_the_body_have_a_tick_and_a_stamp(tmp_path: Path) -> None:
    late, stale = Fault("note", "clock", "was late"), Fault("soft", "stale touch", "is 0.120 s old")
    first, second = made_up_ticks(ROBOT, 2)
    archive, end_s = Archive(tmp_path / "archive"), second.state.joints_stamp_s + 0.04
    with archive.record(header_of()) as recorder:
        recorder.tick(first)
        recorder.tick(dataclasses.replace(second, faults=(late,)))
        episode = archive.open(recorder.finish(success(), last=LastFaults((stale,), end_s)))
    assert episode.ticks == 2
    assert episode.faults == ((1, late), (1, stale))
    assert episode.sheet.counts["fault"] == 2
    with (recorder.path / STREAM_NAME).open("rb") as file:
        stamps_ns = [message.log_time for *_, message in make_reader(file).iter_messages(topics=["fault"])]
    assert stamps_ns == [round(second.state.joints_stamp_s * 1e9), round(end_s * 1e9)]
