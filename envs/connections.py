"""The cables of a robot by name: which ones its table asks for, and what else a station may have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assets.devices import Importance
from assets.robot import RobotSpec
from envs.errors import BodyError

TOUCH, IMU, MICROPHONE, CAMERA = "touch", "imu", "microphone", "camera"
# Not the body's own: the socket of whoever stages and judges, and the devices that the pilot reads.
CONTROL, EXOSKELETON, GAMEPAD, PEDAL = "control", "exoskeleton", "gamepad", "pedal"
PILOT_DEVICES = (EXOSKELETON, GAMEPAD, PEDAL)


@dataclass(frozen=True)
class Patience:
    """How long a body waits for what is at the other end of its cables.

    `reply_s` is for a servo's answer beyond its time on the wire, `watchdog_s` how long servos go on without hearing
    from this computer where it is not what the robot's table says, `first_reading_s` for a sensor's first sample,
    `overdue_s` how much older than the robot's table allows any reading may be.
    """

    reply_s: float = 0.004
    watchdog_s: float | None = None
    first_reading_s: float = 5.0
    overdue_s: float = 0.0


AT_A_ROBOT = Patience()
# A twin shares this computer's cores with everything else that runs here, and answers when it gets its turn.
AMONG_PROCESSES = Patience(reply_s=0.4, watchdog_s=2.0, first_reading_s=30.0, overdue_s=1.0)


def patience_at(ports: Mapping[str, str]) -> Patience:
    """How long to wait at a station: one with a control socket is a process on this computer."""
    return AMONG_PROCESSES if CONTROL in ports else AT_A_ROBOT


def connection_names(spec: RobotSpec) -> tuple[str, ...]:
    """Every connection that a robot's body has: its servo buses, then its senses."""
    return (*spec.bus_names, *sense_importance(spec))


def sense_importance(spec: RobotSpec) -> dict[str, Importance]:
    """What the loss of each sense means, by its connection, in the table's order."""
    devices = spec.devices
    senses = (
        (TOUCH, bool(spec.pads), devices.touch.importance),
        (IMU, spec.has_imu, devices.imu.importance),
        (MICROPHONE, spec.sound_hz is not None, devices.sound.importance),
    )
    return {
        **{name: importance for name, is_there, importance in senses if is_there},
        **{f"{CAMERA}.{camera.name}": camera.importance for camera in spec.cameras},
    }


def require_connections(spec: RobotSpec, ports: Mapping[str, str]) -> None:
    """Refuse a body that is not wholly plugged in; a sense whose importance is "note" may be left out.

    Raises:
        BodyError: a connection of the table is missing, or one was given that nobody knows.
    """
    needed = connection_names(spec)
    importance = sense_importance(spec)
    missing = [name for name in needed if name not in ports and importance.get(name) != "note"]
    unknown = sorted(set(ports) - {*needed, CONTROL, *PILOT_DEVICES})
    if missing or unknown:
        raise BodyError(
            f"robot {spec.name!r} needs the connections {', '.join(needed)}; missing are "
            f"{', '.join(missing) or 'none'}, unknown are {', '.join(unknown) or 'none'}. Give each a device path "
            "(servo buses, touch, imu), host:port or a sound device (microphone), or a URL or device (cameras)"
        )
