"""The queue on disk that remembers what was asked and what has been answered."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from envs.episodes.durable import write_json
from policies.cases.requests import Answer, Request
from policies.errors import RequestError


class RequestQueue:
    """Requests in one JSON file. Every change replaces the file at once; one writer at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> list[Request]:
        """Every request, first priority first; none where the file does not exist yet.

        Raises:
            RequestError: the file is not a queue of requests.
        """
        if not self._path.exists():
            return []
        try:
            fields = json.loads(self._path.read_text(encoding="utf-8"))
            requests = [Request.from_dict(each) for each in fields["requests"]]
        except (ValueError, KeyError, TypeError) as error:
            raise RequestError(
                f"{self._path} is not a queue of requests: {error!r}; move it away or mend it"
            ) from error
        return sorted(requests, key=lambda request: request.priority)

    def open(self) -> list[Request]:
        return [request for request in self.all() if request.state == "open"]

    def add(self, requests: Sequence[Request]) -> None:
        """Put requests behind those already there.

        Raises:
            RequestError: an id is taken.
        """
        held = self.all()
        taken = {request.id for request in held} & {request.id for request in requests}
        if taken:
            raise RequestError(f"requests {sorted(taken)} are in {self._path} already; give new ones other ids")
        self._write([*held, *requests])

    def answer(self, request_id: str, demonstration: int, episode_id: str, *, accepted: bool) -> Request:
        """Note an episode that was recorded for a request.

        Raises:
            RequestError: there is no such request, or no such demonstration in it.
        """
        held = {request.id: request for request in self.all()}
        if request_id not in held:
            raise RequestError(f"no request {request_id!r} in {self._path}; there are {', '.join(held) or 'none'}")
        request = held[request_id]
        if not 0 <= demonstration < len(request.demonstrations):
            raise RequestError(
                f"request {request_id!r} has no demonstration {demonstration}; "
                f"it has 0 to {len(request.demonstrations) - 1}"
            )
        noted = replace(request, answers=(*request.answers, Answer(demonstration, episode_id, accepted)))
        self._write([noted if each.id == request_id else each for each in held.values()])
        return noted

    def _write(self, requests: Sequence[Request]) -> None:
        write_json(self._path, {"schema": 1, "requests": [request.to_dict() for request in requests]})
