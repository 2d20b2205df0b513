"""Are the videos there that a dataset of others speaks of, and do they have a frame for each row?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from policies.dataset.film import film_track
from policies.dataset.foreign import ForeignDataset, ForeignEpisode, ForeignVideo
from policies.errors import DatasetError

_SAME_FRAME = 0.1  # of a frame's time


def check_films(foreign: ForeignDataset) -> None:
    """
    Raises:
        DatasetError: a video is absent, broken, or lacks frames; the message names it. Nothing is decoded.
    """
    used: dict[Path, list[tuple[str, ForeignEpisode, ForeignVideo]]] = {}
    for episode in foreign.episodes:
        for key, video in episode.videos.items():
            used.setdefault(video.path, []).append((key, episode, video))
    fps = float(foreign.info["fps"])
    for path, uses in used.items():
        key, first, _ = uses[0]
        if not path.exists():
            raise DatasetError(
                f"{path} does not exist, though it should hold {key} of episode {first.index}; fetch it, or take {key} "
                f"out of the features of {foreign.root}/meta/info.json"
            )
        place = np.array(film_track(path).stamps_s) * fps  # in frames
        held = {int(frame) for frame in np.round(place[np.abs(place - np.round(place)) <= _SAME_FRAME])}
        for _, episode, video in uses:
            begin = round(video.from_s * fps)
            lacking = sorted(set(range(begin, begin + episode.table.num_rows)) - held)
            if lacking:
                raise DatasetError(
                    f"{path} has no frame for {len(lacking)} of the {episode.table.num_rows} rows of episode "
                    f"{episode.index}, first at {lacking[0] / fps:.4f} s; it is cut short, has a gap, or is of another "
                    f"rate than {fps:g} frames a second; fetch it anew"
                )
