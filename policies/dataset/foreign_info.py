"""What `info.json` of a dataset that others made must say before anything of it is read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from policies.dataset import layout
from policies.dataset.meta import is_shape
from policies.errors import DatasetError

_IN_VIDEO = 3  # height, width and channels
_OF_V2 = {"episode_chunk": 0, "episode_index": 0}
_OF_V3 = {"chunk_index": 0, "file_index": 0}


def read_foreign_info(root: Path) -> dict[str, Any]:
    """`meta/info.json` of format v2.0, v2.1 or v3.x.

    Raises:
        DatasetError: it is absent or of another format, or one of its fields is not what it must be.
    """
    path = root / layout.INFO_PATH
    try:
        info = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise DatasetError(f"{path} does not exist; give the root of a LeRobot dataset") from error
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read: {error}; fetch it anew") from error
    if not isinstance(info, dict) or not isinstance(info.get("codebase_version"), str):
        raise DatasetError(f"{path} is not that of a LeRobot dataset: it holds no codebase_version such as 'v2.1'")
    version = info["codebase_version"]
    if not version.startswith(("v2.", "v3.")):
        raise DatasetError(f"{root} is of format {version}; v2.0, v2.1 and v3.x can be imported")
    for wrong in _wrong(info, is_v2=version.startswith("v2.")):
        raise DatasetError(f"{path}: {wrong}. Correct it there, or fetch the dataset anew")
    return info


def _wrong(info: Mapping[str, Any], *, is_v2: bool) -> Iterator[str]:
    fps, features = info.get("fps"), info.get("features")
    if not isinstance(fps, int | float) or fps is True or fps <= 0 or not float(fps).is_integer():
        yield f"fps is {fps!r}; it must be a whole number above 0"
    if not isinstance(features, dict) or not features:
        yield f"features is {features!r}; it must say of each feature by its name what it is"
        return
    for name, feature in features.items():
        yield from _wrong_feature(name, feature)
    if is_v2:
        yield from _wrong_pattern(info, "data_path", _OF_V2)
        chunks_size = info.get("chunks_size", layout.CHUNK_FILES)
        if type(chunks_size) is not int or chunks_size < 1:
            yield f"chunks_size is {chunks_size!r}; it must be a whole number above 0"
    if any(feature["dtype"] == "video" for feature in features.values()):
        yield from _wrong_pattern(info, "video_path", {**(_OF_V2 if is_v2 else _OF_V3), "video_key": ""})


def _wrong_feature(name: str, feature: object) -> Iterator[str]:
    if not isinstance(feature, dict) or not isinstance(feature.get("dtype"), str):
        yield f"feature {name} is {feature!r}; it must hold a dtype and a shape"
        return
    shape = feature.get("shape")
    if not is_shape(shape):
        yield f"the shape of {name} is {shape!r}; it must be a list of whole numbers above 0"
    elif feature["dtype"] == "video" and len(feature["shape"]) != _IN_VIDEO:
        yield f"the shape of the video {name} is {shape!r}; it must be its height, width and channels"


def _wrong_pattern(info: Mapping[str, Any], name: str, fields: Mapping[str, Any]) -> Iterator[str]:
    pattern = info.get(name)
    try:
        is_one = isinstance(pattern, str) and bool(pattern.format(**fields))
    except (LookupError, ValueError, TypeError, AttributeError):
        is_one = False
    if not is_one:
        yield f"{name} is {pattern!r}; it must be the path of a file with {', '.join(sorted(fields))} in braces"
