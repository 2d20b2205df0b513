"""Episodes in real time: by a person or by a policy, on a robot, on a twin, or in simulation at wall pace."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from assets.table import load_robot
from envs.connections import CONTROL, EXOSKELETON
from envs.episodes.archive import Archive
from envs.episodes.finishing import Finishing
from envs.episodes.session import EpisodeOrder, EpisodeResult, run_episode
from envs.errors import StaleReadingError
from envs.humanoid import HumanoidEnv
from envs.pilots.correction import CorrectedPilot
from envs.registry import BodyKind, make_env
from envs.remote_crew import RemoteCrew
from experiments.calibrations import chosen_calibration, told_calibration
from experiments.cockpit import Cockpit, Device, Teleoperation, cockpit, require_device
from experiments.command import USER_ERRORS
from experiments.endings import ended_like_ctrl_c
from experiments.port_options import DEFAULT_ROBOT, cables_of
from experiments.stations import SIMULATION, Flight, references_of, roll_out
from experiments.terminal_panel import OperatorQuitError, TerminalPanel
from experiments.workers import OnResult, console, progress_bar
from policies.cases.rollout import Rollout

TWIN = "twin"
ROBOT = "robot"
RESETS = 4
RESET_WAIT_S = 2.0  # longer than a reading may be old
Result = TypeVar("Result")


@dataclass(frozen=True)
class Session:
    """An environment that moves in real time, what is plugged in where, and who may stop it."""

    env: HumanoidEnv
    ports: Mapping[str, str]
    station: str
    cockpit: Cockpit

    def tell_problem(self, episode_id: str, problem: str) -> None:
        """Say what went wrong with an episode while the next one was under way."""
        self.cockpit.say(f"episode {episode_id}: {problem}")


def demonstrate_by_hand(
    task: str,
    archive: Path,
    wanted: Sequence[EpisodeOrder],
    ports: Mapping[str, str],
    *,
    what: str,
    body: BodyKind = "serial",
    robot: str = DEFAULT_ROBOT,
    teleoperation: Teleoperation | None = None,
    calibration: Path | None = None,
    on_result: OnResult[EpisodeResult] | None = None,
) -> list[EpisodeResult]:
    """Record demonstrations by a person, in real time, on cables or in simulation.

    Fewer come back where the operator ends the session. `on_result` gets each order's place and result at once.

    Raises:
        UsageError: the leading device has no port.
        EnvError, HardwareError: the robot, the twin or the device cannot be had.
    """
    led_by = teleoperation or Teleoperation()
    require_leader(body, led_by.device, ports)
    seed = _seed_of(wanted)
    with (
        _connected(task, robot, ports, body, led_by, calibration, seed=seed) as session,
        ExitStack() as stack,
    ):
        place, pilot = Archive(archive), session.cockpit.leader(stack)
        behind = stack.enter_context(Finishing(place, on_problem=session.tell_problem))

        def work(order: EpisodeOrder) -> EpisodeResult:
            references = references_of(archive, task, session.env.robot.name, body)
            return run_episode(
                session.env,
                pilot,
                order,
                place,
                station=session.station,
                references=references,
                finishing=behind,
            )

        return _one_by_one(what, wanted, work, _is_kept, session, on_result)


def require_leader(body: BodyKind, device: Device, ports: Mapping[str, str]) -> None:
    """Refuse a leading device that is not plugged in; a twin that is started here brings its own exoskeleton.

    Raises:
        UsageError: it has no port.
    """
    if body == "sim" or device != EXOSKELETON or cables_of(ports):
        require_device(device, ports)


def fly_on_cables(
    flight: Flight,
    wanted: Sequence[EpisodeOrder],
    ports: Mapping[str, str],
    *,
    what: str,
    body: BodyKind = "serial",
    teleoperation: Teleoperation | None = None,
    is_corrected: bool = False,
    calibration: Path | None = None,
    on_result: OnResult[Rollout] | None = None,
) -> list[Rollout]:
    """Try a policy in real time on a robot, on a twin or in simulation; with `is_corrected` a trainer may take over.

    Fewer come back where the operator ends the session. `on_result` gets each order's place and rollout at once.

    Raises:
        UsageError: the trainer's device has no port.
        EnvError, HardwareError, CheckpointError: the robot, the twin, the policy or the device cannot be had.
    """
    import torch

    from policies.checkpoint import load_policy
    from policies.cloning import ClonedPolicy
    from policies.policy_pilot import PolicyPilot

    led_by = teleoperation or Teleoperation()
    if is_corrected:
        require_leader(body, led_by.device, ports)
    torch.set_num_threads(1)
    trained = load_policy(flight.checkpoint, load_robot(flight.robot))  # first: nothing moves for a policy that is none
    seed = _seed_of(wanted)
    with (
        _connected(
            flight.task,
            flight.robot,
            ports,
            body,
            led_by,
            calibration,
            seed=seed,
            is_led=is_corrected,
            is_correcting=is_corrected,
        ) as session,
        ExitStack() as stack,
    ):
        env, beside, archive = session.env, session.cockpit, Archive(flight.archive)
        behind = stack.enter_context(Finishing(archive, on_problem=session.tell_problem))
        policy = PolicyPilot(env, ClonedPolicy(trained), flight.band)
        corrected = None
        if is_corrected:
            corrected = CorrectedPilot(env.robot, policy, beside.leader(stack), beside.asking, beside.say)

        def work(order: EpisodeOrder) -> Rollout:
            return roll_out(env, policy, order, archive, session.station, corrected, behind)

        return _one_by_one(what, wanted, work, _is_success, session, on_result)


@contextmanager
def _connected(
    task: str,
    robot: str,
    ports: Mapping[str, str],
    body: BodyKind,
    led_by: Teleoperation,
    calibration: Path | None,
    *,
    seed: int,
    is_led: bool = True,
    is_correcting: bool = False,
) -> Iterator[Session]:
    """The environment on its cables, with the keys, the pedal and the e-stop beside it.

    A station with a control socket stages and judges by itself, and its trainer wears the exoskeleton; at any other a
    person does, asked on the terminal. In simulation nobody needs to be asked. A robot's calibration is the one
    that was given, or the newest; a twin has none unless one is given.
    """
    from envs.twin.process import TwinProcess

    with ExitStack() as stack:
        stack.enter_context(ended_like_ctrl_c())  # first, so that nothing is let go without it
        if body == "serial" and not cables_of(ports):
            console.print("  starting a twin: a simulated robot behind real serial ports", soft_wrap=True)
            ports = {**stack.enter_context(TwinProcess.start(task, robot, seed)).ports, **ports}
        is_worn = is_led and led_by.device == EXOSKELETON and EXOSKELETON in ports
        if is_worn and CONTROL in ports:
            RemoteCrew(ports[CONTROL]).ask({"do": "wear", "worn": True})
        is_robot = body == "serial" and CONTROL not in ports
        panel = stack.enter_context(TerminalPanel()) if is_robot or sys.stdin.isatty() else None
        if body != "serial":
            env, station = make_env(task, body, robot=robot, pace="wall"), SIMULATION
        else:
            asked = panel if is_robot else None
            measured = None
            if is_robot and panel is not None:
                measured = told_calibration(calibration, load_robot(robot), panel.ask_name)
            elif calibration is not None:
                measured = chosen_calibration(calibration, load_robot(robot))
            cables = cables_of(ports)
            env = make_env(task, "serial", robot=robot, ports=cables, panel=asked, calibration=measured)
            station = ROBOT if is_robot else TWIN
        found = stack.enter_context(cockpit(env, robot, ports, led_by, panel, is_correcting=is_correcting))
        stack.callback(env.close)  # before the e-stop: it can be pressed while the robot is let go
        if panel is not None and not is_robot:
            panel.tell_keys()
        yield Session(env, ports, station, found)


def _seed_of(wanted: Sequence[EpisodeOrder]) -> int:
    return wanted[0].seed if wanted else 0


def _one_by_one(
    what: str,
    wanted: Sequence[EpisodeOrder],
    work: Callable[[EpisodeOrder], Result],
    is_good: Callable[[Result], bool],
    session: Session,
    on_result: OnResult[Result] | None = None,
) -> list[Result]:
    results: list[Result] = []
    with progress_bar(what, len(wanted)) as advance:
        for index, order in enumerate(wanted):
            try:
                results.append(once_allowed(partial(work, order), session))
            except OperatorQuitError as end:
                console.print(f"  {end}", soft_wrap=True)
                break
            if on_result is not None:
                on_result(index, results[index])
            advance(f"{sum(map(is_good, results))} succeeded")
    return results


def once_allowed(work: Callable[[], Result], session: Session) -> Result:
    """Run an episode once no e-stop is pressed, and again where one kept it from beginning.

    Whatever stopped a robot, somebody has to say first that it may move home.

    Raises:
        StoppedError: a person has to see to a stop, and nobody can be asked.
        OperatorQuitError: the person ends the session.
    """
    while True:
        session.cockpit.clear_stop(is_robot=session.station == ROBOT)
        try:
            return begun(work, resets=resets_at(session.station))
        except OperatorQuitError:
            raise
        except USER_ERRORS as error:
            if session.cockpit.estop.pressed_by is None:
                raise
            session.cockpit.say(f"not begun: {error}")


def resets_at(station: str) -> int:
    """How often a reset may be tried without asking. A robot would move through the scene that a person has set up."""
    return 1 if station == ROBOT else RESETS


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
    return result.is_kept


def _is_success(rollout: Rollout) -> bool:
    return rollout.success
