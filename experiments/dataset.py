"""`retake dataset`: build one from an archive, bring a foreign one in, look for damage."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.table import Table

from envs.episodes.archive import Archive
from envs.episodes.catalogue import Query
from envs.episodes.records import BodyKind, Purpose
from envs.episodes.where import Where
from envs.scenario import TRAINABLE, Pool
from envs.tasks.known import load_task
from experiments.command import Verbs, run_verbs
from experiments.task_option import TaskNames
from experiments.workers import console, progress_bar

PoolName = Literal["train", "discover", "calibrate", "verify", "regress", "test"]

FOUND_DAMAGE = 1

_ABOUT = """Datasets are what policies train on: LeRobot v3 folders, built from an archive of recordings or imported.
An archive is never changed by building; a dataset can be removed and built again."""


@dataclass(frozen=True)
class Build:
    """Build a LeRobot v3 dataset from an archive, or add to one what is new.

    Each filter takes one or several values; one that is left out admits everything. --where asks for whatever the
    catalogue knows: task, body, pool, operator, day, quality, success, policy, factors.NAME and all its other columns;
    by = != < <= > >=, in (a, b), and, or, not and brackets. Video is copied, not encoded again. Only episodes of the
    pools train and discover may train, and others are refused.

    Examples:
      retake dataset build --archive runs/mine/archive --out runs/mine/dataset --purpose nominal recovery
      retake dataset build --archive runs/mine/archive --out runs/good --where "quality >= 0.5 and day >= 2026-01-01"
      retake dataset build --archive runs/mine/archive --out runs/li --where 'operator = "Li Na" and not body = sim'
    """

    archive: Path
    """The folder that was recorded into."""
    out: Path
    """The dataset's folder. If it is a dataset already, episodes that are not in it are added."""
    where: str | None = None
    """Only episodes of which this is true, such as "task = pick_fruit and quality >= 0.5". Where it speaks of accepted
    or pool, it decides about these alone. What a gate of quality rejects is left out unless it speaks of quality or
    verdict."""
    task: TaskNames = ()
    """Only episodes of these tasks. Of several tasks, one policy would learn all."""
    body: tuple[BodyKind, ...] = ()
    """Only episodes of these bodies: "sim" was simulated, "fast-twin" was in the twin's world at that pace, "serial"
    came over cables."""
    purpose: tuple[Purpose, ...] = ()
    """Only episodes recorded for these purposes."""
    pool: tuple[PoolName, ...] = ()
    """Only episodes of these pools. Left out: all that may train (with --evaluation, all)."""
    accepted: bool = True
    """Only accepted episodes; with --no-accepted, failed and rejected ones too."""
    evaluation: bool = False
    """Build a dataset to evaluate on: every pool may be in it, and training will refuse those that must not train."""


@dataclass(frozen=True)
class Import:
    """Bring in a LeRobot dataset (v2.0, v2.1 or v3.x) that others made. The source is only read.

    It gets a robot description with a unit for each channel, and the pool that you state: nobody else can know whether
    its episodes may train.

    Example: retake dataset import --source downloads/pick_bottle --out runs/bottle --pool train
    """

    source: Path
    """The root of the foreign dataset, which holds meta/info.json."""
    out: Path
    """Where the imported dataset goes; nothing may be there yet."""
    pool: PoolName
    """What its episodes may be used for: "train" and "discover" may train, the others never."""
    robot_name: str | None = None
    """What to call the robot; left out, what the source calls it."""


@dataclass(frozen=True)
class Verify:
    """Look for damage in a LeRobot v3 dataset: counts, indices, time stamps, shapes, and every video frame.

    Exit code 0 says that it is sound, 1 that something was found.

    Example: retake dataset verify --dataset runs/mine/dataset
    """

    dataset: Path
    """The dataset's folder."""
    json: bool = False
    """Print one JSON object instead of a table."""


