"""How fast cycles go over pseudo-terminals: one that answers at once, and one at the pace of a real wire."""

from __future__ import annotations

import time
from functools import partial

import numpy as np

from experiments.bench.bus_at_once import answering_at_once
from experiments.bench.bus_cycles import (
    MODEL,
    NO_PEER,
    PEER,
    PEER_BYTES,
    PEER_FIRST,
    SERVO_IDS,
    OurCycle,
    repeated,
    sdk_cycle_at,
    virtual_bus,
)
from experiments.bench.rows import Row, interleaved
from experiments.workers import progress_bar
from hardware import control_table as table
from hardware.dynamixel import Instruction
from hardware.serial_port import SerialPort
from hardware.state_link import STATE_ADDRESS, STATE_BLOCK
from hardware.sync_read import sync_request
from hardware.virtual import VirtualBus
from hardware.virtual_faults import FaultScript, Silent
from hardware.virtual_paced import PacedProcess

BAUD = 1_000_000
SPEED_GOAL, CEILING_GOAL, WAITING_GOAL = 4.0, 0.85, 0.05
SILENT_ID = SERVO_IDS[6]
_COUNT = len(SERVO_IDS)
_STATE_BYTES = STATE_BLOCK.itemsize
_BITS_A_BYTE = 10
_SILENT_SHARE, _SILENT_MORE_S = 1.2, 0.005


def measure(quick: bool) -> list[Row]:
    rows = []
    with progress_bar("servos on pseudo-terminals", 5) as advance:
        rows += _at_once(quick)
        advance("")
        for name, fast in (("sync", False), ("fast sync", True)):
            rows += _paced(name, fast, quick)
            advance("")
        for chain in ("stop", "continue"):
            rows.append(_silent(chain, quick))
            advance("")
    return rows


def cycle_bytes(*, fast: bool) -> int:
    """Bytes on the wire in one cycle: goals, the question, the answers."""
    goals = 14 + _COUNT * (1 + table.GOAL_POSITION.size)
    answers = 8 + _COUNT * (4 + _STATE_BYTES) if fast else _COUNT * (11 + _STATE_BYTES)
    return goals + 14 + _COUNT + answers


def _at_once(quick: bool) -> list[Row]:
    rounds, cycles = (6, 100) if quick else (30, 300)
    ours = sync_request(Instruction.SYNC_READ, SERVO_IDS, STATE_ADDRESS, _STATE_BYTES)
    theirs = sync_request(Instruction.SYNC_READ, SERVO_IDS, PEER_FIRST.address, PEER_BYTES)
    with answering_at_once((ours,)) as path, answering_at_once((theirs,)) as peer_path:
        port = SerialPort(path, BAUD)
        cycle = OurCycle(port, reply_margin_s=0.2)
        peer = sdk_cycle_at(peer_path, BAUD)
        ways = [repeated(cycle.whole, cycles), *([repeated(peer, cycles)] if peer else [])]
        # Time passes between the windows, so the first cycle of each is refused by nobody's clock.
        taken = interleaved(ways, rounds, before_each=cycle.link.forget) / cycles
        port.close()
    best_hz = 1.0 / taken.min(axis=1)
    peer_hz = float(best_hz[1]) if peer else None
    name = f"cycles of {_COUNT} servos over a pseudo-terminal that answers at once"
    rows = [Row(name, float(best_hz[0]), "Hz", peer=peer_hz, note=f"peer: {PEER}" if peer else NO_PEER)]
    if peer:
        rows.append(Row("cycles over the peer's", float(best_hz[0] / best_hz[1]), "x", SPEED_GOAL, "at least"))
    return rows


