"""Try a policy: on scenarios of one pool, on either body, or open loop on recorded episodes."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assets.table import load_robot
from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue
from envs.episodes.session import EpisodeOrder
from envs.registry import BodyKind
from envs.scenario import Distribution, Pool, Scenario
from envs.tasks.known import load_task
from envs.tasks.task import Task
from experiments.calibrations import check_calibrations
from experiments.case_book import CaseBook
from experiments.cockpit import Teleoperation
from experiments.command import UsageError, at_least, run_verb
from experiments.dataset import PoolName
from experiments.open_loop import OpenLoop
from experiments.open_loop import run as run_open_loop
from experiments.orders import orders, scenarios
from experiments.outputs import require_file
from experiments.port_options import DEFAULT_ROBOT, port_pairs, station_ports
from experiments.rollout_files import keep_rollouts
from experiments.serial_station import fly_on_cables, require_leader
from experiments.stations import Flight, Rollouts
from experiments.step_starts import begun_with, place_of_step
from experiments.task_option import OptionalTaskName, task_to_try
from experiments.workers import OnResult, available_processes, console, run_and_keep, run_jobs
from hardware.pedal import pedal_meanings
from policies.cases.doubt import DoubtBand
from policies.cases.rates import Rate
from policies.cases.rollout import Rollout
from policies.checkpoint import load_policy

OPEN_LOOP = "--open-loop"


@dataclass(frozen=True)
class Evaluate:
    """Try a policy on scenarios, and keep every rollout as evidence.

    Each scenario follows from --pool and --seed alone, so two policies tried with the same options meet the same
    scenarios and noise, and can be compared pair by pair.

    With --open-loop it compares the policy's commands with recorded ones instead; see
    `retake evaluate --open-loop --help`.

    Recoveries start from rollouts: keep --archive; the requests that `retake cases find` writes name it.

    With --correct-with a person may take the command over during a rollout, and give it back: t pauses the policy, t
    again takes over, g gives back; a pedal key that means clutch or take-over does what t does. It runs in real time,
    and every step says who commanded it. A rollout that was corrected counts as failed.

    With --pool calibrate --out runs/mine/calibrate.json it makes what `retake cases calibrate` reads.

    With --begin the expert does the steps before one, so that a policy that fails early can show what it has learnt of
    later ones. It has the task's whole duration from there on. A doubt band of such rollouts is for such rollouts;
    `retake cases find` asks for recoveries from within them, and else for whole demonstrations.

    Examples:
      retake evaluate --policy runs/mine/policy --archive runs/mine/archive --out runs/mine/discover.json
      retake evaluate --policy runs/coffee/policy --begin wait --episodes 30
    """

    policy: Path
    """The checkpoint's folder."""
    archive: Path = Path("runs/rollouts")
    """The archive that keeps the rollouts."""
    task: OptionalTaskName = None
    """What is tried; left out, what the policy learnt."""
    pool: PoolName = "discover"
    """Which scenarios: discover to look for weaknesses, verify and regress to prove, test once a release."""
    episodes: int = 100
    """How many scenarios."""
    distribution: Distribution = "deployment"
    """"deployment" is the whole range of every factor, "nominal" its middle half."""
    begin: str | None = None
    """An instruction step to begin with, in simulation; left out, the first one."""
    body: BodyKind = "sim"
    """"serial" flies a robot behind serial ports, or a twin; "fast-twin" is the twin's world without its cables, at the
    pace of simulation."""
    robot: str = DEFAULT_ROBOT
    """Name of a robot under assets/, or a folder with a robot.toml."""
    ports: tuple[str, ...] = ()
    """For a real robot: connection=path pairs. Left out with --body serial, a twin is started and used."""
    correct_with: Literal["exoskeleton", "gamepad"] | None = None
    """What a trainer takes over with, in real time; name its port in --ports, and that of a pedal."""
    pedal_keys: tuple[str, ...] = ()
    """What the pedal's keys mean: code=meaning pairs of take-over, give-back, step-done, success, failure, e-stop."""
    exoskeleton: Path | None = None
    """Another exoskeleton's table in place of the exoskeleton.toml beside the robot's."""
    exoskeleton_calibration: Path | None = None
    """For a trainer's own exoskeleton: a calibration, or a folder of them. Left out, the newest in calibration/."""
    calibration: Path | None = None
    """For a real robot: a calibration, or a folder of them. Left out, the newest in calibration/."""
    band: Path | None = None
    """A doubt band that `retake cases calibrate` wrote; the policy then alarms where it leaves the band."""
    out: Path | None = None
    """Where to write the rollouts as JSON, for `retake cases`."""
    cases: Path | None = None
    """A cases.json, begun where it is not there: add the episodes that failed or alarmed."""
    seed: int = 0
    """Draws the scenarios and the noise in them."""
    processes: int = available_processes()
    """How many rollouts are simulated at once; results do not depend on it."""

    @property
    def teleoperation(self) -> Teleoperation:
        """How a trainer corrects, where one does, and what the pedal means."""
        return Teleoperation(
            device=self.correct_with or "exoskeleton",
            pedal_keys=self.pedal_keys,
            exoskeleton=self.exoskeleton,
            calibration=self.exoskeleton_calibration,
        )


