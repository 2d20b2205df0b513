"""The manufacturer's own package as the master of our virtual bus, over a real pseudo-terminal.

It never stuffs what it sends, so no payload here holds FF FF FD.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dynamixel_sdk as sdk
import pytest

from hardware.virtual import VirtualBus

OK = sdk.COMM_SUCCESS
PATIENCE_MS = 1000.0


class PatientPort(sdk.PortHandler):  # type: ignore[misc]
    """Waits longer than 34 ms, in which a busy machine does not always get round to a servo's answer."""

    def setPacketTimeout(self, packet_length: int) -> None:
        self.setPacketTimeoutMillis(PATIENCE_MS)


@pytest.fixture
def master(serve: Any, virtual_buses: dict[str, VirtualBus]) -> Iterator[tuple[Any, Any]]:
    port = PatientPort(serve(virtual_buses["arm"].feed))
    assert port.openPort()
    yield port, sdk.PacketHandler(2.0)
    port.closePort()


def test_the_sdk_finds_a_servo_and_its_model(master: tuple[Any, Any]) -> None:
    port, packets = master
    assert packets.ping(port, 12) == (1120, OK, 0)


def test_the_sdk_reads_and_writes_a_register(master: tuple[Any, Any]) -> None:
    port, packets = master
    assert packets.write4ByteTxRx(port, 11, 116, 1234) == (OK, 0)
    assert packets.read4ByteTxRx(port, 11, 116) == (1234, OK, 0)


def test_the_sdk_is_told_that_the_eeprom_is_locked(master: tuple[Any, Any]) -> None:
    port, packets = master
    assert packets.write1ByteTxRx(port, 11, 64, 1) == (OK, 0)
    assert packets.write1ByteTxRx(port, 11, 9, 0) == (OK, 7)


def test_the_sdk_is_told_that_a_goal_lies_beyond_the_limits(master: tuple[Any, Any]) -> None:
    port, packets = master
    assert packets.write4ByteTxRx(port, 13, 116, 5000) == (OK, 6)


def test_the_sdk_reads_states_of_all_servos_at_once(
    master: tuple[Any, Any], virtual_buses: dict[str, VirtualBus]
) -> None:
    port, packets = master
    virtual_buses["arm"].servo(11).sense(position_ticks=100, velocity_ticks=-5, current_ticks=7)
    virtual_buses["arm"].servo(13).sense(position_ticks=4000, velocity_ticks=9, current_ticks=-8)
    group = sdk.GroupSyncRead(port, packets, 126, 10)
    for servo_id in (11, 12, 13):
        assert group.addParam(servo_id)
    assert group.txRxPacket() == OK
    assert [group.getData(servo_id, 132, 4) for servo_id in (11, 12, 13)] == [100, 2048, 4000]
    assert group.getData(11, 128, 4) == 2**32 - 5
    assert group.getData(13, 126, 2) == 2**16 - 8


def test_the_sdk_sends_goals_to_all_servos_at_once(master: tuple[Any, Any]) -> None:
    port, packets = master
    group = sdk.GroupSyncWrite(port, packets, 116, 4)
    for servo_id in (11, 12, 13):
        assert group.addParam(servo_id, list((1000 + servo_id).to_bytes(4, "little")))
    assert group.txPacket() == OK
    assert [packets.read4ByteTxRx(port, servo_id, 116)[0] for servo_id in (11, 12, 13)] == [1011, 1012, 1013]


def test_the_sdk_reboots_a_servo(master: tuple[Any, Any]) -> None:
    port, packets = master
    packets.write1ByteTxRx(port, 12, 64, 1)
    assert packets.reboot(port, 12) == (OK, 0)
    assert packets.read1ByteTxRx(port, 12, 64) == (0, OK, 0)


