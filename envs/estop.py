"""The e-stop: whoever presses, whenever, nothing moves until a person has looked and re-armed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from envs.errors import StoppedError
from envs.humanoid import HumanoidEnv

WATCH_S = 0.1


class Watched(Protocol):
    """A device that can be pulled out, such as the pedal with the e-stop on it."""

    @property
    def is_there(self) -> bool: ...

    @property
    def is_e_stop_held(self) -> bool:
        """Whether a key that means the e-stop is held down now."""
        ...


@dataclass(frozen=True, eq=False)
class _Watch:
    """One device that is watched, until `is_over`."""

    device: Watched
    what: str
    is_over: threading.Event
    thread: threading.Thread


class EmergencyStop:
    """Latches an environment's hard stop. `press` may be called from any thread, at any moment of an episode.

    Args:
        env: what is stopped.
        say: tells the person, from the thread that presses.
    """

    def __init__(self, env: HumanoidEnv, say: Callable[[str], None] = lambda text: None) -> None:
        self._env = env
        self._say = say
        self._lock = threading.Lock()
        self._pressed_by: str | None = None
        self._presses = self._told = 0  # begun, and those of which body and person have been told
        self._watches: list[_Watch] = []

    @property
    def pressed_by(self) -> str | None:
        """What pressed it; None while it is not pressed."""
        return self._pressed_by

    @property
    def presses(self) -> int:
        """How often it was pressed so far; taken before a person is asked, it is what `rearm` wants to know."""
        return self._presses

    def press(self, by: str) -> None:
        """Stop now. Returns once the body has been told."""
        with self._lock:
            self._presses += 1
            self._pressed_by = self._pressed_by or by
        try:
            stop = self._env.stop(f"e-stop by {by}", "hard")
            self._say(f"E-STOP by {by}: {'nothing moves' if stop.is_body_safe else stop.reason}")
        finally:
            with self._lock:
                self._told += 1

    def refuse_if_pressed(self) -> None:
        """Let nobody wait, or ask a person, while it is pressed.

        Raises:
            StoppedError: it is.
        """
        if self._pressed_by is not None:
            raise StoppedError(f"e-stop by {self._pressed_by}; nothing moves until a person re-arms")

    def rearm(self, by: str, presses: int) -> None:
        """Clear it in a person's name; the next thing is a reset.

        Args:
            by: who has seen that people and robot are safe.
            presses: of how many presses that person knew: `presses` from before the question was put.

        Raises:
            StoppedError: it was pressed since, is still held down, or is on a device that has gone; ask again.
            EnvError: nobody is named.
        """
        held = [watch.what for watch in self._watches if watch.device.is_e_stop_held]
        if held:
            raise StoppedError(f"not re-armed: the e-stop is still held down at {', '.join(held)}; release it first")
        gone = [watch.what for watch in self._watches if not watch.device.is_there]
        if gone:
            raise StoppedError(
                f"not re-armed: {', '.join(gone)} with its e-stop has gone; plug it in again, or end the session"
            )
        with self._lock:
            if self._presses != presses or self._told != presses:
                raise StoppedError("not re-armed: the e-stop was pressed again meanwhile; look again")
            self._env.rearm(by)
            self._pressed_by = None

    def watch(self, device: Watched, what: str) -> Callable[[], None]:
        """Press once `device` has gone: an e-stop that is pulled out cannot be pressed any more.

        Nobody re-arms while its e-stop is held or it is gone. What is returned ends the watch; call it before the
        device is closed.
        """
        is_over = threading.Event()
        thread = threading.Thread(target=self._watch, args=(device, what, is_over), name=f"watch {what}", daemon=True)
        watch = _Watch(device, what, is_over, thread)
        self._watches.append(watch)
        thread.start()
        return lambda: self._end(watch)

    def close(self) -> None:
        """Watch no longer. May be called more than once."""
        for watch in tuple(self._watches):
            self._end(watch)

    def _end(self, watch: _Watch) -> None:
        watch.is_over.set()
        watch.thread.join()
        if watch in self._watches:
            self._watches.remove(watch)

    def _watch(self, device: Watched, what: str, is_over: threading.Event) -> None:
        was_there = True
        while not is_over.wait(WATCH_S):
            is_there = device.is_there
            if was_there and not is_there and not is_over.is_set():
                self.press(f"{what}, which has gone")
            was_there = is_there