def _paced(name: str, fast: bool, quick: bool) -> list[Row]:
    windows, cycles = (6, 25) if quick else (40, 50)
    ceiling_hz = BAUD / _BITS_A_BYTE / cycle_bytes(fast=fast)
    with PacedProcess(_make_buses, BAUD) as servos:
        port = _MeteredPort(SerialPort(servos.paths["bench"], BAUD))
        cycle = OurCycle(port, fast=fast)
        best_s, busy, waiting, spoilt = np.inf, np.inf, np.inf, 0
        for _ in range(windows):
            cycle.link.forget()
            if fast:
                cycle.link.probe_fast()
            fast_before = cycle.link.counters.fast_cycles
            port.waiting_s = 0.0
            # The clock of this thread: another one draws the progress bar.
            begin_s, begin_cpu_s = time.perf_counter(), time.thread_time()
            missed = sum(bool(cycle().problems) for _ in range(cycles))
            wall_s, cpu_s = time.perf_counter() - begin_s, time.thread_time() - begin_cpu_s
            busy, waiting = min(busy, cpu_s / wall_s), min(waiting, port.waiting_s / wall_s)
            is_other = fast and cycle.link.counters.fast_cycles - fast_before < cycles
            if missed or is_other:  # a cycle that lacks a servo may be shorter than one that does not
                spoilt += 1
            else:
                best_s = min(best_s, wall_s / cycles)
        port.close()
    share = 1.0 / best_s / ceiling_hz
    told = (
        f"{1.0 / best_s:.1f} Hz of {ceiling_hz:.1f} Hz; {spoilt} of {windows} windows lacked a reply and are left out"
    )
    whole = f"{busy:.3f} with coding and decoding, at this rate"
    return [
        Row(f"share of the wire's ceiling at 1 Mbps, {name} read", share, "", CEILING_GOAL, "at least", note=told),
        Row(f"processor spent on waiting for it, {name} read", waiting, "of a core", WAITING_GOAL, note=whole),
    ]


def _silent(chain: str, quick: bool) -> Row:
    windows, cycles = (3, 10) if quick else (10, 30)
    wire_s = cycle_bytes(fast=False) * _BITS_A_BYTE / BAUD
    with PacedProcess(partial(_make_buses, chain, SILENT_ID), BAUD) as servos:
        port = SerialPort(servos.paths["bench"], BAUD)
        cycle = OurCycle(port)
        best_s = np.inf
        answered: list[int] = []
        for _ in range(windows):
            taken_s = []
            for _ in range(cycles):
                cycle.link.forget()  # as if it were the first: a servo known to be silent is not waited for
                begin_s = time.perf_counter()
                state = cycle()
                taken_s.append(time.perf_counter() - begin_s)
                answered.append(int(state.fresh.sum()))
            best_s = min(best_s, float(np.median(taken_s)))
        port.close()
    limit_ms = 1e3 * (_SILENT_SHARE * wire_s + _SILENT_MORE_S)
    told = f"wire {1e3 * wire_s:.1f} ms; {np.median(answered):.0f} of {_COUNT} servos answered in such a cycle"
    return Row(f"cycle with one silent {MODEL}, chain={chain}", 1e3 * best_s, "ms", round(limit_ms, 2), note=told)


def _make_buses(chain: str = "continue", silent_id: int | None = None) -> dict[str, VirtualBus]:
    bus = virtual_bus(chain)
    if silent_id is not None:
        bus.faults = FaultScript([Silent(silent_id)], seed=0)
    return {"bench": bus}


class _MeteredPort:
    """A serial port that counts the processor time of all waiting: for bytes, for the wire, and for what has come."""

    def __init__(self, port: SerialPort) -> None:
        self._port = port
        self.name, self.byte_time_s = port.name, port.byte_time_s
        self.now_s, self.write, self.close = port.now_s, port.write, port.close
        self.waiting_s = 0.0

    def read(self, limit: int) -> bytes:
        begin_s = time.thread_time()
        data = self._port.read(limit)
        self.waiting_s += time.thread_time() - begin_s
        return data

    def wait(self, deadline_s: float) -> bool:
        begin_s = time.thread_time()
        has_come = self._port.wait(deadline_s)
        self.waiting_s += time.thread_time() - begin_s
        return has_come

    def rest(self, until_s: float) -> None:
        begin_s = time.thread_time()
        self._port.rest(until_s)
        self.waiting_s += time.thread_time() - begin_s
