"""`episode.json`: all that is known of one episode, apart from its streams."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from assets.robot import RobotSpec
from envs.episodes.durable import cannot_write, plain, write_json
from envs.episodes.losses import Losses
from envs.episodes.records import EpisodeHeader, Instruction, InstructionMark, Outcome
from envs.episodes.seal import Seal
from envs.episodes.skew import StreamSkew
from envs.episodes.verdict import QualityVerdict
from envs.errors import ArchiveError
from envs.scenario import Pool, Scenario

SCHEMA_VERSION = 1
SHEET_NAME = "episode.json"
DIGEST_FIELD = "sheet_sha256"  # of all other fields of the sheet
_PACKAGES = ("retake", "mujoco", "gymnasium", "numpy", "av", "mcap")

Status = Literal["recording", "complete", "interrupted"]


@dataclass(frozen=True)
class FaultCount:
    """One kind of fault: how often it was seen, and at which tick first."""

    severity: str
    source: str
    message: str
    count: int
    first_tick: int


@dataclass(frozen=True)
class EpisodeSheet:
    """What `episode.json` holds. `outcome` is None only while recording."""

    id: str
    status: Status
    started_at: str  # ISO 8601, UTC
    header: EpisodeHeader
    versions: dict[str, str]
    ended_at: str | None = None
    outcome: Outcome | None = None
    counts: dict[str, int] = field(default_factory=dict)  # messages by stream
    faults: tuple[FaultCount, ...] = ()
    quality: QualityVerdict | None = None  # None where nobody has judged it yet
    skew: dict[str, StreamSkew] = field(default_factory=dict)  # by stream; older recordings do not say
    losses: Losses = field(default_factory=Losses)
    seal: Seal | None = None  # of `raw.mcap`; None while recording, and where it broke off

    @property
    def ticks(self) -> int:
        return self.counts.get("command", 0)

    @property
    def accepted(self) -> bool:
        return self.outcome is not None and self.outcome.accepted

    @property
    def success(self) -> bool:
        return self.outcome is not None and self.outcome.success

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; the robot's digest stands beside its table."""
        header = self.header
        return {
            "schema_version": SCHEMA_VERSION,
            "id": self.id,
            "status": self.status,
            "started_at": self.started_at,
            "ended_at": self.ended_at,
            "task": header.task,
            "scenario": header.scenario.to_dict(),
            "scenario_key": header.scenario.key,
            "pool": header.pool.value,
            "body": header.body,
            "purpose": header.purpose,
            "operator": header.operator,
            "station": header.station,
            "seed": header.seed,
            "policy": header.policy,
            "request": header.request,
            "parent": header.parent,
            "instructions": [asdict(instruction) for instruction in header.instructions],
            "outcome": asdict(self.outcome) if self.outcome else None,
            "quality": self.quality.to_dict() if self.quality else {},
            "skew": {stream: asdict(skew) for stream, skew in self.skew.items()},
            "counts": self.counts,
            "losses": self.losses.to_dict(),
            "faults": [asdict(fault) for fault in self.faults],
            "versions": self.versions,
            "extra": header.extra,
            "seal": self.seal.to_dict() if self.seal else None,
            "robot_digest": header.robot.digest,
            "robot": header.robot.to_dict(),
        }

    @staticmethod
    def from_dict(fields: dict[str, Any]) -> EpisodeSheet:
        """The inverse of `to_dict`. Raises KeyError, TypeError or ValueError where the fields are not a sheet's."""
        if fields["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema_version is {fields['schema_version']}; this program reads {SCHEMA_VERSION}")
        header = EpisodeHeader(
            task=fields["task"],
            scenario=Scenario.from_dict(fields["scenario"]),
            pool=Pool(fields["pool"]),
            body=fields["body"],
            robot=RobotSpec.from_dict(fields["robot"]),
            instructions=tuple(Instruction(**instruction) for instruction in fields["instructions"]),
            purpose=fields["purpose"],
            operator=fields["operator"],
            station=fields["station"],
            seed=fields["seed"],
            policy=fields["policy"],
            request=fields["request"],
            parent=fields["parent"],
            extra=fields["extra"],
        )
        return EpisodeSheet(
            id=fields["id"],
            status=fields["status"],
            started_at=fields["started_at"],
            header=header,
            versions=fields["versions"],
            ended_at=fields["ended_at"],
            outcome=_outcome(fields["outcome"]),
            counts=fields["counts"],
            faults=tuple(FaultCount(**fault) for fault in fields["faults"]),
            quality=QualityVerdict.from_dict(fields["quality"]),
            skew={stream: StreamSkew(**skew) for stream, skew in fields.get("skew", {}).items()},
            losses=Losses.from_dict(fields["losses"]) if "losses" in fields else Losses(),
            seal=Seal.from_dict(fields["seal"]) if fields.get("seal") else None,
        )


