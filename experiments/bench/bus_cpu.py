"""What the computer spends on one cycle, wires and servos left out: both sides speak to replies recorded beforehand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from assets.table import load_robot
from experiments.bench.bus_cycles import NO_PEER, PEER, SERVO_IDS, Cycle, OurCycle, repeated, sdk_cycle, virtual_bus
from experiments.bench.rows import Row, interleaved
from hardware.port import InProcessPort
from hardware.servos import ServoChain
from hardware.virtual_robot import VirtualRobot

Feed = Callable[[bytes, float], bytes]

SHARE_GOAL = 0.1
_NOW_S = 1000.0  # time stands: recorded replies are as old as they are


def measure(quick: bool) -> list[Row]:
    rounds, cycles = (12, 40) if quick else (60, 100)
    ways: list[Cycle] = [
        OurCycle(_frozen(virtual_bus().feed)).whole,
        OurCycle(_frozen(virtual_bus().feed), fast=True).whole,
        _stuffed_cycle(),
        _chain_cycle(),
    ]
    theirs = sdk_cycle(_MemorySerial(_Replies(virtual_bus().feed)))
    fast = sdk_cycle(_MemorySerial(_Replies(virtual_bus().feed)), fast=True)
    peers = [way for way in (theirs, fast) if way is not None]
    taken = 1e6 * interleaved([repeated(way, cycles) for way in (*ways, *peers)], rounds, cpu=True) / cycles
    best = taken.min(axis=1)
    peer_us = float(best[4]) if theirs is not None else None
    note = f"least of {rounds} windows; peer: {PEER}" if theirs is not None else NO_PEER
    rows = [Row(f"cycle of {len(SERVO_IDS)} servos", float(best[0]), "us", peer=peer_us, note=note)]
    if theirs is not None:
        told = "ours also reads the servos' clocks, and refuses what they cannot have reached"
        share = float(best[0] / best[4])
        rows.append(Row("its processor time over the peer's", share, "x", goal=SHARE_GOAL, note=told))
    fast_us = float(best[5]) if fast is not None else None
    rows.append(Row("the same by fast sync read", float(best[1]), "us", peer=fast_us))
    rows.append(Row("the same with one stuffed reply", float(best[2]), "us", note="17 % of cycles at rest have one"))
    told = "27 servos on 3 buses in SI units, guarded, with one group of vital signs"
    rows.append(Row("a whole period of the robot's driver", float(best[3]), "us", note=told))
    return rows


class _Replies:
    """Answers each request as the virtual servos answered it the first time."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._known: dict[bytes, bytes] = {}
        self.is_live = False

    def __call__(self, data: bytes, now_s: float) -> bytes:
        key = bytes(data)
        if self.is_live or key not in self._known:
            self._known[key] = self._feed(key, now_s)
        return self._known[key]


def _frozen(feed: Feed) -> InProcessPort:
    return InProcessPort(_Replies(feed), lambda: _NOW_S, "bench")


def _stuffed_cycle() -> Cycle:
    bus = virtual_bus()
    bus.servo(SERVO_IDS[len(SERVO_IDS) // 2]).sense(position_ticks=2048, velocity_ticks=-3, current_ticks=-1)
    return OurCycle(_frozen(bus.feed)).whole


def _chain_cycle() -> Cycle:
    robot = load_robot()
    buses = VirtualRobot(robot).buses
    replies = {name: _Replies(bus.feed) for name, bus in buses.items()}
    chain = ServoChain(robot, {name: InProcessPort(each, lambda: _NOW_S, name) for name, each in replies.items()})
    for each in replies.values():  # what is written while connecting has to be read back
        each.is_live = True
    chain.connect()
    for each in replies.values():
        each.is_live = False

    def cycle() -> None:
        chain.write_goals(robot.home)
        state = chain.read()
        notices = chain.watch()
        if state.missing or notices:
            raise RuntimeError(f"the measurement met {dict(state.missing)} and {notices}")

    return cycle


class _MemorySerial:
    """A serial port over a feed, as dynamixel-sdk sees it."""

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
