"""`retake bench NAME`: measure one thing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from experiments.bench import bus, capture, env, exo, expert, mix, open_loop, payload, policy, senses
from experiments.bench.rows import Row, publish
from experiments.command import run_verbs

_ABOUT = """Measure one thing beside its peer, in one run and interleaved, so that a busy machine is busy for both.
A goal that is not met is reported, and is no error: the exit code is 0."""

_BENCHES: dict[str, tuple[type[Any], Callable[[Any], list[Row]]]] = {
    "env": (env.Env, env.measure),
    "policy": (policy.Policy, policy.measure),
    "capture": (capture.Capture, capture.measure),
    "bus": (bus.Bus, bus.measure),
    "exo": (exo.Exo, exo.measure),
    "mix": (mix.Mix, mix.measure),
    "senses": (senses.Senses, senses.measure),
    "expert": (expert.Expert, expert.measure),
    "open-loop": (open_loop.OpenLoop, open_loop.measure),
    "payload": (payload.Payload, payload.measure),
}


def main(arguments: Sequence[str] | None = None) -> int:
    verbs = {name: (config, partial(_run, name, measure)) for name, (config, measure) in _BENCHES.items()}
    return run_verbs("retake bench", _ABOUT, verbs, arguments)


def _run(name: str, measure: Callable[[Any], list[Row]], options: Any) -> int:
    return publish(name, options, lambda: measure(options))
