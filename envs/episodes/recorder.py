"""Records one episode without making the control loop wait for the encoder or the disk."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from envs.body import Fault, Severity
from envs.episodes.episode_writer import EpisodeWriter, broken_off
from envs.episodes.losses import Losses, LossTally
from envs.episodes.records import LastFaults, Outcome, Tick
from envs.episodes.sheet import EpisodeSheet, Status
from envs.episodes.stream_writer import STREAM_NAME, TickStream
from envs.episodes.tick_queue import Ending, TickQueue
from envs.episodes.verdict import QualityVerdict
from envs.errors import ArchiveError

_log = logging.getLogger(__name__)

QUEUE_TICKS = 256  # ten seconds of ticks at 25 Hz: longer than any hiccup worth surviving
QUEUE_BYTES = 1 << 29  # of images
_WAIT_S = 10.0
_END_WAITS = 6  # how often as long a disk may take for the end of an episode
_LATE_S = 1.0  # a step that waits longer is worth a word


class Recorder:
    """Takes the ticks of one episode and has them written in a thread of their own.

    In real time the control loop never waits: what finds no room in the queue is lost, said at once, and counted in the
    sheet, and the episode is not accepted. Otherwise the loop waits, and nothing is lost.

    What goes wrong in the thread is raised by the next `tick`, by `wait` or by `finish`. As a context manager it aborts
    the episode when the block ends by an exception or without an end. An aborted one stays in the archive, rejected.
    """

    def __init__(
        self,
        folder: Path,
        sheet: EpisodeSheet,
        stream: TickStream,
        now: Callable[[], datetime],
        *,
        is_real_time: bool = False,
        queue_ticks: int = QUEUE_TICKS,
    ) -> None:
        self._folder = folder
        self._id = sheet.id
        self._now = now
        self._is_real_time = is_real_time
        self._queue = TickQueue(queue_ticks, QUEUE_BYTES)
        self._writer = EpisodeWriter(folder, sheet, stream, self._queue)
        self._tally = LossTally()
        self._news: list[Fault] = []
        self._unwritten: list[Fault] = []  # news that no tick has carried into the recording yet
        self._worst_delay_s = 0.0
        self._next_word_s = _LATE_S
        self._ending: Ending | None = None

    @property
    def episode_id(self) -> str:
        return self._id

    @property
    def path(self) -> Path:
        """The episode's folder."""
        return self._folder

    @property
    def outcome(self) -> Outcome | None:
        """The outcome as it is kept; None before the end. An episode with lost steps is not accepted."""
        return None if self._ending is None else self._ending.outcome

    @property
    def losses(self) -> Losses:
        """What could not be kept so far."""
        return self._tally.losses(self._worst_delay_s)

    def news(self) -> tuple[Fault, ...]:
        """What the person at the robot should hear since this was last asked; each stands in the recording too."""
        news, self._news = tuple(self._news), []
        return news

    def tick(self, tick: Tick) -> None:
        """Hand over one control step. Its arrays must not change afterwards.

        Raises:
            ArchiveError: an earlier tick could not be written, the disk does not keep up, or the episode has ended.
        """
        self._refuse_after_end()
        if self._writer.failure is not None:
            raise self._writer.failure
        if self._is_real_time:
            self._watch_delay()
        told = replace(tick, faults=(*tick.faults, *notes)) if (notes := self._notes()) else tick
        if self._queue.put(told, 0.0 if self._is_real_time else _WAIT_S):
            self._unwritten.clear()
            self._tally.keep(tick)
        elif self._is_real_time:
            self._lose(tick)
        else:
            raise ArchiveError(self._too_slow())

    def end(self, outcome: Outcome, quality: QualityVerdict | None = None, last: LastFaults | None = None) -> str:
        """End the episode and return its id at once; what waits is written behind, and `wait` says how that went.

        `last` is what was found after the last tick; it is not in the stream where there was no tick at all.

        Raises:
            ArchiveError: it has ended already.
        """
        self._refuse_after_end()
        lost = self._tally.steps
        if lost and outcome.accepted:
            why = f"steps lost while recording: {lost}"
            outcome = replace(outcome, accepted=False, verdict_reason=why)
        self._hand_over_end("complete", outcome, quality, last)
        return self._id

    def wait(self) -> EpisodeSheet:
        """Wait until the ended episode is safely on the disk, and return its sheet.

        Raises:
            ArchiveError: a tick or the sheet could not be written; the ticks before it stay in the archive.
        """
        if self._ending is None:
            raise ArchiveError(f"episode {self._id} has not ended; end it first")
        if not self._await_writer():
            self._writer.failure = ArchiveError(self._too_slow())
            self._writer.give_up(broken_off(str(self._writer.failure), self._ending))
        if self._writer.failure is not None:
            raise self._writer.failure
        return self._writer.sheet

    def finish(self, outcome: Outcome, quality: QualityVerdict | None = None, last: LastFaults | None = None) -> str:
        """`end` and `wait`: the id of an episode that is safely on the disk.

        Raises:
            ArchiveError: as for both.
        """
        self.end(outcome, quality, last)
        self.wait()
        return self._id

    def abort(self, reason: str) -> None:
        """End the episode before its time: it stays, marked as interrupted and rejected. Does nothing after the end."""
        if self._ending is not None:
            return
        outcome = Outcome(success=False, reason=reason, marks=(), accepted=False, verdict_reason=reason)
        ending = self._hand_over_end("interrupted", outcome, None, None)
        if not self._await_writer():
            _log.error("%s", self._too_slow())
            self._writer.give_up(ending)
        elif self._writer.failure is not None:
            _log.error("%s", self._writer.failure)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort("the recording ended without an outcome" if error is None else f"{type(error).__name__}: {error}")

    def _hand_over_end(
        self, status: Status, outcome: Outcome, quality: QualityVerdict | None, last: LastFaults | None
    ) -> Ending:
        if last is not None:
            last = replace(last, faults=(*last.faults, *self._notes()))
        self._ending = Ending(status, outcome, quality, last, self.losses, self._now().isoformat())
        self._queue.end(self._ending)
        return self._ending

    def _await_writer(self) -> bool:
        """False where it has stopped on its way, and nobody can say when it will go on."""
        idle, taken = 0, self._queue.taken
        while not self._writer.wait(_WAIT_S):
            idle = idle + 1 if self._queue.taken == taken else 0
            taken = self._queue.taken
            if idle >= (1 if self._queue.waiting else _END_WAITS):
                return False
        return True

    def _notes(self) -> tuple[Fault, ...]:
        """What the next message shall carry into the recording."""
        if gap := self._tally.open_gap:
            told = f"{gap.steps} steps were lost after step {gap.after_step}"
            return (*self._unwritten, Fault("soft", "recorder", told))
        return tuple(self._unwritten)

    def _watch_delay(self) -> None:
        """Say that the writer is behind, once for each time that this doubles."""
        delay_s = self._queue.delay_s
        self._worst_delay_s = max(self._worst_delay_s, delay_s)
        if delay_s < 0.5 * _LATE_S:
            self._next_word_s = _LATE_S
        elif delay_s >= self._next_word_s and self._tally.open_gap is None:
            self._next_word_s = 2.0 * delay_s
            self._say("note", f"{delay_s:.1f} s behind while {self._writer.busy_with}; nothing of it is lost")

    def _lose(self, tick: Tick) -> None:
        if self._tally.open_gap is None:
            self._say("soft", f"steps are being lost: no room for more while {self._writer.busy_with}")
        self._tally.lose(tick)

    def _say(self, severity: Severity, message: str) -> None:
        """Tell the log, whoever asks for news, and the recording."""
        _log.warning("episode %s: %s", self._id, message)
        fault = Fault(severity, "recorder", message)
        self._news.append(fault)
        self._unwritten.append(fault)

    def _refuse_after_end(self) -> None:
        if self._ending is not None:
            raise ArchiveError(f"episode {self._id} has ended; start another recording")

    def _too_slow(self) -> str:
        return (
            f"the disk has not kept up: {self._folder / STREAM_NAME} waits for {_WAIT_S:g} s already "
            f"({self._writer.busy_with}); record to a faster one"
        )


def utc_now() -> datetime:
    """The calendar's time, for the episode's name and sheet; no reading is stamped with it."""
    return datetime.now(UTC)
