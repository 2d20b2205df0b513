"""Writes one episode in a thread of its own: its ticks, its end, its sheet."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from pathlib import Path

from envs.episodes.durable import cannot_write
from envs.episodes.fault_tally import FaultTally
from envs.episodes.records import Outcome, Tick
from envs.episodes.seal import Seal
from envs.episodes.sheet import EpisodeSheet, sheet_text, write_sheet
from envs.episodes.skew import SkewTally
from envs.episodes.stream_writer import STREAM_NAME, TickStream
from envs.episodes.tick_queue import Ending, TickQueue
from envs.errors import ArchiveError

_log = logging.getLogger(__name__)

_SYNC_EVERY_S = 1.0


class EpisodeWriter:
    """Takes what a queue gives until it gives the ending. `failure` is what went wrong."""

    def __init__(self, folder: Path, sheet: EpisodeSheet, stream: TickStream, queue: TickQueue) -> None:
        self.failure: ArchiveError | None = None
        self.sheet = sheet
        self._folder = folder
        self._stream = stream
        self._queue = queue
        self._faults = FaultTally()
        self._skew = SkewTally(sheet.header.robot)
        self._seal: Seal | None = None
        self._index = 0
        self._synced_s = time.monotonic()
        self._sheet_is_mine = threading.Lock()  # never released: whoever has it writes the end, and nobody else
        self._thread = threading.Thread(target=self._run, name=f"recorder {sheet.id}", daemon=True)
        self._thread.start()

    @property
    def busy_with(self) -> str:
        """What it does at the moment, in words."""
        return self._stream.busy_with

    def wait(self, timeout_s: float) -> bool:
        """Whether the episode has ended, its file is closed and its sheet is written, within that time."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def give_up(self, ending: Ending) -> None:
        """Say in the sheet how it ended, in place of a writer that hangs; the writer lets go once it wakes up."""
        self._queue.give_up()
        self._write_end(ending)

    def _run(self) -> None:
        """After a failure it still empties the queue, so that nobody waits for it."""
        try:
            while (item := self._queue.take()) is not None:
                if isinstance(item, Ending):
                    self._end(item)
                    return
                if self.failure is None:
                    self._write(item)
        finally:
            self._stream.close()

    def _write(self, tick: Tick) -> None:
        try:
            self._stream.write(tick)
            self._faults.add(self._index, (*tick.state.faults, *tick.faults))
            self._skew.add(tick.state)
            self._index += 1
            if time.monotonic() - self._synced_s > _SYNC_EVERY_S:
                self._stream.sync()
                self._synced_s = time.monotonic()
        except ArchiveError as error:
            self.failure = error
        except OSError as error:
            self.failure = ArchiveError(cannot_write(self._folder / STREAM_NAME, error))
        except Exception as error:  # whatever it is, the control loop must hear of it
            self.failure = ArchiveError(
                f"a step cannot be recorded: {error!r}, at tick {self._index} of {self._folder}"
            )
            self.failure.__cause__ = error

    def _end(self, ending: Ending) -> None:
        try:
            if self.failure is None:
                self._close_stream(ending)
        except OSError as error:
            self.failure = ArchiveError(cannot_write(self._folder / STREAM_NAME, error))
        except ArchiveError as error:
            self.failure = error
        if self.failure is not None and ending.status == "complete":
            ending = broken_off(str(self.failure), ending)
        self._write_end(ending)

    def _close_stream(self, ending: Ending) -> None:
        if ending.last is not None:
            self._stream.write_last(ending.last)
            self._faults.add(max(self._stream.counts["command"] - 1, 0), ending.last.faults)
        self._seal = self._stream.finish(sheet_text(self._ended(ending)))

    def _write_end(self, ending: Ending) -> None:
        if not self._sheet_is_mine.acquire(blocking=False):
            return
        sheet = self._ended(ending)
        try:
            write_sheet(self._folder, sheet)
            self.sheet = sheet
        except ArchiveError as error:
            if ending.status == "complete":
                self.failure = error
                ending = broken_off(str(error), ending)
                try:
                    write_sheet(self._folder, self._ended(ending))
                except ArchiveError:
                    _log.error("episode %s is not marked as interrupted yet: %s", sheet.id, error)
            else:  # `recover` will say it
                _log.error("episode %s is not marked as interrupted yet: %s", sheet.id, error)

    def _ended(self, ending: Ending) -> EpisodeSheet:
        return replace(
            self.sheet,
            status=ending.status,
            ended_at=ending.ended_at,
            outcome=ending.outcome,
            counts=dict(self._stream.counts),
            faults=self._faults.counts(),
            quality=ending.quality,
            skew=self._skew.figures(),
            losses=ending.losses,
            seal=self._seal,
        )


def broken_off(reason: str, ending: Ending) -> Ending:
    """The same end, but as one that came before its time."""
    outcome = Outcome(success=False, reason=reason, marks=(), accepted=False, verdict_reason=reason)
    return replace(ending, status="interrupted", outcome=outcome, quality=None)
