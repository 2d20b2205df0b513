"""Builds a LeRobot v3 dataset from an archive: the episodes that a query selects, as they were recorded."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assets.robot import RobotSpec
from envs.episodes.archive import Archive
from envs.episodes.catalogue import Query, entry_of_sheet
from envs.episodes.messages import CAMERA_TOPIC
from envs.episodes.reading import Episode, refuse_altered
from envs.episodes.sheet import EpisodeSheet
from envs.episodes.where import Where, column_kinds
from envs.errors import EnvError
from envs.scenario import TRAINABLE
from policies.dataset.features import ACTION, SenseFeatures, declared_features, default_weight, stamps_of_episode
from policies.dataset.meta import EPISODE_ID_COLUMN, LABEL_PREFIX, POOL_COLUMN, SAMPLE_WEIGHT, TASK_COLUMN
from policies.dataset.pools import refuse_pools
from policies.dataset.selection import LeftOut, select_episodes
from policies.dataset.writer import DatasetWriter, EpisodeRows, Label, building_error
from policies.errors import DatasetError, PoolError

Weigh = Callable[[Episode], NDArray[np.float32]]  # (ticks,)
Progress = Callable[[int, int], None]  # (episodes done, episodes in all)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BuildReport:
    """What a build did. `episodes`, `frames` and `tasks` are those of the whole dataset afterwards."""

    root: Path
    added: tuple[str, ...]
    kept: int  # selected episodes that were in the dataset already
    left_out: tuple[LeftOut, ...]
    episodes: int
    frames: int
    unasked: tuple[str, ...] = ()  # episodes of the archive that were in the dataset already, but are not selected
    tasks: Mapping[str, int] = field(default_factory=dict)  # episodes of each


def build_dataset(
    archive: Archive,
    out: Path | str,
    where: Query | Sequence[str] | None = None,
    *,
    that: Where | None = None,
    for_training: bool = True,
    accepted_only: bool = True,
    weigh: Weigh = default_weight,
    progress: Progress | None = None,
) -> BuildReport:
    """Append the selected episodes that are not in the dataset at `out` yet.

    An episode that is damaged or gone, or is not what was recorded, is left out and named; it keeps no other from being
    built.
    So are accepted demonstrations that a gate of quality rejects, unless the selection speaks of quality.
    Video is remuxed, never encoded again. Steps that shall not train keep their row and image and get weight 0.

    Args:
        where: a query over the catalogue, or episode ids; None selects all that may be in such a dataset.
        that: a further condition on what the catalogue knows. Where it speaks of `accepted` or `pool`, what would else
            be selected by these is left to it.
        for_training: refuse episodes of pools that must never train.
        accepted_only: select accepted episodes only, and none that a gate of quality rejects; ids of episodes that were
            not accepted are refused.
        weigh: the `sample_weight` of each tick of an episode.

    Raises:
        PoolError: an episode that was asked for must never train, or its pool is not its scenario's.
        DatasetError: nothing is selected or can be read, the robots differ, or `out` cannot take the episodes.
        ArchiveError: the archive cannot be read.
        QueryError: `that` speaks of a task or a factor that there is not.
    """
    root = Path(out)
    sheets, left_out, asked = select_episodes(archive, where, that, for_training, accepted_only)
    reasons = {sheet.id: reason for sheet in sheets if (reason := _unusable(sheet))}
    if for_training:
        reasons |= refuse_pools(archive, sheets)
    left_out += [LeftOut(episode_id, reason) for episode_id, reason in reasons.items()]
    usable = [sheet.id for sheet in sheets if sheet.id not in reasons]
    sample = _first_sound(archive, usable, left_out)
    robot = _one_robot(sheets)
    added: list[str] = []
    try:
        with _open(root, robot, sample, for_training) as writer:
            known = {str(row[EPISODE_ID_COLUMN]) for row in writer.episode_rows}
            new = [episode_id for episode_id in usable if episode_id not in known]
            for number, episode_id in enumerate(new, start=1):
                rows = _rows_or_reason(archive, episode_id, weigh)
                if isinstance(rows, LeftOut):
                    left_out.append(rows)
                else:
                    writer.append(rows)
                    added.append(episode_id)
                if progress is not None:
                    progress(number, len(new))
    except OSError as error:
        raise building_error(root, error) from error
    left_out = [episode for episode in dict.fromkeys(left_out) if episode.id not in known]
    for episode in left_out:
        _log.warning("episode %s is left out: %s", episode.id, episode.reason)
    unasked = () if isinstance(where, Sequence) else _unasked(archive, known, asked)
    if unasked:
        _log.warning(
            "%d episodes that are in %s already are not among those asked for now; build into a new folder to have "
            "these alone",
            len(unasked),
            root,
        )
    kept = len(known & asked)
    tasks = Counter(str(row[TASK_COLUMN]) for row in writer.episode_rows)
    episodes, frames = len(writer.episode_rows), writer.frames
    return BuildReport(root, tuple(added), kept, tuple(left_out), episodes, frames, unasked, dict(tasks))


def _sound(archive: Archive, episode_id: str) -> Episode:
    episode = archive.open(episode_id)
    refuse_altered(episode)
    return episode


def _first_sound(archive: Archive, episode_ids: Sequence[str], left_out: list[LeftOut]) -> Episode:
    """The first episode that can be read, to see what its images are like. Those before it are added to `left_out`."""
    for episode_id in episode_ids:
        try:
            return _sound(archive, episode_id)
        except EnvError as error:
            left_out.append(LeftOut(episode_id, str(error)))
    raise DatasetError(f"none of the {len(left_out)} selected episodes can be in a dataset: {left_out[0].reason}")


def _rows_or_reason(archive: Archive, episode_id: str, weigh: Weigh) -> EpisodeRows | LeftOut:
    try:
        return _rows(_sound(archive, episode_id), weigh)
    except EnvError as error:
        return LeftOut(episode_id, str(error))


def _unasked(archive: Archive, known: Collection[str], asked: Collection[str]) -> tuple[str, ...]:
    """Of the episodes in the dataset, those of this archive that are not selected: a dataset can be of several."""
    others = set(known) - set(asked)
    return tuple(sorted(other for other in others if archive.folder(other).is_dir()))


def _one_robot(sheets: Sequence[EpisodeSheet]) -> RobotSpec:
    first = sheets[0].header.robot
    for sheet in sheets:
        other = sheet.header.robot
        if other.digest != first.digest:
            raise DatasetError(
                f"episode {sheets[0].id} is of robot {first.name!r} ({first.digest}), episode {sheet.id} of "
                f"{other.name!r} ({other.digest}); select the episodes of one robot"
            )
    return first


def _unusable(sheet: EpisodeSheet) -> str:
    """Why an episode cannot be in a dataset; empty if it can."""
    if not sheet.ticks:
        return "it has no steps"
    missing = [camera.name for camera in sheet.header.robot.cameras if CAMERA_TOPIC + camera.name not in sheet.counts]
    return f"it was recorded without images of {', '.join(missing)}" if missing else ""


def _open(root: Path, robot: RobotSpec, episode: Episode, for_training: bool) -> DatasetWriter:
    if not float(robot.control_hz).is_integer():
        raise DatasetError(f"robot {robot.name!r} runs at {robot.control_hz} Hz; LeRobot needs a whole number")
    sizes = {camera: (track.height, track.width) for camera, track in episode.video.items()}
    writer = DatasetWriter(root, robot, int(robot.control_hz), declared_features(robot, sizes))
    refused = [row[EPISODE_ID_COLUMN] for row in writer.episode_rows if row[POOL_COLUMN] not in TRAINABLE]
    if for_training and refused:
        writer.close()
        raise PoolError(
            f"{root} holds episodes that must never train ({', '.join(refused)}); build into another folder"
        )
    return writer


def _rows(episode: Episode, weigh: Weigh) -> EpisodeRows:
    header = episode.sheet.header
    texts = [instruction.english for instruction in header.instructions] or [header.task]
    columns: dict[str, NDArray[Any]] = {
        **SenseFeatures(header.robot).of_episode(episode),
        ACTION: episode.sent_rad.astype(np.float32),
        **stamps_of_episode(episode),
        SAMPLE_WEIGHT: np.asarray(weigh(episode), dtype=np.float32).reshape(-1, 1),
    }
    step_texts = [texts[min(index, len(texts) - 1)] for index in episode.instruction]
    video = {name: track.packets for name, track in episode.video.items()}
    origin = {f"{LABEL_PREFIX}first_stamp_s": Label(float, float(episode.stamp_s[0]))}
    return EpisodeRows(columns, step_texts, video, labels_of(episode.sheet) | origin)


def labels_of(sheet: EpisodeSheet) -> dict[str, Label]:
    """The custom columns of an episode: all that the catalogue knows of it, and its scenario as JSON."""
    entry = asdict(entry_of_sheet(sheet))
    scenario = json.dumps(sheet.header.scenario.to_dict(), sort_keys=True)
    labels = {EPISODE_ID_COLUMN: Label(str, sheet.id), f"{LABEL_PREFIX}scenario": Label(str, scenario)}
    kinds = {name: kind for name, kind in column_kinds().items() if kind is not dict and name != "id"}
    return labels | {f"{LABEL_PREFIX}{name}": Label(kind, entry[name]) for name, kind in kinds.items()}
