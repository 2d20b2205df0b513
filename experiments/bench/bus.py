"""What the computer spends on one control cycle with the robot's servos, wires and servos left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from assets.robot import RobotSpec
from assets.table import load_robot
from experiments.bench.rows import BenchOptions, Row, interleaved
from hardware import control_table as table
from hardware.port import InProcessPort
from hardware.servos import ServoChain
from hardware.virtual_robot import VirtualRobot

Feed = Callable[[bytes, float], bytes]

GOAL_MS = 2.0  # a twentieth of a control period at 25 Hz
_FIRST, _SIZE = table.PRESENT_CURRENT, 10  # current, velocity, position: what both sides read


@dataclass(frozen=True)
class Bus(BenchOptions):
    """Processor time of one cycle (a goal to each servo, a state from each) on in-memory ports.

    The peer is the manufacturer's dynamixel-sdk with GroupSyncWrite and GroupSyncRead on the same bytes. Both speak to
    replies that were recorded beforehand, so that the servos cost nothing.

    Example: retake bench bus
    """

    robot: str = "tudi"
    """Which robot of assets/."""


class _Replies:
    """Answers each request as the virtual servos answered it the first time."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._known: dict[bytes, bytes] = {}

    def __call__(self, data: bytes, now_s: float) -> bytes:
        key = bytes(data)
        if key not in self._known:
            self._known[key] = self._feed(key, now_s)
        return self._known[key]


def measure(config: Bus) -> list[Row]:
    robot = load_robot(config.robot)
    rounds, cycles = (10, 40) if config.quick else (30, 100)
    ours = _retake_cycle(robot)
    theirs, why = _sdk_cycle(robot)
    ways = [lambda: _repeat(ours, cycles), *([lambda: _repeat(theirs, cycles)] if theirs else [])]
    taken = 1e3 * interleaved(ways, rounds, cpu=True) / cycles
    ours_ms = float(np.median(taken[0]))
    theirs_ms = float(np.median(taken[1])) if theirs else None
    cycle = f"cycle of {len(robot.servos)} servos on {len({servo.bus for servo in robot.servos})} buses"
    rows = [Row(cycle, ours_ms, "ms", goal=GOAL_MS, peer=theirs_ms, note=why)]
    if theirs_ms is not None:
        ratio = float(np.median(taken[1] / taken[0]))
        rows.append(Row("the peer's time over ours", ratio, "x", note="ours also reads alerts and gives SI units"))
    return rows


def _repeat(cycle: Callable[[], None], times: int) -> None:
    for _ in range(times):
        cycle()


def _retake_cycle(robot: RobotSpec) -> Callable[[], None]:
    virtual = VirtualRobot(robot)
    # The virtual servos set themselves up on ports of their own; only then are their answers frozen.
    connected = {name: InProcessPort(bus.feed, name=name) for name, bus in virtual.buses.items()}
    ServoChain(robot, connected).connect()
    frozen = {name: InProcessPort(_Replies(bus.feed), name=name) for name, bus in virtual.buses.items()}
    chain = ServoChain(robot, frozen)

    def cycle() -> None:
        state = chain.exchange(robot.home)
        if state.missing:
            raise RuntimeError(f"servos are missing from the measurement: {state.missing}")

    return cycle


def _sdk_cycle(robot: RobotSpec) -> tuple[Callable[[], None] | None, str]:
    try:
        import dynamixel_sdk as sdk
    except ImportError:
        return None, "dynamixel-sdk is not installed; it comes with the extra 'dev'"
    packets = sdk.PacketHandler(2.0)
    virtual = VirtualRobot(robot)
    goal_ticks = {servo.servo_id: servo.center_ticks for servo in robot.servos}
    groups = []
    for name, bus in virtual.buses.items():
        port = sdk.PortHandler(name)
        port.ser = _MemorySerial(_Replies(bus.feed))
        port.is_open = True
        write = sdk.GroupSyncWrite(port, packets, table.GOAL_POSITION.address, table.GOAL_POSITION.size)
        read = sdk.GroupSyncRead(port, packets, _FIRST.address, _SIZE)
        ids = [servo.servo_id for servo in robot.servos if servo.bus == name]
        for servo_id in ids:
            write.addParam(servo_id, list(goal_ticks[servo_id].to_bytes(4, "little")))
            read.addParam(servo_id)
        groups.append((write, read, ids))

    def cycle() -> None:
        for write, read, ids in groups:
            for servo_id in ids:
                write.changeParam(servo_id, list(goal_ticks[servo_id].to_bytes(4, "little")))
            results = (write.txPacket(), read.txRxPacket())
            if results != (sdk.COMM_SUCCESS, sdk.COMM_SUCCESS):
                raise RuntimeError(f"dynamixel-sdk answers {results}")
            for servo_id in ids:
                for register in (table.PRESENT_CURRENT, table.PRESENT_VELOCITY, table.PRESENT_POSITION):
                    read.getData(servo_id, register.address, register.size)

    return cycle, "peer: dynamixel-sdk"


class _MemorySerial:
    """What dynamixel-sdk needs of pyserial, over a feed."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._received = bytearray()

    @property
    def in_waiting(self) -> int:
        return len(self._received)

    def write(self, data: Any) -> int:
        self._received += self._feed(bytes(data), 0.0)
        return len(data)

    def read(self, length: int) -> bytes:
        data = bytes(self._received[:length])
        del self._received[:length]
        return data

    def reset_input_buffer(self) -> None:
        self._received.clear()
