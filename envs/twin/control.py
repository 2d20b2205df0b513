"""The twin's end of the crew's socket: stages, judges, and puts the exoskeleton on, as a person would."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from selectors import EVENT_READ, BaseSelector
from typing import Any

from envs.errors import EnvError, ScenarioError

_LOG = logging.getLogger(__name__)
_READ_LIMIT = 1 << 20
_ANSWER_WAIT_S = 1.0

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class ControlServer:
    """Answers one line of JSON a connection, through `answer`; what that raises is told to whoever asked.

    Args:
        path: of the Unix socket; removed on close.
        answer: does what a request asks.
        selector: its data is called whenever the file can be read.
    """

    def __init__(self, path: Path, answer: Answer, selector: BaseSelector) -> None:
        self.path = path
        self._answer = answer
        self._selector = selector
        self._asked: dict[socket.socket, bytes] = {}
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._server.bind(str(path))
        self._server.listen()
        selector.register(self._server, EVENT_READ, self._accept)

    def close(self) -> None:
        """Hang up, and remove the socket."""
        for connection in tuple(self._asked):
            self._hang_up(connection)
        self._selector.unregister(self._server)
        self._server.close()
        self.path.unlink(missing_ok=True)

    def _accept(self, now_s: float) -> None:
        connection, _ = self._server.accept()
        connection.setblocking(False)
        self._asked[connection] = b""
        self._selector.register(connection, EVENT_READ, lambda now_s: self._hear(connection))

    def _hear(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(_READ_LIMIT)
            self._asked[connection] += data
            if b"\n" in self._asked[connection]:
                answer = self._answer_to(self._asked[connection])
                connection.settimeout(_ANSWER_WAIT_S)
                connection.sendall(json.dumps(answer).encode() + b"\n")
            elif data:
                return
        except OSError as error:
            _LOG.warning("whoever asked has gone: %s", error)
        self._hang_up(connection)

    def _answer_to(self, line: bytes) -> dict[str, Any]:
        try:
            return self._answer(json.loads(line))
        except EnvError as error:
            return {"error": str(error), "kind": "scenario" if isinstance(error, ScenarioError) else "body"}
        except (ValueError, KeyError, TypeError) as error:
            return {"error": f"this is not a request: {error!r}", "kind": "body"}

    def _hang_up(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        del self._asked[connection]
        connection.close()