def write_sheet(folder: Path, sheet: EpisodeSheet, *, is_durable: bool = True, is_altered: bool = False) -> None:
    """Replace `episode.json` in an episode's folder. What need not survive a power failure is not waited for.

    A sheet that `is_altered` gets no digest that fits, so that it never passes for what was recorded.

    Raises:
        ArchiveError: it cannot be written; the old one still stands.
    """
    try:
        fields = sheet.to_dict()
        digest = "altered before this was written" if is_altered else sheet_digest(fields)
        write_json(folder / SHEET_NAME, {**fields, DIGEST_FIELD: digest}, is_durable=is_durable)
    except OSError as error:
        raise ArchiveError(cannot_write(folder / SHEET_NAME, error)) from error
    except (TypeError, ValueError) as error:
        raise ArchiveError(f"cannot write {folder / SHEET_NAME}: a value is not plain JSON ({error})") from error


def sheet_text(sheet: EpisodeSheet) -> str:
    """The sheet as one line of JSON, as a recording carries it.

    Raises:
        ArchiveError: a value is not plain JSON.
    """
    try:
        return json.dumps(sheet.to_dict(), ensure_ascii=False, allow_nan=False, default=plain)
    except (TypeError, ValueError) as error:
        raise ArchiveError(f"episode {sheet.id}: a value is not plain JSON ({error})") from error


def read_sheet(folder: Path) -> EpisodeSheet:
    """The sheet in an episode's folder.

    Raises:
        ArchiveError: there is none, or it is damaged.
    """
    path = folder / SHEET_NAME
    try:
        return EpisodeSheet.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ArchiveError(f"cannot read {path}: {error.strerror}; give the folder of a recorded episode") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArchiveError(
            f"{path} is damaged ({type(error).__name__}: {error}); restore it from a copy or move the folder out of "
            "the archive"
        ) from error


def is_sheet_altered(folder: Path) -> bool:
    """Whether a sheet that can be read holds other fields than those whose digest it was written with.

    One that has neither digest nor seal is of an old version, or was never finished, and says nothing.

    Raises:
        OSError, ValueError: there is none that could be read.
    """
    fields = json.loads((folder / SHEET_NAME).read_bytes().decode())
    if DIGEST_FIELD not in fields:
        return bool(fields.get("seal"))
    return bool(fields[DIGEST_FIELD] != sheet_digest(fields))


def sheet_digest(fields: dict[str, Any]) -> str:
    """What `DIGEST_FIELD` holds of a sheet with these fields."""
    told = {name: value for name, value in fields.items() if name != DIGEST_FIELD}
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), default=plain)
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def package_versions() -> dict[str, str]:
    """The versions of what shapes an episode; a package that is not installed is left out."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _outcome(fields: dict[str, Any] | None) -> Outcome | None:
    if fields is None:
        return None
    marks = tuple(InstructionMark(**mark) for mark in fields["marks"])
    return Outcome(**{**fields, "marks": marks})
