"""How the viewer is laid out when it opens: everything that matters at once, the rest in tabs."""

from __future__ import annotations

from typing import Any

from envs.episodes.reading import Episode
from experiments.viewer.body import WORLD
from experiments.viewer.events import ABOUT, COMMAND, EVENTS, QUALITY, STEPS
from experiments.viewer.log import TIME, import_rerun
from experiments.viewer.motion import DOUBT, EFFORT, JOINTS, MEASURED, PILOT, POLICY, SENT, VELOCITY, moved_joints
from experiments.viewer.senses import AGE, CAMERA, HEAT, IMU, SOUND, TOUCH, heat_map_n

_EYE_M, _LOOKS_AT_M = (1.25, -1.1, 1.3), (0.2, 0.0, 0.78)
_LABEL_ROWS = 5.0  # room for the names of the pads, below them


def layout_of(episode: Episode, *, has_robot: bool) -> Any:
    """Above: robot, cameras, senses. Below: lanes of what happened, and the joints of the group that moved most."""
    import_rerun()
    import rerun.blueprint as rrb

    seen = [rrb.Spatial2DView(origin=f"{CAMERA}/{name}", name=f"{name} camera") for name in episode.video]
    world = rrb.Spatial3DView(
        origin=WORLD,
        name="robot",
        background=[236, 239, 242],
        eye_controls=rrb.EyeControls3D(position=_EYE_M, look_target=_LOOKS_AT_M, eye_up=(0.0, 0.0, 1.0)),
    )
    sights = [world] if has_robot else []
    if seen:
        sights.append(rrb.Vertical(*seen, name="cameras"))
    lanes = rrb.StateTimelineView(
        origin="/", contents=[f"+ /{STEPS}", f"+ /{COMMAND}", f"+ /{QUALITY}/**"], name="steps, command, quality"
    )
    above = [*sights, _senses(rrb, episode), _words(rrb)]
    shares = [*([3.0] if has_robot else []), *([1.4] if seen else []), 2.0, 1.4]
    return rrb.Blueprint(
        rrb.Vertical(
            rrb.Horizontal(*above, column_shares=shares),
            lanes,
            rrb.Tabs(*_plots(rrb, episode), active_tab=0),
            row_shares=[5.0, 1.9, 2.4],
        ),
        rrb.TimePanel(timeline=TIME, state="collapsed", play_state="paused"),
        rrb.BlueprintPanel(state="hidden"),
        rrb.SelectionPanel(state="hidden"),
        auto_views=False,
    )


def _senses(rrb: Any, episode: Episode) -> Any:
    views = []
    if episode.touch_n.size:
        _, rows, width = heat_map_n(episode.touch_n[:1]).shape
        bounds = rrb.VisualBounds2D(x_range=[-1.0, width + 1.0], y_range=[-1.0, rows + _LABEL_ROWS])
        contents = [f"+ /{HEAT}", f"+ /{TOUCH}/pads"]
        views.append(rrb.Spatial2DView(origin="/", contents=contents, name="touch (N)", visual_bounds=bounds))
        views.append(rrb.TimeSeriesView(origin=f"{TOUCH}/force", name="force on each pad (N)"))
    if len(episode.sound):
        views.append(rrb.AudioView(origin=SOUND, name="sound"))
    return rrb.Vertical(*views, name="senses")


def _words(rrb: Any) -> Any:
    columns = rrb.TextLogColumns(text_log_columns=[rrb.encodings.TextLogColumn(kind) for kind in ("LogLevel", "Body")])
    events = rrb.TextLogView(origin=EVENTS, name="events", columns=columns)
    return rrb.Vertical(rrb.TextDocumentView(origin=ABOUT, name="episode"), events)


def _plots(rrb: Any, episode: Episode) -> list[Any]:
    """Joints by group, then what is asked for less often."""
    moved = moved_joints(episode)
    plots = [
        rrb.TimeSeriesView(
            origin=JOINTS, contents=_of(joints, MEASURED, SENT), name=f"{group.replace('_', ' ')}: measured, sent (rad)"
        )
        for group, joints in moved.items()
    ]
    joints = tuple(name for names in moved.values() for name in names)
    plots.append(rrb.TimeSeriesView(origin=JOINTS, contents=_of(joints, PILOT, POLICY), name="wishes (rad)"))
    plots.append(rrb.TimeSeriesView(origin=JOINTS, contents=_of(joints, VELOCITY), name="velocity (rad/s)"))
    plots.append(rrb.TimeSeriesView(origin=JOINTS, contents=_of(joints, EFFORT), name="effort (Nm)"))
    plots.append(rrb.TimeSeriesView(origin=DOUBT, name="doubt"))
    plots.append(rrb.TimeSeriesView(origin=f"{SOUND}/level", name="loudness (dB)"))
    plots.append(rrb.TimeSeriesView(origin=IMU, name="IMU"))
    plots.append(rrb.TimeSeriesView(origin=AGE, name="age of readings (ms)"))
    return plots


def _of(joints: tuple[str, ...], *kinds: str) -> list[str]:
    return [f"+ $origin/{joint}/{kind}" for joint in joints for kind in kinds]
