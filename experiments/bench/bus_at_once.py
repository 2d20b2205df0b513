"""Servos that answer at once, in a process of their own: replies made beforehand, with the time put in."""

from __future__ import annotations

import multiprocessing
import select
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection

import numpy as np

from experiments.bench.bus_cycles import virtual_bus
from hardware.crc import crc_tables
from hardware.dynamixel import STATUS_OVERHEAD_BYTES, stretch
from hardware.pseudo_terminal import PseudoTerminal
from hardware.state_link import STATE_ADDRESS, STATE_BLOCK

_CLOCK_AT = 9  # of a reply: header, id, length, mark and error stand before the servo's clock
_POLL_MS = 50
_START_S = 60.0
_STATE_BYTES = STATE_BLOCK.itemsize


@contextmanager
def answering_at_once(requests: Sequence[bytes]) -> Iterator[str]:
    """The path of a pseudo-terminal where whoever sends one of `requests` gets its replies without delay.

    Raises:
        RuntimeError: the process does not start.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(tuple(requests), theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(_START_S):
            raise RuntimeError("the servos of the measurement have not started")
        yield ours.recv()
    finally:
        ours.close()
        process.join()


def _serve(requests: Sequence[bytes], parent: Connection) -> None:
    bus = virtual_bus()
    replies = {request: _Reply(bus.feed(request, 0.0), request) for request in requests}
    terminal = PseudoTerminal()
    parent.send(terminal.path)
    poll = select.poll()
    poll.register(terminal.fileno(), select.POLLIN)
    heard = b""
    while True:
        if not poll.poll(_POLL_MS):
            if parent.poll():  # the other end has gone
                return
            continue
        heard = (heard + terminal.receive())[-1024:]
        for request, reply in replies.items():
            if heard.endswith(request):
                terminal.send(reply.now())
                heard = b""
                break


class _Reply:
    """The servos' replies to one request. Where it asks for their clocks, these are put in, with what that adds to the
    check sums; nothing else of a reply changes."""

    def __init__(self, replies: bytes, request: bytes) -> None:
        self._replies = replies
        self._has_clock = stretch(STATE_ADDRESS, _STATE_BYTES) in request
        row_bytes = STATUS_OVERHEAD_BYTES + _STATE_BYTES
        if self._has_clock:
            self._rows = np.frombuffer(replies, np.uint8).reshape(-1, row_bytes).copy()
            self._tables = crc_tables(row_bytes - 2)
            self._sums = self._rows[:, -2:].copy().view("<u2")[:, 0]
            if self._rows[:, _CLOCK_AT : _CLOCK_AT + 2].any():
                raise RuntimeError("the recorded replies must have been made at time 0")

    def now(self) -> bytes:
        if not self._has_clock:
            return self._replies
        low, high = (int(time.monotonic() * 1000.0) % 32_768).to_bytes(2, "little")
        sums = self._sums ^ self._tables[_CLOCK_AT, low] ^ self._tables[_CLOCK_AT + 1, high]
        self._rows[:, _CLOCK_AT], self._rows[:, _CLOCK_AT + 1] = low, high
        self._rows[:, -2:] = sums.view(np.uint8).reshape(-1, 2)
        return self._rows.tobytes()
