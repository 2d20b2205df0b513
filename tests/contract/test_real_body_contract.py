"""The body contract, kept by the body on cables: over pseudo-terminals in this process."""

from collections.abc import Iterator
from typing import ClassVar

import pytest
from body_contract import BodyContract, Maker
from virtual_station import station_env, virtual_station


class TestRealBody(BodyContract):
    steps: ClassVar[int] = 12
    is_restartable: ClassVar[bool] = False
    is_deterministic: ClassVar[bool] = False

    @pytest.fixture
    def make_env(self) -> Iterator[Maker]:
        with virtual_station() as station:
            yield lambda: station_env(station)
