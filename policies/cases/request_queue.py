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
        return self._read()[0]

    @property
    def rollouts_archives(self) -> tuple[Path, ...]:
        """The archives that hold the rollouts which recoveries start from; raises as `all`."""
        return self._read()[1]

    def open(self) -> list[Request]:
        return [request for request in self.all() if request.state == "open"]

    def add(self, requests: Sequence[Request], rollouts_archive: Path | None = None) -> None:
        """Put requests behind those already there.

        Args:
            rollouts_archive: holds the rollouts that recoveries among them start from.

        Raises:
            RequestError: an id is taken.
        """
        held, archives = self._read()
        taken = {request.id for request in held} & {request.id for request in requests}
        if taken:
            raise RequestError(f"requests {sorted(taken)} are in {self._path} already; give new ones other ids")
        named = () if rollouts_archive is None else (rollouts_archive.resolve(),)
        self._write([*held, *requests], tuple(dict.fromkeys([*archives, *named])))

    def answer(self, request_id: str, demonstration: int, episode_id: str, *, accepted: bool) -> Request:
        """Note an episode that was recorded for a request.

        Raises:
            RequestError: there is no such request, or no such demonstration in it.
        """
        requests, archives = self._read()
        held = {request.id: request for request in requests}
        if request_id not in held:
            raise RequestError(f"no request {request_id!r} in {self._path}; there are {', '.join(held) or 'none'}")
        request = held[request_id]
        if not 0 <= demonstration < len(request.demonstrations):
            raise RequestError(
                f"request {request_id!r} has no demonstration {demonstration}; "
                f"it has 0 to {len(request.demonstrations) - 1}"
            )
        noted = replace(request, answers=(*request.answers, Answer(demonstration, episode_id, accepted)))
        self._write([noted if each.id == request_id else each for each in held.values()], archives)
        return noted

    def _read(self) -> tuple[list[Request], tuple[Path, ...]]:
        if not self._path.exists():
            return [], ()
        try:
            fields = json.loads(self._path.read_text(encoding="utf-8"))
            requests = [Request.from_dict(each) for each in fields["requests"]]
            archives = tuple(Path(each) for each in fields.get("rollouts_archives", ()))
        except (ValueError, KeyError, TypeError) as error:
            raise RequestError(
                f"{self._path} is not a queue of requests: {error!r}; move it away or mend it"
            ) from error
        return sorted(requests, key=lambda request: request.priority), archives

    def _write(self, requests: Sequence[Request], archives: Sequence[Path]) -> None:
        told = {"schema": 1, "rollouts_archives": [str(archive) for archive in archives]}
        write_json(self._path, {**told, "requests": [request.to_dict() for request in requests]})
