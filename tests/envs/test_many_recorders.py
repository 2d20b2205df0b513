"""Several processes record into one archive at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from envs.episodes.archive import Archive
from envs.episodes.catalogue import Catalogue
from envs.episodes.verification.archive import verify_order
from envs.episodes.verification.episode import verify_episode

_ROOT = Path(__file__).resolve().parents[2]
_RECORD = """
import sys
from envs.episodes.archive import Archive
from envs.episodes.finishing import Finishing
from episode_samples import ROBOT, header_of, made_up_ticks, success
archive = Archive(sys.argv[1])
sys.stdin.readline()
with Finishing(archive) as finishing:
    for number in range(4):
        recorder = archive.record(header_of(operator=sys.argv[2]))
        for tick in made_up_ticks(ROBOT, 6 + number, seed=int(sys.argv[2])):
            recorder.tick(tick)
        recorder.end(success())
        finishing.take(recorder)
        archive.recover()  # as every session does when it begins
assert not finishing.problems, finishing.problems
"""


def test_recorders_at_once_leave_a_whole_archive_and_a_whole_catalogue(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    environment = {**os.environ, "PYTHONPATH": f"{_ROOT}:{_ROOT / 'tests'}"}
    processes = [
        subprocess.Popen([sys.executable, "-c", _RECORD, str(root), name], stdin=subprocess.PIPE, env=environment)
        for name in ("1", "2")
    ]
    for process in processes:  # all have begun, and go off together
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.close()
    assert [process.wait(120.0) for process in processes] == [0, 0]

    archive = Archive(root, create=False)
    assert len(archive.ids()) == 8
    for folder in archive.folders():
        assert verify_episode(folder) == []
    assert verify_order(archive) == []
    with Catalogue(archive) as catalogue:
        grown = catalogue.query()
        assert [(entry.operator, entry.status) for entry in grown].count(("2", "complete")) == 4
        assert catalogue.rebuild() == 8
        assert catalogue.query() == grown
