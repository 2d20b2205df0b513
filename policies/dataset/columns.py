"""Parquet columns as plain arrays."""

from __future__ import annotations

import glob
import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from envs.episodes.durable import replacing
from policies.dataset.mapped import mapped_array
from policies.errors import DatasetError

_log = logging.getLogger(__name__)


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """One parquet file, or those of `columns` that it has.

    Raises:
        DatasetError: the file is absent or not whole.
    """
    try:
        return pq.ParquetFile(path, memory_map=True).read(columns=columns)
    except (OSError, pa.ArrowInvalid) as error:
        raise DatasetError(f"{path} is no whole parquet file ({error}); build the dataset again") from error


def read_tables(folder: Path) -> pa.Table:
    """All of `folder`'s `chunk-*/file-*.parquet`, in the order of their names, as one table.

    Raises:
        DatasetError: there is none, one is not whole, or they do not share a schema.
    """
    paths = sorted(folder.glob("*/*.parquet"))
    if not paths:
        raise DatasetError(f"{folder} holds no chunk-*/file-*.parquet; give the root of a LeRobot v3 dataset")
    tables = [read_parquet(path) for path in paths]
    try:
        return pa.concat_tables([table.replace_schema_metadata(None) for table in tables], promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DatasetError(f"the files under {folder} do not share their columns: {error}") from error


def column_array(table: pa.Table, name: str) -> NDArray[Any]:
    """A numeric or bool column as (rows,) or, for lists, (rows, numbers a row) with nesting flattened.

    Raises:
        DatasetError: the column is absent, ragged, has nulls, or does not hold numbers.
    """
    if name not in table.column_names:
        raise DatasetError(f"there is no column {name!r}; there are {', '.join(table.column_names)}")
    chunked = table.column(name)
    if chunked.null_count:
        raise DatasetError(f"column {name!r} has {chunked.null_count} empty rows; each row must hold a value")
    values = chunked.combine_chunks() if chunked.num_chunks != 1 else chunked.chunk(0)
    nested = _is_list(values.type)
    while _is_list(values.type):
        values = values.flatten()
    if not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type) or pa.types.is_boolean(values.type)):
        raise DatasetError(f"column {name!r} holds {chunked.type}, not numbers")
    flat = values.to_numpy(zero_copy_only=False)
    if not nested:
        return np.asarray(flat)
    if table.num_rows == 0 or flat.size % table.num_rows:
        raise DatasetError(f"column {name!r} holds {flat.size} numbers in {table.num_rows} rows; rows must be alike")
    return np.asarray(flat.reshape(table.num_rows, -1))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind) or pa.types.is_large_list(kind))


class ColumnStore:
    """The columns of `data/chunk-*/file-*.parquet`, each read when it is first asked for.

    With `mapped`, a column is kept decoded under `.cache/columns` of the dataset and mapped into memory, so that it is
    decoded once, takes no memory of its own, and is shared by all processes that read it.
    """

    def __init__(self, root: Path, *, mapped: bool) -> None:
        """
        Raises:
            DatasetError: there is no such file, or one is not whole.
        """
        self._root = root
        self._cache = root / ".cache" / "columns" if mapped else None
        self._paths = sorted((root / "data").glob("*/*.parquet"))
        if not self._paths:
            raise DatasetError(f"{root}/data holds no chunk-*/file-*.parquet; give the root of a LeRobot v3 dataset")
        self.num_rows = 0
        self._version = hashlib.blake2b(digest_size=8)
        for path in self._paths:
            try:
                self.num_rows += pq.read_metadata(path).num_rows
                stat = path.stat()
            except (OSError, pa.ArrowInvalid) as error:
                raise DatasetError(f"{path} is no whole parquet file ({error}); build the dataset again") from error
            self._version.update(f"{path.relative_to(root)} {stat.st_size} {stat.st_mtime_ns}\n".encode())

    def array(self, name: str) -> NDArray[Any]:
        """A column as `column_array` gives it, float64 vectors as float32; read-only.

        Raises:
            DatasetError: as `column_array`, or a number is not finite.
        """
        if self._cache is None:
            return self._read(name)
        place = self._cache / f"{name}-{self._version.hexdigest()}.npy"
        if place.exists():
            held = mapped_array(place)
            if held is not None and held.shape[:1] == (self.num_rows,):
                return held
            _log.warning("%s of the column cache is damaged; its column is decoded again", place)
        array = self._read(name)
        try:
            with replacing(place) as temporary, temporary.open("wb") as file:
                np.save(file, array)
        except OSError as error:
            _log.info("column %s stays in memory: %s cannot be written (%s)", name, place, error)
            return array
        for outdated in self._cache.glob(f"{glob.escape(name)}-????????????????.npy"):
            if outdated != place:
                outdated.unlink(missing_ok=True)
        made = mapped_array(place)
        return array if made is None else made

    def _read(self, name: str) -> NDArray[Any]:
        parts = []
        for path in self._paths:
            known = pq.read_schema(path).names
            if name not in known:
                raise DatasetError(f"{path} has no column {name!r}; it has {', '.join(known)}")
            parts.append(column_array(read_parquet(path, columns=[name]), name))
        shapes = {part.shape[1:] for part in parts}
        if len(shapes) > 1:
            raise DatasetError(f"the files under {self._root / 'data'} differ in the shape of {name!r}: {shapes}")
        array = np.concatenate(parts)
        if array.dtype == np.float64 and array.ndim > 1:
            array = array.astype(np.float32)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            row = int(np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))[0])
            raise DatasetError(
                f"{self._root}: {name!r} is not finite in row {row}; repair it, or leave out its episode"
            )
        array.flags.writeable = False
        return array
