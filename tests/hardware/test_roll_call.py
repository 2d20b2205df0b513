"""In which order servos are asked when some keep silent."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hardware.roll_call import PATIENT_CYCLES, PROBE_EVERY, RollCall

IDS = (3, 1, 4, 5, 9)


def test_everybody_is_asked_in_order_while_all_answer() -> None:
    call = RollCall(IDS)
    call.note(call.next(), [])
    assert call.next() == IDS


def test_of_a_silent_rest_the_first_goes_last_and_the_others_are_not_suspected() -> None:
    call = RollCall(IDS)
    call.note(IDS, [4, 5, 9])
    assert call.next() == (3, 1, 5, 9, 4)
    assert call.silence_of(5) == 0


def test_whoever_is_silent_before_one_that_answers_is_so_by_itself() -> None:
    call = RollCall(IDS)
    call.note(IDS, [3, 4])
    assert call.next() == (1, 5, 9, 3, 4)


def test_one_that_answers_again_returns_to_its_place() -> None:
    call = RollCall(IDS)
    call.note(IDS, [4])
    call.note(call.next(), [])
    assert call.next() == IDS


def test_one_that_stays_silent_is_asked_now_and_then() -> None:
    call = RollCall(IDS)
    asked = []
    for _ in range(PATIENT_CYCLES + 3 * PROBE_EVERY):
        order = call.next()
        asked.append(4 in order)
        call.note(order, [own for own in order if own == 4])
    assert all(asked[: PATIENT_CYCLES + 1])
    assert sum(asked[PATIENT_CYCLES + 1 :]) == 3


@given(st.lists(st.tuples(st.sets(st.sampled_from(IDS)), st.booleans()), max_size=40))
def test_a_servo_that_answers_whenever_it_is_heard_is_asked_in_every_second_cycle_at_least(
    script: list[tuple[set[int], bool]],
) -> None:
    """5 always answers, but for being hidden behind a silent one on a chain that stops."""
    call, unasked = RollCall(IDS), 0
    for silent_by_itself, does_chain_stop in script:
        order = call.next()
        assert len(set(order)) == len(order)
        unasked = 0 if 5 in order else unasked + 1
        assert unasked == 0 or call.silence_of(5) > PATIENT_CYCLES
        silent: list[int] = []
        for own in order:
            if own in silent_by_itself - {5} or (does_chain_stop and silent):
                silent.append(own)
        call.note(order, silent)


@given(st.sets(st.sampled_from(IDS), max_size=3))
def test_with_some_silent_for_ever_all_the_others_are_soon_heard_on_a_chain_that_stops(dead: set[int]) -> None:
    call = RollCall(IDS)
    heard: set[int] = set()
    for cycle in range(20):
        order = call.next()
        first = next((place for place, own in enumerate(order) if own in dead), len(order))
        call.note(order, order[first:])
        if cycle >= len(dead):
            heard = set(order[:first])
            assert heard == set(IDS) - dead
