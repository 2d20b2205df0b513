"""The e-stop: whoever presses, whenever, nothing moves until a person has looked and re-armed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from envs.errors import StoppedError
from envs.humanoid import HumanoidEnv

WATCH_S = 0.1


class Watched(Protocol):
    """A device that can be pulled out, such as the pedal with the e-stop on it."""

    @property
    def is_there(self) -> bool: ...


class EmergencyStop:
    """Latches an environment's hard stop. `press` may be called from any thread, at any moment of an episode.

    Args:
        env: what is stopped.
        say: tells the person, from the thread that presses.
    """

    def __init__(self, env: HumanoidEnv, say: Callable[[str], None] = lambda text: None) -> None:
        self._env = env
        self._say = say
        self._pressed_by: str | None = None
        self._closing = threading.Event()
        self._watchers: list[threading.Thread] = []

    @property
    def pressed_by(self) -> str | None:
        """What pressed it; None while it is not pressed."""
        return self._pressed_by

    def press(self, by: str) -> None:
        """Stop now. Returns once the body has been told."""
        is_first = self._pressed_by is None
        self._pressed_by = self._pressed_by or by
        self._env.stop(f"e-stop by {by}", "hard")
        if is_first:
            self._say(f"E-STOP by {by}: nothing moves")

    def refuse_if_pressed(self) -> None:
        """Let nobody wait, or ask a person, while it is pressed.

        Raises:
            StoppedError: it is.
        """
        if self._pressed_by is not None:
            raise StoppedError(f"e-stop by {self._pressed_by}; nothing moves until a person re-arms")

    def rearm(self, by: str) -> None:
        """Clear it in a person's name; the next thing is a reset.

        Raises:
            EnvError: nobody is named.
        """
        self._env.rearm(by)
        self._pressed_by = None

    def watch(self, device: Watched, what: str) -> None:
        """Press once `device` has gone: an e-stop that is pulled out cannot be pressed any more."""
        thread = threading.Thread(target=self._watch, args=(device, what), name=f"watch {what}", daemon=True)
        self._watchers.append(thread)
        thread.start()

    def close(self) -> None:
        """Watch no longer. May be called more than once."""
        self._closing.set()
        for thread in self._watchers:
            thread.join()
        self._watchers.clear()

    def _watch(self, device: Watched, what: str) -> None:
        was_there = True
        while not self._closing.wait(WATCH_S):
            is_there = device.is_there
            if was_there and not is_there and not self._closing.is_set():
                self.press(f"{what}, which has gone")
            was_there = is_there
