"""Training: what is drawn, what is learnt, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hand_made_dataset import write_dataset
from learnt_policy import QUICK, STILL, observation_of
from small_robot import SMALL_ROBOT

from policies.batches import Augmentation, RowSampler, make_batch
from policies.cloning import ClonedPolicy
from policies.dataset.reader import open_dataset
from policies.dataset.table import tabulate
from policies.errors import DatasetError, PoolError
from policies.open_loop import predict_chunks
from policies.training import train

pytestmark = pytest.mark.usefixtures("one_thread")


def test_rows_are_drawn_in_proportion_to_their_weight():
    drawn = RowSampler(np.array([0.0, 1.0, 0.0, 3.0])).draw(40_000, np.random.default_rng(0))
    share = np.bincount(drawn, minlength=4) / 40_000
    assert share[[0, 2]].tolist() == [0.0, 0.0]
    assert abs(share[3] - 0.75) < 0.02


def test_a_tiny_network_learns_three_episodes_by_heart(made_root, learnt):
    table = tabulate([open_dataset(made_root)], 16)
    rows = np.concatenate([np.arange(0, 14), np.arange(30, 55), np.arange(71, 80)])  # whole chunks only
    wanted, valid = table.chunks(rows, 16)
    assert valid.all()
    error = np.abs(predict_chunks(learnt.policy, table, rows) - wanted)
    standing = np.abs(table.vectors["observation.state"][rows][:, None] - wanted)
    assert error.mean() < 0.15 * standing.mean()
    assert learnt.curve[-1].loss < 0.5 * learnt.curve[0].loss


def test_opinions_differ_most_where_nothing_was_seen(made_root, learnt):
    table = tabulate([open_dataset(made_root)], 16)
    policy = ClonedPolicy(learnt.policy)
    known = [policy.plan(observation_of(table, row)).doubt for row in range(0, 90, 6)]
    strange = []
    for row in range(0, 90, 6):
        seen = observation_of(table, row)
        seen["observation.state"] = seen["observation.state"] + np.array([0.9, -0.8, 0.9], dtype=np.float32)
        strange.append(policy.plan(seen).doubt)
    assert min(known) > 0.0
    assert np.median(strange) > 2.0 * np.median(known)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(made_root):
    def identity(seed):
        return train([open_dataset(made_root)], replace(QUICK, seed=seed)).policy.identity

    torch.manual_seed(1)
    first = identity(3)
    torch.manual_seed(2)
    assert identity(3) == first
    assert identity(4) != first


def test_training_leaves_the_global_generators_alone(made_root):
    torch.manual_seed(5)
    expected = torch.randn(3)
    torch.manual_seed(5)
    train([open_dataset(made_root)], replace(QUICK, steps=2))
    torch.testing.assert_close(torch.randn(3), expected)


def test_episodes_of_weight_zero_do_not_train(made_root):
    alone = train([open_dataset(made_root, episodes=[0])], QUICK).policy
    weighted = train([open_dataset(made_root)], QUICK, episode_weights={"e0-1": 0.0, "e0-2": 0.0}).policy
    np.testing.assert_array_equal(alone.scaler.action.mean, weighted.scaler.action.mean)
    with pytest.raises(DatasetError, match="nothing to learn"):
        train([open_dataset(made_root)], QUICK, episode_weights={"e0-0": 0.0, "e0-1": 0.0, "e0-2": 0.0})
    with pytest.raises(DatasetError, match="stranger"):
        train([open_dataset(made_root)], QUICK, episode_weights={"stranger": 1.0})


def test_steps_of_real_bodies_weigh_as_much_as_they_shall(tmp_path):
    root = write_dataset(tmp_path / "made", bodies=("sim", "serial", "fast-twin"))
    real = train([open_dataset(root, episodes=[1, 2])], replace(QUICK, real_weight=7.0)).policy
    simulated = train([open_dataset(root)], replace(QUICK, real_weight=0.0)).policy
    alone = train([open_dataset(root, episodes=[0])], QUICK).policy
    np.testing.assert_array_equal(simulated.scaler.action.mean, alone.scaler.action.mean)
    assert not np.array_equal(real.scaler.action.mean, alone.scaler.action.mean)
    with pytest.raises(DatasetError, match="real_weight is -1"):
        train([open_dataset(root)], replace(QUICK, real_weight=-1.0))


def test_training_on_what_was_opened_for_evaluation_is_refused(tmp_path):
    root = write_dataset(tmp_path / "made", pools=("train", "train", "verify"))
    with pytest.raises(PoolError, match="opened for evaluation"):
        train([open_dataset(root, purpose="evaluation")], QUICK)


def test_datasets_of_two_robots_do_not_train_together(made_root, tmp_path):
    other = write_dataset(tmp_path / "other", (20, 20))
    (other / "meta/robot.json").write_text(json.dumps(replace(SMALL_ROBOT, name="other").to_dict()))
    with pytest.raises(DatasetError, match=r"different robots .*small .*other"):
        train([open_dataset(made_root), open_dataset(other)], QUICK)


def test_a_share_of_the_episodes_is_held_out_and_measured(tmp_path):
    root = write_dataset(tmp_path / "made", (18,) * 10)
    logged = []

    class Tracker:
        def log(self, figures, step):
            logged.append((step, sorted(figures)))

    report = train([open_dataset(root)], replace(QUICK, held_out=0.2), tracker=Tracker())
    assert (report.train_episodes, report.held_out_episodes, report.train_frames) == (8, 2, 144)
    assert all(point.held_out_loss is not None for point in report.curve)
    assert logged == [(10, ["held_out_loss", "loss"]), (20, ["held_out_loss", "loss"])]


def test_augmented_images_stay_near_the_recorded_ones(made_root):
    table = tabulate([open_dataset(made_root)], 16)
    scaler = train([open_dataset(made_root)], replace(QUICK, steps=1)).policy.scaler
    rows = np.arange(40)
    plain = make_batch(table, scaler, rows, 16).observation["observation.images.head"]
    rng = np.random.default_rng(0)
    varied = make_batch(table, scaler, rows, 16, Augmentation(shift=0.06), rng).observation["observation.images.head"]
    assert varied.shape == plain.shape == (40, 3, 16, 16)
    assert 0.02 < float((varied - plain).abs().mean()) < 0.4
    same = make_batch(table, scaler, rows, 16, STILL, rng).observation["observation.images.head"]
    torch.testing.assert_close(same, plain)


def test_an_episode_that_comes_twice_is_refused_since_it_could_be_learnt_and_held_out_at_once(made_root, tmp_path):
    dataset = open_dataset(made_root)
    with pytest.raises(DatasetError, match="give each episode once"):
        tabulate([dataset, dataset], 16)
    other = open_dataset(
        write_dataset(tmp_path / "other", seed=1)
    )  # its episodes have the same numbers, and are others
    assert len(tabulate([dataset, other], 16).episodes) == 2 * len(dataset.episodes)


def test_a_policy_trained_without_sight_never_asks_for_images(made_root):
    policy = ClonedPolicy(train([open_dataset(made_root)], replace(QUICK, steps=2, without=("sight",))).policy)
    whole = observation_of(tabulate([open_dataset(made_root)], 16), 0)
    unseen = {name: value for name, value in whole.items() if not name.startswith("observation.images")}
    assert unseen.keys() < whole.keys()
    assert (policy.plan(unseen).chunk == policy.plan(whole).chunk).all()


def test_a_sense_that_is_not_there_cannot_be_left_out(made_root):
    with pytest.raises(DatasetError, match=r"sound cannot be left out: .* has sight"):
        train([open_dataset(made_root)], replace(QUICK, steps=2, without=("sound",)))
