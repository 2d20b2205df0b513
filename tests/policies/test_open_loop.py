"""Open-loop errors against figures computed by hand."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from hand_made_dataset import write_dataset
from learnt_policy import QUICK

from policies.dataset.reader import open_dataset
from policies.dataset.table import tabulate
from policies.errors import DatasetError
from policies.open_loop import OVERALL, evaluate_open_loop, predict_chunks
from policies.training import train

pytestmark = pytest.mark.usefixtures("one_thread")


def test_open_loop_errors_are_those_computed_by_hand(made_root, learnt, tmp_path):
    other = open_dataset(write_dataset(tmp_path / "other", (30, 25), seed=7))
    known, held_out = tabulate([open_dataset(made_root)], 16), tabulate([other], 16)
    report = evaluate_open_loop(learnt.policy, known, held_out, ahead_s=(0.2, 0.4))
    rows = np.concatenate([np.arange(1, 20), np.arange(31, 45)])  # a command before, and one 10 steps ahead
    assert (report.frames, report.episodes) == (len(rows), 2)
    for seconds, steps in ((0.2, 5), (0.4, 10)):
        held = np.abs(held_out.action[rows + steps] - held_out.action[rows - 1])
        assert report.error("hold the last command", "arm", seconds) == pytest.approx(held[:, :2].mean(), rel=1e-5)
        overall = (held.mean(axis=0) / known.action.std(axis=0)).mean()
        assert report.error("hold the last command", OVERALL, seconds) == pytest.approx(overall, rel=1e-4)
        predicted = predict_chunks(learnt.policy, held_out, rows)[:, steps]
        by_hand = np.abs(predicted - held_out.action[rows + steps])[:, 2].mean()
        assert report.error("policy", "hand", seconds) == pytest.approx(by_hand, rel=1e-4)
    assert {row["group"] for row in report.table()} == {"arm", "hand", OVERALL}


def test_the_nearest_neighbour_of_a_copy_is_its_original(made_root, tmp_path):
    """A policy trained on other data; the held-out episodes are copies of the known ones under other names."""
    policy = train([open_dataset(write_dataset(tmp_path / "else", (30, 30), seed=5))], QUICK).policy
    copy = write_dataset(tmp_path / "copy")
    table = copy / "meta/episodes/chunk-000/file-000.parquet"
    rows = pq.read_table(table)
    renamed = [f"copy-{index}" for index in range(3)]
    pq.write_table(rows.set_column(rows.column_names.index("retake/episode_id"), "retake/episode_id", [renamed]), table)
    known, held_out = tabulate([open_dataset(made_root)], 16), tabulate([open_dataset(copy)], 16)
    report = evaluate_open_loop(policy, known, held_out, ahead_s=(0.2,))
    assert report.error("nearest neighbour", OVERALL, 0.2) < 1e-6


def test_evaluating_on_what_was_trained_on_is_refused(made_root, learnt):
    table = tabulate([open_dataset(made_root)], 16)
    with pytest.raises(DatasetError, match="3 episodes were trained on"):
        evaluate_open_loop(learnt.policy, table, table)
