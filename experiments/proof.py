"""Two policies on the same scenarios: was it fixed, and did nothing else get worse? `retake cases verify`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from envs.scenario import Pool
from experiments.command import UsageError
from experiments.rollout_files import RolloutFile, load_rollouts
from experiments.workers import console
from policies.cases.verify import Improvement, NonInferiority, judge_improvement, judge_regression


@dataclass(frozen=True)
class Verify:
    """Compare two policies pair by pair: rollouts of VERIFY for an improvement, of REGRESS for nothing worse.

    TEST rollouts are judged both ways. Rollouts of pools that chose what to train on prove nothing, and are refused.

    Example: retake cases verify --before runs/mine/before.json --after runs/mine/after.json
    """

    before: Path
    """What `retake evaluate --pool verify --out` (or regress, or test) wrote of the first policy."""
    after: Path
    """The same of the retrained policy, with the same --pool, --episodes and --seed."""
    json: bool = False
    """Print one JSON object instead of sentences."""


def verify(config: Verify) -> int:
    before, after = load_rollouts(config.before), load_rollouts(config.after)
    improvement, regression = judge(before, after)
    judged = {"improvement": improvement, "regression": regression}
    if config.json:
        head = {"before": before.policy, "after": after.policy}
        print_json({**head, **{name: found and found.to_dict() for name, found in judged.items()}})
        return 0
    for found in judged.values():
        if found is not None:
            console.print(f"  {found.text}", soft_wrap=True)
    console.print("  This speaks of one pair of networks; `retake loop` speaks of the recipe.", soft_wrap=True)
    return 0


def judge(before: RolloutFile, after: RolloutFile) -> tuple[Improvement | None, NonInferiority | None]:
    """What the pool of the rollouts can prove.

    Raises:
        UsageError: the rollouts are not all of one pool that proves.
        EvidenceError: they are not pairs.
    """
    pools = {rollout.pool for rollout in (*before.rollouts, *after.rollouts)}
    if len(pools) != 1 or not pools <= {Pool.VERIFY, Pool.REGRESS, Pool.TEST}:
        given = ", ".join(sorted(map(str, pools))) or "nothing"
        raise UsageError(f"rollouts of {given} prove nothing; give both files of one pool: verify, regress or test")
    (pool,) = pools
    improvement = judge_improvement(before.rollouts, after.rollouts) if pool is not Pool.REGRESS else None
    regression = judge_regression(before.rollouts, after.rollouts) if pool is not Pool.VERIFY else None
    return improvement, regression


def print_json(fields: dict[str, object]) -> None:
    console.print(json.dumps(fields, indent=2), markup=False, highlight=False, soft_wrap=True)
