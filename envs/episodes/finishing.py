"""Finishes episodes behind the back of the one that is recorded: written, verified, in the catalogue."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType

from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue
from envs.episodes.recorder import Recorder
from envs.episodes.verification.episode import verify_episode
from envs.errors import ArchiveError

_log = logging.getLogger(__name__)

_UNFINISHED = 3  # episodes that may wait at once; more would fill the memory where a disk is too slow for good


class Finishing:
    """Takes recorders whose episode has ended, one after the other, in a thread of its own.

    What goes wrong is logged, told to `on_problem`, and kept in `problems`; an episode whose recording cannot be
    verified is marked as interrupted and rejected.

    Args:
        archive: where the episodes are.
        on_problem: called with the episode's id and one line, in the thread.
        url: of the catalogue; see `Catalogue`.
    """

    def __init__(
        self,
        archive: Archive,
        *,
        on_problem: Callable[[str, str], object] | None = None,
        url: str | None = None,
    ) -> None:
        self.problems: list[tuple[str, str]] = []  # the id of an episode and what is wrong with it
        self._archive = archive
        self._on_problem = on_problem
        self._url = url
        self._queue: queue.Queue[Recorder | None] = queue.Queue(maxsize=_UNFINISHED)
        self._thread: threading.Thread | None = None

    def take(self, recorder: Recorder) -> None:
        """Finish an episode that has ended. Waits only while too many others are unfinished."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="finishing episodes", daemon=True)
            self._thread.start()
        self._queue.put(recorder)

    def wait(self) -> None:
        """Wait until all that was taken is finished."""
        self._queue.join()

    def close(self) -> None:
        """Wait for all of it, and end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Finishing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        with ExitStack() as stack:
            catalogue: Catalogue | None = None
            while (recorder := self._queue.get()) is not None:
                try:
                    if catalogue is None:
                        catalogue = stack.enter_context(Catalogue(self._archive, self._url))
                    self._finish(recorder, catalogue)
                except Exception as error:  # the next episode must be finished all the same
                    self._tell(recorder.episode_id, f"{type(error).__name__}: {error}")
                finally:
                    self._queue.task_done()
        self._queue.task_done()

    def _finish(self, recorder: Recorder, catalogue: Catalogue) -> None:
        episode_id = recorder.episode_id
        try:
            recorder.wait()
        except ArchiveError as error:
            self._tell(episode_id, str(error))  # it has marked the episode itself
        else:
            if damages := verify_episode(recorder.path, decode=False):
                self._archive.reject(episode_id, f"not whole after recording: {damages[0]}")
                self._tell(episode_id, "; ".join(map(str, damages)))
        catalogue.add(self._archive.sheet(episode_id))

    def _tell(self, episode_id: str, problem: str) -> None:
        _log.error("episode %s: %s", episode_id, problem)
        self.problems.append((episode_id, problem))
        if self._on_problem is not None:
            self._on_problem(episode_id, problem)
