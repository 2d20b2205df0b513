"""A gamepad: sticks and triggers as numbers from -1 to 1, with a dead zone, and a button that has to be held."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hardware.errors import PortError, StaleDeviceError
from hardware.input_axes import AxisInfo, AxisRange, kernel_axis_info, read_axis
from hardware.input_events import InputDevice, InputState

# linux/input-event-codes.h, in the layout that the kernel's gamepad protocol gives every pad.
ABS_X, ABS_Y, ABS_Z, ABS_RX, ABS_RY, ABS_RZ, ABS_HAT_X, ABS_HAT_Y = 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x10, 0x11
BTN_EAST, BTN_LEFT_SHOULDER = 0x131, 0x136

STICKS = {ABS_X: "left stick", ABS_Y: "left stick", ABS_RX: "right stick", ABS_RY: "right stick"}
TRIGGERS = {ABS_Z: "left trigger", ABS_RZ: "right trigger"}
USUAL_STICK, USUAL_TRIGGER = AxisRange(-32_768, 32_767), AxisRange(0, 255)
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

    How far its axes go is asked of the kernel each time that it is opened. One whose sticks or triggers are not at rest
    then is refused: it may number its axes in another way, and would move a hand that nobody moves.

    Args:
        path: its device, as /dev/input/by-id/...-event-joystick.
        on_e_stop: called from the reader's thread when the right one of the four round buttons (B, circle) is pressed.
        axis_info: asks for an axis of an open device, as `kernel_axis_info` does.
    """

    def __init__(
        self, path: str, on_e_stop: Callable[[], None] | None = None, axis_info: AxisInfo = kernel_axis_info
    ) -> None:
        self._on_e_stop = on_e_stop
        self._axis_info = axis_info
        self._ranges = dict.fromkeys(STICKS, USUAL_STICK) | dict.fromkeys(TRIGGERS, USUAL_TRIGGER)
        stop_codes = () if on_e_stop is None else (BTN_EAST,)
        super().__init__(f"gamepad {path}", path, self._hear, stop_codes=stop_codes, examine=self._examine_axes)

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

    def _examine_axes(self, file: int) -> None:
        """Learn how far the axes of the open device go.

        Raises:
            PortError: the device has gone, or a stick or a trigger is not at rest.
        """
        ranges = dict(self._ranges)
        astray: list[str] = []
        for code, name in (STICKS | TRIGGERS).items():
            try:
                axis = read_axis(file, code, self._axis_info)
            except OSError as error:
                raise PortError(f"the gamepad does not say how far its {name} goes: {error.strerror}") from error
            if axis is None:
                continue
            ranges[code] = axis.range
            way = axis.range.about_middle(axis.value) if code in STICKS else axis.range.from_lowest(axis.value)
            if abs(way) > DEAD_ZONE:
                astray.append(f"{name} at {axis.value} of {axis.range.lowest} to {axis.range.highest}")
        if astray:
            raise PortError(
                f"the gamepad is not at rest: {', '.join(astray)}. Move its sticks and triggers once, and let them go; "
                "if it says so again, its axes are not as the kernel's gamepad protocol has them: take another gamepad"
            )
        self._ranges = ranges

    def _stick(self, state: InputState, axis: int) -> float:
        moved = state.axes.get(axis)  # none since it was opened: at rest
        return 0.0 if moved is None else without_dead_zone(self._ranges[axis].about_middle(moved))

    def _trigger(self, state: InputState, axis: int) -> float:
        moved = state.axes.get(axis)
        return 0.0 if moved is None else without_dead_zone(self._ranges[axis].from_lowest(moved))

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
