"""Scenarios: named factors, their ranges and distributions, and the pool that each scenario belongs to."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from envs.errors import ScenarioError

Value = float | str
Distribution = Literal["deployment", "nominal"]

_POOL_SALT = "retake-pools-1"


class Pool(StrEnum):
    """What a scenario may be used for; decided by the scenario itself."""

    TRAIN = "train"
    DISCOVER = "discover"
    CALIBRATE = "calibrate"
    VERIFY = "verify"
    REGRESS = "regress"
    TEST = "test"


_POOL_EDGES = ((Pool.TRAIN, 40), (Pool.DISCOVER, 60), (Pool.CALIBRATE, 70), (Pool.VERIFY, 80), (Pool.REGRESS, 90))
TRAINABLE = frozenset({Pool.TRAIN, Pool.DISCOVER})


@dataclass(frozen=True)
class Factor:
    """One named way in which scenarios differ.

    A numeric factor is uniform over `[lower, upper]` in deployment and over the middle half in the nominal
    distribution (or over `nominal`, where given). A categorical one is uniform over `choices`, and over
    `nominal_choices` nominally.
    """

    name: str
    unit: str
    set_up_en: str  # how a person sets it up; {value} is filled in
    set_up_zh: str
    lower: float = 0.0
    upper: float = 0.0
    nominal: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    nominal_choices: tuple[str, ...] = ()
    in_simulation: str = ""  # what it changes there
    is_whole: bool = False  # a person is told whole numbers
    choice_words: Mapping[str, tuple[str, str]] = field(default_factory=dict, hash=False)  # in English, in Chinese

    @property
    def is_categorical(self) -> bool:
        return bool(self.choices)

    @property
    def nominal_range(self) -> tuple[float, float]:
        if self.nominal is not None:
            return self.nominal
        quarter = (self.upper - self.lower) / 4.0
        return self.lower + quarter, self.upper - quarter

    def set_up(self, value: Value) -> tuple[str, str]:
        """How a person sets a value up, as exactly as a person can; in English and in Chinese."""
        english, chinese = (
            self.choice_words.get(value, (value, value)) if isinstance(value, str) else self._digits(value)
        )
        return self.set_up_en.format(value=english), self.set_up_zh.format(value=chinese)

    def _digits(self, value: float) -> tuple[str, str]:
        """Three digits of the largest value that there is, never with an exponent; alike in both languages."""
        largest = max(abs(self.lower), abs(self.upper)) or 1.0
        decimals = 0 if self.is_whole else 3 - math.ceil(math.log10(largest))
        text = f"{round(value, decimals):z.{max(decimals, 0)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return text, text

    def from_unit(self, u: float, distribution: Distribution) -> Value:
        """The value at quantile `u` in [0, 1) of a distribution."""
        if self.is_categorical:
            choices = self.nominal_choices or self.choices if distribution == "nominal" else self.choices
            return choices[min(int(u * len(choices)), len(choices) - 1)]
        lower, upper = self.nominal_range if distribution == "nominal" else (self.lower, self.upper)
        return float(lower + u * (upper - lower))

    def check(self, value: Any) -> Value:
        """Return the value in its own type, or raise ScenarioError saying what is allowed."""
        if self.is_categorical:
            if value not in self.choices:
                raise ScenarioError(f"factor {self.name!r} is {value!r}; choose one of {', '.join(self.choices)}")
            return str(value)
        if isinstance(value, bool) or not isinstance(value, (int, float, np.floating, np.integer)):
            raise ScenarioError(f"factor {self.name!r} is {value!r}; give a number in [{self.lower}, {self.upper}]")
        if not self.lower <= float(value) <= self.upper:
            raise ScenarioError(
                f"factor {self.name!r} is {float(value):g} {self.unit}; allowed is [{self.lower:g}, {self.upper:g}]"
            )
        return float(value)


@dataclass(frozen=True)
class Scenario:
    """One task with a value for every factor. Two scenarios with equal values are the same scenario."""

    task: str
    values: Mapping[str, Value]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))

    def __reduce__(self) -> tuple[Any, ...]:
        return Scenario, (self.task, dict(self.values))

    def __hash__(self) -> int:
        return hash(self.key)

    def number(self, factor: str) -> float:
        return float(self.values[factor])

    @cached_property
    def key(self) -> str:
        """Sixteen hex digits that name this scenario."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    @cached_property
    def pool(self) -> Pool:
        digest = hashlib.blake2b(f"{_POOL_SALT}:{self.key}".encode(), digest_size=8).digest()
        percent = int.from_bytes(digest, "big") % 100
        return next((pool for pool, edge in _POOL_EDGES if percent < edge), Pool.TEST)

    def to_dict(self) -> dict[str, Any]:
        return {"task": self.task, "values": dict(self.values)}

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> Scenario:
        return Scenario(task=fields["task"], values=fields["values"])


@dataclass(frozen=True)
class ScenarioSpace:
    """The factors of one task, and how to draw scenarios from them."""

    task: str
    factors: tuple[Factor, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Factor]:
        return MappingProxyType({factor.name: factor for factor in self.factors})

    def scenario(self, values: Mapping[str, Any]) -> Scenario:
        """A checked scenario.

        Raises:
            ScenarioError: a factor is unknown, missing, or outside its range.
        """
        unknown = sorted(set(values) - set(self.by_name))
        missing = sorted(set(self.by_name) - set(values))
        if unknown or missing:
            raise ScenarioError(
                f"scenario of task {self.task!r}: unknown factors {unknown}, missing factors {missing}; "
                f"its factors are {', '.join(self.by_name)}"
            )
        return Scenario(self.task, {factor.name: factor.check(values[factor.name]) for factor in self.factors})

    def at(self, unit_cube: NDArray[np.float64], distribution: Distribution) -> Scenario:
        """The scenario at a point of the unit cube. `unit_cube` is (factors,)."""
        pairs = zip(self.factors, unit_cube, strict=True)
        # Six digits are finer than anyone can set up, and make keys independent of how floats are printed.
        values = {
            f.name: v if isinstance(v := f.from_unit(float(u), distribution), str) else round(v, 6) for f, u in pairs
        }
        return Scenario(self.task, values)

    def draw(
        self, pool: Pool | None, rng: np.random.Generator, *, distribution: Distribution = "deployment"
    ) -> Iterator[Scenario]:
        """Endless scrambled-Sobol scenarios of one pool (of every pool, if None)."""
        from scipy.stats import qmc

        engine = qmc.Sobol(d=len(self.factors), scramble=True, rng=rng)
        while True:
            for point in engine.random(64):
                scenario = self.at(point, distribution)
                if pool is None or scenario.pool is pool:
                    yield scenario

    def vector(self, scenario: Scenario) -> NDArray[np.float64]:  # (factors,)
        """The scenario as numbers in [0, 1] for a risk model; a category becomes its place among the choices."""
        return np.array([self._coordinate(factor, scenario.values[factor.name]) for factor in self.factors])

    @staticmethod
    def _coordinate(factor: Factor, value: Value) -> float:
        if factor.is_categorical:
            return factor.choices.index(str(value)) / max(len(factor.choices) - 1, 1)
        return (float(value) - factor.lower) / (factor.upper - factor.lower)
