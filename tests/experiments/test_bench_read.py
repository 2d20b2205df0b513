"""Images that say which they are, from the recorder through archive and build into the reader; and what a figure is."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from experiments.bench.command import main
from experiments.bench.read_frames import our_frames
from experiments.bench.read_recordings import build
from policies.dataset.frame_cache import FrameCache
from policies.dataset.reader import open_dataset


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    return build(folder, 2, 21, 96, 64)


@pytest.mark.parametrize("budget", [10**9, 0])
def test_every_row_has_the_frame_that_was_recorded_with_it(recorded, tmp_path, budget):
    is_right, means = our_frames(open_dataset(recorded), FrameCache(tmp_path, budget))
    assert is_right.tolist() == [True] * 42
    assert means["observation.images.second"].shape == (42, 3, 4, 6)


def test_a_frame_of_another_row_is_noticed(recorded, tmp_path, monkeypatch):
    dataset = open_dataset(recorded)
    gather = type(dataset.frames("first", None, cache=tmp_path)).gather
    monkeypatch.setattr(
        "policies.dataset.frames.FrameStore.gather", lambda store, rows: gather(store, np.maximum(rows - 1, 0))
    )
    is_right, _ = our_frames(dataset, FrameCache(tmp_path))
    assert is_right.sum() == 1, "only the very first row has no other before it"


@pytest.mark.skipif("RETAKE_LEROBOT_PYTHON" not in os.environ, reason="set RETAKE_LEROBOT_PYTHON to one with lerobot")
def test_lerobot_gives_every_row_as_it_is(capsys):
    python = Path(os.environ["RETAKE_LEROBOT_PYTHON"])
    assert main(["read", "--quick", "--json", "--width", "96", "--height", "64", "--lerobot-python", str(python)]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["right steps, LeRobot"]["holds"]
    assert rows["corruptions caught in a dataset of LeRobot's"]["value"] == 31
    assert rows["sample of state only, 50 commands"]["peer"] > 0.0


def test_a_python_that_is_not_there_is_refused(capsys):
    assert main(["read", "--lerobot-python", "/nowhere/python"]) == 2
    assert "--lerobot-python is /nowhere/python" in capsys.readouterr().err
