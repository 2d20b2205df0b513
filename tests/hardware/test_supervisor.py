"""What vital signs and motion say about the servos, before a servo stops by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from thirty_servos import COUNT, GRIPPER, thirty_servo_robot

from hardware.supervisor import Notice, Supervisor
from hardware.vitals import Vitals
from hardware.wiring import servos_in_joint_order

SPEC = thirty_servo_robot()
HOME = np.zeros(COUNT)
WELL = Vitals(
    torque_on=np.ones(COUNT, dtype=np.int64),
    hardware_error=np.zeros(COUNT, dtype=np.int64),
    watchdog=np.full(COUNT, 5),
    voltage_v=np.full(COUNT, 12.0),
    temperature_c=np.full(COUNT, 40.0),
)


def supervisor() -> Supervisor:
    return Supervisor(SPEC, servos_in_joint_order(SPEC))


def at(index: int, value: float, others: np.ndarray) -> np.ndarray:
    changed = others.copy()
    changed[index] = value
    return changed


def told(notices: tuple[Notice, ...]) -> list[tuple[str, str]]:
    return [(notice.severity, notice.source) for notice in notices]


def test_servos_that_are_well_or_not_asked_yet_say_nothing() -> None:
    own = supervisor()
    assert own.examine_vitals(WELL) == ()
    assert own.examine_vitals(Vitals.unknown(COUNT)) == ()
    np.testing.assert_array_equal(own.effort_share, 1.0)


def test_each_sign_stops_and_names_its_servo() -> None:
    for field, value, word in (
        ("torque_on", 0, "torque is off"),
        ("hardware_error", 0x20, "overload"),
        ("watchdog", 255, "heard nothing"),
        ("watchdog", 0, "restarted"),
        ("voltage_v", 9.4, "9.4 V"),
        ("voltage_v", 16.2, "16.2 V"),
        ("temperature_c", 77.0, "77 °C"),
    ):
        (notice,) = supervisor().examine_vitals(replace(WELL, **{field: at(6, value, getattr(WELL, field))}))
        assert (notice.severity, notice.source) == ("stop", "servo joint_07")
        assert "joint_07 (id 7)" in notice.message
        assert word in notice.message


def test_a_warm_servo_is_asked_for_less_until_it_has_cooled() -> None:
    own = supervisor()
    assert told(own.examine_vitals(replace(WELL, temperature_c=at(6, 70.0, WELL.temperature_c)))) == [
        ("note", "servo joint_07")
    ]
    np.testing.assert_array_equal(own.effort_share, at(6, 0.5, np.ones(COUNT)))
    own.examine_vitals(WELL)
    np.testing.assert_array_equal(own.effort_share, 1.0)


def test_a_joint_that_stays_astray_stops_after_its_time_and_one_that_arrives_does_not() -> None:
    own = supervisor()
    goal = at(6, 0.6, HOME)
    assert own.examine_motion(goal, HOME, HOME, 10.0) == ()
    assert own.examine_motion(goal, goal, HOME, 10.3) == ()
    assert own.examine_motion(goal, HOME, HOME, 10.4) == ()
    assert own.examine_motion(goal, HOME, HOME, 10.8) == ()
    assert told(own.examine_motion(goal, HOME, HOME, 10.95)) == [("stop", "servo joint_07")]
    own.forget()
    assert own.examine_motion(goal, HOME, HOME, 11.0) == ()


def test_a_joint_that_pushes_with_all_it_has_stops_after_its_time() -> None:
    own = supervisor()
    effort = at(6, -4.05, HOME)
    assert own.examine_motion(HOME, HOME, effort, 10.0) == ()
    assert told(own.examine_motion(HOME, HOME, effort, 10.55)) == [("stop", "servo joint_07")]


def test_a_joint_that_grips_may_stay_away_and_push() -> None:
    own = supervisor()
    goal, effort = at(GRIPPER - 1, 1.5, HOME), at(GRIPPER - 1, 4.1, HOME)
    own.examine_motion(goal, HOME, effort, 10.0)
    assert own.examine_motion(goal, HOME, effort, 12.0) == ()


def test_a_servo_without_vital_signs_is_noted_after_a_second_and_stops_after_three() -> None:
    own = supervisor()
    assert own.examine_silence(None) == ()
    assert own.examine_silence(at(6, 0.99, HOME)) == ()
    assert told(own.examine_silence(at(6, 1.0, HOME))) == [("note", "servo joint_07")]
    assert told(own.examine_silence(at(6, 3.0, HOME))) == [("stop", "servo joint_07")]
