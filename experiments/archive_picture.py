"""The picture of docs/data.md, section Archive: the messages of half a second of an episode, stream by stream."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mcap.reader import make_reader

from envs.episodes.stream_writer import STREAM_NAME
from experiments.command import UsageError, run_verb
from experiments.outputs import require_file
from experiments.report_plots import STYLE
from experiments.workers import console

_FROM_S, _TO_S = 1.0, 1.5
_SHADES = {"camera": "#3d6fb4", "sound": "#7b6cf6", "command": "#d1495b"}
_OTHER_SHADE = "#5a6472"


@dataclass(frozen=True)
class ArchivePicture:
    """Draw when which stream of a recording has a message. The robot, or the twin, gives each stream stamps of its own.

    Example: python -m experiments.archive_picture --episode runs/mine/archive/episodes/2026-05-04/20260504-101530-...
    """

    episode: Path
    """The folder of an episode."""
    out: Path = Path("docs/data/streams.png")
    """The PNG to write."""


def run(config: ArchivePicture) -> int:
    require_file("--out", config.out)
    recording = config.episode / STREAM_NAME
    if not recording.is_file():
        raise UsageError(f"--episode is {config.episode}, which holds no {STREAM_NAME}; give the folder of an episode")
    draw(config.out, messages_of(recording))
    console.print(f"  {config.out}: {config.out.stat().st_size // 1000} kB", soft_wrap=True)
    return 0


def messages_of(recording: Path) -> dict[str, list[tuple[float, int]]]:
    """Of each stream, the log time of every message in seconds, and how many bytes it has."""
    found: dict[str, list[tuple[float, int]]] = {}
    with recording.open("rb") as file:
        for _, channel, message in make_reader(file).iter_messages():
            found.setdefault(channel.topic, []).append((1e-9 * message.log_time, len(message.data)))
    return found


def draw(file: Path, streams: dict[str, list[tuple[float, int]]]) -> None:
    """One line a stream; a message is a stroke; how many there are in all, and of what size, stands behind."""
    import matplotlib.pyplot as plt

    begin_s = min(message[0] for message in streams["joints"])
    topics = sorted(streams, reverse=True)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(9.0, 0.42 * len(topics) + 0.9))
        for place, topic in enumerate(topics):
            stamps_s, sizes = zip(*streams[topic], strict=True)
            shade = next((shade for name, shade in _SHADES.items() if topic.startswith(name)), _OTHER_SHADE)
            shown = [stamp_s - begin_s for stamp_s in stamps_s if _FROM_S <= stamp_s - begin_s <= _TO_S]
            axes.vlines(shown, place - 0.32, place + 0.32, color=shade, linewidth=2.0)
            mean_bytes = sum(sizes) / len(sizes)
            told = f"{mean_bytes / 1e3:.1f} kB" if mean_bytes >= 1e3 else f"{mean_bytes:.0f} bytes"
            axes.text(1.01, place, f"{len(sizes)} x {told}", transform=axes.get_yaxis_transform(), va="center")
        axes.set_yticks(range(len(topics)), topics)
        axes.set_xlim(_FROM_S - 0.01, _TO_S + 0.01)
        axes.set_xlabel("log time since the first step, s")
        axes.spines[["top", "right", "left"]].set_visible(False)
        figure.savefig(file, dpi=110, bbox_inches="tight")
        plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    return run_verb("python -m experiments.archive_picture", ArchivePicture, run, arguments)


if __name__ == "__main__":
    sys.exit(main())
