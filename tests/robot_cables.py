"""Virtual buses on pseudo-terminals, whose joints somebody may move between two answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from hardware.pseudo_terminal import PseudoTerminal
from hardware.virtual import VirtualBus


@contextmanager
def cables(buses: Mapping[str, VirtualBus], after: Callable[[], None] | None = None) -> Iterator[dict[str, str]]:
    """The buses' ports: connection to path. `after` is called each time that one has answered."""
    done = threading.Event()
    terminals = {name: PseudoTerminal() for name in buses}

    def serve() -> None:
        while not done.is_set():
            served = [terminals[name].serve(bus.feed) for name, bus in buses.items()]
            if after is not None and any(served):
                after()
            if not any(served):
                time.sleep(0.0005)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield {name: terminal.path for name, terminal in terminals.items()}
    finally:
        done.set()
        thread.join()
        for terminal in terminals.values():
            terminal.close()


def pairs(paths: dict[str, str]) -> list[str]:
    """The ports as a user types them."""
    return [f"{name}={path}" for name, path in paths.items()]
