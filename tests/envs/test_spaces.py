"""Spaces come from the joint table alone and hold every observation, however odd the state."""

from dataclasses import replace

import numpy as np
import pytest
from analytic_body import analytic_env
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from small_robot import SMALL_ROBOT

from envs.body import BodyState, Image
from envs.errors import EnvError
from envs.spaces import BodySpaces

ANY = st.floats(allow_nan=True, allow_infinity=True, width=64)
JOINTS = arrays(np.float64, 3, elements=ANY)


@pytest.fixture(scope="module")
def state() -> BodyState:
    env, _ = analytic_env()
    return env.reset(seed=1)[1]["state"]


@settings(max_examples=60, deadline=None)
@given(position=JOINTS, velocity=JOINTS, touch=arrays(np.float64, (1, 2, 2), elements=ANY))
def test_the_observation_of_any_state_is_in_the_space(
    state: BodyState, position: np.ndarray, velocity: np.ndarray, touch: np.ndarray
) -> None:
    spaces = BodySpaces(SMALL_ROBOT)
    odd = replace(state, position_rad=position, velocity_rad_s=velocity, touch_n=touch)
    observation, clipped = spaces.pack(odd)
    assert observation in spaces.observation
    for key, reading in (("position_rad", position), ("velocity_rad_s", velocity), ("touch_n", touch)):
        assert (key in clipped) == (not np.array_equal(observation[key], reading))


def test_a_state_within_its_bounds_is_packed_unchanged(state: BodyState) -> None:
    observation, clipped = BodySpaces(SMALL_ROBOT).pack(state)
    assert clipped == ()
    assert np.array_equal(observation["position_rad"], state.position_rad)
    assert np.array_equal(observation["image/head"], state.images["head"].pixels)
    assert set(observation) == {"position_rad", "velocity_rad_s", "effort_nm", "touch_n", "imu", "sound", "image/head"}


def test_what_a_robot_does_not_have_is_not_in_its_space(state: BodyState) -> None:
    bare = BodySpaces(replace(SMALL_ROBOT, pads=(), sound_hz=None, has_imu=False), images=False)
    observation, _ = bare.pack(state)
    assert observation in bare.observation
    assert set(observation) == {"position_rad", "velocity_rad_s", "effort_nm"}


def test_a_missing_image_is_black_and_said(state: BodyState) -> None:
    observation, clipped = BodySpaces(SMALL_ROBOT).pack(replace(state, images={}))
    assert clipped == ("image/head",)
    assert not observation["image/head"].any()


def test_an_image_of_another_size_is_refused(state: BodyState) -> None:
    wrong = replace(state, images={"head": Image(np.zeros((6, 9, 3), dtype=np.uint8), 0.0)})
    with pytest.raises(EnvError, match=r"image/head has shape \(6, 9, 3\); the joint table says \(6, 8, 3\)"):
        BodySpaces(SMALL_ROBOT).pack(wrong)


@settings(max_examples=60, deadline=None)
@given(action=arrays(np.float64, 3, elements=st.floats(-10.0, 10.0)))
def test_an_action_is_brought_into_its_space_and_said(action: np.ndarray) -> None:
    spaces = BodySpaces(SMALL_ROBOT)
    wish, is_clipped = spaces.unpack(action)
    assert wish in spaces.action
    assert is_clipped == (action not in spaces.action)


@pytest.mark.parametrize("action", [np.zeros(2), 0.3, "forward", np.zeros(3, dtype=bool)])
def test_what_is_no_action_is_refused(action: object) -> None:
    with pytest.raises(EnvError, match="shoulder, elbow, grip"):
        BodySpaces(SMALL_ROBOT).unpack(action)
