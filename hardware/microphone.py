"""A microphone: one that this computer's sound card hears, or one that streams over TCP.

A stream is 16-bit little-endian mono samples and nothing else.
"""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hardware.device import DeviceReader, Sample, SourceCounts
from hardware.errors import PortError, SensorError
from hardware.relay import Relay, StampedSource
from hardware.sound_card import SoundCard

Block = NDArray[np.int16]  # (samples,)

SOUND_HZ = 16_000

_WAIT_S = 0.2
_READ_LIMIT = 1 << 16
_SAMPLE_BYTES = 2
_STREAM = re.compile(r"(?P<host>[^:]+):(?P<port>\d+)")
_DEVICE = "device:"


@dataclass(frozen=True)
class SoundWindow:
    """The last moments of sound, newest sample last; zeros before the first sample that was ever heard."""

    samples: NDArray[np.int16]  # (window,)
    count: int  # samples heard since the microphone was opened; tells which of the window are new


class Microphone(DeviceReader[SoundWindow]):
    """The newest window of sound. Its stamp is that of the newest sample.

    Args:
        address: "host:port" of a stream; the index of a sound device, or "device:" and a part of its name.
        window: samples to keep, 0.5 s at 16 kHz by default.
        latency_s: how long before its stamp a sample is heard.
        sound_hz: samples a second.

    Raises:
        SensorError: the address is none of these.
    """

    def __init__(self, address: str, window: int = 8000, latency_s: float = 0.0, sound_hz: int = SOUND_HZ) -> None:
        source = _Window(_blocks(address, sound_hz), window)
        super().__init__(f"microphone {address}", source, latency_s)


def _blocks(address: str, sound_hz: int) -> StampedSource[Block]:
    if address.isdigit():
        return SoundCard(int(address), sound_hz)
    if address.startswith(_DEVICE) and (name := address.removeprefix(_DEVICE)):
        return SoundCard(name, sound_hz)
    if stream := _STREAM.fullmatch(address):
        return _PcmStream(stream["host"], int(stream["port"]))
    raise SensorError(
        f"microphone address {address!r} must be host:port, as in localhost:7001, the index of a sound device, as in "
        f"2, or a part of its name, as in device:USB; `python -m sounddevice` lists the devices"
    )


class _Window(Relay[Block]):
    """Makes windows of the blocks of another source, stamped as their newest sample."""

    def __init__(self, blocks: StampedSource[Block], window: int) -> None:
        super().__init__(blocks)
        self._samples = np.zeros(window, dtype=np.int16)
        self._count = 0

    def read(self) -> Sample[SoundWindow] | None:
        block = self._source.read()
        if block is None:
            return None
        window = len(self._samples)
        self._samples = np.concatenate([self._samples, block.value])[-window:]
        self._count += len(block.value)
        return Sample(SoundWindow(self._samples, self._count), block.stamp_s)


class _PcmStream(SourceCounts):
    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._half_sample = b""
        self._socket: socket.socket | None = None

    def open(self) -> None:
        try:
            self._socket = socket.create_connection((self._host, self._port), timeout=_WAIT_S)
        except OSError as error:
            raise PortError(f"no microphone at {self._host}:{self._port}: {error}. Is its server running?") from error
        self._half_sample = b""

    def read(self) -> Sample[Block] | None:
        if self._socket is None:
            raise PortError(f"microphone {self._host}:{self._port} is not open")
        try:
            data = self._socket.recv(_READ_LIMIT)
        except TimeoutError:
            return None
        except OSError as error:
            raise PortError(f"microphone {self._host}:{self._port} failed: {error}") from error
        arrived_s = time.monotonic()
        if not data:
            raise PortError(f"microphone {self._host}:{self._port} hung up")
        data = self._half_sample + data
        whole = len(data) - len(data) % _SAMPLE_BYTES
        self._half_sample = data[whole:]
        return Sample(np.frombuffer(data[:whole], "<i2").astype(np.int16), arrived_s) if whole else None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
