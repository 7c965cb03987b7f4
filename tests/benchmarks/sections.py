"""What is compared with what, and the goals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .data import Data, messy
from .measure import Implementation
from .peers import python_of

ROOT = Path(__file__).resolve().parents[2]
MEMORY_HUNGRY = 20_000_000  # lines above which implementations that hold all rows in memory are left out


def rfm(data: Data) -> list[Implementation]:
    """RFM summary and scores from the normalised file."""
    too_many = "holds all rows in memory" if data.rows > MEMORY_HUNGRY else ""
    return [
        Implementation("custaudience", "rfm_ours.py", data.parquet, env={"CUSTAUDIENCE_CACHE": str(data.warm_cache)}),
        Implementation("DuckDB SQL by hand", "rfm_sql.py", data.normalised, ("at most", 1.3)),
        Implementation("pandas, vectorised", "rfm_pandas.py", data.normalised, ("faster", 2.0), absent=too_many),
        Implementation("floor: scan 4 columns", "rfm_scan.py", data.normalised, compared=False),
    ]


def repeat(data: Data, root: Path, *, install: bool = True) -> list[Implementation]:
    """lifetimes' repeat-purchase summary, from the normalised file without refunds."""
    python = python_of("lifetimes", root, install=install) or Path()
    absent = "" if python.name else "not installed"
    if data.rows > MEMORY_HUNGRY:
        absent = "holds all rows in memory"
    return [
        Implementation("custaudience", "repeat_ours.py", data.sales),
        Implementation("lifetimes 0.11.3", "repeat_lifetimes.py", data.sales, ("faster", 5.0), python, absent=absent),
    ]


def reading(study: Path, copy: str = "read_copy.py") -> list[Implementation]:
    """From a file to the normalised table."""
    return [
        Implementation("custaudience", "read_ours.py", study, fresh_cache=True),
        Implementation("plain DuckDB COPY", copy, study, ("at most", 2.0), fresh_cache=True),
    ]


def init(file: Path) -> list[Implementation]:
    """From an export as shops make them to a proposed study; looked at once, every row counted."""
    return [
        Implementation("custaudience init", "init_ours.py", file, fresh_cache=True),
        Implementation("floor: parse and count", "init_scan.py", file, compared=False),
    ]


def notebooks() -> list[Implementation]:
    """Eight copies of notebook 30 on its default study, pages included."""
    notebook = ROOT / "notebooks" / "30_rfm_and_lifecycle.ipynb"
    env = {"BENCH_STUDY": str(ROOT / "data" / "grocery")}
    return [
        Implementation("custaudience", "notebooks_ours.py", notebook, env=env),
        Implementation("papermill + nbconvert", "notebooks_loop.py", notebook, ("faster", 2.0), env=env),
    ]


TITLES: dict[str, str] = {
    "rfm": "RFM summary and scores from the normalised file",
    "repeat": "lifetimes' summary: repeat purchases, first to last, tenure, mean value",
    "parquet": "reading: Parquet to normalised",
    "csv": "reading: CSV to normalised",
    "messy": "reading: CSV with decimal commas, day first, statuses",
    "init": "proposing a study from a messy CSV (of 1 GB at 10 million lines; goal: 20 s, 1,000 MB)",
}


def section(name: str, data: Data, root: Path, *, install: bool = True) -> list[Implementation]:
    """Return the implementations of a section, ours first."""
    made: dict[str, Callable[[], list[Implementation]]] = {
        "rfm": lambda: rfm(data),
        "repeat": lambda: repeat(data, root, install=install),
        "parquet": lambda: reading(data.parquet),
        "csv": lambda: reading(data.csv),
        "messy": lambda: reading(messy(data), "read_messy_copy.py"),
        "init": lambda: init(messy(data) / "transactions.csv"),
    }
    return made[name]()
