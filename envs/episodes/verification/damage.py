"""What is wrong with an archive: where it is, of which kind, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DamageKind = Literal[
    "missing",  # a file, a stream or a whole episode is not there
    "unreadable",  # it cannot be read as what it should be
    "altered",  # its bytes are not those that were written
    "cut off",  # it ends too early
    "left open",  # a recorder died; `retake archive recover` finishes it
    "unsealed",  # it holds no digest, so that nobody can tell whether it is what was written
    "misplaced",  # it belongs elsewhere, or is no part of an archive
    "counts",  # as many messages or steps as the sheet says are not there
    "frames",  # not exactly one image a camera and step
    "steps",  # steps are missing, doubled or out of order
    "stamps",  # time stands still, runs backwards, or two records of one moment disagree
    "values",  # a value that cannot be
    "catalogue",  # the index says something else than the files; `retake archive rebuild` makes it anew
]


@dataclass(frozen=True)
class Damage:
    """One thing that is wrong. `place` is the file, with the stream and the step where they are known."""

    place: str
    kind: DamageKind
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.kind}: {self.message}"
