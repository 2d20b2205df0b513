"""A body whose motion can be written down: each joint follows its target as a first-order lag.

It is a body of its own, small and exact, so that the environment can be tested where every number is known.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from small_robot import SMALL_ROBOT

from assets.robot import RobotSpec
from envs.body import SOUND_WINDOW, BodyState, Fault, Image, Imu, JointTarget
from envs.clock import Clock, SimClock
from envs.episodes.records import Instruction
from envs.errors import BodyError, ScenarioError
from envs.humanoid import HumanoidEnv
from envs.scenario import Factor, Scenario, ScenarioSpace
from envs.snapshot import Snapshot
from envs.stage import Judgement, Station
from envs.tasks.task import Task

TAU_S = 0.05
DIGEST = "first-order-lag-1"

POINTING = Task(
    name="pointing",
    title="Point the shoulder at the mark without closing the grip.",
    space=ScenarioSpace(
        "pointing",
        (
            Factor("mark", "rad", "Put the mark at {value} rad.", "标记放在 {value} 弧度。", -1.0, 1.0),
            Factor("colour", "", "Paint it {value}.", "涂成{value}。", choices=("red", "blue")),
        ),
    ),
    instructions=(
        Instruction("turn", "Turn towards the mark.", "转向标记。"),
        Instruction("rest", "Rest there.", "停在那里。"),
    ),
    duration_s=4.0,
    scene="none",
)


@dataclass
class AnalyticBody:
    """Also its own judge and stage crew. `fault` and `broken` happen in the next exchange; `deaf` stops touch."""

    clock: Clock
    spec: RobotSpec = SMALL_ROBOT
    fault: Fault | None = None
    broken: BaseException | None = None
    deaf: bool = False
    stops: list[str] = field(default_factory=list)
    received: list[np.ndarray] = field(default_factory=list)
    closed: int = 0

    def __post_init__(self) -> None:
        self._start: Snapshot | None = None
        self._scenario: Scenario | None = None

    def set_up(self, scenario: Scenario, start: Snapshot | None, rng: np.random.Generator) -> None:
        if start is not None and start.model_digest != DIGEST:
            raise ScenarioError(f"the snapshot is of model {start.model_digest}, not {DIGEST}")
        self._start = start

    def reset(self, scenario: Scenario, rng: np.random.Generator) -> BodyState:
        self._scenario, self._rng, self._touch_stamp_s = scenario, rng, 0.0
        self._time_s, self._position, self._velocity = 0.0, self.spec.home.copy(), np.zeros(3)
        self._rest_steps = 0
        if self._start is not None:
            values = self._start.physics
            self._time_s, self._position, self._velocity = float(values[0]), values[1:4].copy(), values[4:7].copy()
            self._rest_steps = self._start.memory["rest_steps"]
            rng.bit_generator.state = self._start.memory["before"]
        return self._state()

    def exchange(self, target: JointTarget) -> BodyState:
        self.clock.wait()
        if self.broken is not None:
            raise self.broken
        period_s = 1.0 / self.spec.control_hz
        before = self._position
        self._position = before + (target.position_rad - before) * (1.0 - math.exp(-period_s / TAU_S))
        self._velocity = (self._position - before) / period_s
        self._time_s += period_s
        self.received.append(target.position_rad)
        near = self._scenario is not None and abs(self._position[0] - self._scenario.number("mark")) < 0.03
        self._rest_steps = self._rest_steps + 1 if near else 0
        return self._state()

    def assess(self) -> Judgement:
        done = (self._rest_steps > 0, self._rest_steps > 5)
        failure = "the grip closed" if self._position[2] > 1.0 else None
        unmet = "" if all(done) else "turn: not at the mark"
        return Judgement(done=done, success=all(done) and failure is None, failure=failure, unmet=failure or unmet)

    def snapshot(self, step: int, memory: dict[str, object]) -> Snapshot:
        if self._scenario is None:
            raise BodyError("never reset")
        physics = np.concatenate([[self._time_s], self._position, self._velocity])
        inner = {"rest_steps": self._rest_steps, "before": self._before, "env": memory}
        return Snapshot(self._scenario, DIGEST, step, physics, np.zeros((0, 12)), inner)

    def stop(self, reason: str) -> None:
        self.stops.append(reason)

    def close(self) -> None:
        self.stop("closed")
        self.closed += 1

    def _state(self) -> BodyState:
        self._before = self._rng.bit_generator.state
        if not self.deaf:
            self._touch_stamp_s = self._time_s
        pixels = np.full((6, 8, 3), int(127 + 50 * self._position[0]), dtype=np.uint8)
        return BodyState(
            position_rad=self._position.copy(),
            velocity_rad_s=self._velocity.copy(),
            effort_nm=np.array([0.1, 0.2, 0.3]),
            joints_stamp_s=self._time_s,
            touch_n=self._rng.uniform(0.0, 1.0, (1, 2, 2)),
            touch_stamp_s=self._touch_stamp_s,
            images={"head": Image(pixels, self._time_s)},
            sound=np.zeros(SOUND_WINDOW, dtype=np.int16),
            sound_stamp_s=self._time_s,
            sound_count=round(self._time_s * 16_000),
            imu=Imu(np.zeros(3), np.array([0.0, 0.0, 9.81]), self._time_s),
            faults=() if self.fault is None else (self.fault,),
        )


def analytic_env(**options: object) -> tuple[HumanoidEnv, AnalyticBody]:
    """An environment around an analytic body, and the body."""
    clock = SimClock(1.0 / SMALL_ROBOT.control_hz)
    body = AnalyticBody(clock)
    env = HumanoidEnv(SMALL_ROBOT, POINTING, lambda: Station(body, body, body), clock, **options)
    return env, body
