"""One recording of rerun that holds one episode: everything on the time line "time", and by control step on "step"."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from experiments.command import UsageError

if TYPE_CHECKING:
    import rerun as rr

APPLICATION = "retake"
TIME, STEP = "time", "step"
FloatArray = NDArray[np.float64]


class EpisodeLog:
    """Writes rows at the ticks of one episode. Time is in seconds since its first tick.

    Args:
        name: of the recording, as the viewer lists it.
        stamp_s: (ticks,) of the joints, by the body's clock.
        step: (ticks,) the control step of each tick.

    Raises:
        UsageError: rerun is not installed.
    """

    def __init__(self, name: str, stamp_s: FloatArray, step: NDArray[np.int64]) -> None:
        self._rr = import_rerun()
        self.recording: rr.RecordingStream = self._rr.RecordingStream(APPLICATION, recording_id=name)
        self._recording_name(name)
        self._zero_s = float(stamp_s[0]) if len(stamp_s) else 0.0
        self.time_s = stamp_s - self._zero_s  # (ticks,)
        self.step = step

    def since_start_s(self, stamp_s: float) -> float:
        """A stamp of the body's clock on the time line of this recording."""
        return stamp_s - self._zero_s

    def static(self, path: str, *values: Any) -> None:
        """Say what holds for all of the episode."""
        self._rr.log(path, *values, static=True, recording=self.recording)

    def rows(self, path: str, columns: Any, ticks: NDArray[np.integer[Any]] | slice = slice(None)) -> None:
        """Write one row for each tick, or for some of them."""
        index = [
            self._rr.TimeColumn(TIME, duration=self.time_s[ticks]),
            self._rr.TimeColumn(STEP, sequence=self.step[ticks]),
        ]
        self._rr.send_columns(path, indexes=index, columns=columns, recording=self.recording)

    def at_times(self, path: str, time_s: Sequence[float], columns: Any) -> None:
        """Write rows at moments of the time line that are no ticks."""
        index = [self._rr.TimeColumn(TIME, duration=np.asarray(time_s, dtype=np.float64))]
        self._rr.send_columns(path, indexes=index, columns=columns, recording=self.recording)

    def save(self, file: Path, layout: Any) -> None:
        """Write from here on into a file, with a layout of views.

        Raises:
            UsageError: the file cannot be written.
        """
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self.recording.save(str(file), default_blueprint=layout)
        except (OSError, RuntimeError) as error:
            raise UsageError(f"{file} cannot be written ({error}); give --save another place") from error

    def spawn(self, layout: Any) -> None:
        """Open the viewer's window, or take the one that is open, and write into it from here on.

        Raises:
            UsageError: it does not open.
        """
        try:
            self._rr.spawn(recording=self.recording, executable_path=viewer_executable(), default_blueprint=layout)
        except RuntimeError as error:
            raise UsageError(
                f"the viewer did not open ({error}); write a file for another machine with --save episode.rrd"
            ) from error

    def close(self) -> None:
        """Wait until all that was written is in the file, or with the viewer.

        Raises:
            UsageError: it could not be written.
        """
        try:
            self.recording.flush()
        except RuntimeError as error:
            raise UsageError(
                f"the viewer's data could not be written to the end ({error}); is the disk full?"
            ) from error
        self.recording.disconnect()

    def _recording_name(self, name: str) -> None:
        self.recording.send_recording_name(name)


def viewer_executable() -> str | None:
    """The viewer that belongs to this Python, which need not be on the path; None lets rerun look for one."""
    beside = Path(sys.executable).parent / "rerun"
    return str(beside) if beside.is_file() else None


def import_rerun() -> Any:
    """The module `rerun`, which few machines need and which is large.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import rerun
    except ImportError as error:
        raise UsageError(
            f"the viewer is not installed ({error}); install it with `pip install 'retake[viewer]'`, in a checkout "
            "with `pip install --constraint constraints.txt rerun-sdk`, or write a page of pictures with --out page.png"
        ) from error
    return rerun
