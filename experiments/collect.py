"""Record demonstrations, by the scripted expert or by a person at an exoskeleton or gamepad, into an archive."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from envs.connections import CONTROL, EXOSKELETON
from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue
from envs.episodes.records import Purpose
from envs.episodes.session import EpisodeOrder, EpisodeResult
from envs.registry import BodyKind, make_env
from envs.scenario import Distribution, Pool
from envs.tasks.known import load_task
from experiments.calibrations import check_calibrations
from experiments.cockpit import Device, Teleoperation
from experiments.command import UsageError, at_least, run_verb
from experiments.orders import RequestOrders, orders, refuse_strangers, request_orders, scenarios
from experiments.port_options import DEFAULT_ROBOT, port_pairs, station_ports
from experiments.serial_station import demonstrate_by_hand, require_leader
from experiments.stations import Demonstrations
from experiments.task_option import TaskName
from experiments.verdicts import show_verdict
from experiments.workers import OnResult, available_processes, console, run_jobs
from hardware.pedal import pedal_meanings
from policies.cases.rates import Rate
from policies.cases.request_queue import RequestQueue


@dataclass(frozen=True)
class Collect:
    """Record demonstrations into an archive.

    Without --requests, scenarios are drawn from the task's nominal (or deployment) distribution. With --requests, the
    open demonstrations of a queue are recorded, each set up and started as its card says, and the queue is updated.

    A person leads by exoskeleton or gamepad, in real time, on cables or in simulation. The space bar is the e-stop at
    any moment; it needs somebody's name to re-arm.

    Examples:
      retake collect --episodes 20 --archive runs/mine/archive
      retake collect --requests runs/mine/requests.json --archive runs/mine/archive
      retake collect --pilot gamepad --ports gamepad=/dev/input/event3 --archive runs/mine/archive
    """

    archive: Path
    """The folder to record into; it is made if it is not there, and only ever added to."""
    task: TaskName = "pick_fruit"
    """What is done."""
    episodes: int = 20
    """How many demonstrations to record, where no requests are given."""
    body: BodyKind = "sim"
    """"sim" is the simulated body; "serial" is a robot behind serial ports, or a twin; "fast-twin" is the twin's world
    without its cables, at the pace of simulation."""
    robot: str = DEFAULT_ROBOT
    """Name of a robot under assets/, or a folder with a robot.toml."""
    pilot: Literal["expert", "exoskeleton", "gamepad"] | None = None
    """Who commands. Left out, the scripted expert in simulation, the exoskeleton on cables. A person may lead in
    simulation as well: name the device in --ports."""
    clutch: bool = False
    """Let the robot follow the exoskeleton only while the clutch is engaged: a pedal key held, or the key c."""
    hand: Literal["left", "right"] = "right"
    """Which hand the gamepad moves."""
    pedal_keys: tuple[str, ...] = ()
    """What the pedal's keys mean: code=meaning pairs of clutch, step-done, success, failure, e-stop. Left out, those of
    a triple pedal: 30=clutch 48=step-done 46=e-stop. `sudo evtest` shows the codes."""
    exoskeleton: Path | None = None
    """Another exoskeleton's table in place of the exoskeleton.toml beside the robot's."""
    exoskeleton_calibration: Path | None = None
    """For a trainer's own exoskeleton: a calibration, or a folder of them. Left out, the newest in calibration/."""
    distribution: Distribution = "nominal"
    """How scenarios are drawn: "nominal" is the middle half of every factor, "deployment" the whole."""
    requests: Path | None = None
    """A requests.json that `retake cases find` wrote."""
    rollouts_archive: Path | None = None
    """Where `retake evaluate` kept the rollouts that recoveries start from, if the queue's file no longer says it
    rightly."""
    operator: str | None = None
    """Who demonstrates; stands in every episode. Left out: "expert" in simulation, "exoskeleton" at a twin, "trainer"
    at a robot."""
    ports: tuple[str, ...] = ()
    """For a real robot: connection=path pairs, one for each connection of its table, and exoskeleton=/dev/..; `retake
    twin` prints such a line. Left out with --body serial, a twin is started and used. Devices of a person go with any
    body: exoskeleton, gamepad and pedal, the latter two below /dev/input/by-id."""
    calibration: Path | None = None
    """For a real robot: a calibration, or a folder of them. Left out, the newest in calibration/."""
    seed: int = 0
    """Draws the scenarios."""
    processes: int = available_processes()
    """How many episodes are simulated at once."""

    @property
    def demonstrator(self) -> str:
        """Who stands in the episodes: nobody shall read that the expert did what a person did."""
        if self.operator is not None:
            return self.operator
        if self.device is None:
            return "expert"
        ports = port_pairs(self.ports)
        is_twin = self.body == "serial" and (EXOSKELETON not in ports or CONTROL in ports)
        return "exoskeleton" if is_twin and self.device == "exoskeleton" else "trainer"

    @property
    def device(self) -> Device | None:
        """What a person leads by; None where the expert demonstrates."""
        if self.pilot is None:
            return "exoskeleton" if self.body == "serial" else None
        return None if self.pilot == "expert" else self.pilot

    @property
    def teleoperation(self) -> Teleoperation:
        """How the person leads."""
        return Teleoperation(
            device=self.device or "exoskeleton",
            has_clutch=self.clutch,
            pedal_keys=self.pedal_keys,
            hand=self.hand,
            exoskeleton=self.exoskeleton,
            calibration=self.exoskeleton_calibration,
        )


