"""What is measured of motions of which the answer is known."""

from dataclasses import replace

import numpy as np
import pytest
from moved import ARM, HZ, good_episode, reach, recording_of_parts, with_pause

from assets.table import load_robot
from envs.episodes.quality import contact, tracking
from envs.episodes.quality.hand_lag import hand_lag
from envs.episodes.quality.limbs import limbs_of
from envs.episodes.quality.measuring import measure
from envs.episodes.quality.order import exchanged_steps
from envs.episodes.quality.pauses import Span, idle_s, is_hesitation, pauses
from envs.episodes.quality.resampling import RATE_HZ, even, even_motion
from envs.episodes.quality.steps import steps_of, worked_out_of_order
from envs.episodes.quality.tremor import tremor_power


def test_uneven_stamps_and_repeated_readings_give_the_motion_that_was():
    rng = np.random.default_rng(0)
    stamps = np.cumsum(rng.uniform(0.02, 0.06, 120))
    stamps[50] = stamps[49]  # the same reading again
    start_s, samples = even(stamps, np.sin(3.0 * stamps)[:, None], cutoff_hz=None)
    grid = start_s + np.arange(len(samples)) / RATE_HZ
    np.testing.assert_allclose(samples[:, 0], np.sin(3.0 * grid), atol=2e-3)


def test_filtering_neither_delays_nor_flattens_a_reach():
    motion = even_motion(np.arange(0.0, 2.0, 0.04), reach(2.0)[:, None])
    assert motion.speed.max() == pytest.approx(1.875 / 2.0, rel=0.01)
    assert abs(motion.speed.argmax() / RATE_HZ - 1.0) < 0.02


def test_a_pause_is_found_where_it_is_and_a_declared_wait_is_none():
    clean = measure(good_episode(0))
    assert clean.metrics[""]["pause_count"] == 0
    assert "pause_count" not in clean.metrics["wait"]
    paused = measure(with_pause(good_episode(0), 20, 15))  # at 0.8 s, for 0.6 s
    assert paused.metrics["reach"]["pause_count"] == 1
    assert paused.metrics["reach"]["pause_longest_s"] == pytest.approx(0.6, abs=0.15)
    assert (clean.metrics[""]["hesitation_s"], paused.metrics["reach"]["hesitation_s"]) == pytest.approx(
        (0, 0.6), abs=0.15
    )
    (moment,) = [moment for moment in paused.moments if moment.kind == "pause"]
    assert moment.step == "reach"
    assert (moment.start_s, moment.end_s) == pytest.approx((0.8, 1.4), abs=0.15)


def test_standing_still_before_and_after_is_idle_time_and_no_pause():
    still = np.repeat([True, False, True, False, True], [50, 80, 40, 60, 30])
    assert pauses(still, RATE_HZ) == (Span(130, 170),)
    assert idle_s(still, RATE_HZ) == (0.5, 0.3)


def test_the_moment_of_a_hesitation_is_told_apart_from_a_longer_stop_at_a_turn():
    """The hand stops on its way for 0.48 s, and where it turns round for 0.8 s."""
    way = np.concatenate(
        [reach(1.0) * 0.5, np.full(12, 0.5), 0.5 + reach(1.0) * 0.5, np.full(20, 1.0), 1.0 - reach(1.2)]
    )
    measured = measure(recording_of_parts(way))
    (moment,) = [moment for moment in measured.moments if moment.kind == "hesitation"]
    assert (moment.start_s, moment.end_s) == pytest.approx((0.95, 1.5), abs=0.2)
    assert len([moment for moment in measured.moments if moment.kind == "pause"]) == 2


@pytest.mark.parametrize(("turn_deg", "hesitates"), [(0.0, True), (20.0, True), (90.0, False), (180.0, False)])
def test_a_hand_that_goes_on_as_it_came_has_hesitated_and_one_that_turns_had_arrived(turn_deg, hesitates):
    leg = np.interp(np.arange(0.0, 0.8, 1 / RATE_HZ), np.arange(0.0, 0.8, 1 / HZ), 0.3 * reach(0.8))
    away = np.array([np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))])
    arrived = np.column_stack([leg, np.zeros_like(leg)])
    path = np.concatenate([arrived, np.repeat(arrived[-1:], 40, axis=0), arrived[-1] + leg[:, None] * away])
    pause = Span(len(leg), len(leg) + 40)
    assert is_hesitation(path, pause, RATE_HZ, top=0.7) == hesitates
    assert not is_hesitation(0.01 * path, pause, RATE_HZ, top=0.7)  # what trembles on the spot has not set out


@pytest.mark.parametrize("hz", [5.0, 6.0, 9.0])
def test_a_tremor_has_the_power_that_was_put_in(hz):
    time = np.arange(0.0, 4.0, 1 / RATE_HZ)
    way = 0.3 * np.interp(time, np.arange(0.0, 4.0, 0.01), reach(4.0, RATE_HZ))
    path = np.column_stack([way, np.zeros_like(way)])
    assert tremor_power(path) < 1e-9
    path[:, 1] = 0.001 * np.sqrt(2.0) * np.sin(2 * np.pi * hz * time)
    assert tremor_power(path) == pytest.approx(1e-6, rel=0.25)


