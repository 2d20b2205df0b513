"""Each of the 31 corruptions, by its number, in a dataset of ours, in one with several episodes a file, and in one that
LeRobot itself wrote, where its python is given by RETAKE_LEROBOT_PYTHON."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from episode_samples import record_episode
from hand_made_dataset import write_dataset

from envs.episodes.archive import Archive
from experiments.bench.corruptions import CORRUPTIONS, corrupt
from experiments.bench.read_peer import PEER_SCRIPT
from policies.dataset.lerobot import build_dataset
from policies.dataset.verify import verify_dataset

LEROBOT = os.environ.get("RETAKE_LEROBOT_PYTHON")
needs_lerobot = pytest.mark.skipif(not LEROBOT, reason="set RETAKE_LEROBOT_PYTHON to a python that has lerobot 0.4.4")
WRITERS = ["ours", "several episodes a file", pytest.param("lerobot", marks=needs_lerobot)]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """One sound dataset of each writer, made when it is first asked for."""
    made: dict[str, Path] = {}

    def of(writer: str) -> Path:
        if writer not in made:
            folder = tmp_path_factory.mktemp("sound")
            if writer == "ours":
                archive = Archive(folder / "archive")
                for seed in range(3):
                    record_episode(archive, 10, seed=seed)
                build_dataset(archive, folder / "dataset")
            elif writer == "lerobot":
                command = [LEROBOT, str(PEER_SCRIPT), str(folder / "cache"), "write", str(folder / "dataset")]
                subprocess.run(command, check=True, capture_output=True, timeout=240)
            else:
                write_dataset(folder / "dataset", (10, 12, 9))
            made[writer] = folder / "dataset"
        return made[writer]

    return of


@pytest.mark.parametrize("writer", WRITERS)
def test_a_sound_dataset_has_no_findings(sound, writer):
    assert verify_dataset(sound(writer)) == []


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("number", range(1, 32))
def test_a_corruption_is_found_by_place_and_kind(sound, tmp_path, number, writer):
    root = tmp_path / "dataset"
    shutil.copytree(sound(writer), root)
    harm = corrupt(root, number)
    findings = verify_dataset(root)
    here = [finding for finding in findings if finding.place == harm.place and finding.kind in harm.kinds]
    assert here, f"{list(CORRUPTIONS)[number - 1]}: {harm}, found " + "\n".join(map(str, findings))


def test_there_are_31():
    assert len(CORRUPTIONS) == 31