def run(config: Collect) -> int:
    task = load_task(config.task)
    _check(config)
    Archive(config.archive).recover()
    if config.requests is not None:
        return _answer_requests(config, RequestQueue(config.requests))
    purpose: Purpose = "nominal" if config.distribution == "nominal" else "uniform"
    chosen = scenarios(task.space, Pool.TRAIN, config.episodes, config.seed, distribution=config.distribution)
    results = demonstrate(config, orders(chosen, config.seed, purpose, config.demonstrator), on_result=_show)
    kept = Rate.of(result.is_kept for result in results)
    _show_advice(results, config.archive)
    console.print(f"  {kept} demonstrations kept; the others stay in the archive, marked with what went wrong")
    return 0


def _check(config: Collect) -> None:
    """Refuse what cannot be done, before anything is made."""
    at_least(1, episodes=config.episodes, processes=config.processes)
    at_least(0, seed=config.seed)
    if config.body == "serial" and config.pilot == "expert":
        raise UsageError("the scripted expert reads the simulator; on cables say --pilot exoskeleton or gamepad")
    if config.clutch and config.device == "gamepad":
        raise UsageError("--clutch is the exoskeleton's; a gamepad has its left shoulder button")
    if config.device is not None:
        require_leader(config.body, config.device, port_pairs(config.ports))
        pedal_meanings(config.pedal_keys)
    station_ports(config.body, config.robot, config.ports)
    if config.device is None and config.ports:
        raise UsageError("--ports are given, but the scripted expert needs none; say --pilot exoskeleton or gamepad")
    check_calibrations(config.body, config.robot, config.calibration, config.exoskeleton_calibration)
    if config.requests is not None and not config.requests.is_file():
        raise UsageError(f"there is no {config.requests}; `retake cases find` writes a requests.json")
    if config.requests is not None:
        RequestQueue(config.requests).all()
    if config.rollouts_archive is not None:
        Archive(config.rollouts_archive, create=False)


def demonstrate(
    config: Collect,
    wanted: Sequence[EpisodeOrder],
    *,
    what: str = "demonstrations",
    on_result: OnResult[EpisodeResult] | None = None,
) -> list[EpisodeResult]:
    """Record orders on the configured body; the catalogue knows the episodes afterwards.

    `on_result` gets each order's place and result as soon as there is one.

    Raises:
        EnvError, HardwareError: the body cannot be had.
    """
    if config.device is not None:
        results = demonstrate_by_hand(
            config.task,
            config.archive,
            wanted,
            port_pairs(config.ports),
            what=what,
            body=config.body,
            robot=config.robot,
            teleoperation=config.teleoperation,
            calibration=config.calibration,
            on_result=on_result,
        )
    else:
        place = Demonstrations(config.task, config.archive, config.robot, body=config.body)
        results = run_jobs(what, place.run, wanted, processes=config.processes, remark=_kept, on_result=on_result)
    with Catalogue(Archive(config.archive)) as catalogue:
        catalogue.sync()
    return results


def answer_requests(config: Collect, queue: RequestQueue, *, is_shown: bool = False) -> list[EpisodeResult]:
    """Record all open demonstrations of a queue that can start, and write each answer into it as it comes.

    With `is_shown` the verdict on each one's quality is printed.

    Raises:
        UsageError: none of them can start.
    """
    named = queue.rollouts_archives if config.rollouts_archive is None else (config.rollouts_archive,)
    archives = [config.archive, *(archive for archive in named if archive.is_dir())]
    ordered = request_orders(queue.open(), archives, config.seed, config.demonstrator)
    found = _without_strangers(config, ordered)
    if found.refused:
        told = f"{len(found.refused)} demonstrations are refused ({found.refused[0]})"
        if not found.orders:
            raise UsageError(f"{told}; find cases anew, or give --task and --robot as they were")
        console.print(f"  {told}; they stay open", soft_wrap=True, markup=False)
    wanted, left = found.orders, found.cannot_start
    if left:
        told = f"{len(left)} of {len(left) + len(wanted)} demonstrations cannot start ({left[0]})"
        advice = "give --rollouts-archive, the archive that the policy was evaluated into"
        if not wanted:
            raise UsageError(f"{told}; {advice}")
        console.print(f"  {told}; they stay open: {advice}", soft_wrap=True, markup=False)

    def note(index: int, result: EpisodeResult) -> None:
        request, place, _ = wanted[index]
        queue.answer(request.id, place, result.episode_id, accepted=result.is_kept)
        if is_shown:
            _show(index, result)

    return demonstrate(config, [order for _, _, order in wanted], what="requested demonstrations", on_result=note)


def _without_strangers(config: Collect, ordered: RequestOrders) -> RequestOrders:
    task = load_task(config.task)
    if config.body == "serial":
        return refuse_strangers(ordered, task, None)
    with closing(make_env(config.task, config.body, robot=config.robot, images=False)) as env:
        return refuse_strangers(ordered, task, env)


def _answer_requests(config: Collect, queue: RequestQueue) -> int:
    if not queue.open():
        console.print(f"  every request of {config.requests} is answered")
        return 0
    kept = Rate.of(result.is_kept for result in answer_requests(config, queue, is_shown=True))
    console.print(f"  {kept} requested demonstrations kept; {len(queue.open())} requests are still open")
    return 0


def _show(index: int, result: EpisodeResult) -> None:
    if result.quality is not None:
        show_verdict(result.episode_id, result.quality)


def _show_advice(results: Sequence[EpisodeResult], archive: Path) -> None:
    """Say how to get verdicts where there were none."""
    if any(result.quality is not None and result.quality.verdict == "unjudged" for result in results):
        advice = f"`retake quality learn --archive {archive}` learns what is usual from what is recorded"
        console.print(f"  some were not judged for their style: {advice}", soft_wrap=True, markup=False)


def _kept(results: Sequence[EpisodeResult]) -> str:
    return f"{sum(result.is_kept for result in results)} kept"


def main(arguments: Sequence[str] | None = None) -> int:
    return run_verb("retake collect", Collect, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
