"""How the joints moved, what was sent to them, and who wished what."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from envs.episodes.reading import Episode
from experiments.viewer.log import EpisodeLog, import_rerun

FloatArray = NDArray[np.float64]

JOINTS, DOUBT = "joints", "doubt"
MEASURED, SENT, PILOT, POLICY, VELOCITY, EFFORT = "measured", "sent", "pilot", "policy", "velocity", "effort"
_MOVED = 0.03  # of a joint's range in an episode: what moves less is not shown before it is asked for
_COLOURS = np.array(
    [[31, 119, 180], [214, 106, 20], [44, 140, 60], [196, 50, 60], [128, 90, 170], [120, 80, 70], [0, 140, 150],
     [200, 100, 170]]
)  # fmt: skip


def log_joint(log: EpisodeLog, episode: Episode, joint: int) -> None:
    """One joint: where it was, how fast and how hard it worked, what was sent, and the wishes of pilot and policy.

    All of one joint have its colour: what was measured is wide, what was sent is thin and light.
    """
    rr = import_rerun()
    name = episode.sheet.header.robot.joint_names[joint]
    colour = _COLOURS[joint % len(_COLOURS)]
    light = (colour + 2 * np.array([255, 255, 255])) // 3
    for kind, unit, values, drawn, width in (
        (MEASURED, "rad", episode.position_rad, colour, 2.5),
        (SENT, "rad", episode.sent_rad, light, 1.2),
        (PILOT, "rad", episode.pilot_rad, light, 1.0),
        (POLICY, "rad", episode.policy_rad, light, 1.0),
        (VELOCITY, "rad/s", episode.velocity_rad_s, colour, 1.2),
        (EFFORT, "Nm", episode.effort_nm, colour, 1.2),
    ):
        known = np.flatnonzero(np.isfinite(values[:, joint]))
        if not len(known):
            continue  # no pilot, or no policy, ever spoke
        path = f"{JOINTS}/{name}/{kind}"
        log.static(path, rr.SeriesLines(colors=drawn, widths=width, names=f"{name} {kind} ({unit})"))
        log.rows(path, rr.Scalars.columns(scalars=values[known, joint]), known)


def log_doubt(log: EpisodeLog, episode: Episode) -> None:
    """The doubt of the policy, where it had one."""
    rr = import_rerun()
    known = np.flatnonzero(np.isfinite(episode.doubt))
    if len(known):
        log.static(DOUBT, rr.SeriesLines(colors=[192, 57, 43], names="doubt of the policy"))
        log.rows(DOUBT, rr.Scalars.columns(scalars=episode.doubt[known]), known)


def moved_joints(episode: Episode) -> dict[str, tuple[str, ...]]:
    """By group, the group that moved most first, its joints that moved at all; of a still robot, all of them."""
    robot = episode.sheet.header.robot
    moved = (np.ptp(episode.position_rad, axis=0) if episode.ticks else np.zeros(len(robot.joints))).astype(float)
    is_shown = moved > _MOVED * (robot.upper - robot.lower)
    if not is_shown.any():
        is_shown[:] = True
    groups = sorted(robot.groups, key=lambda group: -float(moved[robot.group(group)].sum()))
    shown = {
        group: tuple(robot.joint_names[joint] for joint in robot.group(group) if is_shown[joint]) for group in groups
    }
    return {group: joints for group, joints in shown.items() if joints}
