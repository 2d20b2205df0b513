"""From rollouts to cases: the doubt band, the weakness and its name, the requests to trainers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from rich.table import Column, Table

from assets.table import load_robot
from envs.episodes.durable import write_json
from envs.tasks.known import load_task
from experiments.case_book import CaseBook
from experiments.command import UsageError, Verbs, at_least, run_verbs
from experiments.outputs import require_file
from experiments.port_options import DEFAULT_ROBOT
from experiments.proof import Verify, verify
from experiments.rollout_files import load_rollouts
from experiments.workers import available_processes, console
from policies.cases.allocation import Budget
from policies.cases.card import card
from policies.cases.doubt import DoubtBand
from policies.cases.modes import Mode, find_modes
from policies.cases.planning import Plan, Planner
from policies.cases.rates import Rate
from policies.cases.request_queue import RequestQueue
from policies.cases.risk import RiskStudy, study_risk
from policies.cases.rollout import Rollout, unstopped


@dataclass(frozen=True)
class Calibrate:
    """Learn from CALIBRATE rollouts how much doubt is usual in successes.

    Example: retake cases calibrate --rollouts runs/mine/calibrate.json --out runs/mine/band.json
    """

    rollouts: Path
    """What `retake evaluate --pool calibrate --out` wrote."""
    out: Path
    """Where to write the band."""
    alpha: float = 0.1
    """At most this share of successes may raise an alarm."""
    seed: int = 0
    """Splits the successes into those that shape the band and those that set its height."""


@dataclass(frozen=True)
class Find:
    """Find where the policy fails, name it, and write requests.

    Example: retake cases find --rollouts runs/mine/discover.json --out runs/mine/requests.json
    """

    rollouts: Path
    """What `retake evaluate --pool discover --out` wrote."""
    out: Path
    """Where to write the queue of requests."""
    demonstrations: int = 40
    """How many demonstrations of usual length may be asked for in all."""
    round_name: str = "round"
    """Begins the id of every request."""
    robot: str = DEFAULT_ROBOT
    """Whose rollouts they are: name of a robot under assets/, or a folder with a robot.toml."""
    seed: int = 0
    """Splits and permutations, and the expert's scenarios."""
    expert: bool = True
    """Fly the scripted expert where the policy fails, and ask for no data where it fails as well; --no-expert skips
    it."""
    processes: int = available_processes()
    """How many of the expert's episodes are simulated at once."""


@dataclass(frozen=True)
class ListRequests:
    """List the requests of a queue, print the card of one, or list the cases of a file.

    Examples:
      retake cases list --requests runs/mine/requests.json --card round-01-targeted
      retake cases list --cases runs/mine/cases.json
    """

    requests: Path | None = None
    """What `retake cases find` wrote."""
    cases: Path | None = None
    """What `retake evaluate --cases` wrote."""
    card: str | None = None
    """A request's id: print what its trainer is told, in English and Chinese."""
    demonstration: int = 0
    """Which of its demonstrations."""


@dataclass(frozen=True)
class Findings:
    """What rollouts of the DISCOVER pool show, and what is asked for because of it."""

    study: RiskStudy
    modes: tuple[Mode, ...]
    plan: Plan
    stopped: int = 0  # rollouts left out, because a stop ended them


def find(
    task_name: str,
    rollouts: Sequence[Rollout],
    demonstrations: int,
    round_name: str,
    rng: np.random.Generator,
    *,
    expert_failures: Callable[[Sequence[Mode]], Mapping[str, Rate]] = lambda _: {},
    robot: str = DEFAULT_ROBOT,
) -> Findings:
    """Risk, modes and requests. The budget is in control steps, by the length of the successful rollouts.

    Rollouts that a stop ended are left out.

    `expert_failures` says of the modes that were found how often the expert itself fails in them, by mode name.

    Raises:
        PoolError, EvidenceError: the rollouts are of a pool that never trains, or a rule covers next to nothing.
    """
    task = load_task(task_name)
    flown = unstopped(rollouts)
    lengths = [rollout.steps for rollout in flown if rollout.success] or [rollout.steps for rollout in flown]
    stopped = len(rollouts) - len(flown)
    if not lengths:
        why = f" (the body stopped all {stopped})" if stopped else ""
        raise UsageError(f"there are no rollouts to learn from{why}; run `retake evaluate` first")
    usual = float(np.mean(lengths))
    study = study_risk(task.space, flown, rng)
    modes = tuple(find_modes(task.space, flown, rng)) if study.trustworthy else ()
    budget = Budget(round(demonstrations * usual), usual, usual * 0.6)
    planner = Planner(task, budget, load_robot(robot).control_hz, round_name, expert_failures(modes))
    return Findings(study, modes, planner.plan(study, modes, flown, rng), stopped)


