"""Pedals and gamepads as Linux shows them: `struct input_event`s from a character device below /dev/input.

The records are read as they are (linux/input.h), so no library is needed, and a named pipe can stand in for a device.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hardware.device import DeviceReader
from hardware.errors import PortError, StaleDeviceError

EVENT = struct.Struct("llHHi")  # seconds, microseconds, type, code, value
EV_SYN, EV_KEY, EV_ABS = 0, 1, 3
SYN_DROPPED = 3
RELEASED, PRESSED = 0, 1  # 2 is the repeat of a key that is held
ALIVE_S = 0.5  # what is held counts no longer when the reader has said nothing for as long

_EVIOCGRAB = 0x40044590
_WAIT_S = 0.1
_READ_BYTES = 64 * EVENT.size
_NO_SUCH_REQUEST = (errno.ENOTTY, errno.EINVAL)

Listener = Callable[[int], None]


@dataclass(frozen=True)
class InputState:
    """What is held now. An axis that has not moved since the device was opened is not in `axes`."""

    held: frozenset[int] = frozenset()
    presses: Mapping[int, int] = field(default_factory=dict)  # code -> how often it was pressed since the start
    axes: Mapping[int, int] = field(default_factory=dict)


def encode_event(kind: int, code: int, value: int, stamp_s: float = 0.0) -> bytes:
    """One event as the kernel writes it."""
    return EVENT.pack(int(stamp_s), int(stamp_s % 1 * 1e6), kind, code, value)


class EventSource:
    """The state of one device, told every tenth of a second and at every event; `on_press` hears each press at once.

    When the kernel had to drop events, and when the device goes, everything counts as released: who holds nothing moves
    nothing.

    Args:
        path: the character device, best below /dev/input/by-id, whose names survive replugging.
        on_press: called in the reader's thread with the key's code.
        is_grabbed: keep the device's keys from everybody else, so that a pedal does not type on the terminal.
    """

    def __init__(self, path: str, on_press: Listener | None = None, *, is_grabbed: bool = True) -> None:
        self._path = path
        self._on_press = on_press
        self._is_grabbed = is_grabbed
        self._file: int | None = None
        self._rest = b""
        self._state = InputState()
        self.is_there = False  # from the moment in which it is opened to the moment in which it goes

    def open(self) -> None:
        try:
            self._file = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
            if self._is_grabbed:
                self._grab(self._file)
        except OSError as error:
            raise PortError(f"cannot open {self._path}: {error.strerror}. {_advice(error)}") from error
        self._rest = b""
        self._release()
        self.is_there = True

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
        return self._state

    def close(self) -> None:
        self._lose()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _take(self, kind: int, code: int, value: int) -> None:
        state = self._state
        if kind == EV_SYN and code == SYN_DROPPED:
            self._release()
        elif kind == EV_ABS:
            self._state = InputState(state.held, state.presses, {**state.axes, code: value})
        elif kind == EV_KEY and value == RELEASED:
            self._state = InputState(state.held - {code}, state.presses, state.axes)
        elif kind == EV_KEY and value == PRESSED:
            presses = {**state.presses, code: state.presses.get(code, 0) + 1}
            self._state = InputState(state.held | {code}, presses, state.axes)
            if self._on_press is not None:
                self._on_press(code)

    def _lose(self) -> None:
        self.is_there = False
        self._release()

    def _release(self) -> None:
        self._state = InputState(presses=self._state.presses)

    def _grab(self, file: int) -> None:
        try:
            fcntl.ioctl(file, _EVIOCGRAB, 1)
        except OSError as error:
            if error.errno not in _NO_SUCH_REQUEST:  # a pipe cannot be grabbed, and nobody else reads it
                raise


class InputDevice:
    """A device of keys and axes, read by a thread that opens it again when it was replugged.

    Args:
        name: what a person calls it.
        path, on_press: see `EventSource`.
    """

    def __init__(self, name: str, path: str, on_press: Listener | None = None) -> None:
        self.name = name
        self._source = EventSource(path, on_press)
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
