"""Ports: what a person is told when a cable is missing, taken or pulled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hardware.errors import PortError
from hardware.port import SerialPort
from hardware.pseudo_terminal import PseudoTerminal

LATER_S = 5.0


@pytest.fixture
def terminal() -> Iterator[PseudoTerminal]:
    terminal = PseudoTerminal()
    yield terminal
    terminal.close()


def test_bytes_go_both_ways_unchanged(terminal: PseudoTerminal) -> None:
    port = SerialPort(terminal.path)
    everything = bytes(range(256))
    port.write(everything)
    assert terminal.receive() == everything
    terminal.send(everything)
    received = b""
    while len(received) < 256:
        assert port.wait(port.now_s() + LATER_S)
        received += port.read(100)
    assert received == everything
    port.close()


def test_nothing_by_the_deadline_is_no_bytes(terminal: PseudoTerminal) -> None:
    port = SerialPort(terminal.path)
    assert not port.wait(port.now_s())
    assert port.read(10) == b""
    terminal.send(b"late")
    assert port.wait(port.now_s() + LATER_S)
    assert port.read(10) == b"late"
    assert port.read(10) == b""
    port.close()


def test_an_absent_port_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(PortError, match="by-id"):
        SerialPort(str(tmp_path / "ttyUSB9"))


def test_a_file_is_no_port(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PortError, match="serial device"):
        SerialPort(str(tmp_path / "file"))


def test_a_port_is_opened_once(terminal: PseudoTerminal) -> None:
    port = SerialPort(terminal.path)
    with pytest.raises(PortError, match="Another program"):
        SerialPort(terminal.path)
    port.close()
    SerialPort(terminal.path).close()


@pytest.mark.parametrize(
    "use",
    [
        lambda port: port.read(1),
        lambda port: port.wait(port.now_s() + LATER_S),
        lambda port: port.write(b"\x00"),
    ],
    ids=["read", "wait", "write"],
)
@pytest.mark.parametrize("pulled", [True, False], ids=["pulled", "closed"])
def test_a_port_that_is_gone_is_one_kind_of_error(
    terminal: PseudoTerminal, use: Callable[[SerialPort], object], pulled: bool
) -> None:
    port = SerialPort(terminal.path)
    if pulled:
        terminal.close()
    else:
        port.close()
    with pytest.raises(PortError, match=terminal.path):
        use(port)
    port.close()
