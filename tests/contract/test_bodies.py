"""The body contract, kept by every body."""

from typing import ClassVar

import pytest
from analytic_body import analytic_env
from body_contract import BodyContract, Maker

from envs.registry import make_env as make_registered_env
from envs.tasks.known import TASK_NAMES


class TestAnalyticBody(BodyContract):
    @pytest.fixture
    def make_env(self) -> Maker:
        return lambda: analytic_env()[0]


class TestSimBody(BodyContract):
    steps: ClassVar[int] = 12

    @pytest.fixture(params=TASK_NAMES)
    def make_env(self, request: pytest.FixtureRequest) -> Maker:
        return lambda: make_registered_env(request.param, "sim", camera_every=3)


class TestFastTwin(BodyContract):
    steps: ClassVar[int] = 8

    @pytest.fixture
    def make_env(self) -> Maker:
        return lambda: make_registered_env("pick_fruit", "fast-twin", images=False)
