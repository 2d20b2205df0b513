"""Work spread over processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from experiments.workers import run_jobs

_SCRIPT = """
import os, time
from experiments.workers import run_jobs

def wait(folder):
    open(f"{folder}/{os.getpid()}", "w").close()
    time.sleep(600)

if __name__ == "__main__":
    import sys
    run_jobs("waiting", wait, [sys.argv[1]] * 2, processes=2)
"""


def square(number: int) -> int:
    return number * number


def test_results_come_in_the_order_of_the_jobs() -> None:
    assert run_jobs("squares", square, range(7), processes=2) == [0, 1, 4, 9, 16, 25, 36]


def test_workers_leave_when_their_parent_is_killed(tmp_path: Path) -> None:
    script, begun = tmp_path / "waiting.py", tmp_path / "begun"
    script.write_text(_SCRIPT)
    begun.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    parent = subprocess.Popen([sys.executable, str(script), str(begun)], env=environment, stdout=subprocess.DEVNULL)
    try:
        workers = _within(60.0, lambda: [int(file.name) for file in begun.iterdir()], lambda found: len(found) == 2)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    assert _within(20.0, lambda: [pid for pid in workers if _is_running(pid)], lambda left: not left) == []


def _within(seconds: float, look, is_there):  # type: ignore[no-untyped-def]
    until = time.monotonic() + seconds
    while not is_there(found := look()) and time.monotonic() < until:
        time.sleep(0.1)
    return found


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
