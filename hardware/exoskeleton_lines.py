"""An exoskeleton that sends lines of numbers over a serial port, unasked, read as joint positions of the robot."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from assets.calibration import Calibration
from assets.exoskeleton import LineLayout, require_calibration_of
from assets.robot import RobotSpec
from hardware.device import DeviceReader
from hardware.errors import PortError, StaleDeviceError
from hardware.exoskeleton_reading import ExoskeletonReading, refuse_stale, robot_places
from hardware.exoskeleton_stream import GAP_S, ChannelState, LineChannels, LineStream, StreamCounts, added
from hardware.port import Port, open_port
from hardware.smoothing import OneEuroFilter

FloatArray = NDArray[np.float64]

_LOG = logging.getLogger(__name__)
_WAIT_S = 0.1
_SETTLE_S = 0.02
_READ_LIMIT = 1 << 16


class LineExoskeleton:
    """A worn exoskeleton of the kind of HopeJR's homunculus. A thread keeps the newest whole line.

    Args:
        spec: the robot that is taught.
        layout: which number of a line shows which joint.
        path: the serial device.
        smoothing: filters the joints; None passes them as they are.
        max_age_s: how long a joint may keep its last value.
        calibration: its travels take the place of the layout's raw ranges.
        first_line_s: how long `connect` waits for a good value of every joint.

    Raises:
        SensorError: a joint is unknown to the robot, or a joint or field occurs twice.
        CalibrationError: the calibration is not of this exoskeleton.
    """

    def __init__(
        self,
        spec: RobotSpec,
        layout: LineLayout,
        path: str,
        smoothing: OneEuroFilter | None = None,
        max_age_s: float = 0.1,
        calibration: Calibration | None = None,
        first_line_s: float = 5.0,
    ) -> None:
        self.joint_names = tuple(joint.joint for joint in layout.joints)
        self.robot_index = robot_places(spec, self.joint_names, [joint.field for joint in layout.joints])
        if calibration is not None:
            require_calibration_of(spec, self.joint_names, calibration)
        self._calibration = calibration
        self._layout = layout
        self._path = path
        self._smoothing = smoothing
        self._max_age_s = max_age_s
        self._first_line_s = first_line_s
        self._reader: DeviceReader[ChannelState] | None = None
        self.counts = StreamCounts()

    @property
    def calibration_digest(self) -> str | None:
        return None if self._calibration is None else self._calibration.digest

    def connect(self) -> ExoskeletonReading:
        """Listen anew, and wait for a good value of every joint.

        Raises:
            StaleDeviceError: a joint gave none in time; the message says what came instead.
        """
        self.close()
        if self._smoothing is not None:
            self._smoothing.reset()
        source = LineSource(self._path, self._layout, self._calibration)
        self._reader = DeviceReader(f"exoskeleton on {self._path}", source)
        deadline_s = time.monotonic() + self._first_line_s
        self._reader.start(self._first_line_s)
        while True:
            try:
                return self.read()
            except StaleDeviceError:
                if time.monotonic() > deadline_s:
                    self.close()
                    raise
                time.sleep(_SETTLE_S)

    def read(self) -> ExoskeletonReading:
        """Where the trainer holds the joints now. Never waits.

        Raises:
            PortError: it is not connected.
            StaleDeviceError: no line came for `max_age_s`, or a joint's number has been refused for as long.
        """
        if self._reader is None:
            raise PortError(f"the exoskeleton on {self._path} is not connected; connect it first")
        state = self._reader.newest(self._max_age_s).value
        self._tell(state.counts)
        refuse_stale(self.joint_names, time.monotonic() - state.stamp_s, self._max_age_s, state.problems)
        smooth = state.position_rad
        if self._smoothing is not None:
            smooth = self._smoothing(state.position_rad, float(state.stamp_s.max()))
        return ExoskeletonReading(
            smooth.copy(), state.position_rad.copy(), float(state.stamp_s.min()), dict(state.problems)
        )

    def close(self) -> None:
        """Release the port. May be called more than once."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _tell(self, counts: StreamCounts) -> None:
        """Say each kind of fault when it first comes; `counts` has them all."""
        before, self.counts = asdict(self.counts), counts
        for kind, count in asdict(counts).items():
            if kind not in ("lines", "wraps", "skipped", "half") and count and not before[kind]:
                _LOG.warning("exoskeleton on %s: first fault of the kind %r", self._path, kind.replace("_", " "))


class LineSource:
    """The serial end of a `LineExoskeleton`: of all lines that came together the newest, checked."""

    def __init__(self, path: str, layout: LineLayout, calibration: Calibration | None = None) -> None:
        self._path = path
        self._layout = layout
        self._calibration = calibration
        self._port: Port | None = None

    def open(self) -> None:
        self._port = open_port(self._path, self._layout.baud)
        self._stream = LineStream(self._layout.fields)
        self._channels = LineChannels(self._layout, self._calibration)
        self._heard_s: float | None = None

    def read(self) -> ChannelState | None:
        if self._port is None:
            raise PortError(f"{self._path} is not open")
        self._port.wait(self._port.now_s() + _WAIT_S)
        lines = self._stream.feed(self._port.read(_READ_LIMIT))
        if not lines:
            return None
        now_s = time.monotonic()
        is_gap = self._heard_s is not None and now_s - self._heard_s > GAP_S
        self._heard_s = now_s
        # What came before the newest line says where the trainer has been, and nobody shall follow that.
        self._channels.counts = added(self._channels.counts, gaps=int(is_gap), skipped=len(lines) - 1)
        state = self._channels.feed(lines[-1], now_s)
        shape = {name: count for name, count in asdict(self._stream.counts).items() if count}
        return ChannelState(state.position_rad, state.stamp_s, state.problems, added(state.counts, **shape))

    def close(self) -> None:
        if self._port is not None:
            with suppress(PortError):  # it is gone already
                self._port.close()
            self._port = None
