"""Episodes on cables: the real body by exoskeleton or by a policy, with a twin where no robot is given."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from assets.table import load_robot
from envs.connections import CONTROL, EXOSKELETON
from envs.episodes.archive import Archive
from envs.episodes.session import EpisodeOrder, EpisodeResult, run_episode
from envs.errors import StaleReadingError
from envs.humanoid import HumanoidEnv
from envs.registry import make_env
from envs.remote_crew import RemoteCrew
from experiments.calibrations import chosen_calibration
from experiments.command import UsageError
from experiments.port_options import DEFAULT_ROBOT
from experiments.stations import Flight, roll_out
from experiments.terminal_panel import OperatorQuitError, TerminalPanel
from experiments.workers import OnResult, console, progress_bar
from policies.cases.rollout import Rollout

TWIN = "twin"
ROBOT = "robot"
RESETS = 4
RESET_WAIT_S = 2.0  # longer than a reading may be old
Result = TypeVar("Result")


def demonstrate_on_cables(
    task: str,
    archive: Path,
    wanted: Sequence[EpisodeOrder],
    ports: Mapping[str, str],
    *,
    what: str,
    robot: str = DEFAULT_ROBOT,
    calibration: Path | None = None,
    on_result: OnResult[EpisodeResult] | None = None,
) -> list[EpisodeResult]:
    """Record demonstrations by exoskeleton, in real time. Fewer come back where the operator ends the session.

    `on_result` gets each order's place and result at once.

    Raises:
        UsageError: the exoskeleton's port is missing.
        EnvError, HardwareError: the robot, the twin or the exoskeleton cannot be had.
    """
    from envs.pilots.exoskeleton import open_exoskeleton

    require_exoskeleton(ports)
    with _connected(task, robot, ports, calibration, is_worn=True, seed=_seed_of(wanted)) as (env, plugged, station):
        place = Archive(archive)
        pilot = open_exoskeleton(env.robot, plugged[EXOSKELETON])
        try:
            return _one_by_one(
                what,
                wanted,
                lambda order: run_episode(env, pilot, order, place, station=station),
                _is_kept,
                station,
                on_result,
            )
        finally:
            pilot.close()


def require_exoskeleton(ports: Mapping[str, str]) -> None:
    """Where ports are named, one must be the exoskeleton's.

    Raises:
        UsageError: it is missing.
    """
    if ports and EXOSKELETON not in ports:
        raise UsageError("no exoskeleton; add --ports exoskeleton=/dev/..., or leave --ports out to use a twin")


def fly_on_cables(
    flight: Flight,
    wanted: Sequence[EpisodeOrder],
    ports: Mapping[str, str],
    *,
    what: str,
    calibration: Path | None = None,
    on_result: OnResult[Rollout] | None = None,
) -> list[Rollout]:
    """Try a policy in real time on a robot, or on a twin. Fewer come back where the operator ends the session.

    `on_result` gets each order's place and rollout at once.

    Raises:
        EnvError, HardwareError, CheckpointError: the robot, the twin or the policy cannot be had.
    """
    import torch

    from policies.checkpoint import load_policy
    from policies.cloning import ClonedPolicy
    from policies.policy_pilot import PolicyPilot

    torch.set_num_threads(1)
    trained = load_policy(flight.checkpoint, load_robot(flight.robot))  # first: nothing moves for a policy that is none
    seed = _seed_of(wanted)
    with _connected(flight.task, flight.robot, ports, calibration, is_worn=False, seed=seed) as (env, _, station):
        policy = ClonedPolicy(trained)
        pilot = PolicyPilot(env, policy, flight.band)
        archive = Archive(flight.archive)
        return _one_by_one(
            what, wanted, lambda order: roll_out(env, pilot, order, archive, station), _is_success, station, on_result
        )


@contextmanager
def _connected(
    task: str, robot: str, ports: Mapping[str, str], calibration: Path | None, *, is_worn: bool, seed: int
) -> Iterator[tuple[HumanoidEnv, Mapping[str, str], str]]:
    """The environment on its cables, what is plugged in where, and the station's name.

    A station with a control socket stages and judges by itself, and its trainer wears the exoskeleton; at any other a
    person does, asked on the terminal. A robot's calibration is the one that was given, or the newest; a twin has none
    unless one is given.
    """
    from envs.twin.process import TwinProcess

    with ExitStack() as stack:
        if not ports:
            console.print("  starting a twin: a simulated robot behind real serial ports", soft_wrap=True)
            ports = stack.enter_context(TwinProcess.start(task, robot, seed)).ports
        if is_worn and CONTROL in ports and EXOSKELETON in ports:
            RemoteCrew(ports[CONTROL]).ask({"do": "wear", "worn": True})
        panel = None if CONTROL in ports else stack.enter_context(TerminalPanel())
        cables = {name: path for name, path in ports.items() if name != EXOSKELETON}
        measured = None
        if calibration is not None or CONTROL not in ports:
            measured = chosen_calibration(calibration, load_robot(robot))
        env = make_env(task, "serial", robot=robot, ports=cables, panel=panel, calibration=measured)
        stack.callback(env.close)
        yield env, ports, TWIN if CONTROL in ports else ROBOT


def _seed_of(wanted: Sequence[EpisodeOrder]) -> int:
    return wanted[0].seed if wanted else 0


def _one_by_one(
    what: str,
    wanted: Sequence[EpisodeOrder],
    work: Callable[[EpisodeOrder], Result],
    is_good: Callable[[Result], bool],
    station: str,
    on_result: OnResult[Result] | None = None,
) -> list[Result]:
    results: list[Result] = []
    with progress_bar(what, len(wanted)) as advance:
        for index, order in enumerate(wanted):
            try:
                results.append(begun(partial(work, order), resets=resets_at(station)))
            except OperatorQuitError as end:
                console.print(f"  {end}", soft_wrap=True)
                break
            if on_result is not None:
                on_result(index, results[index])
            advance(f"{sum(map(is_good, results))} succeeded")
    return results


def resets_at(station: str) -> int:
    """How often a reset may be tried without asking. A robot would move through the scene that a person has set up."""
    return RESETS if station == TWIN else 1


def begun(work: Callable[[], Result], *, resets: int = RESETS, wait_s: float = RESET_WAIT_S) -> Result:
    """Run an episode, and again from its reset where the readings were too old to begin with.

    A busy machine delays readings for a moment, and nothing has been recorded by then. Whatever else a reset raises has
    been tried again by the drivers, or needs a person.

    Raises:
        StaleReadingError: they were too old at the last reset as well.
    """
    for attempt in range(1, resets):
        try:
            return work()
        except StaleReadingError as error:
            console.print(f"  reset {attempt} of {resets}: {error}; trying again", soft_wrap=True, markup=False)
            time.sleep(wait_s)
    return work()


def _is_kept(result: EpisodeResult) -> bool:
    return result.success


def _is_success(rollout: Rollout) -> bool:
    return rollout.success
