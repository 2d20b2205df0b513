"""The rows of `retake bench capture` that hold or fail whatever else the machine does."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from envs.episodes.archive import Archive
from experiments.bench import capture_stalls
from experiments.bench.capture_cost import cost_rows
from experiments.bench.capture_kill import kill_rows
from experiments.bench.capture_peer import STALL_STEPS
from experiments.bench.capture_pictures import number_of, pictures
from experiments.bench.capture_rivals import Peer, told
from experiments.bench.capture_stalls import StallingEncoder, stalled_episode
from experiments.bench.capture_wait import wait_rows
from experiments.command import UsageError


def test_pictures_carry_their_number_and_look_like_a_cameras() -> None:
    made = pictures(30, 320, 240)
    assert [number_of(picture) for picture in made[:, 1]] == list(range(30))
    rows = made[0, 0].astype(float)
    assert 20.0 < rows.std() < 80.0
    assert np.abs(np.diff(rows, axis=1)).mean() > 3.0  # noise: no two neighbours are alike


def test_a_stalling_encoder_costs_no_right_image_and_the_losses_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture_stalls, "_STALL_S", 0.5)
    shown = pictures(STALL_STEPS, 192, 64)  # as narrow as a number allows
    found = stalled_episode(Archive(tmp_path / "archive", encoder=StallingEncoder, queue_ticks=6), shown)
    assert found.wrong == 0
    assert found.lost > 0
    assert found.untold == 0
    assert found.is_marked


def test_a_kill_leaves_every_saved_episode_and_the_open_one_up_to_the_last_step(tmp_path: Path) -> None:
    saved, lost = kill_rows(tmp_path, 192, 64, Peer(None, tmp_path, tmp_path / "none.npy"), episodes=3)
    assert saved.value == 3
    assert saved.holds
    assert lost.value <= 20  # of 60: on a machine that is busy with tests, some wait in the queue
    assert "verified: True, 0 wrong images" in lost.note


STAND_IN = """#!{python}
import json, sys
from pathlib import Path
script, verb, pictures, root, out, mode, number = sys.argv[1:]
root = Path(root)
root.mkdir()  # LeRobot too wants a folder of its own
sheets = [json.loads(path.read_text()) for path in (root.parent / verb).glob("episodes/*/*/episode.json")]
before = sum(sheet["status"] == "complete" for sheet in sheets)
with (root.parent / "runs.txt").open("a") as runs:
    print(verb, mode, number, before, file=runs)
figures = {{"version": "0.4.4", "cpu_ms": 10.0 * before, "psnr_db": 25.0, "bytes_per_step": 1e4}}
figures |= {{"waits_s": [float(before)], "worst_add_ms": 7.0 * before}}
Path(out).write_text(json.dumps(figures))
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> Peer:
    """A python that stands in for one with lerobot, and notes how many of our episodes were there before each run."""
    python = tmp_path / "python"
    python.write_text(STAND_IN.format(python=sys.executable))
    python.chmod(0o755)
    return Peer.beside(python, tmp_path, pictures(6, 192, 64))


def test_processor_time_is_measured_in_turns_with_the_peer(tmp_path: Path, stand_in: Peer) -> None:
    rows = cost_rows(tmp_path, pictures(6, 192, 64), stand_in, modes=("streaming", "default") * 2)
    # Of ours: one to load libraries, then two before each run.
    turns = ["cost streaming 1 3", "cost default 1 5", "cost streaming 1 7", "cost default 1 9"]
    assert (tmp_path / "runs.txt").read_text().splitlines() == turns
    assert len(Archive(tmp_path / "cost").ids()) == 11, "and two after the last"
    assert [row.peer for row in rows[:2]] == [(50.0 + 90.0) / 2, (30.0 + 70.0) / 2]
    assert "2 runs in turns with ours" in rows[0].note
    assert "the median of 5 episodes of 6 steps" in rows[0].note


def test_a_mode_of_the_peer_that_is_left_out_is_not_called_an_absent_peer(tmp_path: Path, stand_in: Peer) -> None:
    rows = cost_rows(tmp_path, pictures(6, 192, 64), stand_in, modes=("streaming",))
    assert (rows[0].peer, rows[1].peer) == (None, 30.0)
    assert "LeRobot's default is left out" in rows[0].note


def test_waiting_is_measured_in_turns_with_the_peer(tmp_path: Path, stand_in: Peer) -> None:
    wait, _, cpu, loop = wait_rows(tmp_path, pictures(6, 192, 64), stand_in, modes=("streaming",) * 2)
    assert (tmp_path / "runs.txt").read_text().splitlines() == ["wait streaming 1 1", "wait streaming 1 2"]
    assert (wait.peer, loop.peer) == (2.0, 14.0)
    assert "the longest of 3" in wait.note
    assert cpu.value > 0.0


def test_without_a_peer_the_row_says_so_and_a_wrong_python_is_refused(tmp_path: Path) -> None:
    shown = np.zeros((1, 2, 64, 192, 3), dtype=np.uint8)
    assert Peer.beside(None, tmp_path, shown).measure("cost", "streaming", 1) is None
    assert told(None, "") == "peer not measured: no --lerobot-python"
    with pytest.raises(UsageError, match="is no file"):
        Peer.beside(tmp_path / "python", tmp_path, shown)
    with pytest.raises(UsageError, match="could not measure LeRobot: ModuleNotFoundError"):
        Peer.beside(Path(sys.executable), tmp_path, shown).measure("cost", "streaming", 1)
