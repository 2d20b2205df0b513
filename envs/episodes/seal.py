"""What the bytes of a recording were when they were written, so that any change of them is found and placed."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Block:
    """A stretch of the file, about a second long."""

    end: int  # bytes from the beginning of the file
    ticks: int  # whole steps up to there
    crc32: int  # of the stretch's own bytes


@dataclass(frozen=True)
class Seal:
    """The digest of a whole file, and of each of its stretches."""

    size: int  # bytes
    sha256: str
    blocks: tuple[Block, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @staticmethod
    def from_dict(fields: dict[str, Any]) -> Seal:
        """The inverse of `to_dict`. Raises KeyError, TypeError or ValueError where the fields are not a seal's."""
        blocks = tuple(Block(int(block["end"]), int(block["ticks"]), int(block["crc32"])) for block in fields["blocks"])
        return Seal(int(fields["size"]), str(fields["sha256"]), blocks)


@dataclass(frozen=True)
class ChangedStretch:
    """Bytes that are not those which were written."""

    begin: int  # bytes from the beginning of the file
    end: int
    first_tick: int
    end_tick: int  # one after the last step that may be concerned


class Sealer:
    """Follows a file as it grows."""

    def __init__(self) -> None:
        self._whole = hashlib.sha256()
        self._crc32 = 0
        self._size = 0
        self._blocks: list[Block] = []

    def add(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes of the file."""
        self._whole.update(data)
        self._crc32 = zlib.crc32(data, self._crc32)
        self._size += len(data)

    def end_block(self, ticks: int) -> None:
        """Let a stretch end here, where so many steps are whole."""
        self._blocks.append(Block(self._size, ticks, self._crc32))
        self._crc32 = 0

    def seal(self, ticks: int) -> Seal:
        """The seal of all bytes so far."""
        if not self._blocks or self._blocks[-1].end != self._size:
            self.end_block(ticks)
        return Seal(self._size, self._whole.hexdigest(), tuple(self._blocks))


def changed_stretches(path: Path, seal: Seal) -> list[ChangedStretch]:
    """Where a file is not what its seal says; empty if it is.

    What is missing at the end is a stretch up to the sealed size, what follows it one up to the file's.

    Raises:
        OSError: the file cannot be read.
    """
    found: list[ChangedStretch] = []
    whole = hashlib.sha256()
    with path.open("rb") as file:
        begin, first_tick = 0, 0
        for block in seal.blocks:
            data = file.read(block.end - begin)
            whole.update(data)
            if len(data) < block.end - begin or zlib.crc32(data) != block.crc32:
                found.append(ChangedStretch(begin, block.end, first_tick, block.ticks))
            begin, first_tick = block.end, block.ticks
        if rest := file.read():
            whole.update(rest)
            found.append(ChangedStretch(seal.size, seal.size + len(rest), first_tick, first_tick))
    if not found and whole.hexdigest() != seal.sha256:
        found.append(ChangedStretch(0, seal.size, 0, first_tick))
    return found


def seal_file(path: Path, ticks: int) -> Seal:
    """The seal of a file as it stands, in one stretch.

    Raises:
        OSError: it cannot be read.
    """
    sealer = Sealer()
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            sealer.add(data)
    return sealer.seal(ticks)
