"""What is compared with what, and the goals."""

from pathlib import Path

from .data import Data, kept, messy, normalised_file
from .implementations.clv_data import SEED, simulate
from .implementations.definition_data import made_up
from .implementations.segments_matrix import customer_matrix
from .measure import Implementation
from .peers import python_of

ROOT = Path(__file__).resolve().parents[2]
MEMORY_HUNGRY = 20_000_000  # lines above which implementations that hold all rows in memory are left out
TOO_MANY = "holds all rows in memory"
OURS = "custaudience"


def rfm(data: Data) -> list[Implementation]:
    too_many = TOO_MANY if data.rows > MEMORY_HUNGRY else ""
    return [
        Implementation(OURS, "rfm_ours.py", data.parquet, env={"CUSTAUDIENCE_CACHE": str(data.warm_cache)}),
        Implementation("DuckDB SQL by hand", "rfm_sql.py", data.normalised, ("at most", 1.3)),
        Implementation("pandas, vectorised", "rfm_pandas.py", data.normalised, ("faster", 2.0), absent=too_many),
        Implementation("floor: scan 4 columns", "rfm_scan.py", data.normalised, compared=False),
    ]


def _peer(name: str, root: Path, *, install: bool) -> dict[str, object]:
    python = python_of(name, root, install=install)
    return {"python": python} if python else {"absent": "not installed"}


def repeat(data: Data, root: Path, *, install: bool = True) -> list[Implementation]:
    peer = {"absent": TOO_MANY} if data.rows > MEMORY_HUNGRY else _peer("lifetimes", root, install=install)
    ours = Implementation(OURS, "repeat_ours.py", data.sales)
    return [ours, Implementation("lifetimes 0.11.3", "repeat_lifetimes.py", data.sales, ("faster", 5.0), **peer)]


def models(n: int, root: Path, which: str, goal: float, *, install: bool = True) -> list[Implementation]:
    summary = kept(f"customers-{n}-{SEED}", root, lambda: simulate(n))
    given = {"env": {"BENCH_MODEL": which}}
    peer = _peer("lifetimes", root, install=install) | given
    ours = Implementation(OURS, "clv_ours.py", summary, **given)
    return [ours, Implementation("lifetimes 0.11.3", "clv_lifetimes.py", summary, ("faster", goal), **peer)]


def pairs(root: Path, *, install: bool = True) -> list[Implementation]:
    normalised = normalised_file(ROOT / "data" / "grocery", root / "grocery-cache")
    peer = _peer("mlxtend", root, install=install)
    ours = Implementation(OURS, "pairs_ours.py", normalised)
    return [ours, Implementation("mlxtend fpgrowth", "pairs_mlxtend.py", normalised, ("faster", 100.0), **peer)]


def segments(n: int, root: Path) -> list[Implementation]:
    matrix = kept(f"customer-matrix-{n}-v2", root, lambda: customer_matrix(n))
    ours = Implementation(OURS, "segments_ours.py", matrix)
    return [ours, Implementation("KMeans(n_init=10)", "segments_sklearn.py", matrix, ("faster", 10.0))]


def choose(n: int, root: Path) -> list[Implementation]:
    matrix = kept(f"customer-matrix-{n}-v2", root, lambda: customer_matrix(n))
    return [
        Implementation(OURS, "segments_choose.py", matrix),
        Implementation("one KMeans(n_init=10)", "segments_sklearn.py", matrix, ("at most", 20.0), compared=False),
    ]


def reading(study: Path) -> list[Implementation]:
    ours = Implementation(OURS, "read_ours.py", study, fresh_cache=True)
    return [ours, Implementation("plain DuckDB COPY", "read_copy.py", study, ("at most", 2.0), fresh_cache=True)]


def init(file: Path) -> list[Implementation]:
    """From an export as shops make them to a proposed study; looked at once, every row counted."""
    ours = Implementation("custaudience init", "init_ours.py", file, fresh_cache=True)
    return [ours, Implementation("floor: parse and count", "init_scan.py", file, compared=False)]


def notebooks() -> list[Implementation]:
    notebook = ROOT / "notebooks" / "30_rfm_and_lifecycle.ipynb"
    env = {"BENCH_STUDY": str(ROOT / "data" / "grocery")}
    ours = Implementation(OURS, "notebooks_ours.py", notebook, env=env)
    return [ours, Implementation("papermill + nbconvert", "notebooks_loop.py", notebook, ("faster", 2.0), env=env)]


def definition(n: int, root: Path) -> list[Implementation]:
    customers = kept(f"definition-customers-{n}-v1", root, lambda: made_up(n))
    ours = Implementation(OURS, "definition_ours.py", customers)
    return [ours, Implementation("floor: the scan", "definition_scan.py", customers, ("at most", 2.0))]


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
    if name in ("bgnbd", "gammagamma"):
        which, goal = ("bgnbd", 10.0) if name == "bgnbd" else ("gamma", 3.0)
        return models(n, root, which, goal, install=install)
    if name == "pairs":
        return pairs(root, install=install)
    return {"segments": segments, "choose": choose, "definition": definition}[name](n, root)


def section(name: str, data: Data, root: Path, *, install: bool = True) -> list[Implementation]:
    if name == "rfm":
        return rfm(data)
    if name == "repeat":
        return repeat(data, root, install=install)
    if name == "init":
        return init(messy(data) / "transactions.csv")
    return reading(messy(data) if name == "messy" else data.folder / name)
