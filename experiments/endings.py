"""How a session ends that somebody else ends: a closed terminal, or a request to quit, is no reason to drop a robot."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDINGS = (signal.SIGHUP, signal.SIGTERM)


@contextmanager
def ended_like_ctrl_c() -> Iterator[None]:
    """Let SIGHUP, of a terminal that closes, and SIGTERM raise KeyboardInterrupt in the block, as Ctrl-C does.

    Only the first one does: a closing terminal sends several, and the next would break off what lets the robot go. One
    that was ignored before, as `nohup` has it, stays so. In a thread other than the main one nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    has_ended = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal has_ended
        if not has_ended:
            has_ended = True
            raise KeyboardInterrupt

    heard = [number for number in ENDINGS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
