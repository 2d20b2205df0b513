"""Whoever stages and judges at the other end of a socket: one line of JSON asks, one answers.

    {"do": "set_up", "scenario": {...}, "start": base64 or null}   -> {}
    {"do": "judge"}                                                -> a Judgement
    {"do": "wear", "worn": true}                                   -> {}
    {"do": "figures"}                                              -> numbers by name

An answer with "error" is a refusal; "kind" says whether the scenario or the body is at fault.
"""

from __future__ import annotations

import base64
import json
import socket
from dataclasses import asdict
from typing import Any

import numpy as np

from envs.errors import BodyError, ScenarioError
from envs.scenario import Scenario
from envs.snapshot import Snapshot
from envs.stage import Judgement

_WAIT_S = 20.0


class RemoteCrew:
    """Judge and stage crew in one, over a Unix socket; each question is a connection of its own."""

    def __init__(self, path: str) -> None:
        self._path = path

    def set_up(self, scenario: Scenario, start: Snapshot | None, rng: np.random.Generator) -> None:
        encoded = None if start is None else base64.b64encode(start.to_bytes()).decode()
        self.ask({"do": "set_up", "scenario": scenario.to_dict(), "start": encoded})

    def assess(self) -> Judgement:
        """The judgement of this moment.

        Raises:
            BodyError: nobody answers.
        """
        return judgement_from(self.ask({"do": "judge"}))

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """One question, one answer.

        Raises:
            ScenarioError: the scenario or snapshot is refused.
            BodyError: the request is refused otherwise, or nobody answers.
        """
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(_WAIT_S)
                connection.connect(self._path)
                connection.sendall(json.dumps(request).encode() + b"\n")
                with connection.makefile("rb") as answers:
                    answer: dict[str, Any] = json.loads(answers.readline())
        except (OSError, ValueError) as error:
            raise BodyError(f"nobody answers at {self._path}: {error}. Is the twin running?") from error
        if "error" in answer:
            raise (ScenarioError if answer.get("kind") == "scenario" else BodyError)(answer["error"])
        return answer


def judgement_from(fields: dict[str, Any]) -> Judgement:
    return Judgement(
        done=tuple(bool(done) for done in fields["done"]),
        success=bool(fields["success"]),
        failure=fields["failure"],
        unmet=fields["unmet"],
    )


def judgement_to(judgement: Judgement) -> dict[str, Any]:
    return asdict(judgement)


def start_from(encoded: str | None) -> Snapshot | None:
    """The snapshot of a `set_up` request; None begins from the beginning.

    Raises:
        ScenarioError: it is none.
    """
    if encoded is None:
        return None
    try:
        return Snapshot.from_bytes(base64.b64decode(encoded, validate=True))
    except ValueError as error:
        raise ScenarioError(f"the start is not base64: {error}") from error
