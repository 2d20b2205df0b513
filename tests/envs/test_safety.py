"""Whatever is wished, what is sent keeps the joint table's bounds; what keeps them is sent as it is."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from small_robot import SMALL_ROBOT

from envs.errors import EnvError, StoppedError
from envs.safety import Safety

HZ = SMALL_ROBOT.control_hz
JOINTS = len(SMALL_ROBOT.joints)
ANYTHING = st.floats(allow_nan=True, allow_infinity=True, width=64)
NEARBY = st.floats(-3.0, 3.0)
WISHES = st.lists(arrays(np.float64, JOINTS, elements=st.one_of(NEARBY, ANYTHING)), min_size=1, max_size=60)
POSE = arrays(np.float64, JOINTS, elements=st.floats(-4.0, 4.0))


def run(safety: Safety, start: np.ndarray, wishes: list[np.ndarray]) -> np.ndarray:
    held = safety.begin(start)
    return np.array([held] + [safety.filter(wish) for wish in wishes])


@settings(max_examples=150, deadline=None)
@given(start=POSE, wishes=WISHES)
def test_what_is_sent_is_finite_within_limits_and_never_too_fast(start: np.ndarray, wishes: list[np.ndarray]) -> None:
    sent = run(Safety(SMALL_ROBOT, HZ), start, wishes)
    assert np.isfinite(sent).all()
    assert (sent >= SMALL_ROBOT.lower).all()
    assert (sent <= SMALL_ROBOT.upper).all()
    rate = np.diff(sent, axis=0, prepend=sent[:1]) * HZ
    assert (np.abs(rate) <= SMALL_ROBOT.max_rate + 1e-7).all()
    # The pose before the first is the same pose: the robot starts from rest.
    assert (np.abs(np.diff(rate, axis=0)) * HZ <= SMALL_ROBOT.max_acceleration + 1e-5).all()


@settings(max_examples=100, deadline=None)
@given(start=POSE, wishes=WISHES)
def test_what_was_sent_is_sent_again_bit_for_bit(start: np.ndarray, wishes: list[np.ndarray]) -> None:
    sent = run(Safety(SMALL_ROBOT, HZ), start, wishes)
    again = run(Safety(SMALL_ROBOT, HZ), sent[0], list(sent[1:]))
    assert np.array_equal(sent, again)


@settings(max_examples=50, deadline=None)
@given(start=POSE, wishes=WISHES, cut=st.integers(0, 30))
def test_memory_goes_on_bit_for_bit(start: np.ndarray, wishes: list[np.ndarray], cut: int) -> None:
    first, second = Safety(SMALL_ROBOT, HZ), Safety(SMALL_ROBOT, HZ)
    run(first, start, wishes[:cut])
    second.restore(json.loads(json.dumps(first.memory())))
    for wish in wishes[cut:]:
        assert np.array_equal(first.filter(wish), second.filter(wish))
    assert first.counters == second.counters


@pytest.mark.parametrize("goal", [SMALL_ROBOT.lower, SMALL_ROBOT.upper, SMALL_ROBOT.home + 0.5])
def test_a_wish_that_stays_is_reached_and_not_overshot(goal: np.ndarray) -> None:
    sent = run(Safety(SMALL_ROBOT, HZ), SMALL_ROBOT.home, [goal] * 120)
    assert np.array_equal(sent[-1], goal)
    direction = np.sign(goal - SMALL_ROBOT.home)
    assert ((goal - sent) * direction >= -1e-9).all()


def test_a_moving_target_is_caught_up_with_and_not_trailed() -> None:
    safety = Safety(SMALL_ROBOT, HZ)
    safety.begin(SMALL_ROBOT.home)
    for k in range(40):  # ahead of the joints by a jump of 0.2 rad, moving well below their bound
        wish = SMALL_ROBOT.home + 0.2 + k / HZ * SMALL_ROBOT.max_rate * np.array([0.3, 0.5, 0.1])
        sent = safety.filter(wish)
    assert np.array_equal(sent, wish)


def test_a_minimum_jerk_motion_within_the_bounds_passes_unchanged() -> None:
    safety = Safety(SMALL_ROBOT, HZ)
    run(safety, SMALL_ROBOT.home, [SMALL_ROBOT.home] * 20)  # past the soft start
    s = np.linspace(0.0, 1.0, 50)[:, None]
    motion = SMALL_ROBOT.home + (10 * s**3 - 15 * s**4 + 6 * s**5) * np.array([0.8, 0.6, 0.9])
    assert all(np.array_equal(safety.filter(point), point) for point in motion)
    assert safety.counters.velocity == safety.counters.acceleration == safety.counters.position == 0


def test_the_start_is_soft() -> None:
    sent = run(Safety(SMALL_ROBOT, HZ), SMALL_ROBOT.home, [SMALL_ROBOT.upper] * 40)
    rate = np.diff(sent, axis=0) * HZ
    ramp = (np.arange(1, 13) / 12.0)[:, None]
    assert (rate[:12] <= SMALL_ROBOT.max_rate * ramp + 1e-9).all()
    assert rate[0, 2] > 0.0


def test_a_wish_that_is_not_finite_is_refused_whole_and_the_joints_brake() -> None:
    safety = Safety(SMALL_ROBOT, HZ)
    run(safety, SMALL_ROBOT.home, [SMALL_ROBOT.upper] * 15)
    held = [safety.filter(np.array([np.nan, 0.0, 0.0])) for _ in range(30)]
    assert safety.counters.not_finite == 30
    assert np.array_equal(held[-1], held[-2])


def test_the_memory_of_an_older_safety_is_still_understood() -> None:
    safety = Safety(SMALL_ROBOT, HZ)
    safety.begin(SMALL_ROBOT.home)
    memory = safety.memory()
    memory["counters"] = {**memory["counters"], "position": 3, "lead": 2}
    safety.restore(memory)
    assert safety.counters.position == 3


def test_a_stop_latches_and_its_hardest_form_wins() -> None:
    safety = Safety(SMALL_ROBOT, HZ)
    safety.begin(SMALL_ROBOT.home)
    safety.latch.fall("a pad is stale", "soft")
    safety.latch.fall("another pad is stale", "soft")
    with pytest.raises(StoppedError, match="soft stop: a pad is stale"):
        safety.filter(SMALL_ROBOT.home)
    safety.latch.clear_by_reset()
    safety.filter(SMALL_ROBOT.home)
    safety.latch.fall("a pad is stale", "soft")
    safety.latch.fall("the button was pressed", "hard")
    with pytest.raises(StoppedError, match="the button was pressed; reset cannot clear it"):
        safety.latch.clear_by_reset()
    with pytest.raises(EnvError, match="name of the person"):
        safety.latch.rearm(" ")
    assert safety.latch.rearm("Ada").reason == "the button was pressed"
    safety.filter(SMALL_ROBOT.home)


def test_it_refuses_to_guess() -> None:
    safety = Safety(SMALL_ROBOT, HZ)
    with pytest.raises(EnvError, match="begin from a measured pose"):
        safety.filter(SMALL_ROBOT.home)
    with pytest.raises(EnvError, match="finite joint positions"):
        safety.begin(np.array([0.0, np.nan, 0.0]))
    safety.begin(SMALL_ROBOT.home)
    with pytest.raises(EnvError, match="one position for each of 3 joints"):
        safety.filter(np.zeros(2))


@given(arrays(np.float64, (12, 3), elements=st.floats(-2.0, 2.0)))
def test_what_was_sent_as_it_was_said_changes_nothing(wishes: np.ndarray) -> None:
    told, untold = Safety(SMALL_ROBOT, HZ), Safety(SMALL_ROBOT, HZ)
    for safety in (told, untold):
        safety.begin(SMALL_ROBOT.home)
    for wish in wishes:
        sent = told.filter(wish)
        np.testing.assert_array_equal(told.go_on_from(sent), sent)
        np.testing.assert_array_equal(sent, untold.filter(wish))
        assert told.memory() == untold.memory()


def test_a_joint_that_was_held_back_goes_on_from_there_and_one_that_was_pushed_back_does_not_coast() -> None:
    safety = Safety(SMALL_ROBOT, HZ, soft_start_s=0.04)
    safety.begin(SMALL_ROBOT.home)
    for _ in range(5):
        meant = safety.filter(SMALL_ROBOT.upper)
    safety.go_on_from(meant - np.array([0.01, 0.5, 0.0]))
    sent = safety.filter(SMALL_ROBOT.upper)
    most = SMALL_ROBOT.max_rate / HZ
    assert 0.0 < sent[0] - (meant[0] - 0.01) <= most[0] + 1e-9
    assert 0.0 <= sent[1] - (meant[1] - 0.5) <= SMALL_ROBOT.max_acceleration[1] / HZ**2 + 1e-9
    with pytest.raises(EnvError, match="begin"):
        Safety(SMALL_ROBOT, HZ).go_on_from(sent)


class Doubting(Safety):
    """Looks closely at every joint, also at those that clearly keep their bounds."""

    def _clearly_keep_bounds(self, *moved: np.ndarray) -> np.ndarray:
        return np.zeros_like(super()._clearly_keep_bounds(*moved))


@settings(max_examples=100, deadline=None)
@given(start=POSE, wishes=WISHES, share=st.sampled_from([1.0, 0.03]))
def test_what_is_told_of_all_joints_at_once_is_what_a_closer_look_says(
    start: np.ndarray, wishes: list[np.ndarray], share: float
) -> None:
    quick, doubting = Safety(SMALL_ROBOT, HZ), Doubting(SMALL_ROBOT, HZ)
    sent = quick.begin(start)
    assert np.array_equal(doubting.begin(start), sent)
    for wish in wishes:
        wish = sent + share * (wish - sent)  # most of which are within reach where the share is small
        sent = quick.filter(wish)
        assert np.array_equal(doubting.filter(wish), sent)
    assert quick.memory() == doubting.memory()
