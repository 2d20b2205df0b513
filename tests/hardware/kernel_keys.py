"""The kernel's answer to which keys are down."""

from __future__ import annotations

import os

from hardware.input_events import KEY_STATE_BYTES


class Kernel:
    """What stands in for the kernel's answer, which a pipe has not: the codes that are down, or an error."""

    def __init__(self, *down: int, error: int = 0) -> None:
        self.down = down
        self.error = error

    def __call__(self, file: int) -> bytes:
        if self.error:
            raise OSError(self.error, os.strerror(self.error))
        return sum(1 << code for code in self.down).to_bytes(KEY_STATE_BYTES, "little")
