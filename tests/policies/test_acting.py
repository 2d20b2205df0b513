"""A policy at work."""

import numpy as np
import pytest
from learnt_policy import observation_of

from policies.cloning import ClonedPolicy
from policies.dataset.reader import open_dataset
from policies.dataset.table import tabulate
from policies.errors import PolicyError

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_policy_plans_only_when_its_chunk_is_used_up(made_root, learnt):
    table = tabulate([open_dataset(made_root)], 16)
    policy = ClonedPolicy(learnt.policy)
    asked, targets = [], []
    for step in range(20):
        asked.append(policy.needs_images())
        targets.append(policy.act(observation_of(table, step) if policy.needs_images() else {}))
    assert [step for step, wanted in enumerate(asked) if wanted] == [0, 4, 8, 12, 16]
    policy.reset()
    first = policy.plan(observation_of(table, 0))
    np.testing.assert_array_equal(targets[:4], first.chunk[:4])
    assert first.inconsistency == 0.0
    for _ in range(4):
        policy.act({})
    second = policy.plan(observation_of(table, 4))
    fresh = ClonedPolicy(learnt.policy).plan(observation_of(table, 4))  # with no plan before it
    apart = np.abs(fresh.chunk[:12] - first.chunk[4:]) / learnt.policy.scaler.action.std[:12]
    assert second.inconsistency == pytest.approx(apart.mean())
    # It is led over evenly from what the first still meant to do, and is itself from there on.
    assert np.ptp(fresh.chunk[:12] - first.chunk[4:]) > 1e-3
    shares = np.arange(1, 13)[:, None] / 13.0
    np.testing.assert_allclose(second.chunk[:12], shares * fresh.chunk[:12] + (1 - shares) * first.chunk[4:], atol=1e-6)
    np.testing.assert_allclose(second.chunk[12:], fresh.chunk[12:], atol=1e-6)


def test_a_plan_far_outside_is_finite_and_near_the_pose(learnt, made_root):
    table = tabulate([open_dataset(made_root)], 16)
    seen = observation_of(table, 3)
    seen["observation.state"] = seen["goal"] = np.array([40.0, -40.0, 9.0])
    plan = ClonedPolicy(learnt.policy).plan(seen)
    assert np.isfinite(plan.chunk).all()
    assert np.abs(plan.chunk[:, :2] - [40.0, -40.0]).max() < 20.0


def test_a_chunk_starts_from_what_was_sent_and_not_from_where_the_joints_have_sagged_to(learnt, made_root):
    policy, seen = ClonedPolicy(learnt.policy), observation_of(tabulate([open_dataset(made_root)], 16), 3)
    ahead = seen | {"goal": seen["goal"] + np.float32([0.1, 0.2, 0.4])}
    moved = policy.plan(ahead).chunk - policy.plan(seen).chunk
    np.testing.assert_allclose(moved, np.broadcast_to([0.1, 0.2, 0.0], moved.shape), atol=1e-5)


def test_images_of_any_size_are_taken_and_a_dead_camera_is_survived(learnt, made_root):
    table = tabulate([open_dataset(made_root)], 16)
    policy, seen = ClonedPolicy(learnt.policy), observation_of(table, 3)
    large = np.kron(seen["observation.images.head"], np.ones((4, 4, 1), dtype=np.uint8))
    as_seen = policy.plan(seen).chunk
    np.testing.assert_allclose(policy.plan(seen | {"observation.images.head": large}).chunk, as_seen, atol=1e-6)
    assert np.isfinite(policy.plan(seen | {"observation.images.head": None}).chunk).all()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"observation.state": None}, "a plan needs 'observation.state'"),
        ({"goal": ...}, "a plan needs 'goal'"),
        ({"goal": np.zeros(1)}, "'goal' must be 3 finite numbers; got 1"),
        ({"goal": np.array([0.0, np.nan, 0.0])}, "'goal' must be 3 finite numbers"),
        ({"observation.velocity": np.zeros(2)}, "must be 3 finite numbers; got 2"),
        ({"observation.velocity": np.array([0.0, np.nan, 0.0])}, "must be 3 finite numbers"),
        ({"observation.images.head": ...}, r"lacks observation\.images\.head"),
    ],
)
def test_an_observation_that_does_not_fit_is_refused(learnt, made_root, change, says):
    seen = observation_of(tabulate([open_dataset(made_root)], 16), 3) | change
    seen = {name: value for name, value in seen.items() if value is not ...}
    with pytest.raises(PolicyError, match=says):
        ClonedPolicy(learnt.policy).plan(seen)
