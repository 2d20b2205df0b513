"""A TOML file whose every complaint names the file and the line.

`tomllib` forgets where a value stood, so the lines are found again by scanning the text for headers and keys.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from assets.errors import RobotTableError

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""^\s*(["']?)([\w.-]+)\1\s*=""")


class _Lines:
    """Where each section and each key of a TOML text stands, counted from 1."""

    def __init__(self, text: str) -> None:
        self._line_of: dict[tuple[str, int, str], int] = {}
        count: Counter[str] = Counter()
        section, index = "", 0
        for number, line in enumerate(text.splitlines(), start=1):
            if header := _HEADER.match(line):
                section = re.sub(r"""["'\s]""", "", header[2])
                index = count[section]
                count[section] += 1
                self._line_of.setdefault((section, index, ""), number)
            elif key := _KEY.match(line):
                self._line_of.setdefault((section, index, key[2]), number)

    def has(self, section: str, index: int, key: str) -> bool:
        return (section, index, key) in self._line_of

    def find(self, section: str, index: int, key: str = "") -> int:
        """The line of a key; that of its section's header, if the key is absent; 1, if that is absent too."""
        exact = self._line_of.get((section, index, key))
        return exact or self._line_of.get((section, index, "")) or 1


@dataclass
class TomlTable:
    """One section of a TOML file, whose keys are taken one by one and must all be taken."""

    path: Path
    values: Mapping[str, Any]
    lines: _Lines
    section: str = ""
    index: int = 0
    anchor: str = ""  # the key that an inline table is the value of

    def __post_init__(self) -> None:
        self._taken: set[str] = set()

    @staticmethod
    def read(path: Path) -> TomlTable:
        """The top level of a file.

        Raises:
            RobotTableError: the file cannot be read or is not TOML.
        """
        try:
            text = path.read_text(encoding="utf-8")
            return TomlTable(path, tomllib.loads(text), _Lines(text))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise RobotTableError(f"{path}: cannot be read as TOML: {error}") from error

    def refuse(self, reason: str, key: str = "") -> NoReturn:
        """Raise RobotTableError naming file, line and reason."""
        raise RobotTableError(f"{self.path}:{self.line(key)}: {reason}")

    def text(self, key: str) -> str:
        value = self._take(key)
        if not isinstance(value, str) or not value:
            self.refuse(f"{key} is {value!r}; give a text that is not empty", key)
        return value

    def flag(self, key: str) -> bool:
        value = self._take(key)
        if not isinstance(value, bool):
            self.refuse(f"{key} is {value!r}; give true or false", key)
        return value

    def integer(self, key: str, *, at_least: int | None = None, at_most: int | None = None) -> int:
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, int):
            self.refuse(f"{key} is {value!r}; give a whole number", key)
        self._check_range(key, value, at_least, at_most)
        return value

    def number(self, key: str, *, above: float | None = None) -> float:
        value = self._take(key)
        if not _is_finite(value):
            self.refuse(f"{key} is {value!r}; give a finite number", key)
        if above is not None and value <= above:
            self.refuse(f"{key} is {value:g}; it must be above {above:g}", key)
        return float(value)

    def numbers(self, key: str, *, count: int) -> tuple[float, ...]:
        values = self._take(key)
        if not isinstance(values, list) or len(values) != count or not all(_is_finite(value) for value in values):
            self.refuse(f"{key} is {values!r}; give {count} finite numbers in brackets", key)
        return tuple(float(value) for value in values)

    def has(self, key: str) -> bool:
        """Whether an optional key is there; asking makes it a known key."""
        self._taken.add(key)
        return key in self.values

    def line(self, key: str = "") -> int:
        """The line of a key, or of this table's header."""
        return self.lines.find(self.section, self.index, self.anchor or key)

    def table(self, key: str) -> TomlTable:
        """A sub-table, written as `[section.key]` or inline as `key = { ... }`."""
        value = self._take(key)
        if not isinstance(value, dict):
            self.refuse(f"{key} is {value!r}; give a table", key)
        if self.anchor or self.lines.has(self.section, self.index, key):
            return TomlTable(self.path, value, self.lines, self.section, self.index, anchor=self.anchor or key)
        section = f"{self.section}.{key}" if self.section else key
        return TomlTable(self.path, value, self.lines, section, self.index)

    def array(self, key: str) -> list[TomlTable]:
        """An array of tables, written as `[[key]]`; empty if there is none."""
        self._taken.add(key)
        values = self.values.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            self.refuse(f"{key} is not a list of tables; write each as [[{key}]]", key)
        return [TomlTable(self.path, value, self.lines, key, index) for index, value in enumerate(values)]

    def finish(self) -> None:
        """Refuse every key that nobody asked for."""
        for key in self.values:
            if key not in self._taken:
                close = difflib.get_close_matches(key, self._taken, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"known keys are {', '.join(sorted(self._taken))}"
                self.refuse(f"unknown key {key!r}; {hint}", key)

    def _take(self, key: str) -> Any:
        self._taken.add(key)
        if key not in self.values:
            # A misspelt key is both missing and unknown; naming the misspelling helps more.
            close = difflib.get_close_matches(key, self.values.keys() - self._taken, n=1)
            if close:
                self.refuse(f"unknown key {close[0]!r}; did you mean {key!r}?", close[0])
            self.refuse(f"{key} is missing")
        return self.values[key]

    def _check_range(self, key: str, value: int, at_least: int | None, at_most: int | None) -> None:
        if (at_least is not None and value < at_least) or (at_most is not None and value > at_most):
            allowed = f"{at_least} to {at_most}" if at_most is not None else f"{at_least} or more"
            self.refuse(f"{key} is {value}; allowed is {allowed}", key)


def refuse_repeats(rows: Sequence[TomlTable], values: Sequence[Hashable], key: str, words: str) -> None:
    """Let no value stand in two rows.

    Raises:
        RobotTableError: one does; `words`, such as "joint {!r}", says which.
    """
    first: dict[Hashable, TomlTable] = {}
    for row, value in zip(rows, values, strict=True):
        if value in first:
            row.refuse(f"{words.format(value)} stands twice; first at line {first[value].line(key)}", key)
        first[value] = row


def _is_finite(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value)
