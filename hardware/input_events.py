"""Pedals and gamepads as Linux shows them: `struct input_event`s from a character device below /dev/input.

The records are read as they are (linux/input.h), so no library is needed, and a named pipe can stand in for a device.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from hardware.device import DeviceReader
from hardware.errors import PortError, StaleDeviceError

EVENT = struct.Struct("llHHi")  # seconds, microseconds, type, code, value
EV_SYN, EV_KEY, EV_ABS = 0, 1, 3
SYN_REPORT, SYN_DROPPED = 0, 3
RELEASED, PRESSED = 0, 1  # 2 is the repeat of a key that is held
ALIVE_S = 0.5  # what is held counts no longer when the reader has said nothing for as long

KEY_STATE_BYTES = 0x300 // 8  # a bit for each key up to KEY_MAX
EVIOCGRAB = 0x40044590
EVIOCGKEY = 0x80004518 | KEY_STATE_BYTES << 16
_WAIT_S = 0.1
_READ_BYTES = 64 * EVENT.size
NO_SUCH_REQUEST = (errno.ENOTTY, errno.EINVAL)

Listener = Callable[[int], None]
KeyStates = Callable[[int], bytes]


@dataclass(frozen=True)
class InputState:
    """What is held now. An axis that has not moved since the device was opened is not in `axes`."""

    held: frozenset[int] = frozenset()
    presses: Mapping[int, int] = field(default_factory=dict)  # code -> how often it was pressed since the start
    axes: Mapping[int, int] = field(default_factory=dict)


def encode_event(kind: int, code: int, value: int, stamp_s: float = 0.0) -> bytes:
    """One event as the kernel writes it."""
    return EVENT.pack(int(stamp_s), int(stamp_s % 1 * 1e6), kind, code, value)


def kernel_key_states(file: int) -> bytes:
    """Which keys of an open device are down, a bit each from the lowest on; ioctl EVIOCGKEY of linux/input.h.

    Raises:
        OSError: the device has gone, or is none that the kernel knows keys of.
    """
    return fcntl.ioctl(file, EVIOCGKEY, bytes(KEY_STATE_BYTES))


class EventSource:
    """The state of one device, told every tenth of a second and at every event; `on_press` hears each press at once.

    When the kernel had to drop events, and when the device goes, everything counts as released: who holds nothing moves

    Args:
        path: the character device, best below /dev/input/by-id, whose names survive replugging.
        on_press: called in the reader's thread with the key's code.
        is_grabbed: keep the device's keys from everybody else, so that a pedal does not type on the terminal.
        stop_codes: the keys that are an e-stop.
        key_states: asks for the keys that are down, as `kernel_key_states` does.
        examine: sees the open device before it is read; raises PortError where it cannot be used.
    """

    def __init__(
        self,
        path: str,
        on_press: Listener | None = None,
        *,
        is_grabbed: bool = True,
        stop_codes: Collection[int] = (),
        key_states: KeyStates = kernel_key_states,
        examine: Callable[[int], None] = lambda file: None,
    ) -> None:
        self._path = path
        self._on_press = on_press
        self._is_grabbed = is_grabbed
        self._stop_codes = frozenset(stop_codes)
        self._key_states = key_states
        self._examine = examine
        self._held_before_drop: frozenset[int] | None = None  # None while nothing is missing
        self._is_skipping = False  # to the end of the report that the kernel had to cut short
        self._file: int | None = None
        self._rest = b""
        self._state = InputState()
        self.is_there = False  # from the moment in which it is opened to the moment in which it goes

    def open(self) -> None:
        try:
            self._file = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
            if self._is_grabbed:
                self._grab(self._file)
            down = self._keys_down(self._file) if self._stop_codes else frozenset()
        except OSError as error:
            raise PortError(f"cannot open {self._path}: {error.strerror}. {_advice(error)}") from error
        self._examine(self._file)
        self._rest = b""
        self._release()
        self._held_before_drop, self._is_skipping = None, False
        self.is_there = True
        for code in sorted(down & self._stop_codes):  # other keys have to be pressed anew to move anything
            self._press(code)

    def read(self) -> InputState | None:
        if self._file is None:
            raise PortError(f"{self._path} is not open")
        try:
            ready = select.select([self._file], [], [], _WAIT_S)[0]
            data = os.read(self._file, _READ_BYTES) if ready else None
        except BlockingIOError:
            data = None
        except OSError as error:
            self._lose()
            raise PortError(f"{self._path} has gone: {error.strerror}. Is it unplugged?") from error
        if data == b"":
            self._lose()
            raise PortError(f"{self._path} has gone. Is it unplugged?")
        self._rest += data or b""
        whole = len(self._rest) - len(self._rest) % EVENT.size
        for _, _, kind, code, value in EVENT.iter_unpack(self._rest[:whole]):
            self._take(kind, code, value)
        self._rest = self._rest[whole:]
        if self._held_before_drop is not None and not self._is_skipping:
            self._catch_up(self._file, self._held_before_drop)
        return self._state

    def close(self) -> None:
        self._lose()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _take(self, kind: int, code: int, value: int) -> None:
        state = self._state
        if kind == EV_SYN and code == SYN_DROPPED:
            self._held_before_drop = state.held | (self._held_before_drop or frozenset())
            self._is_skipping = True
            self._release()
        elif self._is_skipping:
            self._is_skipping = not (kind == EV_SYN and code == SYN_REPORT)
        elif kind == EV_ABS:
            self._state = InputState(state.held, state.presses, {**state.axes, code: value})
        elif kind == EV_KEY and value == RELEASED:
            self._state = InputState(state.held - {code}, state.presses, state.axes)
        elif kind == EV_KEY and value == PRESSED:
            self._press(code)

    def _press(self, code: int) -> None:
        state = self._state
        presses = {**state.presses, code: state.presses.get(code, 0) + 1}
        self._state = InputState(state.held | {code}, presses, state.axes)
        self._tell(code)

    def _tell(self, code: int) -> None:
        if self._on_press is not None:
            self._on_press(code)

    def _catch_up(self, file: int, held_before: frozenset[int]) -> None:
        """Ask the kernel which keys are down, and hear the presses that it dropped."""
        self._held_before_drop = None
        if self._stop_codes:
            self._lose()
            for code in sorted(self._stop_codes):
                self._tell(code)
            raise PortError(f"{self._path} has lost events; its e-stop may have been among them")
        try:
            down = self._keys_down(file)
        except OSError as error:
            self._lose()
            raise PortError(f"{self._path} has lost events, and then went: {error.strerror}") from error
        unheard = down - held_before - self._state.held
        self._state = replace(self._state, held=down - unheard)
        for code in sorted(unheard):
            self._press(code)

    def _keys_down(self, file: int) -> frozenset[int]:
        """The keys that are down; none, where it is a pipe that stands in for a device."""
        try:
            return codes_of(self._key_states(file))
        except OSError as error:
            if error.errno not in NO_SUCH_REQUEST:
                raise
            return frozenset()

    def _lose(self) -> None:
        self.is_there = False
        self._release()

    def _release(self) -> None:
        self._state = InputState(presses=self._state.presses)

    def _grab(self, file: int) -> None:
        try:
            fcntl.ioctl(file, EVIOCGRAB, 1)
        except OSError as error:
            if error.errno not in NO_SUCH_REQUEST:  # a pipe cannot be grabbed, and nobody else reads it
                raise


def codes_of(key_states: bytes) -> frozenset[int]:
    """The codes whose bits are set, from the lowest bit of the first byte on."""
    return frozenset(code for code in range(8 * len(key_states)) if key_states[code // 8] >> code % 8 & 1)


class InputDevice:
    """A device of keys and axes, read by a thread that opens it again when it was replugged.

    Args:
        name: what a person calls it.
        path, on_press, stop_codes, key_states, examine: see `EventSource`.
    """

    def __init__(
        self,
        name: str,
        path: str,
        on_press: Listener | None = None,
        *,
        stop_codes: Collection[int] = (),
        key_states: KeyStates = kernel_key_states,
        examine: Callable[[int], None] = lambda file: None,
    ) -> None:
        self.name = name
        self._source = EventSource(path, on_press, stop_codes=stop_codes, key_states=key_states, examine=examine)
        self._reader: DeviceReader[InputState] = DeviceReader(name, self._source)

    def start(self, timeout_s: float = 1.0) -> None:
        """Begin to read.

        Raises:
            StaleDeviceError: the device cannot be opened; the message says why.
        """
        self._reader.start(timeout_s)

    def state(self) -> InputState:
        """What is held now. Never waits.

        Raises:
            StaleDeviceError: the device has gone.
        """
        if not self._source.is_there:
            raise StaleDeviceError(f"{self.name} has gone. Is it unplugged?")
        return self._reader.newest(ALIVE_S).value

    @property
    def is_there(self) -> bool:
        """Whether the device is still plugged in. A busy computer, whose readings are late, has not lost it."""
        return self._source.is_there

    def close(self) -> None:
        """Stop reading. May be called more than once."""
        self._reader.close()


def _advice(error: OSError) -> str:
    if error.errno == errno.EACCES:
        return "Add yourself to the group that owns it (often input) and log in again."
    if error.errno == errno.EBUSY:
        return "Another program has grabbed it; close that one first."
    return "`ls -l /dev/input/by-id` shows what is plugged in."
