"""A virtual station for one test, and a body on its cables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from virtual_station import PATIENCE, SERVO_ROBOT, VirtualStation, virtual_station

from envs.clock import WallClock
from envs.real_body import RealBody


@pytest.fixture
def station() -> Iterator[VirtualStation]:
    with virtual_station() as station:
        yield station


@pytest.fixture
def body(station: VirtualStation) -> RealBody:
    return station.closing(RealBody(SERVO_ROBOT, WallClock(1 / 25), station.ports, PATIENCE))
