"""Which demonstrations to ask for: how many of which kind, in which scenes, from which moments, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from envs.scenario import TRAINABLE, Pool, Scenario
from envs.tasks.task import Task
from policies.cases.allocation import SHARES, Budget, expected_gain, targeted_scenarios, water_fill
from policies.cases.modes import Mode
from policies.cases.rates import Rate
from policies.cases.requests import Demonstration, Kind, Request, Start, set_up_sentences
from policies.cases.risk import RiskStudy
from policies.cases.rollout import Rollout, failures
from policies.errors import PoolError

LEAST_LEAD_S = 0.5  # nobody can help later than that before an alarm

_MAX_REUSE = 2  # recoveries from one rollout


@dataclass(frozen=True)
class Plan:
    """Requests, why they are these, and modes that more data would not mend."""

    requests: tuple[Request, ...]
    reason: str
    not_data: tuple[str, ...] = ()


@dataclass(frozen=True)
class Planner:
    """Plans the requests of one round.

    `round_name` begins every request's id. `expert_failures` says how often the expert itself fails in a mode, by
    mode name: where that is more than half as often as the policy, more data is not the remedy.
    """

    task: Task
    budget: Budget
    control_hz: float
    round_name: str
    expert_failures: Mapping[str, Rate] = field(default_factory=dict)

    def plan(
        self, study: RiskStudy, modes: Sequence[Mode], rollouts: Sequence[Rollout], rng: np.random.Generator
    ) -> Plan:
        """Requests from what DISCOVER showed: half of the steps recovery, 35 % targeted, the rest uniform.

        With too little evidence all of it is uniform. Recoveries that no rollout can start become targeted, and
        targeted ones that no confirmed rule can aim become uniform.

        Raises:
            PoolError: a rollout belongs to a pool that never trains.
            EvidenceError: a rule covers next to nothing of the TRAIN pool.
        """
        barred = sorted({str(rollout.pool) for rollout in rollouts if rollout.pool not in TRAINABLE})
        if barred:
            raise PoolError(f"rollouts of pools {barred} cannot become demonstrations; plan from 'discover' rollouts")
        if not study.trustworthy:
            reason = f"Too little is known to aim: {study.objection}. So only uniform coverage is asked for."
            return self.uniform_coverage(reason, rng)
        confirmed = [mode for mode in modes if mode.confirmed]
        usable = [mode for mode in confirmed if not self._expert_fails(mode)]
        hopeless = [mode for mode in confirmed if mode not in usable]
        not_data = tuple(f"{mode.name}: the expert fails there as well" for mode in hopeless)
        teachable = [rollout for rollout in rollouts if not any(mode.covers(rollout) for mode in hopeless)]
        recoveries = self._recoveries(usable, teachable, rng)
        spent = sum(len(draft.demonstrations) for draft in recoveries) * self.budget.recovery_steps / self.budget.steps
        aimed = SHARES["targeted"] + max(SHARES["recovery"] - spent, 0.0)
        targeted = self._targeted(usable, self.budget.count("targeted", aimed), rng) if usable else []
        coverage = SHARES["uniform"] + (0.0 if usable else aimed)
        uniform = self._uniform(max(self.budget.count("uniform", coverage), 1), rng)
        return Plan(self._ranked([*recoveries, *targeted, uniform]), _reason(study, usable, hopeless), not_data)

    def uniform_coverage(self, reason: str, rng: np.random.Generator) -> Plan:
        """The whole budget over the deployment distribution."""
        return Plan(self._ranked([self._uniform(self.budget.count("uniform", 1.0), rng)]), reason)

    def _recoveries(
        self, modes: Sequence[Mode], rollouts: Sequence[Rollout], rng: np.random.Generator
    ) -> list[Request]:
        """Recoveries in the modes first; failures that no rule names take what is left."""
        lead_s = self.task.recovery_lead_s
        starting = ((rollout, recovery_start(rollout, self.control_hz, lead_s)) for rollout in failures(rollouts))
        left = {rollout.episode_id: (rollout, start) for rollout, start in starting if start is not None}
        starts: list[list[tuple[Rollout, Start]]] = []
        for mode in modes:
            names = [name for name, (rollout, _) in left.items() if mode.covers(rollout)]
            starts.append([left.pop(name) for name in names])
        wanted = self.budget.count("recovery", SHARES["recovery"])
        counts = water_fill(modes, wanted, [_MAX_REUSE * len(held) for held in starts], self.expert_failures)
        drafts = [self._recovery(mode, held, n, rng) for mode, held, n in zip(modes, starts, counts, strict=True) if n]
        spare = min(wanted - sum(counts), _MAX_REUSE * len(left))
        return drafts + ([self._recovery(None, list(left.values()), spare, rng)] if spare > 0 else [])

    def _recovery(
        self, mode: Mode | None, starts: Sequence[tuple[Rollout, Start]], count: int, rng: np.random.Generator
    ) -> Request:
        order = rng.permutation(len(starts))
        chosen = [starts[order[index % len(starts)]] for index in range(count)]
        scenes = [self._scene(rollout.scenario, rollout.pool, mode, start) for rollout, start in chosen]
        what = _evidence(mode) if mode else "The policy failed here, and no rule says why."
        return self._draft("recovery", mode, scenes, f"{what} Start before it went wrong, recover, finish the task.")

    def _targeted(self, modes: Sequence[Mode], count: int, rng: np.random.Generator) -> list[Request]:
        drafts = []
        counts = water_fill(modes, count, [count] * len(modes), self.expert_failures)
        for mode, n in zip(modes, counts, strict=True):
            drawn = targeted_scenarios(self.task.space, mode, n, rng)
            scenes = [self._scene(scenario, Pool.TRAIN, mode) for scenario in drawn]
            why = f"{_evidence(mode)} Show the whole task in such scenes; a few of them lie just outside of the rule."
            drafts.append(self._draft("targeted", mode, scenes, why))
        return [draft for draft in drafts if draft.demonstrations]

    def _uniform(self, count: int, rng: np.random.Generator) -> Request:
        drawn = self.task.space.draw(Pool.TRAIN, rng)
        scenes = [self._scene(next(drawn), Pool.TRAIN, None) for _ in range(count)]
        return self._draft("uniform", None, scenes, "Coverage of everything, so that nothing else is forgotten.")

    def _scene(self, scenario: Scenario, pool: Pool, mode: Mode | None, start: Start | None = None) -> Demonstration:
        english, chinese = set_up_sentences(self.task.space, scenario, mode.rule.factors if mode else ())
        return Demonstration(scenario, pool, english, chinese, start)

    def _draft(self, kind: Kind, mode: Mode | None, scenes: Sequence[Demonstration], why: str) -> Request:
        return Request(
            id="",
            task=self.task.name,
            kind=kind,
            mode=mode.name if mode else None,
            why=why,
            priority=0,
            expected_gain=expected_gain(mode, len(scenes), self.expert_failures.get(mode.name)) if mode else None,
            instructions=self.task.instructions,
            demonstrations=tuple(scenes),
            counts=mode.counts if mode else None,
        )

    def _expert_fails(self, mode: Mode) -> bool:
        expert = self.expert_failures.get(mode.name)
        return expert is not None and expert.n > 0 and expert.value > 0.5 * mode.held_out.inside.value

    def _ranked(self, drafts: Sequence[Request]) -> tuple[Request, ...]:
        """Most expected gain a step first; what predicts no gain comes last."""

        def gain_per_step(draft: Request) -> float:
            short = draft.kind == "recovery"
            each = self.budget.recovery_steps if short else self.budget.demonstration_steps
            return (draft.expected_gain or 0.0) / (len(draft.demonstrations) * each)

        ordered = sorted(drafts, key=gain_per_step, reverse=True)
        return tuple(
            replace(draft, priority=place, id=f"{self.round_name}-{place:02d}-{draft.kind}")
            for place, draft in enumerate(ordered, start=1)
        )


def recovery_start(rollout: Rollout, control_hz: float, lead_s: float) -> Start | None:
    """The last snapshot so long before the alarm (before the failure, without an alarm).

    Where the rollout had not begun by then it is the first one, if that is half a second before.
    """
    moment = rollout.steps if rollout.alarm_step is None else rollout.alarm_step
    steps = [step for step in rollout.snapshot_steps if step <= moment - LEAST_LEAD_S * control_hz]
    early = [step for step in steps if step <= moment - lead_s * control_hz]
    if not steps:
        return None
    return Start(rollout.episode_id, max(early) if early else min(steps))


def _evidence(mode: Mode) -> str:
    inside, outside = mode.counts.inside, mode.counts.outside
    return f"Where {mode.rule_text}, {mode.signature!r} went wrong in {inside}; elsewhere in {outside}."


def _reason(study: RiskStudy, usable: Sequence[Mode], hopeless: Sequence[Mode]) -> str:
    found = f"{study.failures} failures in {study.rollouts} rollouts"
    if usable:
        return f"{found}; confirmed: {'; '.join(mode.name for mode in usable)}."
    why = "the confirmed rules name scenes where the expert fails too" if hopeless else "no rule is confirmed"
    return f"{found}, but {why}. So recoveries from the other failures are asked for, and uniform coverage."
