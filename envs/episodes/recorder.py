"""Records one episode without making the control loop wait for the disk."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from envs.body import Fault
from envs.episodes.durable import cannot_write
from envs.episodes.records import LastFaults, Outcome, Tick
from envs.episodes.sheet import EpisodeSheet, FaultCount, Status, write_sheet
from envs.episodes.skew import SkewTally
from envs.episodes.stream_writer import STREAM_NAME, TickStream
from envs.episodes.verdict import QualityVerdict
from envs.errors import ArchiveError

_log = logging.getLogger(__name__)

QUEUE_TICKS = 256  # ten seconds of ticks at 25 Hz: longer than any disk hiccup worth surviving
_WAIT_S = 10.0
_SYNC_EVERY_S = 1.0


class Recorder:
    """Takes the ticks of one episode and writes them in a thread of its own.

    What goes wrong in that thread is raised by the next `tick` or by `finish`. As a context manager it aborts the
    episode when the block ends by an exception or without `finish`. An aborted episode stays in the archive, rejected.
    """

    def __init__(self, folder: Path, sheet: EpisodeSheet, stream: TickStream, now: Callable[[], datetime]) -> None:
        self._folder = folder
        self._sheet = sheet
        self._stream = stream
        self._now = now
        self._faults = _FaultTally()
        self._skew = SkewTally(sheet.header.robot)
        self._queue: queue.Queue[Tick | None] = queue.Queue(maxsize=QUEUE_TICKS)
        self._failure: ArchiveError | None = None
        self._closed = False
        self._is_given_up = threading.Event()
        self._writer = threading.Thread(target=self._write_ticks, name=f"recorder {sheet.id}", daemon=True)
        self._writer.start()

    @property
    def episode_id(self) -> str:
        return self._sheet.id

    @property
    def path(self) -> Path:
        """The episode's folder."""
        return self._folder

    def tick(self, tick: Tick) -> None:
        """Hand over one control step. Its arrays must not change afterwards.

        Raises:
            ArchiveError: an earlier tick could not be written, the disk does not keep up, or the episode has ended.
        """
        self._refuse_after_end()
        self._raise_failure()
        self._put(tick)

    def finish(self, outcome: Outcome, quality: QualityVerdict | None = None, last: LastFaults | None = None) -> str:
        """End the episode, wait until it is safely on the disk, and return its id.

        `last` is what was found after the last tick; it is not in the stream where there was no tick at all.

        Raises:
            ArchiveError: a tick or the sheet could not be written; the ticks before it stay in the archive.
        """
        self._refuse_after_end()
        try:
            self._stop_writer()
            self._raise_failure()
            self._close_stream(last)
            self._write_end("complete", outcome, quality)
        except ArchiveError as error:
            self._let_go()
            self._mark_interrupted(str(error))
            raise
        finally:
            self._let_go()
        return self.episode_id

    def abort(self, reason: str) -> None:
        """End the episode before its time: it stays, marked as interrupted and rejected. Does nothing after the end."""
        if self._closed:
            return
        try:
            self._stop_writer()
            if self._failure is None:
                self._close_stream()
        except ArchiveError as error:
            _log.error("%s", error)
        finally:
            self._let_go()
            self._mark_interrupted(reason)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._closed:
            return
        self.abort("the recording ended without an outcome" if error is None else f"{type(error).__name__}: {error}")

    def _close_stream(self, last: LastFaults | None = None) -> None:
        try:
            self._stream.finish(last)
        except OSError as error:
            raise ArchiveError(cannot_write(self._folder / STREAM_NAME, error)) from error
        if last is not None:
            self._faults.add(max(self._stream.counts["command"] - 1, 0), last.faults)

    def _mark_interrupted(self, reason: str) -> None:
        """Say in the sheet that the episode broke off. Where even that cannot be written, `Archive.recover` says it."""
        outcome = Outcome(success=False, reason=reason, marks=(), accepted=False, verdict_reason=reason)
        try:
            self._write_end("interrupted", outcome, None)
        except ArchiveError as error:
            _log.error("episode %s is not marked as interrupted yet: %s", self.episode_id, error)

    def _write_end(self, status: Status, outcome: Outcome, quality: QualityVerdict | None) -> None:
        sheet = replace(
            self._sheet,
            status=status,
            ended_at=self._now().isoformat(),
            outcome=outcome,
            counts=dict(self._stream.counts),
            faults=self._faults.counts(),
            quality=quality,
            skew=self._skew.figures(),
        )
        write_sheet(self._folder, sheet)
        self._sheet = sheet

    def _refuse_after_end(self) -> None:
        if self._closed:
            raise ArchiveError(f"episode {self.episode_id} has ended; start another recording")

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _put(self, item: Tick | None) -> None:
        try:
            self._queue.put(item, timeout=_WAIT_S)
        except queue.Full:
            raise ArchiveError(
                f"{self._folder / STREAM_NAME}: the disk has not kept up for {_WAIT_S:g} s; record to a faster one"
            ) from None

    def _stop_writer(self) -> None:
        self._closed = True
        self._put(None)
        self._writer.join()

    def _let_go(self) -> None:
        """Close the stream, or leave that to a writer that hangs on the disk: it alone knows when it is through."""
        if self._is_given_up.is_set():
            return
        self._is_given_up.set()
        with suppress(queue.Full):  # it may wait for a tick, where the queue has been emptied since
            self._queue.put_nowait(None)
        self._writer.join(_WAIT_S)
        if not self._writer.is_alive():
            self._stream.close()

    def _write_ticks(self) -> None:
        """The writer thread. After a failure it still empties the queue, so that nobody waits for it."""
        index, synced_s = 0, time.monotonic()
        while (tick := self._next_tick()) is not None:
            if self._failure is not None:
                continue
            try:
                self._stream.write(tick)
                self._faults.add(index, (*tick.state.faults, *tick.faults))
                self._skew.add(tick.state)
                index += 1
                if time.monotonic() - synced_s > _SYNC_EVERY_S:
                    self._stream.sync()
                    synced_s = time.monotonic()
            except ArchiveError as error:
                self._failure = error
            except OSError as error:
                self._failure = ArchiveError(cannot_write(self._folder / STREAM_NAME, error))
            except Exception as error:  # whatever it is, the control loop must hear of it
                self._failure = ArchiveError(f"{self._folder}: tick {index} cannot be recorded: {error!r}")
                self._failure.__cause__ = error
        if self._is_given_up.is_set():
            self._stream.close()

    def _next_tick(self) -> Tick | None:
        """The next tick; None once there are no more, or nobody wants them any longer."""
        return None if self._is_given_up.is_set() else self._queue.get()


@dataclass(frozen=True)
class _FirstSeen:
    tick: int
    count: int


class _FaultTally:
    """Counts faults by kind, because a broken device repeats itself every tick."""

    def __init__(self) -> None:
        self._seen: dict[Fault, _FirstSeen] = {}

    def add(self, tick: int, faults: tuple[Fault, ...]) -> None:
        for fault in faults:
            known = self._seen.get(fault, _FirstSeen(tick, 0))
            self._seen[fault] = _FirstSeen(known.tick, known.count + 1)

    def counts(self) -> tuple[FaultCount, ...]:
        return tuple(
            FaultCount(fault.severity, fault.source, fault.message, seen.count, seen.tick)
            for fault, seen in tuple(self._seen.items())  # a writer that hangs may wake up meanwhile
        )


def utc_now() -> datetime:
    """The calendar's time, for the episode's name and sheet; no reading is stamped with it."""
    return datetime.now(UTC)
