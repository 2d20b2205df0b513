"""A microphone at this computer's sound card, through PortAudio; PortAudio comes with the first opening."""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware.device import Sample, SourceCounts
from hardware.errors import PortError

_WAIT_S = 0.2
_OLDEST_S = 2.0  # sound that is said to be older, or of the future, is timed by a clock that does not go


def newest_sample_s(now_s: float, current_s: float, first_sample_s: float, samples: int, sound_hz: int) -> float:
    """When the last sample of a block was heard, on the monotonic clock.

    Args:
        now_s: the monotonic clock when PortAudio handed the block over.
        current_s, first_sample_s: PortAudio's clock then, and when the block's first sample was at the converter
            (`currentTime` and `inputBufferAdcTime` of PaStreamCallbackTimeInfo); some sound systems leave them at 0.
    """
    heard_s = now_s - (current_s - first_sample_s) + (samples - 1) / sound_hz
    return heard_s if first_sample_s > 0.0 and now_s - _OLDEST_S < heard_s <= now_s else now_s


class SoundCard(SourceCounts):
    """Blocks of 16-bit mono samples, stamped as their last sample. `damaged` counts blocks before which some were lost.

    Args:
        device: its index, or a part of its name.
        sound_hz: samples a second.
    """

    def __init__(self, device: int | str, sound_hz: int) -> None:
        self._device = device
        self._sound_hz = sound_hz
        self._blocks: SimpleQueue[Sample[NDArray[np.int16]]] = SimpleQueue()
        self._stream: Any = None

    def open(self) -> None:
        sounddevice = _sounddevice()
        self._blocks = SimpleQueue()
        try:
            self._stream = sounddevice.RawInputStream(
                samplerate=self._sound_hz,
                channels=1,
                dtype="int16",
                device=self._device,
                latency="low",
                callback=self._hear,
            )
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            raise PortError(
                f"cannot listen to sound device {self._device!r} at {self._sound_hz} Hz: {error}. `python -m "
                f"sounddevice` lists the devices"
            ) from error

    def read(self) -> Sample[NDArray[np.int16]] | None:
        try:
            return self._blocks.get(timeout=_WAIT_S)
        except Empty:
            if self._stream is None or not self._stream.active:
                raise PortError(f"sound device {self._device!r} has stopped; is it unplugged?") from None
            return None

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close(ignore_errors=True)
            self._stream = None

    def _hear(self, block: Any, samples: int, times: Any, status: Any) -> None:
        """PortAudio's thread."""
        now_s = time.monotonic()
        if status.input_overflow:
            self.damaged += 1
        heard_s = newest_sample_s(now_s, times.currentTime, times.inputBufferAdcTime, samples, self._sound_hz)
        self._blocks.put(Sample(np.frombuffer(bytes(block), dtype=np.int16), heard_s))


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError as error:
        raise PortError(f"{error}; for microphones at a sound card: pip install 'retake[robot]'") from error
    except OSError as error:  # the package is there, and looks for the library as it is imported
        raise PortError(f"{error}; install it, on Debian and Ubuntu: apt-get install libportaudio2") from error
    return sounddevice
