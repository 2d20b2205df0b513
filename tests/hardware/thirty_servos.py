"""Thirty servos on one wire and a simulated clock, driven period by period as a robot's body drives its chain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assets.robot import JointSpec, RobotSpec, SafetySpec, ServoSpec
from envs.body import Fault as Noticed
from envs.servo_watch import ServoWatch
from hardware.servos import ChainState, ServoChain
from hardware.virtual import Chain, VirtualBus
from hardware.virtual_faults import Fault, FaultScript
from hardware.virtual_robot import VirtualRobot
from hardware.virtual_servo import VirtualServo
from hardware.virtual_wire import SimulatedClock, VirtualPort

PERIOD_S = 0.04
COUNT = 30
BYTE_S = 1e-5
READ_WIRE_S = (14 + COUNT + COUNT * (11 + 16)) * BYTE_S  # the question, and sixteen bytes of each
GRIPPER = 30
POSES_RAD = np.linspace(-1.0, 1.0, COUNT)


def joint_of(servo_id: int) -> str:
    return f"joint_{servo_id:02d}"


LIMP = SafetySpec()


def thirty_servo_robot(safety: SafetySpec = LIMP) -> RobotSpec:
    ids = range(1, COUNT + 1)
    return RobotSpec(
        name="thirty",
        control_hz=1 / PERIOD_S,
        joints=tuple(JointSpec(joint_of(own), "arm", -2.0, 2.0, 0.0, 2.0, 10.0, 4.0) for own in ids),
        servos=tuple(
            ServoSpec(
                joint_of(own),
                "arm",
                own,
                "XM430-W350",
                1,
                2048,
                "current_position" if own == GRIPPER else "position",
                goal_current_a=0.5 if own == GRIPPER else None,
            )
            for own in ids
        ),
        safety=safety,
    )


@dataclass(frozen=True)
class Period:
    """What one control period brought; `read_s` is how long reading the state took."""

    state: ChainState
    faults: tuple[Noticed, ...]
    read_s: float

    @property
    def missing_ids(self) -> list[int]:
        return sorted(int(name[-2:]) for name in self.state.missing)

    @property
    def stops(self) -> list[str]:
        return [fault.message for fault in self.faults if fault.severity != "note"]

    @property
    def notes(self) -> list[str]:
        return [fault.message for fault in self.faults if fault.severity == "note"]


class Rig:
    """A connected robot of thirty servos that stand at home."""

    def __init__(
        self,
        chain: Chain = "continue",
        fast: bool = False,
        watchdog_s: float = 0.1,
        safety: SafetySpec = LIMP,
        connect: bool = True,
    ) -> None:
        self.spec = thirty_servo_robot(safety)
        self.clock = SimulatedClock(100.0)
        self.robot = VirtualRobot(self.spec, chain)
        self.bus: VirtualBus = self.robot.buses["arm"]
        self.port = VirtualPort(self.bus, self.clock)
        self.chain = ServoChain(self.spec, {"arm": self.port}, watchdog_s=watchdog_s, reply_margin_s=0.004, fast=fast)
        self.watch = ServoWatch(self.spec)
        self.goals_rad: NDArray[np.float64] = self.spec.home.copy()
        self._stood_rad = self.spec.home.copy()
        if connect:
            self.chain.connect()
            self.period()

    def servo(self, servo_id: int) -> VirtualServo:
        return self.bus.servo(servo_id)

    def break_with(self, *faults: Fault, seed: int = 0) -> None:
        """From the next period on; a period is two cycles of a script, one for the state and one for vital signs."""
        self.bus.faults = FaultScript(faults, seed)

    def period(self) -> Period:
        """Goals out, time passes, the joints go where their servos want, state and faults in."""
        self.chain.write_goals(self.goals_rad)
        self.clock.advance(PERIOD_S)
        nothing, goals = np.zeros(COUNT), self.robot.goals
        self._stood_rad = np.where(goals.is_limp, self._stood_rad, goals.position_rad)
        self.robot.sense(self._stood_rad, nothing, nothing)
        before_s = self.clock.now_s
        state = self.chain.read()
        read_s = self.clock.now_s - before_s
        return Period(state, self.watch.faults(self.chain, state), read_s)

    def periods(self, count: int) -> list[Period]:
        return [self.period() for _ in range(count)]


def during(first: int, last: int | None = None) -> range:
    """The cycles of a script in these periods of it."""
    return range(2 * first, 2 * ((first if last is None else last) + 1))


def stand(rig: Rig) -> None:
    """Every servo somewhere else, and time enough to have come there."""
    rig.robot.sense(POSES_RAD, np.zeros(COUNT), np.zeros(COUNT))
    rig.clock.advance(10.5)
