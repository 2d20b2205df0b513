"""A small language for choosing episodes by what the catalogue knows of them.

    task = pick_fruit and quality >= 0.5 and day >= 2026-01-01
    operator in ("Li Na", Wang) and not (body = serial or factors.colour = red)

A word compares a column with a value by = != < <= > >= or `in (a, b)`; columns of yes or no stand alone. `and`, `or`,
`not` and brackets combine. Nothing in it is ever run as code or as SQL.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, get_args, get_type_hints

from envs.episodes.catalogue import CatalogueEntry
from envs.episodes.records import BodyKind, Purpose
from envs.episodes.sheet import Status
from envs.episodes.verdict import VERDICTS
from envs.errors import QueryError
from envs.scenario import Pool
from envs.tasks.known import TASK_NAMES

Condition = Callable[[CatalogueEntry], bool]

_TOKEN = re.compile(r"""\s*(?:(<=|>=|!=|==|=|<|>|\(|\)|,)|"([^"]*)"|'([^']*)'|([^\s<>=!(),"']+))""")
_ORDERED = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_YES_NO = {"true": True, "yes": True, "false": False, "no": False}
_NOTHING = "none"
_DAY = "day"  # of `started_at`, in UTC
_OTHER_NAMES = {"quality": "quality_score", "verdict": "quality_verdict", "date": _DAY}
_WORDS: dict[str, tuple[str, ...]] = {
    "quality_verdict": (*VERDICTS, ""),
    "pool": tuple(Pool),
    "body": get_args(BodyKind),
    "purpose": get_args(Purpose),
    "status": get_args(Status),
}
_KINDS = {str: "text", bool: "yes or no", int: "number", float: "number", object: "a number or text"}


@dataclass(frozen=True)
class Where:
    """A condition on episodes. `columns` are those that it names."""

    text: str
    columns: frozenset[str]
    admits: Condition
    tasks: frozenset[str] = frozenset()  # that it names
    factors: frozenset[str] = frozenset()

    def refuse_unknown(self, entries: Sequence[CatalogueEntry]) -> None:
        """Refuse a name that is in none of these episodes, of which an archive consists, nor otherwise known.

        Raises:
            QueryError: there is such a task or factor; the message lists those that there are.
        """
        tasks = {*TASK_NAMES, *(entry.task for entry in entries)}
        factors = {name for entry in entries for name in entry.factors}
        for what, named, there_are in (("task", self.tasks, tasks), ("factor", self.factors, factors)):
            for name in sorted(named - there_are) if entries else ():
                raise QueryError(
                    f"cannot choose episodes where {self.text!r}: there is no {what} {name!r}; there are "
                    f"{', '.join(sorted(there_are))}"
                )

    @staticmethod
    def parse(text: str) -> Where:
        """
        Raises:
            QueryError: the text is none of this language, names no column, or compares what cannot be compared.
        """
        return _Parser(text).whole()


def allowed_columns() -> str:
    """The columns by name and kind, for a message or a help text."""
    kinds = {**column_kinds(), _DAY: str}
    texts = [f"{name}.NAME" if kind is dict else f"{name} ({_KINDS[kind]})" for name, kind in sorted(kinds.items())]
    return ", ".join(texts)


def column_kinds() -> dict[str, type]:
    """str, bool, int, float or dict for each column of the catalogue, whether it may be empty or not."""
    hints = get_type_hints(CatalogueEntry)
    kinds = {}
    for column in fields(CatalogueEntry):
        text = str(hints[column.name])
        is_one = hints[column.name] in _KINDS
        kinds[column.name] = hints[column.name] if is_one else _kind_of_text(text)
    return kinds


def _kind_of_text(hint: str) -> type:
    """The kind of `str | None`, `dict[str, Any]` and the like."""
    return next((kind for kind in (dict, bool, float, int) if re.search(rf"\b{kind.__name__}\b", hint)), str)