def test_forces_are_those_that_were_held():
    force = np.concatenate([np.zeros(10), np.linspace(0, 4, 5), np.full(30, 4.0), [6.0], np.full(10, 4.0), np.zeros(5)])
    stamps = np.arange(len(force)) / HZ
    assert contact.usual_force(force) == 4.0
    assert contact.peak_force(force) == 6.0
    assert contact.force_rate(stamps, force) == pytest.approx(2.0 * HZ)
    assert contact.force_peaks(force) == 1
    assert contact.force_peaks(np.concatenate([force, force])) == 2
    assert np.isnan(contact.usual_force(np.zeros(20)))


def test_the_stiffness_of_a_spring_is_found_in_spite_of_its_damper():
    stamps = np.arange(100) / HZ
    give = 0.2 + 0.05 * np.sin(2.0 * stamps) + 0.02 * np.sin(5.0 * stamps)
    force = 30.0 * give + 0.5 * np.gradient(give, stamps)
    assert contact.contact_stiffness(stamps, force, give) == pytest.approx(30.0, rel=0.02)


def test_commands_sent_again_are_counted_and_a_pause_is_not():
    way = np.column_stack([np.linspace(0, 1, 60)])
    held = way[np.arange(60) - np.arange(60) % 3]
    assert tracking.is_held(way).sum() == 0
    assert tracking.is_held(held)[3:-3].mean() == pytest.approx(2 / 3, abs=0.02)
    paused = np.concatenate([way, np.repeat(way[-1:], 25, axis=0), way[-1] + way])
    assert tracking.is_held(paused).sum() <= 6  # only where it begins and ends


def test_tracking_takes_the_delay_off_and_says_it():
    sent = np.column_stack([np.sin(np.arange(100) / 10.0)])
    late = np.concatenate([np.repeat(sent[:1], 3, axis=0), sent[:-3]])
    error, delay = tracking.tracking_error(sent, late)
    assert (error, delay) == (pytest.approx(0.0, abs=1e-12), 3)


def test_late_and_repeated_readings_are_counted():
    stamps = np.arange(50) / HZ
    assert tracking.late_share(stamps, HZ) == 0.0
    stamps[20] = stamps[19]
    assert tracking.late_share(stamps, HZ) == pytest.approx(2 / 49)  # one is repeated, the next is late


def test_time_at_a_limit_counts_and_a_joint_at_rest_there_does_not():
    position = np.zeros((40, 2))
    position[:, 0] = 1.0
    position[10:20, 1] = -0.99
    assert tracking.limit_share(position, -np.ones(2), np.ones(2)) == 0.25


def test_the_hand_that_is_behind_is_found():
    time = np.arange(0.0, 4.0, 1 / RATE_HZ)
    left, right = np.exp(-((time - 1.5) ** 2) * 8), np.exp(-((time - 1.7) ** 2) * 8)
    assert hand_lag(left, right, RATE_HZ) == pytest.approx(0.2, abs=0.011)
    assert hand_lag(right, left, RATE_HZ) == pytest.approx(-0.2, abs=0.011)


def test_a_step_that_flickers_is_one_step_and_a_step_begun_too_late_is_found():
    flicker = np.array([0, 0, 1, 0, 1, 1, 2, 1, 2])
    assert [step.ticks for step in steps_of(flicker, good_episode(0).instructions)] == [
        Span(0, 2),
        Span(2, 6),
        Span(6, 9),
    ]
    assert worked_out_of_order(flicker) is None
    assert worked_out_of_order(np.array([0, 0, 2, 2, 1, 1])) == (1, 2)


def test_hands_are_where_the_model_says_and_foreign_arms_are_joints():
    from envs.engine import mujoco

    robot = load_robot()
    position = robot.home + 0.1 * np.random.default_rng(0).uniform(-1, 1, (3, len(robot.joints)))
    left, right = limbs_of(replace(robot, mjcf_path=None), position)  # as a sheet has it
    model = mujoco.MjModel.from_xml_path(str(robot.mjcf_path))
    data = mujoco.MjData(model)
    for name, value in zip(robot.joint_names, position[1], strict=True):
        data.joint(name).qpos[0] = value
    mujoco.mj_forward(model, data)
    np.testing.assert_allclose(right.path[1], data.site("right_grasp").xpos, atol=1e-12)
    assert (left.unit, right.unit) == ("m", "m")
    (arm,) = limbs_of(ARM, np.zeros((5, 3)))
    assert (arm.side, arm.unit, arm.path.shape, arm.fingers_rad.shape) == ("right", "rad", (5, 2), (5, 1))


def test_exchanged_steps_are_told_by_what_they_do():
    usual = {
        "reach": {"x_m": (0.4, 0.02), "holds_n": (0.0, 0.5)},
        "carry": {"x_m": (-0.3, 0.02), "holds_n": (4.0, 0.5)},
    }
    right = {"reach": {"x_m": 0.41, "holds_n": 0.1}, "carry": {"x_m": -0.3, "holds_n": 4.2}}
    wrong = {"reach": right["carry"], "carry": right["reach"]}
    assert exchanged_steps(right, usual)[0] < 0.5
    times, pair = exchanged_steps(wrong, usual)
    assert times > 2.0
    assert pair == ("reach", "carry")


@pytest.mark.parametrize("ticks", [0, 1, 7])
def test_a_recording_that_is_too_short_has_no_metrics(ticks):
    recording = recording_of_parts(reach(1.0)[:ticks])
    assert measure(recording).metrics == {}