def _calibrate(config: Calibrate) -> int:
    at_least(0, seed=config.seed)
    if not 0.0 < config.alpha < 1.0:
        raise UsageError(f"--alpha is {config.alpha:g}; it must be above 0 and below 1")
    band = DoubtBand.calibrate(
        load_rollouts(config.rollouts).rollouts, np.random.default_rng(config.seed), alpha=config.alpha
    )
    write_json(config.out, band.to_dict())
    console.print(
        f"  band of {band.n_shape + band.n_height} successes, at most {band.alpha:.0%} false alarms: {config.out}"
    )
    return 0


def _find(config: Find) -> int:
    at_least(1, demonstrations=config.demonstrations, processes=config.processes)
    at_least(0, seed=config.seed)
    require_file("--out", config.out)
    taken = [request.id for request in RequestQueue(config.out).all() if request.id.startswith(f"{config.round_name}-")]
    if taken:
        raise UsageError(f"{config.out} holds {taken[0]} already; give another --round-name, or another --out")
    source = load_rollouts(config.rollouts)
    found = find(
        source.task,
        source.rollouts,
        config.demonstrations,
        config.round_name,
        np.random.default_rng(config.seed),
        expert_failures=partial(_expert_failures, config, source.task) if config.expert else lambda _: {},
        robot=config.robot,
    )
    RequestQueue(config.out).add(found.plan.requests, source.archive)
    report_findings(found)
    console.print(f"  {len(found.plan.requests)} requests in {config.out}; `retake collect --requests` answers them")
    return 0


def _expert_failures(config: Find, task: str, modes: Sequence[Mode]) -> Mapping[str, Rate]:
    from experiments.expert_trials import expert_failures

    rng = np.random.default_rng([config.seed, 1])  # of its own: flying the expert changes nothing that is drawn
    return expert_failures(load_task(task), modes, rng, processes=config.processes, robot=config.robot)


def report_findings(found: Findings) -> None:
    """Say what was found, in plain words."""
    study = found.study
    if found.stopped:
        console.print(f"  {found.stopped} rollouts that the body stopped are left out: they say nothing of the policy")
    console.print(f"  {study.failures} failures in {study.rollouts} rollouts")
    if study.auroc is not None and study.auroc_interval is not None:
        low, high = study.auroc_interval
        console.print(f"  scenario risk, out of fold: AUROC {study.auroc:.2f} (95 % interval {low:.2f}-{high:.2f})")
    for mode in found.modes:
        state = "confirmed" if mode.confirmed else "could be chance"
        console.print(f"  {mode.name}: {mode.counts.inside} inside, {mode.counts.outside} outside; {state}")
    console.print(f"  {found.plan.reason}", soft_wrap=True)
    for remark in found.plan.not_data:
        console.print(f"  more data would not help: {remark}", soft_wrap=True)


def _list(config: ListRequests) -> int:
    if config.cases is not None and config.requests is None:
        return _list_cases(config.cases)
    if config.requests is None or config.cases is not None:
        raise UsageError("say what to list: either --requests requests.json or --cases cases.json")
    if not config.requests.is_file():
        raise UsageError(f"there is no {config.requests}; `retake cases find` writes one")
    requests = RequestQueue(config.requests).all()
    if config.card is not None:
        by_id = {request.id: request for request in requests}
        if config.card not in by_id:
            raise UsageError(f"there is no request {config.card!r}; there are {', '.join(by_id)}")
        request = by_id[config.card]
        if not 0 <= config.demonstration < len(request.demonstrations):
            raise UsageError(f"{request.id} has demonstrations 0 to {len(request.demonstrations) - 1}")
        console.print(card(request, config.demonstration), markup=False, highlight=False, soft_wrap=True)
        return 0
    table = Table("priority", "request", "kind", "answered", "state", "why")
    for request in requests:
        answered = f"{len(request.episodes)}/{len(request.demonstrations)}"
        table.add_row(str(request.priority), request.id, request.kind, answered, request.state, request.why)
    console.print(table)
    return 0


def _list_cases(file: Path) -> int:
    if not file.is_file():
        raise UsageError(f"there is no {file}; `retake evaluate --cases {file}` begins one")
    headings = ("episode", "body", "pool", "went wrong", "alarm", "restarts", "modes")
    table = Table(*(Column(heading, overflow="fold") for heading in headings))
    for case in CaseBook(file).all():
        alarm = "" if case.alarm_step is None else str(case.alarm_step)
        wrong = case.signature if case.failed else "alarmed, but succeeded"
        modes = ", ".join(case.modes)
        table.add_row(case.episode_id, case.body, case.pool, wrong, alarm, str(len(case.snapshot_steps)), modes)
    console.print(table)
    return 0


_VERBS: Verbs = {
    "calibrate": (Calibrate, _calibrate),
    "find": (Find, _find),
    "list": (ListRequests, _list),
    "verify": (Verify, verify),
}


def main(arguments: Sequence[str] | None = None) -> int:
    about = "From failures to proof: calibrate the doubt, name the weakness, see what to collect, prove that it helped."
    return run_verbs("retake cases", about, _VERBS, arguments)


if __name__ == "__main__":
    sys.exit(main())
