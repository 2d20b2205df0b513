"""Files that are either wholly there or not there at all, also after a crash."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

_NO_SUCH_PLACE = (errno.ENOENT, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.ELOOP, errno.EISDIR)


@contextmanager
def replacing(path: Path, *, is_durable: bool = True) -> Iterator[Path]:
    """A temporary path beside `path`; what was written there takes its place when the block ends well.

    With `is_durable` this waits until it would survive a power failure.

    Raises:
        OSError: the file cannot be written; whatever stood at `path` still stands there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if is_durable:
            _sync(temporary)
        os.replace(temporary, path)
        if is_durable:
            _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Put `data` at `path`, atomically and durably.

    Raises:
        OSError: as for `replacing`.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: Any, *, is_durable: bool = True) -> None:
    """Put `value` at `path` as readable JSON, atomically and durably. Numpy scalars become plain numbers.

    Raises:
        OSError: as for `replacing`.
        TypeError, ValueError: the value is not plain JSON.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=plain)
    with replacing(path, is_durable=is_durable) as temporary:
        temporary.write_bytes((text + "\n").encode())


def cannot_write(path: Path, error: OSError) -> str:
    """What to tell a person whose file could not be written: the cause, a colon, and the rest."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        cause, advice = "the disk is full", "free some space and start again"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        cause, advice = "writing is not permitted", "give a folder that you may write to"
    elif error.errno in (errno.ENOTDIR, errno.EEXIST):
        cause, advice = "something else is in its place", "give another folder"
    elif error.errno in _NO_SUCH_PLACE:
        cause, advice = "there is no such place", f"give another path ({error.strerror})"
    else:
        cause, advice = error.strerror or str(error), "check the disk"
    return f"{cause}: cannot write {path}; {advice}. What was written before is kept."


def plain(value: Any) -> Any:
    """What `json` shall write of a value that it does not know. Raises TypeError where that is nothing."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not plain JSON")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
