"""An SQL index over an archive. It holds nothing that cannot be read from the archive again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from sqlalchemy import JSON, Engine, Select, String, create_engine, delete, event, inspect, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.schema import CreateIndex, CreateTable, DropTable

from envs.episodes.archive import Archive
from envs.episodes.sheet import EpisodeSheet
from envs.errors import ArchiveError

CATALOGUE_NAME = "catalogue.sqlite"
CATALOGUE_FILES = tuple(CATALOGUE_NAME + ending for ending in ("", "-journal", "-wal", "-shm"))  # of SQLite
LOCK_WAIT_MS = 30_000  # for another process's write


@dataclass(frozen=True)
class CatalogueEntry:
    """What the catalogue knows of one episode."""

    id: str
    status: str
    started_at: str
    task: str
    scenario_key: str
    factors: dict[str, Any]  # the scenario's values, by factor
    pool: str
    body: str
    purpose: str
    operator: str
    station: str
    policy: str | None
    request: str | None
    parent: str | None
    success: bool
    reason: str
    accepted: bool
    verdict_reason: str
    ticks: int
    robot_digest: str
    quality_verdict: str = ""  # "" where nobody has judged it
    quality_score: float | None = None  # 0 to 1; None where the style is not judged
    quality_reason: str = ""  # the sentence, in English


@dataclass(frozen=True)
class Query:
    """Which episodes are meant. A criterion that is None admits all; a collection admits each of its values."""

    task: str | Collection[str] | None = None
    body: str | Collection[str] | None = None
    pool: str | Collection[str] | None = None
    purpose: str | Collection[str] | None = None
    operator: str | Collection[str] | None = None
    policy: str | Collection[str] | None = None
    request: str | Collection[str] | None = None
    parent: str | Collection[str] | None = None
    scenario_key: str | Collection[str] | None = None
    robot_digest: str | Collection[str] | None = None
    status: str | Collection[str] | None = None
    id: str | Collection[str] | None = None
    quality_verdict: str | Collection[str] | None = None
    accepted: bool | None = None
    success: bool | None = None


class _Base(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSON}  # noqa: RUF012  # SQLAlchemy reads it from the class


class _Row(_Base):
    __tablename__ = "episodes"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    status: Mapped[str]
    started_at: Mapped[str]
    task: Mapped[str] = mapped_column(index=True)
    scenario_key: Mapped[str] = mapped_column(index=True)
    factors: Mapped[dict[str, Any]]
    pool: Mapped[str] = mapped_column(index=True)
    body: Mapped[str]
    purpose: Mapped[str]
    operator: Mapped[str]
    station: Mapped[str]
    policy: Mapped[str | None]
    request: Mapped[str | None] = mapped_column(index=True)
    parent: Mapped[str | None]
    success: Mapped[bool]
    reason: Mapped[str]
    accepted: Mapped[bool]
    verdict_reason: Mapped[str]
    ticks: Mapped[int]
    robot_digest: Mapped[str]
    quality_verdict: Mapped[str] = mapped_column(index=True)
    quality_score: Mapped[float | None]
    quality_reason: Mapped[str]


class Catalogue:
    """The index of one archive: a SQLite file in it, or any database by URL."""

    def __init__(self, archive: Archive, url: str | None = None) -> None:
        """
        Raises:
            ArchiveError: the database cannot be opened.
        """
        self._archive = archive
        self._url = url or f"sqlite:///{(archive.root / CATALOGUE_NAME).absolute()}"
        try:
            self._engine = create_engine(self._url)
            if self._engine.dialect.name == "sqlite":
                _share_between_processes(self._engine)
            is_outdated = _create_tables(self._engine)
        except (SQLAlchemyError, ImportError) as error:
            raise self._error(error) from error
        if is_outdated:
            self.rebuild()

    def add(self, sheet: EpisodeSheet) -> None:
        """Enter an episode, or enter it anew.

        Raises:
            ArchiveError: the database cannot be written.
        """
        self._write([sheet], everything=False)

    def sync(self) -> int:
        """Enter what the archive has and the catalogue has not, or has as still recording; return how many.

        Raises:
            ArchiveError: the database cannot be read or written.
        """
        known = {entry.id for entry in self.query() if entry.status != "recording"}
        missing = [episode_id for episode_id in self._archive.ids() if episode_id not in known]
        self._write(list(self._archive.sheets(missing)), everything=False)
        return len(missing)

    def rebuild(self) -> int:
        """Forget everything and read the archive again; return how many episodes it has.

        Raises:
            ArchiveError: the database cannot be written.
        """
        sheets = list(self._archive.episodes())
        self._write(sheets, everything=True)
        return len(sheets)

    def query(self, where: Query | None = None, /, **criteria: Any) -> list[CatalogueEntry]:
        """The episodes that meet every criterion of a `Query`, oldest first.

        Raises:
            ArchiveError: a criterion is unknown, or the database cannot be read.
        """
        try:
            wanted = replace(where or Query(), **criteria)
        except TypeError as error:
            allowed = ", ".join(criterion.name for criterion in fields(Query))
            raise ArchiveError(f"cannot ask a catalogue for {sorted(criteria)}; its criteria are {allowed}") from error
        try:
            with Session(self._engine) as session:
                return [_entry_of_row(row) for row in session.scalars(_statement(wanted))]
        except SQLAlchemyError as error:
            raise self._error(error) from error

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Catalogue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, sheets: list[EpisodeSheet], *, everything: bool) -> None:
        try:
            with Session(self._engine) as session, session.begin():
                if everything:
                    session.execute(delete(_Row))
                for sheet in sheets:
                    session.merge(_Row(**asdict(entry_of_sheet(sheet))))
        except SQLAlchemyError as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> ArchiveError:
        cause = str(error).splitlines()[0]
        if "database is locked" in cause:
            return ArchiveError(f"catalogue {self._url}: another process is writing to it; try again ({cause})")
        return ArchiveError(
            f"catalogue {self._url}: {cause}; delete it and rebuild it from the archive, or give another"
        )


def entry_of_sheet(sheet: EpisodeSheet) -> CatalogueEntry:
    """What the catalogue keeps of a sheet."""
    header, outcome, quality = sheet.header, sheet.outcome, sheet.quality
    return CatalogueEntry(
        id=sheet.id,
        status=sheet.status,
        started_at=sheet.started_at,
        task=header.task,
        scenario_key=header.scenario.key,
        factors=dict(header.scenario.values),
        pool=header.pool.value,
        body=header.body,
        purpose=header.purpose,
        operator=header.operator,
        station=header.station,
        policy=header.policy,
        request=header.request,
        parent=header.parent,
        success=sheet.success,
        reason=outcome.reason if outcome else "",
        accepted=sheet.accepted,
        verdict_reason=outcome.verdict_reason if outcome else "",
        ticks=sheet.ticks,
        robot_digest=header.robot.digest,
        quality_verdict=quality.verdict if quality else "",
        quality_score=quality.score if quality else None,
        quality_reason=quality.english if quality else "",
    )


def _entry_of_row(row: _Row) -> CatalogueEntry:
    return CatalogueEntry(**{column.name: getattr(row, column.name) for column in fields(CatalogueEntry)})


def _statement(query: Query) -> Select[_Row]:
    statement = select(_Row).order_by(_Row.id)
    for criterion in fields(Query):
        allowed = getattr(query, criterion.name)
        column = getattr(_Row, criterion.name)
        if isinstance(allowed, (str, bool)):
            statement = statement.where(column == allowed)
        elif allowed is not None:
            statement = statement.where(column.in_(list(allowed)))
    return statement


def _create_tables(engine: Engine) -> bool:
    """Make what is missing; a table of an earlier version is made anew, and True says that it has to be filled again.

    Not `create_all`, which looks first and then creates: another process may do so in between.
    """
    with engine.begin() as connection:
        found = inspect(connection)
        has_table = found.has_table(_Row.__tablename__)
        known = {column["name"] for column in found.get_columns(_Row.__tablename__)} if has_table else set()
        is_outdated = has_table and not known.issuperset(_Row.__table__.columns.keys())
        if is_outdated:
            connection.execute(DropTable(_Base.metadata.tables[_Row.__tablename__], if_exists=True))
        for table in _Base.metadata.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                connection.execute(CreateIndex(index, if_not_exists=True))
    return is_outdated


def _share_between_processes(engine: Engine) -> None:
    """Wait for another process's write instead of failing at once."""

    @event.listens_for(engine, "connect")
    def wait_for_lock(connection: Any, _: Any) -> None:
        connection.execute(f"PRAGMA busy_timeout = {LOCK_WAIT_MS}")
