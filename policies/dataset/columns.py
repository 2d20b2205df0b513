"""Parquet columns as plain arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from policies.errors import DatasetError


def read_parquet(path: Path) -> pa.Table:
    """One parquet file, memory-mapped.

    Raises:
        DatasetError: the file is absent or not whole.
    """
    try:
        return pq.read_table(path, memory_map=True)
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
