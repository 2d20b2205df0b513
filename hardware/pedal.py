"""A foot pedal: which of its keys means what, and who hears it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, cast, get_args

from hardware.errors import SensorError, StaleDeviceError
from hardware.input_events import InputDevice, KeyStates, kernel_key_states

PedalMeaning = Literal["clutch", "take_over", "give_back", "step_done", "success", "failure", "e_stop"]
MEANINGS: tuple[PedalMeaning, ...] = get_args(PedalMeaning)
KEY_A, KEY_B, KEY_C = 30, 48, 46  # linux/input-event-codes.h; what a triple pedal sends as it comes from the shop
USUAL_PEDAL: Mapping[int, PedalMeaning] = {KEY_A: "clutch", KEY_B: "step_done", KEY_C: "e_stop"}
_PAIR = re.compile(r"([0-9]{1,3})=([a-z_-]+)")

OnMeaning = Callable[[PedalMeaning], None]


class Pedal(InputDevice):
    """A pedal whose keys mean something. Presses are told at once, from the reader's thread.

    Args:
        path: its device below /dev/input/by-id, whose name ends in -event-kbd.
        meanings: what each key code means; other keys mean nothing.
        on_press: hears each press.
        name: what a person calls the device.
        key_states: see `hardware.input_events.EventSource`.
    """

    def __init__(
        self,
        path: str,
        on_press: OnMeaning,
        meanings: Mapping[int, PedalMeaning] = USUAL_PEDAL,
        name: str = "pedal",
        *,
        key_states: KeyStates = kernel_key_states,
    ) -> None:
        self._meanings = dict(meanings)
        self._on_press = on_press
        stop_codes = frozenset(code for code, meaning in self._meanings.items() if meaning == "e_stop")
        self.has_e_stop = bool(stop_codes)
        super().__init__(f"{name} {path}", path, self._hear, stop_codes=stop_codes, key_states=key_states)

    @property
    def is_e_stop_held(self) -> bool:
        """Whether its e-stop is held down now."""
        return self.holds("e_stop")

    def holds(self, meaning: PedalMeaning) -> bool:
        """Whether a key with this meaning is held down now; a pedal that has gone holds nothing."""
        try:
            held = self.state().held
        except StaleDeviceError:
            return False
        return any(self._meanings.get(code) == meaning for code in held)

    def _hear(self, code: int) -> None:
        if (meaning := self._meanings.get(code)) is not None:
            self._on_press(meaning)


def pedal_meanings(pairs: Sequence[str]) -> dict[int, PedalMeaning]:
    """What each key means, from pairs such as `30=clutch`; the usual triple pedal, where none are given.

    Raises:
        SensorError: a pair is none, or a code is given twice.
    """
    meanings: dict[int, PedalMeaning] = {}
    for pair in pairs:
        match = _PAIR.fullmatch(pair)
        word = match[2].replace("-", "_") if match else ""
        if match is None or word not in MEANINGS:
            raise SensorError(
                f"pedal key {pair!r} is no code=meaning pair, as in 30=clutch; meanings are {', '.join(MEANINGS)}, and "
                "`sudo evtest` shows the code of each key"
            )
        if int(match[1]) in meanings:
            raise SensorError(f"pedal key {match[1]} was given twice")
        meanings[int(match[1])] = cast(PedalMeaning, word)
    return meanings or dict(USUAL_PEDAL)
