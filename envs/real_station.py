"""A robot on cables as a station: its body, and the one who stages and judges there."""

from __future__ import annotations

from collections.abc import Mapping

from assets.calibration import Calibration
from assets.robot import RobotSpec
from envs.clock import Clock
from envs.connections import CONTROL, Patience, patience_at
from envs.errors import BodyError
from envs.operator import OperatorJudge, OperatorPanel, PersonCrew
from envs.real_body import RealBody
from envs.remote_crew import RemoteCrew
from envs.stage import Station
from envs.tasks.task import Task


def connect_station(
    spec: RobotSpec,
    task: Task,
    clock: Clock,
    ports: Mapping[str, str],
    panel: OperatorPanel | None = None,
    patience: Patience | None = None,
    calibration: Calibration | None = None,
) -> Station:
    """A robot on cables, and the one who stages and judges there: over the socket `control`, or at the panel.

    Args:
        spec, task, clock: see `RealBody` and `Task`.
        ports: the body's connections, and possibly `control`.
        panel: how a person at the robot is asked; needed without `control`.
        patience: how long to wait for the far ends; left out, as `patience_at` says.
        calibration: see `RealBody`.

    Raises:
        BodyError: a connection is missing or unknown, or nobody is there who could judge.
        CalibrationError: the calibration is of something else.
    """
    patience = patience_at(ports) if patience is None else patience
    body = RealBody(spec, clock, ports, patience, calibration)
    if CONTROL in ports:
        # Who stages in a twin holds the things out of the robot's way until it is home.
        remote = RemoteCrew(ports[CONTROL])
        return Station(body, judge=remote, crew=remote, overdue_s=patience.overdue_s)
    if panel is None:
        raise BodyError(
            "nobody is there to set the scene up and to say whether the task was done; give make_env a panel, or the "
            f"connection {CONTROL!r} of a twin"
        )
    return Station(body, judge=OperatorJudge(task, panel), crew=PersonCrew(task, panel), comes_home_first=True)
