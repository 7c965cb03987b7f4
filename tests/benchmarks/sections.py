"""What is compared with what, and the goals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .data import Data, messy, normalised_file
from .implementations.clv_data import prepare_summary
from .implementations.definition_data import definition_customers
from .implementations.segments_matrix import customer_matrix
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


def _peer(name: str, root: Path, *, install: bool) -> dict[str, object]:
    """Return how a peer is started, or why it cannot be."""
    python = python_of(name, root, install=install)
    return {"python": python} if python else {"absent": "not installed"}


def models(rows: int, root: Path, which: str, goal: float, *, install: bool = True) -> list[Implementation]:
    """A purchase or a spend model fitted to a summary of simulated customers."""
    summary = prepare_summary(rows, root)
    peer = _peer("lifetimes", root, install=install)
    return [
        Implementation("custaudience", f"clv_{which}_ours.py", summary),
        Implementation("lifetimes 0.11.3", f"clv_{which}_lifetimes.py", summary, ("faster", goal), **peer),
    ]


def pairs(root: Path, *, install: bool = True) -> list[Implementation]:
    """Products bought together on the grocery panel, from its normalised file."""
    normalised = normalised_file(ROOT / "data" / "grocery", root / "grocery-cache")
    peer = _peer("mlxtend", root, install=install)
    return [
        Implementation("custaudience", "pairs_ours.py", normalised),
        Implementation("mlxtend fpgrowth", "pairs_mlxtend.py", normalised, ("faster", 100.0), **peer),
    ]


def segments(rows: int, root: Path) -> list[Implementation]:
    """Five segments of all customers."""
    matrix = customer_matrix(rows, root)
    return [
        Implementation("custaudience", "segments_ours.py", matrix),
        Implementation("KMeans(n_init=10)", "segments_sklearn.py", matrix, ("faster", 10.0)),
    ]


def choose(rows: int, root: Path) -> list[Implementation]:
    """How many segments, against one fit with a known number."""
    matrix = customer_matrix(rows, root)
    return [
        Implementation("custaudience", "segments_choose.py", matrix),
        Implementation("one KMeans(n_init=10)", "segments_sklearn.py", matrix, ("at most", 20.0), compared=False),
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


def definition(rows: int, root: Path) -> list[Implementation]:
    """A written audience definition against the scan in plain pandas that it needs."""
    customers = definition_customers(rows, root)
    return [
        Implementation("custaudience", "definition_ours.py", customers),
        Implementation("floor: the scan", "definition_scan.py", customers, ("at most", 2.0)),
    ]


TITLES: dict[str, str] = {
    "rfm": "RFM summary and scores from the normalised file",
    "repeat": "lifetimes' summary: repeat purchases, first to last, tenure, mean value",
    "parquet": "reading: Parquet to normalised",
    "csv": "reading: CSV to normalised",
    "messy": "reading: CSV with decimal commas, day first, statuses",
    "init": "proposing a study from a messy CSV (of 1 GB at 10 million lines; goal: 20 s, 1,000 MB)",
}

OF_CUSTOMERS: dict[str, str] = {
    "bgnbd": "BG/NBD fitted, simulated customers", "gammagamma": "Gamma-Gamma fitted, simulated customers",
    "pairs": "pairs of products on the grocery panel, support 0.001 (goal: under 500 MB)",
    "segments": "five segments of customers by six features", "choose": "how many segments, 2 to 12, with stability",
    "definition": "a written audience definition checked on all customers"
}  # fmt: skip
"""Sections that do not grow with order lines: run once, with a million customers at most."""
MOST_CUSTOMERS = 1_000_000


def of_customers(name: str, rows: int, root: Path, *, install: bool = True) -> list[Implementation]:
    """Return the implementations of a section of `OF_CUSTOMERS`, ours first."""
    n = min(rows, MOST_CUSTOMERS)
    made: dict[str, Callable[[], list[Implementation]]] = {
        "bgnbd": lambda: models(n, root, "bgnbd", 10.0, install=install),
        "gammagamma": lambda: models(n, root, "gamma", 3.0, install=install),
        "pairs": lambda: pairs(root, install=install), "segments": lambda: segments(n, root),
        "choose": lambda: choose(n, root), "definition": lambda: definition(n, root)
    }  # fmt: skip
    return made[name]()


def section(name: str, data: Data, root: Path, *, install: bool = True) -> list[Implementation]:
    """Return the implementations of a section, ours first."""
    made: dict[str, Callable[[], list[Implementation]]] = {
        "rfm": lambda: rfm(data), "repeat": lambda: repeat(data, root, install=install),
        "parquet": lambda: reading(data.parquet), "csv": lambda: reading(data.csv),
        "messy": lambda: reading(messy(data), "read_messy_copy.py"),
        "init": lambda: init(messy(data) / "transactions.csv")
    }  # fmt: skip
    return made[name]()
