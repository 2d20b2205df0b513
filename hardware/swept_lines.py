"""An exoskeleton of lines that is moved by hand: the cable side of its calibration."""

from __future__ import annotations

from assets.exoskeleton import LineLayout
from assets.robot import RobotSpec
from hardware.calibrating import WORN_TRAVEL, SweptJoint
from hardware.exoskeleton_stream import LineStream
from hardware.port import Port, open_port

_WAIT_S = 0.1
_READ_LIMIT = 1 << 16


class SweptLines:
    """The raw numbers of an exoskeleton's joints, line by line. Owns the port.

    The ends of each travel show the layout's `lowest_rad` and `highest_rad`; its raw range says roughly how far apart
    they are.

    Args:
        spec: the robot that is taught.
        layout: which number of a line shows which joint.
        port: a device path or an open port.

    Raises:
        PortError: the port cannot be opened.
    """

    def __init__(self, spec: RobotSpec, layout: LineLayout, port: str | Port) -> None:
        self._layout = layout
        self._stream = LineStream(layout.fields)
        self.joints = tuple(
            SweptJoint(
                joint=line.joint,
                sign=line.sign,
                lower_rad=line.lowest_rad,
                upper_rad=line.highest_rad,
                home_rad=spec.joints[spec.joint_index[line.joint]].home - line.offset_rad,
                turn=line.turn,
                rad_per_tick=(line.highest_rad - line.lowest_rad) / (line.raw_highest - line.raw_lowest),
                least_travel=WORN_TRAVEL,
                largest_offset=None,
                is_scaled=True,
            )
            for line in layout.joints
        )
        self._port = open_port(port, layout.baud)

    def read(self) -> tuple[dict[str, int], float]:
        """The raw numbers of the newest whole line, by joint, and when it came; none where none came for 0.1 s.

        Raises:
            PortError: the cable is gone.
        """
        self._port.wait(self._port.now_s() + _WAIT_S)
        lines = self._stream.feed(self._port.read(_READ_LIMIT))
        if not lines:
            return {}, self._port.now_s()
        return {line.joint: lines[-1][line.field] for line in self._layout.joints}, self._port.now_s()

    def close(self) -> None:
        """Release the port. May be called more than once."""
        self._port.close()
