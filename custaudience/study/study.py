"""A study: a folder with study.toml and its tables, or frames in memory, read once and strictly."""

from __future__ import annotations

import atexit
import calendar
import datetime as dt
import os
import shutil
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw

from custaudience.errors import ConfigError, EmptyTableError, near_miss
from custaudience.evidence import Terms
from custaudience.study import cache, reading
from custaudience.study.config import StudyConfig, StudySection, TableSection, load_config
from custaudience.study.contracts import TABLES
from custaudience.study.database import snapshot
from custaudience.study.facts import Lines
from custaudience.study.health import Health, health_of
from custaudience.study.keys import meetings
from custaudience.study.orders import orders_of
from custaudience.study.reading import ReadReport
from custaudience.study.sources import Source, files_of
from custaudience.study.values import Declared


class Study:
    """What a company has: its tables, checked, on one DuckDB connection.

    Open one with `open_study`, or from frames with `Study.from_frames`. Relations it gives belong to its
    connection: they join with each other, not with relations of another study.

    Attributes
    ----------
    folder, folder_name : Path or None, str
        The study's folder (None for frames) and its last part, the name of the report's folder.
    config, tables : StudyConfig, tuple of str
        What study.toml says, and the names of the tables it has.
    name, currency, minor_digits, timezone, language, caveats, first_orders, min_group_size
        As study.toml says; see `config.StudySection`.
    """

    def __init__(self, config: StudyConfig, *, folder: Path | None = None, frames: dict[str, Any] | None = None):
        section = config.study
        self.config = config
        self.name, self.currency, self.minor_digits = section.name, section.currency, section.minor_digits
        self.timezone, self.language = section.timezone, section.language
        self.caveats, self.first_orders = section.caveats, section.first_orders
        self.min_group_size = config.privacy.min_group_size
        self.tables = tuple(config.tables)
        self.folder = folder
        self.folder_name = folder.name if folder else "frames"
        self._frames = frames or {}
        self._entries: dict[str, tuple[Path, ReadReport]] = {}

    @classmethod
    def from_frames(
        cls,
        *,
        currency: str,
        timezone: str,
        name: str = "frames",
        max_quarantined: float = 0.01,
        max_money_set_aside: float = 0.01,
        **frames: Any,
    ) -> Study:
        """Make a study of frames in memory; they go through the same strict pass as files.

        Parameters
        ----------
        currency, timezone, name, max_quarantined, max_money_set_aside
            As in study.toml.
        **frames : any frame Narwhals reads
            ``transactions=…``, ``customers=…``: columns named as in `contracts.TABLES`.
        """
        unknown = [key for key in frames if key not in TABLES]
        if unknown:
            raise ConfigError(
                f"table {unknown[0]!r} is not known.{near_miss(unknown[0], TABLES)} Known: {', '.join(TABLES)}."
            )
        section = StudySection(
            name=name, currency=currency, timezone=timezone,
            max_quarantined=max_quarantined, max_money_set_aside=max_money_set_aside,
        )  # fmt: skip
        tables = {key: TableSection(path="frame") for key in frames}
        return cls(StudyConfig(study=section, tables=tables), frames=frames)

    def terms(self, as_of: dt.date, *, level: float = 0.95, seed: int = 0) -> Terms:
        """Return what all figures of this study at a date share."""
        own = (self.currency, self.minor_digits, self.min_group_size)
        return Terms(as_of, *own, level, seed, self.first_orders)

    @cached_property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The study's one connection: local files only, spilling to the cache, memory shared among jobs."""
        local = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
        con = duckdb.connect(config={**local, "temp_directory": str(cache.cache_folder() / "spill")})
        con.execute("SET TimeZone = 'UTC'")  # a naive stamp must not follow the machine's zone
        jobs = max(1, int(os.environ.get("CUSTAUDIENCE_JOBS", "1")))
        if jobs > 1:
            con.execute(f"SET threads = {max(1, (os.cpu_count() or 1) // jobs)}")
            limit = con.execute("SELECT current_setting('memory_limit')").fetchall()[0][0]
            amount, unit = str(limit).split(" ")
            con.execute(f"SET memory_limit = '{float(amount) / jobs:.2f} {unit}'")
        return con

    def table(self, name: str) -> duckdb.DuckDBPyRelation:
        """Return a table's usable rows as a lazy relation; read and check it when it has not been yet.

        Raises
        ------
        ConfigError
            If the study has no such table.
        DataError
            If too many rows must be set aside, or the file cannot be read.
        """
        folder, report = self._entry(name)
        return self.connection.sql(reading.used_rows(report, folder))

    def orders(self, as_of: dt.date | None = None) -> Any:
        """Return the study's orders up to `as_of` (default: the end of the last complete month), lazily."""
        return orders_of(self.table("transactions"), as_of=as_of or self.default_as_of)

    def read_report(self, name: str) -> ReadReport:
        """Return what became of a table's rows."""
        return self._entry(name)[1]

    def all_rows(self, name: str) -> duckdb.DuckDBPyRelation:
        """Return every row of a table with ``_fault``: NULL where it is used, else "column|reason". Private."""
        folder, report = self._entry(name)
        return self.connection.sql(reading.all_rows(report, folder))

    def quarantined(self, name: str) -> duckdb.DuckDBPyRelation:
        """Return the rows of a table that were set aside: file, row, column, reason, value. Private."""
        folder, report = self._entry(name)
        return self.connection.sql(reading.quarantined_rows(report, folder))

    def write_quarantine(self, folder: Path) -> dict[str, int]:
        """Write ``TABLE.csv`` for each table with rows set aside into a private folder; return how many, by table."""
        counts = {name: self.read_report(name).rows_set_aside for name in self.tables}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, rows in counts.items():
            if rows:
                self.quarantined(name).write_csv(str(folder / f"{name}.csv"), header=True)
        return counts

    def health(self, as_of: dt.date | None = None) -> Health:
        """Return the state of the data: rows in, used and set aside, totals against the books, warnings.

        `as_of` is the last day the facts and warnings know of; by default the last day of the data.
        """
        controls = [key.split(".") for key in self.config.control]
        controlled = (which if what == "rows" else "transactions" for what, which in controls)
        reports = {name: self.read_report(name) for name in (*self.tables, *controlled)}
        lines = None
        if "transactions" in self.tables:
            known = self.table("customers") if "customers" in self.tables else None
            used, everything = self.table("transactions"), self.all_rows("transactions")
            lines = Lines(used, everything, self.first_day, self.last_day, known)
        day = as_of or (lines.last_day if lines else dt.date.max)
        apart = tuple(meetings({name: self.table(name) for name in self.tables}))
        return health_of(self.config, reports, lines, self.terms(day), apart)

    @cached_property
    def first_day(self) -> dt.date:
        """Day of the first usable order line."""
        return self._days()[0]

    @cached_property
    def last_day(self) -> dt.date:
        """Last day the data cover: of the last line read, used or not, or ``complete_until``."""
        read = self.all_rows("transactions").filter("coalesce(_fault, '') <> 'ordered_at|lone'")
        last = read.aggregate("max(ordered_at)::DATE").fetchall()[0][0] or self._days()[1]
        given = self.config.study.complete_until
        return max(last, dt.date.fromisoformat(given)) if given else last

    def _days(self) -> tuple[dt.date, dt.date]:
        row = self.table("transactions").aggregate("min(ordered_at)::DATE, max(ordered_at)::DATE").fetchall()[0]
        if row[0] is None:
            raise EmptyTableError(f"{self.name}: no usable order line.")
        return row[0], row[1]

    def months_available(self) -> list[str]:
        """Return the months whose last day the data reach, "2017-12", oldest first."""
        months, day = [], self.first_day.replace(day=1)
        while (end := month_end(day)) <= self.last_day:
            months.append(f"{day:%Y-%m}")
            day = end + dt.timedelta(days=1)
        return months

    @property
    def last_complete_month(self) -> str:
        """The last month that is complete in the data, "2017-12"."""
        months = self.months_available()
        if not months:
            raise EmptyTableError(
                f"{self.name}: the data run from {self.first_day} to {self.last_day}: no month is complete. "
                "Say how far the export reaches: complete_until under [study]."
            )
        return months[-1]

    @property
    def default_as_of(self) -> dt.date:
        """Last day of the last complete month."""
        return month_end(dt.date.fromisoformat(f"{self.last_complete_month}-01"))

    def inputs(self) -> dict[str, str]:
        """Return sha256 by file name of study.toml and of every file (or snapshot of a database) behind the tables."""
        if self.folder is None:
            return {}
        found = {"study.toml": cache.sha256_of(self.folder / "study.toml")}
        for name, section in self.config.tables.items():
            for file in self._files(name):
                label = f"database:{section.database}:{name}" if section.database else f"{name}: {file.name}"
                if file.is_relative_to(self.folder) and not section.database:
                    label = file.relative_to(self.folder).as_posix()
                found[label] = cache.sha256_of(file)
        return found

    def refresh(self) -> None:
        """Run the queries of all tables that come from a database anew; all who open the study then see these rows."""
        for name, section in self.config.tables.items():
            if section.database:
                self._files(name, fresh=True)
                self._entries.pop(name, None)
        for remembered in ("first_day", "last_day"):
            self.__dict__.pop(remembered, None)

    def _files(self, name: str, *, fresh: bool = False) -> list[Path]:
        assert self.folder is not None
        section = self.config.tables[name]
        if section.database and section.query:
            return [snapshot(section.database, section.query, folder=self.folder, fresh=fresh)]
        return files_of(self.folder, name, section)

    def fingerprint(self, tables: tuple[str, ...]) -> str:
        """Return one hash of the named tables' files and declarations: equal when they would read equal."""
        return "-".join(self._entry(name)[0].name for name in sorted(tables))

    def _entry(self, name: str) -> tuple[Path, ReadReport]:
        if name not in self.config.tables:
            have = ", ".join(self.tables)
            raise ConfigError(f"{self.name} has no table {name!r}; it has {have}.{near_miss(name, self.tables)}")
        if name not in self._entries:
            folder = self._read_frame(name) if self.folder is None else self._read_files(name)
            self._entries[name] = folder, reading.load_report(folder)
        return self._entries[name]

    def _declared(self, name: str) -> Declared:
        return Declared(self.connection, TABLES[name], self.config.tables[name], self.config.study)

    def _read_files(self, name: str) -> Path:
        assert self.folder is not None
        section, study = self.config.tables[name], self.config.study
        files = self._files(name)
        key = {
            "reader": reading.READER_VERSION,
            "duckdb": duckdb.__version__,
            "table": name,
            "section": section.model_dump(),
            "study": [study.currency, study.timezone, study.max_quarantined, study.max_money_set_aside],
            "files": [(file.name, cache.sha256_of(file)) for file in files],
        }
        return cache.entry(key, lambda folder: reading.read_files(self._declared(name), files, folder))

    def _read_frame(self, name: str) -> Path:
        frame = nw.from_native(self._frames[name])
        eager = frame.collect("pyarrow") if isinstance(frame, nw.LazyFrame) else frame
        view = f"frame {name}"
        self.connection.register(view, eager.to_arrow())
        described = self.connection.execute(f'DESCRIBE SELECT * FROM "{view}"').fetchall()
        source = Source(f"frame {name!r}", {row[0]: row[1] for row in described}, f'"{view}"')
        folder = Path(tempfile.mkdtemp(prefix="frames-", dir=cache.cache_folder()))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)  # a relation outlives the study that gave it
        reading.read_sources(self._declared(name), [source], folder)
        self.connection.unregister(view)
        return folder


def open_study(path: str | os.PathLike[str]) -> Study:
    """Open a study's folder; tables are read when they are first asked for.

    Parameters
    ----------
    path : path
        Folder with study.toml, relative to where you stand.

    Raises
    ------
    ConfigError
        If there is no such folder, or study.toml says something that cannot be.
    """
    if "://" in str(path):
        raise ConfigError(f"{path!s} is an address. A study is a folder on this computer: download it first.")
    folder = Path(path).expanduser().absolute()
    if not folder.is_dir():
        beside = [p.parent.name for p in folder.parent.glob("*/study.toml")] if folder.parent.is_dir() else []
        raise ConfigError(f"{path!s} is no folder.{near_miss(folder.name, beside)}")
    return Study(load_config(folder), folder=folder)


def month_end(day: dt.date) -> dt.date:
    """Return the last day of a day's month.

    Examples
    --------
    >>> month_end(dt.date(2024, 2, 5))
    datetime.date(2024, 2, 29)
    """
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])
