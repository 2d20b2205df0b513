"""Numbers of the robot to numbers of a network, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from small_robot import SMALL_ROBOT

from policies.dataset.features import STATE
from policies.errors import PolicyError
from policies.scaling import Normal, Scaler, fit_scaler, relative_joints


@given(arrays(np.float32, (6, 3), elements=st.floats(-50, 50, width=32)))
def test_a_normal_undoes_itself_within_its_clip(values):
    normal = Normal.fit(values)
    back = normal.decode(normal.encode(values))
    within = np.abs((values - normal.mean) / normal.std) < 5.0
    np.testing.assert_allclose(back[within], values[within], atol=1e-3)


def test_a_constant_number_is_left_alone():
    normal = Normal.fit(np.array([[2.0, 1.0], [2.0, 3.0]]))
    assert normal.std.tolist() == [1.0, 1.0]
    assert normal.encode(np.array([[2.5, 3.0]])).tolist() == [[0.5, 1.0]]


def test_what_is_far_outside_is_clipped_at_five_sigma():
    normal = Normal.fit(np.random.default_rng(0).normal(size=(1000, 1)))
    assert normal.encode(np.array([[1e6]]))[0, 0] == 5.0


def test_relative_joints_move_with_the_pose_and_hands_do_not():
    relative = relative_joints(SMALL_ROBOT)
    assert relative.tolist() == [True, True, False]
    rng = np.random.default_rng(0)
    measured = rng.normal(size=(50, 3)).astype(np.float32)
    chunk = measured[:, None] + rng.normal(scale=0.1, size=(50, 4, 3)).astype(np.float32)
    scaler = fit_scaler({"observation.state": measured}, chunk, np.ones((50, 4), bool), measured, relative, "measured")
    assert Scaler.from_arrays(scaler.to_arrays()).anchor == scaler.anchor == "measured"
    scaled = scaler.encode_chunk(chunk, measured)
    np.testing.assert_allclose(scaler.decode_chunk(scaled, measured), chunk, atol=1e-5)
    moved = scaler.decode_chunk(scaled, measured + 1.0)
    np.testing.assert_allclose(moved - chunk, np.broadcast_to([1.0, 1.0, 0.0], chunk.shape), atol=1e-5)


def test_steps_behind_the_end_do_not_enter_the_statistics():
    chunk = np.zeros((4, 2, 3), dtype=np.float32)
    chunk[:, 0] = np.array([[1, 2, 3], [3, 2, 1], [2, 2, 2], [2, 2, 2]])
    chunk[:, 1] = 1e3
    valid = np.array([[True, False]] * 4)
    measured = np.zeros((4, 3), dtype=np.float32)
    scaler = fit_scaler({}, chunk, valid, measured, np.zeros(3, bool))
    np.testing.assert_allclose(scaler.action.mean, np.full((2, 3), 2.0), atol=1e-5)


def test_an_unknown_joint_group_is_named():
    with pytest.raises(PolicyError, match=r"no joint groups \['foot'\]; it has arm, hand"):
        relative_joints(SMALL_ROBOT, ("foot",))


def test_the_tremble_of_a_joint_that_is_left_alone_stays_small() -> None:
    rng = np.random.default_rng(0)
    measured = np.column_stack([rng.normal(0.0, 0.3, 500), rng.normal(0.0, 0.002, 500)]).astype(np.float32)
    chunk = np.repeat(measured[:, None], 4, axis=1) + rng.normal(0.0, 0.002, (500, 4, 2)).astype(np.float32)
    scaler = fit_scaler({STATE: measured}, chunk, np.ones((500, 4), bool), measured, np.array([True, True]))
    assert np.abs(scaler.encode_feature(STATE, measured)[:, 1]).max() < 0.3
    assert np.abs(scaler.encode_chunk(chunk, measured)[..., 1]).max() < 0.3
    assert scaler.encode_feature(STATE, measured)[:, 0].std() > 0.9
