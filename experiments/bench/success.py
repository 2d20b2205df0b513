"""How often something succeeded, as a row of a benchmark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from experiments.bench.rows import Row
from policies.cases.rates import Rate


class Outcome(Protocol):
    """How one trial ended. `signature` says what failed, without its figures."""

    @property
    def success(self) -> bool: ...

    @property
    def signature(self) -> str: ...


def success_row(name: str, outcomes: Sequence[Outcome], goal: float | None = None) -> Row:
    """The share of successes, with Wilson's interval, and what the others failed by."""
    rate = Rate.of(outcome.success for outcome in outcomes)
    low, high = rate.interval
    failures = Counter(outcome.signature for outcome in outcomes if not outcome.success)
    told = ", ".join(f"{signature} {count}" for signature, count in sorted(failures.items()))
    note = f"{rate.count} of {rate.n}, interval {low:.3f}-{high:.3f}" + (f"; failed by {told}" if told else "")
    return Row(name, rate.value, "share", goal=goal, wanted="at least", note=note)
