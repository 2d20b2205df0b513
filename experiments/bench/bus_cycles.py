"""One control cycle of thirty servos on one bus, done by our driver and by the manufacturer's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from hardware import control_table as table
from hardware.bus import DynamixelBus
from hardware.control_table import servo_model
from hardware.credibility import Reach
from hardware.port import Port
from hardware.reading import finish_reads
from hardware.state_link import LinkState, StateLink
from hardware.sync_write import SyncWriter
from hardware.virtual import VirtualBus
from hardware.virtual_servo import VirtualServo

SERVO_IDS = tuple(range(1, 31))
MODEL = "XM430-W350"
PEER = "dynamixel-sdk"
NO_PEER = "dynamixel-sdk is not installed; it comes with the extra 'dev'"
_MIDDLE = np.full(len(SERVO_IDS), table.TICKS_PER_TURN // 2, dtype=np.int64)
# Current, velocity, position: what the peer reads. Ours reads the servo's clock as well, six bytes more of each.
PEER_FIRST, PEER_BYTES = table.PRESENT_CURRENT, 10

Cycle = Callable[[], None]


def virtual_bus(chain: str = "continue") -> VirtualBus:
    """Thirty servos that answer without delay."""
    servos = [VirtualServo(servo_id, servo_model(MODEL), settings={table.RETURN_DELAY: 0}) for servo_id in SERVO_IDS]
    return VirtualBus(servos, chain="stop" if chain == "stop" else "continue")


def repeated(cycle: Cycle, times: int) -> Cycle:
    """So many cycles as one."""

    def repeat() -> None:
        for _ in range(times):
            cycle()

    return repeat


class OurCycle:
    """A goal to each servo and a state from each, by `StateLink`."""

    def __init__(self, port: Port, reply_margin_s: float = 0.004, *, fast: bool = False) -> None:
        self.bus = DynamixelBus(port, "bench", reply_margin_s)
        self.bus.return_delay_s = 0.0
        self.link = StateLink(self.bus, SERVO_IDS, Reach.of([servo_model(MODEL)] * len(SERVO_IDS)))
        self._writer = SyncWriter(table.GOAL_POSITION, SERVO_IDS)
        if fast and not self.link.probe_fast():
            raise RuntimeError("the servos of the measurement do not answer fast sync reads")

    def __call__(self) -> LinkState:
        self.bus.send(self._writer.encode(_MIDDLE))
        self.link.ask()
        finish_reads((self.bus,))
        return self.link.take()

    def whole(self) -> None:
        """A cycle in which everybody must answer.

        Raises:
            RuntimeError: somebody did not.
        """
        state = self()
        if state.problems:
            raise RuntimeError(f"servos are missing from the measurement: {dict(state.problems)}")


class SerialLike(Protocol):
    """What dynamixel-sdk needs of pyserial."""

    @property
    def in_waiting(self) -> int: ...

    def write(self, data: Any) -> Any: ...

    def read(self, length: int) -> bytes: ...

    def reset_input_buffer(self) -> None: ...


def sdk_cycle(serial: SerialLike, *, fast: bool = False) -> Cycle | None:
    """The same by GroupSyncWrite and GroupSyncRead; None where dynamixel-sdk is not installed."""
    sdk = _sdk()
    if sdk is None:
        return None
    port = sdk.PortHandler("bench")
    port.ser, port.is_open = serial, True
    return _sdk_cycle(sdk, port, fast)


def sdk_cycle_at(path: str, baud: int) -> Cycle | None:
    """The same over a port that dynamixel-sdk opens by itself.

    Raises:
        RuntimeError: it does not open it.
    """
    sdk = _sdk()
    if sdk is None:
        return None
    port = sdk.PortHandler(path)
    if not port.setBaudRate(baud):
        raise RuntimeError(f"dynamixel-sdk cannot open {path}")
    return _sdk_cycle(sdk, port, False)


def _sdk() -> Any:
    try:
        import dynamixel_sdk
    except ImportError:
        return None
    return dynamixel_sdk


def _sdk_cycle(sdk: Any, port: Any, fast: bool) -> Cycle:
    packets = sdk.PacketHandler(2.0)
    write = sdk.GroupSyncWrite(port, packets, table.GOAL_POSITION.address, table.GOAL_POSITION.size)
    read = sdk.GroupSyncRead(port, packets, PEER_FIRST.address, PEER_BYTES)
    goals = [list(int(goal).to_bytes(4, "little")) for goal in _MIDDLE]
    for servo_id, goal in zip(SERVO_IDS, goals, strict=True):
        write.addParam(servo_id, goal)
        read.addParam(servo_id)
    receive = read.fastSyncRead if fast else read.txRxPacket

    def cycle() -> None:
        results = None
        while results != (sdk.COMM_SUCCESS, sdk.COMM_SUCCESS):  # on a busy machine a reply may be late; ask again
            if results is not None and results[1] != sdk.COMM_RX_TIMEOUT:
                raise RuntimeError(f"dynamixel-sdk answers {results}")
            for servo_id, goal in zip(SERVO_IDS, goals, strict=True):
                write.changeParam(servo_id, goal)
            results = (write.txPacket(), receive())
        for servo_id in SERVO_IDS:
            for register in (table.PRESENT_CURRENT, table.PRESENT_VELOCITY, table.PRESENT_POSITION):
                read.getData(servo_id, register.address, register.size)

    return cycle