def test_the_sdk_finds_everybody_by_one_ping(master: tuple[Any, Any]) -> None:
    port, packets = master
    found, result = packets.broadcastPing(port)
    assert result == OK
    assert found == {11: [1020, 46], 12: [1120, 46], 13: [1060, 46]}


@pytest.mark.parametrize("fast", [False, True], ids=["sync", "fast sync"])
def test_the_sdk_reads_the_same_by_both_kinds_of_sync_read(
    master: tuple[Any, Any], virtual_buses: dict[str, VirtualBus], fast: bool
) -> None:
    port, packets = master
    positions = {11: 100, 12: -5, 13: 4095}
    for servo_id, position_ticks in positions.items():
        virtual_buses["arm"].servo(servo_id).sense(position_ticks, velocity_ticks=servo_id)
    group = sdk.GroupSyncRead(port, packets, 128, 8)
    for servo_id in positions:
        assert group.addParam(servo_id)
    assert (group.fastSyncRead() if fast else group.txRxPacket()) == OK
    for servo_id, position_ticks in positions.items():
        assert group.getData(servo_id, 132, 4) == position_ticks % 2**32
        assert group.getData(servo_id, 128, 4) == servo_id


@pytest.mark.parametrize("fast", [False, True], ids=["bulk", "fast bulk"])
def test_the_sdk_reads_different_registers_of_different_servos(master: tuple[Any, Any], fast: bool) -> None:
    port, packets = master
    group = sdk.GroupBulkRead(port, packets)
    assert group.addParam(11, 144, 2)
    assert group.addParam(12, 146, 1)
    assert group.addParam(13, 132, 4)
    assert (group.fastBulkRead() if fast else group.txRxPacket()) == OK
    assert [group.getData(11, 144, 2), group.getData(12, 146, 1), group.getData(13, 132, 4)] == [120, 30, 2048]


def test_the_sdk_writes_different_registers_of_different_servos(master: tuple[Any, Any]) -> None:
    port, packets = master
    group = sdk.GroupBulkWrite(port, packets)
    assert group.addParam(11, 116, 4, list((1500).to_bytes(4, "little")))
    assert group.addParam(12, 65, 1, [1])
    assert group.txPacket() == OK
    assert packets.read4ByteTxRx(port, 11, 116) == (1500, OK, 0)
    assert packets.read1ByteTxRx(port, 12, 65) == (1, OK, 0)


def test_the_sdk_registers_a_write_and_has_it_acted_on(master: tuple[Any, Any]) -> None:
    port, packets = master
    assert packets.regWriteTxRx(port, 11, 116, 4, list((900).to_bytes(4, "little"))) == (OK, 0)
    assert packets.read4ByteTxRx(port, 11, 116) == (2048, OK, 0)
    assert packets.action(port, 254) == OK  # it does not wait for the status that one servo alone would give
    assert packets.read4ByteTxRx(port, 11, 116) == (900, OK, 0)


def test_the_sdk_clears_turns_and_resets_a_servo(master: tuple[Any, Any], virtual_buses: dict[str, VirtualBus]) -> None:
    port, packets = master
    virtual_buses["arm"].servo(11).sense(4096 * 2 + 9)
    assert packets.clearMultiTurn(port, 11) == (OK, 0)
    assert packets.read4ByteTxRx(port, 11, 132) == (9, OK, 0)
    assert packets.write1ByteTxRx(port, 11, 9, 7) == (OK, 0)
    assert packets.factoryReset(port, 11, 2) == (OK, 0)
    assert packets.read1ByteTxRx(port, 11, 9) == (250, OK, 0)


def test_the_sdk_is_left_without_an_answer_by_a_silent_servo(
    master: tuple[Any, Any], virtual_buses: dict[str, VirtualBus]
) -> None:
    port, packets = master
    virtual_buses["arm"].servo(12).is_silent = True
    assert packets.ping(port, 12)[1] == sdk.COMM_RX_TIMEOUT
    assert packets.ping(port, 11) == (1020, OK, 0)
