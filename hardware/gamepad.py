"""A gamepad: sticks and triggers as numbers from -1 to 1, with a dead zone, and a button that has to be held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hardware.errors import StaleDeviceError
from hardware.input_events import InputDevice, InputState

# linux/input-event-codes.h, in the layout that the kernel's gamepad protocol gives every pad.
ABS_X, ABS_Y, ABS_Z, ABS_RX, ABS_RY, ABS_RZ, ABS_HAT_X, ABS_HAT_Y = 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x10, 0x11
BTN_EAST, BTN_LEFT_SHOULDER = 0x131, 0x136

STICK_RANGE, TRIGGER_RANGE = 32_767, 255
DEAD_ZONE = 0.12  # of a stick's way: springs do not bring it back to the middle exactly


@dataclass(frozen=True)
class GamepadReading:
    """What the hands say. All from -1 to 1, 0 at rest; pushing a stick away from oneself is positive."""

    left: tuple[float, float]  # to the right, away
    right: tuple[float, float]  # to the right, away
    hat: tuple[int, int]  # to the right, away
    close: float  # right trigger less left trigger
    is_dead_man_held: bool


AT_REST = GamepadReading((0.0, 0.0), (0.0, 0.0), (0, 0), 0.0, False)


class Gamepad(InputDevice):
    """A gamepad. One that has gone reads as one that nobody touches.

    Args:
        path: its device, as /dev/input/by-id/...-event-joystick.
        on_e_stop: called from the reader's thread when the right one of the four round buttons (B, circle) is pressed.
        stick_range, trigger_range: the largest number of a stick (its middle is 0) and of a trigger.
    """

    def __init__(
        self,
        path: str,
        on_e_stop: Callable[[], None] | None = None,
        stick_range: int = STICK_RANGE,
        trigger_range: int = TRIGGER_RANGE,
    ) -> None:
        self._on_e_stop = on_e_stop
        self._stick_range = stick_range
        self._trigger_range = trigger_range
        super().__init__(f"gamepad {path}", path, self._hear, has_e_stop=on_e_stop is not None)

    @property
    def is_e_stop_held(self) -> bool:
        """Whether its e-stop is held down now; a gamepad that has gone holds nothing."""
        try:
            return self._on_e_stop is not None and BTN_EAST in self.state().held
        except StaleDeviceError:
            return False

    def read(self) -> GamepadReading:
        """What the hands say now. Never waits."""
        try:
            state = self.state()
        except StaleDeviceError:
            return AT_REST
        return GamepadReading(
            left=(self._stick(state, ABS_X), -self._stick(state, ABS_Y)),
            right=(self._stick(state, ABS_RX), -self._stick(state, ABS_RY)),
            hat=(_sign(state.axes.get(ABS_HAT_X, 0)), -_sign(state.axes.get(ABS_HAT_Y, 0))),
            close=self._trigger(state, ABS_RZ) - self._trigger(state, ABS_Z),
            is_dead_man_held=BTN_LEFT_SHOULDER in state.held,
        )

    def _stick(self, state: InputState, axis: int) -> float:
        return without_dead_zone(state.axes.get(axis, 0) / self._stick_range)

    def _trigger(self, state: InputState, axis: int) -> float:
        return without_dead_zone(max(0, state.axes.get(axis, 0)) / self._trigger_range)

    def _hear(self, code: int) -> None:
        if code == BTN_EAST and self._on_e_stop is not None:
            self._on_e_stop()


def without_dead_zone(value: float) -> float:
    """0 within `DEAD_ZONE` of the middle, and from there on without a step up to 1 at the end, either way."""
    size = min(abs(value), 1.0)
    moved = max(0.0, size - DEAD_ZONE) / (1.0 - DEAD_ZONE)
    return moved if value > 0 else -moved


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)
