"""In which order the servos of a bus are asked, so that one that keeps silent costs the others one cycle at most."""

from __future__ import annotations

from collections.abc import Collection, Sequence

PATIENT_CYCLES = 3  # of silence, in which a servo is asked as ever
PROBE_EVERY = 5  # cycles between two questions to a servo that stays silent


class RollCall:
    """Who is asked next.

    Where one servo of a chain is silent, those behind it may be silent with it, and nobody can tell them apart at once.
    So the first that was not heard goes to the end of the list. One that stays silent there is asked now and then only:
    waiting for it takes time.

    Args:
        servo_ids: everybody, in the order in which they are asked while all is well.
    """

    def __init__(self, servo_ids: Sequence[int]) -> None:
        self._servo_ids = tuple(servo_ids)
        self._suspects: dict[int, int] = {}  # id -> cycles of silence; those found silent last are last

    def forget(self) -> None:
        """Suspect nobody."""
        self._suspects.clear()

    def silence_of(self, servo_id: int) -> int:
        """For how many cycles a suspect has been silent; 0 for everybody else."""
        return self._suspects.get(servo_id, 0)

    def next(self) -> tuple[int, ...]:
        """Whom to ask, in order."""
        if not self._suspects:
            return self._servo_ids
        trusted = tuple(servo_id for servo_id in self._servo_ids if servo_id not in self._suspects)
        due = tuple(servo_id for servo_id, silent in self._suspects.items() if _is_due(silent))
        return trusted + due or self._servo_ids

    def note(self, asked: Sequence[int], silent: Collection[int]) -> None:
        """Draw the conclusions of one cycle: of those `asked`, in that order, the `silent` were not heard at all."""
        if not silent and not self._suspects:
            return
        heard = [place for place, servo_id in enumerate(asked) if servo_id not in silent]
        # Whoever is silent before one that was heard is so by itself, and so is the first behind the last one heard.
        certain = (heard[-1] if heard else -1) + 2
        guilty = [servo_id for servo_id in asked[:certain] if servo_id in silent]
        for place in heard:
            self._suspects.pop(asked[place], None)
        for servo_id in self._suspects.keys() - set(asked):
            self._suspects[servo_id] += 1
        for servo_id in guilty:
            self._suspects[servo_id] = self._suspects.pop(servo_id, 0) + 1


def _is_due(silent_cycles: int) -> bool:
    return silent_cycles <= PATIENT_CYCLES or silent_cycles % PROBE_EVERY == 0
