"""A file that grows by whole ticks, is locked while it does, and knows its own digest."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from envs.episodes.seal import Seal, Sealer


class TickFile:
    """A new file: one write a tick, and an exclusive lock while it is open.

    The kernel drops the lock when the process dies, so that whoever cleans up can tell a dead recorder from a live one.
    """

    def __init__(self, path: Path) -> None:
        draft = path.with_name(f".{path.name}")
        self._descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            # Locked before it bears its name: whoever cleans up must not meet it in between.
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            draft.rename(path)
        except OSError:
            self.close()
            raise
        self._pending = bytearray()
        self._written = 0
        self._sealer = Sealer()

    def write(self, data: bytes) -> int:
        self._pending += data
        return len(data)

    def tell(self) -> int:
        return self._written + len(self._pending)

    def flush(self) -> None:
        """Hand everything written so far to the operating system."""
        self._sealer.add(self._pending)
        while self._pending:
            count = os.write(self._descriptor, self._pending)
            self._written += count
            del self._pending[:count]

    def sync(self, ticks: int) -> None:
        """Wait until what was flushed is on the disk; a stretch of the seal ends here, with so many whole ticks."""
        os.fdatasync(self._descriptor)
        self._sealer.end_block(ticks)

    def seal(self, ticks: int) -> Seal:
        """The seal of all that was flushed."""
        return self._sealer.seal(ticks)

    def close(self) -> None:
        """Release the file and its lock. May be called more than once, from one thread after the other."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
