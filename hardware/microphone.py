"""A microphone that streams over TCP: 16-bit little-endian mono samples and nothing else."""

from __future__ import annotations

import socket
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hardware.device import DeviceReader
from hardware.errors import PortError, SensorError

_WAIT_S = 0.2
_READ_LIMIT = 1 << 16
_SAMPLE_BYTES = 2


@dataclass(frozen=True)
class SoundWindow:
    """The last moments of sound, newest sample last; zeros before the first sample that was ever heard."""

    samples: NDArray[np.int16]  # (window,)
    count: int  # samples heard since the microphone was opened; tells which of the window are new


class Microphone(DeviceReader[SoundWindow]):
    """The newest window of sound. Its stamp is that of the newest sample.

    Args:
        address: "host:port".
        window: samples to keep, 0.5 s at 16 kHz by default.
        latency_s: how long a sample is under way before it arrives.

    Raises:
        SensorError: the address has no port.
    """

    def __init__(self, address: str, window: int = 8000, latency_s: float = 0.0) -> None:
        super().__init__(f"microphone {address}", _PcmSource(address, window), latency_s)


class _PcmSource:
    def __init__(self, address: str, window: int) -> None:
        host, colon, port = address.rpartition(":")
        if not colon or not port.isdigit():
            raise SensorError(f"microphone address {address!r} must be host:port, as in localhost:7001")
        self._host, self._port = host, int(port)
        self._samples = np.zeros(window, dtype=np.int16)
        self._count = 0
        self._half_sample = b""
        self._socket: socket.socket | None = None

    def open(self) -> None:
        try:
            self._socket = socket.create_connection((self._host, self._port), timeout=_WAIT_S)
        except OSError as error:
            raise PortError(f"no microphone at {self._host}:{self._port}: {error}. Is its server running?") from error
        self._half_sample = b""

    def read(self) -> SoundWindow | None:
        if self._socket is None:
            raise PortError(f"microphone {self._host}:{self._port} is not open")
        try:
            data = self._socket.recv(_READ_LIMIT)
        except TimeoutError:
            return None
        except OSError as error:
            raise PortError(f"microphone {self._host}:{self._port} failed: {error}") from error
        if not data:
            raise PortError(f"microphone {self._host}:{self._port} hung up")
        data = self._half_sample + data
        whole = len(data) - len(data) % _SAMPLE_BYTES
        self._half_sample = data[whole:]
        heard = np.frombuffer(data[:whole], "<i2")
        window = len(self._samples)
        self._samples = np.concatenate([self._samples, heard])[-window:]
        self._count += len(heard)
        return SoundWindow(self._samples, self._count)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