def run(config: Evaluate) -> int:
    if config.task is not None:
        load_task(config.task)
    at_least(1, episodes=config.episodes, processes=config.processes)
    at_least(0, seed=config.seed)
    _check_devices(config)
    check_calibrations(config.body, config.robot, config.calibration, config.exoskeleton_calibration)
    _check_outputs(config)
    if config.begin is not None and config.body != "sim":
        raise UsageError(f"--begin takes the expert to where it begins, in simulation: --body sim, not {config.body}")
    trained = load_policy(config.policy, load_robot(config.robot))
    task = load_task(task_to_try(config.policy, trained.provenance.tasks, config.task))
    chosen = scenarios(task.space, Pool(config.pool), config.episodes, config.seed, distribution=config.distribution)
    is_midway = config.begin is not None and place_of_step(config.begin, task.name) > 0
    band = _band(config.band, is_midway)
    warn_of_known(config.archive, chosen, None if is_midway else trained.identity)
    wanted = _begun(config, task, orders(chosen, config.seed, "rollout", "policy", policy=trained.identity))

    def keep(rollouts: list[Rollout], is_whole: bool) -> None:
        if config.out is not None:
            keep_rollouts(config.out, trained.identity, task.name, config.archive, rollouts, is_whole)
        if config.cases is not None:
            new = CaseBook(config.cases).add(rollouts, ())
            console.print(f"  {len(new)} new cases in {config.cases}; `retake cases list --cases` shows them")

    rollouts = roll_out_all(config, task.name, wanted, band, keep)
    console.print(f"  success: {Rate.of(rollout.success for rollout in rollouts)}")
    for signature, count in Counter(r.signature for r in rollouts if not r.success).most_common():
        console.print(f"    {count:4d} x {signature}")
    return 0


def _begun(config: Evaluate, task: Task, wanted: list[EpisodeOrder]) -> list[EpisodeOrder]:
    """The orders from the instruction step on that was asked for; fewer, where the expert does not get there."""
    if config.begin is None:
        return wanted
    begun = begun_with(config.begin, task.name, wanted, config.processes, config.robot)
    console.print(f"  {len(begun)} of {len(wanted)} scenarios can begin with {config.begin}; the expert did all before")
    return begun


def warn_of_known(archive: Path, chosen: Sequence[Scenario], policy: str | None) -> None:
    """Say so where the scenarios are not fresh. Another policy's rollouts of them are what a paired proof wants.

    Without a policy, only demonstrations count.
    """
    if not archive.is_dir():
        return
    with Catalogue(Archive(archive)) as catalogue:
        catalogue.sync()
        held = catalogue.query(scenario_key=[scenario.key for scenario in chosen])
    known = {
        entry.scenario_key
        for entry in held
        if entry.purpose != "rollout" or (policy is not None and entry.policy == policy)
    }
    if known:
        console.print(
            f"  [yellow]not fresh:[/] {archive} holds demonstrations, or this policy's rollouts, of {len(known)} of "
            f"these {len(chosen)} scenarios; give another --seed for fresh ones",
            soft_wrap=True,
        )


def _check_devices(config: Evaluate) -> None:
    ports = station_ports(config.body, config.robot, config.ports)
    pedal_meanings(config.pedal_keys)
    if config.correct_with is not None:
        require_leader(config.body, config.correct_with, ports)
    elif config.body != "serial" and ports:
        raise UsageError("--ports are given, but nobody leads in simulation; say --correct-with exoskeleton or gamepad")


def _check_outputs(config: Evaluate) -> None:
    require_file("--out", config.out)
    require_file("--cases", config.cases)
    if config.cases is not None:
        CaseBook(config.cases).all()


def roll_out_all(
    config: Evaluate,
    task: str,
    wanted: Sequence[EpisodeOrder],
    band: DoubtBand | None,
    keep: Callable[[list[Rollout], bool], None],
    *,
    what: str = "rollouts",
) -> list[Rollout]:
    """Fly all orders by the configured policy on the configured body; the archive and its catalogue keep the episodes.

    `task` is what the orders are of, whatever the configuration says.
    `keep` gets the rollouts once, and whether they are all; fewer came where an error or an interruption ended it.

    Raises:
        EnvError, HardwareError, CheckpointError: the body or the policy cannot be had.
    """
    flight = Flight(task, config.archive, config.policy, band, config.robot, config.body)

    def fly(on_result: OnResult[Rollout]) -> list[Rollout]:
        if config.body == "serial" or config.correct_with is not None:
            ports = port_pairs(config.ports)
            return fly_on_cables(
                flight,
                wanted,
                ports,
                what=what,
                body=config.body,
                teleoperation=config.teleoperation,
                calibration=config.calibration,
                is_corrected=config.correct_with is not None,
                on_result=on_result,
            )
        # The first opens the archive, so that no two workers make it at once.
        Archive(config.archive)
        work, processes = Rollouts(flight).run, config.processes
        return run_jobs(what, work, wanted, processes=processes, remark=_succeeded, on_result=on_result)

    rollouts = run_and_keep(fly, keep)
    with Catalogue(Archive(config.archive)) as catalogue:
        catalogue.sync()
    return rollouts


def _band(file: Path | None, is_midway: bool) -> DoubtBand | None:
    if file is None:
        return None
    try:
        band = DoubtBand.from_dict(json.loads(file.read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file} holds no doubt band ({error}); `retake cases calibrate` writes one") from error
    if band.begins_midway is not is_midway:
        learnt, asked = ("began midway", "begin at home") if band.begins_midway else ("began at home", "begin midway")
        raise UsageError(f"{file} was learnt from rollouts that {learnt}, and these {asked}; give a band of their own")
    return band


def _succeeded(rollouts: Sequence[Rollout]) -> str:
    return f"{sum(rollout.success for rollout in rollouts)} succeeded"


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    if OPEN_LOOP in given:
        given.remove(OPEN_LOOP)
        return run_verb(f"retake evaluate {OPEN_LOOP}", OpenLoop, run_open_loop, given)
    return run_verb("retake evaluate", Evaluate, run, given)


if __name__ == "__main__":
    sys.exit(main())