class _Parser:
    """Recursive descent: `or` binds least, then `and`, then `not`."""

    def __init__(self, text: str) -> None:
        self._text, self._columns = text, set[str]()
        self._tasks, self._factors = set[str](), set[str]()
        self._kinds = {**column_kinds(), _DAY: str}
        self._tokens: list[tuple[str, str]] = []  # "sign", "word" or "text", and what it is
        place = 0
        while text[place:].strip():
            match = _TOKEN.match(text, place)
            if match is None:
                raise self._error(f"{text[place:].strip()[:20]!r} is not understood")
            kind = ("sign", "text", "text", "word")[(match.lastindex or 1) - 1]
            self._tokens.append((kind, match.group(match.lastindex or 1)))
            place = match.end()

    def whole(self) -> Where:
        condition = self._either()
        if self._tokens:
            raise self._error(f"{self._tokens[0][1]!r} is one word too many; combine conditions by and, or")
        return Where(self._text, frozenset(self._columns), condition, frozenset(self._tasks), frozenset(self._factors))

    def _either(self) -> Condition:
        parts = [self._both()]
        while self._took("or"):
            parts.append(self._both())
        return lambda entry: any(part(entry) for part in parts)

    def _both(self) -> Condition:
        parts = [self._one()]
        while self._took("and"):
            parts.append(self._one())
        return lambda entry: all(part(entry) for part in parts)

    def _one(self) -> Condition:
        if self._took("not"):
            inner = self._one()
            return lambda entry: not inner(entry)
        if self._took("(", "sign"):
            inner = self._either()
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Condition:
        name = self._value("the name of a column")
        value_of, kind = self._column(name)
        if self._took("in"):
            self._expect("(")
            wanted = [self._constant(name, kind)]
            while self._took(",", "sign"):
                wanted.append(self._constant(name, kind))
            self._expect(")")
            return lambda entry: value_of(entry) in wanted
        sign = self._tokens[0][1] if self._tokens and self._tokens[0][0] == "sign" else ""
        if sign in ("=", "==", "!="):
            self._tokens.pop(0)
            constant = self._constant(name, kind)
            is_equal = sign != "!="
            return lambda entry: (value_of(entry) == constant) is is_equal
        if sign in _ORDERED:
            self._tokens.pop(0)
            return self._order(name, kind, sign, value_of)
        if kind is not bool:
            raise self._error(f"{name!r} is {_KINDS[kind]}; compare it by = != < <= > >= or in (...)")
        return lambda entry: bool(value_of(entry))

    def _order(self, name: str, kind: type, sign: str, value_of: Callable[[CatalogueEntry], Any]) -> Condition:
        constant, compare = self._constant(name, kind), _ORDERED[sign]
        if kind is bool or constant is None:
            raise self._error(f"{name!r} cannot be compared by {sign} with {constant}; say = or !=")

        def holds(entry: CatalogueEntry) -> bool:
            value = value_of(entry)
            # What is unknown, or of another kind, is neither more nor less.
            return (
                isinstance(value, str) is isinstance(constant, str) and value is not None and compare(value, constant)
            )

        return holds

    def _column(self, name: str) -> tuple[Callable[[CatalogueEntry], Any], type]:
        column, dot, key = name.partition(".")
        column = _OTHER_NAMES.get(column, column)
        kind = self._kinds.get(column)
        if kind is None or (kind is dict) != bool(dot):
            raise self._error(f"there is no column {name!r}")
        self._columns.add(column)
        if column == _DAY:
            return lambda entry: entry.started_at[:10], str
        if kind is dict:
            self._factors.add(key)
            return lambda entry: getattr(entry, column).get(key), object
        return lambda entry: getattr(entry, column), kind

    def _constant(self, name: str, kind: type) -> Any:
        column = _OTHER_NAMES.get(name, name)
        is_quoted = bool(self._tokens) and self._tokens[0][0] == "text"
        text = self._value(f"a value for {name!r}")
        if not is_quoted and text.lower() == _NOTHING:
            return None
        if kind is bool:
            if text.lower() not in _YES_NO:
                raise self._error(f"{name!r} is {text!r}; it must be one of {', '.join(_YES_NO)}")
            return _YES_NO[text.lower()]
        number = None if is_quoted else _number(text)
        if kind in (int, float):
            if number is None:
                raise self._error(f"{name!r} is a number; {text!r} is none")
            if column == "quality_score" and not 0.0 <= number <= 1.0:
                raise self._error(f"{name!r} runs from 0 to 1, {text} is beyond; the 79 that is shown is 0.79 here")
            return number
        self._check_word(name, column, text)
        return number if kind is object and number is not None else text

    def _check_word(self, name: str, column: str, text: str) -> None:
        if column == "task":
            self._tasks.add(text)
        if column == _DAY and not _is_day(text):
            raise self._error(f"{text!r} is no day; write it as 2026-01-31")
        if column in _WORDS and text not in _WORDS[column]:
            raise self._error(f"{name!r} is never {text!r}; it is one of {', '.join(filter(None, _WORDS[column]))}")

    def _value(self, what: str) -> str:
        if not self._tokens or self._tokens[0][0] == "sign":
            found = repr(self._tokens[0][1]) if self._tokens else "the end"
            raise self._error(f"{found} stands where {what} is wanted")
        return self._tokens.pop(0)[1]

    def _expect(self, sign: str) -> None:
        if not self._took(sign, "sign"):
            found = repr(self._tokens[0][1]) if self._tokens else "the end"
            raise self._error(f"{found} stands where {sign!r} is wanted")

    def _took(self, word: str, kind: str = "word") -> bool:
        if self._tokens and self._tokens[0][0] == kind and self._tokens[0][1].lower() == word:
            self._tokens.pop(0)
            return True
        return False

    def _error(self, what: str) -> QueryError:
        return QueryError(
            f"cannot choose episodes where {self._text!r}: {what}. Write it as: task = pick_fruit and quality >= 0.5. "
            f"The columns are {allowed_columns()}"
        )


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
