"""Work spread over processes, with a progress bar, in the order it was given."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing import get_context
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Job = TypeVar("Job")
Result = TypeVar("Result")
OnResult = Callable[[int, Result], None]  # of a job's place and its result

console = Console()

# Each worker has a core of its own: more threads would take it from the others, and would change sums.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "LP_NUM_THREADS": "1", "MUJOCO_GL": "egl"}


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[str], None]]:
    """A bar on the terminal; call the yielded function once for each thing that is done, with a remark."""
    columns = (
        TextColumn("  {task.description:<34}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[remark]}"),
    )
    with Progress(*columns, console=console, transient=False) as progress:
        task = progress.add_task(what, total=total, remark="")
        yield lambda remark: progress.update(task, advance=1, remark=remark)


def run_jobs(
    what: str,
    work: Callable[[Job], Result],
    jobs: Sequence[Job],
    *,
    processes: int,
    remark: Callable[[list[Result]], str] = lambda _: "",
    on_result: OnResult[Result] | None = None,
) -> list[Result]:
    """Run `work` on every job and return the results in the order of the jobs.

    `on_result` gets each job's place and result as soon as there is one, in this process. With one process all runs
    in this one.
    An exception in a job cancels what has not begun, and is raised here.
    """
    results: dict[int, Result] = {}
    with progress_bar(what, len(jobs)) as advance:
        if processes <= 1 or len(jobs) <= 1:
            for index, job in enumerate(jobs):
                results[index] = work(job)
                if on_result is not None:
                    on_result(index, results[index])
                advance(remark(list(results.values())))
        else:
            futures = {_pool(processes).submit(work, job): index for index, job in enumerate(jobs)}
            try:
                for future in as_completed(futures):
                    index = futures[future]
                    results[index] = future.result()
                    if on_result is not None:
                        on_result(index, results[index])
                    advance(remark(list(results.values())))
            except BaseException:
                for future in futures:
                    future.cancel()
                raise
    return [results[index] for index in range(len(jobs))]


def run_and_keep(
    run: Callable[[OnResult[Result]], list[Result]], keep: Callable[[list[Result], bool], None]
) -> list[Result]:
    """Run what tells its results one by one, and keep them all: those that came, where an error or Ctrl-C ends it.

    `keep` is told whether they are whole.
    """
    came: dict[int, Result] = {}
    try:
        results = run(came.__setitem__)
    except BaseException:
        if came:
            keep([came[index] for index in sorted(came)], False)
        raise
    keep(results, True)
    return results


@lru_cache(maxsize=1)
def _pool(processes: int) -> ProcessPoolExecutor:
    """Workers that stay for the stages to come: starting one costs as much as some episodes."""
    set_thread_limits()
    # Spawned, not forked: OpenGL contexts and torch's threads do not survive a fork.
    return ProcessPoolExecutor(processes, get_context("spawn"), initializer=_leave_with_parent)


def _leave_with_parent() -> None:
    """A worker whose parent was killed would wait for jobs for ever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def set_thread_limits() -> None:
    """Let processes started from here on use one thread each, and EGL, unless the user says otherwise."""
    for name, value in _ONE_THREAD.items():
        os.environ.setdefault(name, value)


def available_processes() -> int:
    return len(os.sched_getaffinity(0))
