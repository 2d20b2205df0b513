"""A person at a terminal, with a keyboard and what they have been shown."""

from __future__ import annotations

import io
import os
import threading

from waiting import wait_until


class Desk:
    """A person at a terminal."""

    def __init__(self) -> None:
        self.keys, theirs = os.openpty()
        self.stream = os.fdopen(theirs, "r")
        self.shown = io.StringIO()

    def press(self, keys: str) -> None:
        os.write(self.keys, keys.encode())

    def press_once_shown(self, words: str, keys: str) -> threading.Thread:
        def wait() -> None:
            wait_until(lambda: words in self.shown.getvalue())
            self.press(keys)

        person = threading.Thread(target=wait)
        person.start()
        return person