def build(config: Build) -> int:
    from policies.dataset.lerobot import build_dataset

    for task in config.task:
        load_task(task)
    that = None if config.where is None else Where.parse(config.where)
    any_pool = config.evaluation or (that is not None and "pool" in that.columns)
    pools: Sequence[str] = config.pool or (() if any_pool else sorted(str(pool) for pool in TRAINABLE))
    query = Query(
        task=config.task or None, body=config.body or None, purpose=config.purpose or None, pool=pools or None
    )
    with _late_bar("episodes built") as advance:
        report = build_dataset(
            Archive(config.archive, create=False),
            config.out,
            query,
            that=that,
            for_training=not config.evaluation,
            accepted_only=config.accepted,
            progress=advance,
        )
    for episode in report.left_out:
        console.print(f"  left out {episode.id}: {episode.reason}", soft_wrap=True, markup=False)
    console.print(
        f"  {report.root} now holds {report.episodes} episodes with {report.frames} steps: {len(report.added)} added, "
        f"{report.kept} were there before, {len(report.left_out)} left out",
        soft_wrap=True,
    )
    console.print(f"  {_tasks_in_words(report.tasks)}", soft_wrap=True)
    return 0


def _tasks_in_words(episodes: Mapping[str, int]) -> str:
    """What a dataset is of. Nothing tells a policy which of several tasks it is to do."""
    told = ", ".join(f"{task} {count}" for task, count in sorted(episodes.items()))
    if len(episodes) == 1:
        return f"episodes by task: {told}"
    return f"episodes by task: {told}; one policy would learn all of them, --task and a new --out build of one alone"


def bring_in(config: Import) -> int:
    from policies.dataset.importing import import_dataset

    with console.status(f"importing {config.source} (its videos are copied)"):
        report = import_dataset(config.source, config.out, Pool(config.pool), config.robot_name)
    units = {joint.unit for joint in report.robot.joints}
    console.print(
        f"  {config.out} now holds {report.episodes} episodes with {report.frames} steps as pool {report.pool}, from "
        f"LeRobot {report.source_version}; robot {report.robot.name} with {len(report.robot.joints)} channels "
        f"({', '.join(sorted(units))}) and the cameras {', '.join(c.name for c in report.robot.cameras) or 'none'}",
        soft_wrap=True,
    )
    for what, names in (("computed", report.derived), ("not taken", report.left_out)):
        if names:
            console.print(f"  {what}: {', '.join(names)}", soft_wrap=True, markup=False)
    return 0


def verify(config: Verify) -> int:
    from policies.dataset.verify import verify_dataset

    console.stderr = config.json
    with console.status(f"looking at every file of {config.dataset}"):
        findings = verify_dataset(config.dataset)
    if config.json:
        held = {"dataset": str(config.dataset), "findings": [asdict(finding) for finding in findings]}
        sys.stdout.write(json.dumps(held, indent=2) + "\n")
    elif findings:
        table = Table("where", "damage", "particulars")
        for finding in findings:
            table.add_row(finding.place, finding.kind, finding.message)
        console.print(table)
        console.print(
            f"  {config.dataset} has {len(findings)} findings; remove it and build or import it again", soft_wrap=True
        )
    else:
        console.print(f"  {config.dataset} is sound", soft_wrap=True)
    return FOUND_DAMAGE if findings else 0


@contextmanager
def _late_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that appears once it is known how much there is to do."""
    with ExitStack() as stack:
        bars: list[Callable[[str], None]] = []

        def advance(_: int, total: int) -> None:
            if not bars:
                bars.append(stack.enter_context(progress_bar(what, total)))
            bars[0]("")

        yield advance


def main(arguments: Sequence[str] | None = None) -> int:
    verbs: Verbs = {"build": (Build, build), "import": (Import, bring_in), "verify": (Verify, verify)}
    return run_verbs("retake dataset", _ABOUT, verbs, arguments)


if __name__ == "__main__":
    sys.exit(main())
