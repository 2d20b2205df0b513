"""`retake robot`: set up, check, calibrate and watch the servos of a real robot, or of a twin."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from experiments.command import Verbs, run_verbs
from experiments.robot_calibrate import Calibrate, calibrate
from experiments.robot_check import NOT_READY, Check, Scan, check, scan
from experiments.robot_monitor import MonitorServos, monitor
from experiments.robot_setup import Reboot, SetupServo, reboot, setup_servo

__all__ = ["NOT_READY", "main"]

_ABOUT = (
    "Set up, check, calibrate and watch the servos of a real robot, or of a twin. No torque is ever switched on here.\n"
    "From a box of servos: setup-servo for each, check, calibrate, check again; then retake collect."
)
_VERBS: Verbs = {
    "scan": (Scan, scan),
    "setup-servo": (SetupServo, setup_servo),
    "check": (Check, check),
    "calibrate": (Calibrate, calibrate),
    "monitor": (MonitorServos, monitor),
    "reboot": (Reboot, reboot),
}


def main(arguments: Sequence[str] | None = None) -> int:
    return run_verbs("retake robot", _ABOUT, _VERBS, arguments)


if __name__ == "__main__":
    sys.exit(main())
