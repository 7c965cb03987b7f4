"""Run a notebook's cells with parameters, in a process forked with all imports done: as a kernel would, and fast.

papermill and a kernel cost several seconds a run; one run of each notebook by papermill is in `test_papermill.py`.
"""

import json
import multiprocessing
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from custaudience.evidence import read_claims
from custaudience.present import render_claim

ROOT = Path(__file__).parents[2]
HOSTILE = ["<script>alert(1)</script>", "{n:count} %s $x$", "Сад, «город» і ще довга назва категорії тут"]
PEOPLE = {
    "n", "n_others", "n_customers", "n_placed", "n_kept", "n_yes", "n_no", "n_unknown", "n_left", "n_known", "n_again",
    "n_before", "n_after", "n_contacted", "n_responded", "customers",
}  # fmt: skip
LABELS = ["top", "n_lists", "age", "value"]  # numbers that name a row, and tell nothing of people
_PRELOAD = [
    "custaudience.customers", "custaudience.audience", "custaudience.recipes.audience", "custaudience.recipes.contacts",
    "custaudience.present", "custaudience.reports.parameters", "sklearn.cluster", "sklearn.tree", "statsmodels.api",
    "matplotlib.pyplot", "pyarrow.parquet", "IPython.core.interactiveshell", "papermill.cli",
]  # fmt: skip


def run(
    notebook: str, folder: Path, *, short: bool = False, **parameters: str
) -> tuple[list[str], dict[str, Any], Path]:
    """Run a notebook in `folder`; return its texts, its claims by id (without the slug if `short`) and its output.

    Parameters are text, as on papermill's command line. The outputs lie in ``out.ipynb``.
    """
    out = folder / "published"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    process = context.Process(
        target=execute, args=(ROOT / "notebooks" / notebook, folder, {"out": str(out)} | parameters)
    )
    process.start()
    process.join(300)
    process.kill()
    log = folder / "error.txt"
    assert process.exitcode == 0, log.read_text(encoding="utf-8") if log.exists() else f"exit {process.exitcode}"
    cells = json.loads((folder / "out.ipynb").read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [o for o in outputs if o.get("name") == "stderr"], outputs
    texts = ["".join(o.get("text", o.get("data", {}).get("text/plain", ""))) for o in outputs]
    (file,) = (out / "claims").glob("*.json")
    html = "".join("".join(o.get("data", {}).get("text/html", "")) for o in outputs)
    html += "".join(render_claim(claim, language="uk", html=True) for claim in read_claims(file))
    assert "<script>" not in html
    assert_nobody_can_be_recognised(out, texts)
    claims = json.loads(file.read_text(encoding="utf-8"))
    return texts, {claim["id"].split(".", 1)[1] if short else claim["id"]: claim for claim in claims}, out


def assert_nobody_can_be_recognised(out: Path, texts: list[str]) -> None:
    """No identifier, and no figure of 1 to 9 people, in anything that was written."""
    files = [p.read_text(encoding="utf-8", errors="replace") for p in out.rglob("*") if p.is_file()]
    assert not re.search(r"secret-\d|order-\d", "\n".join(files + texts))  # of `made_up`
    for name, table in tables_of(out).items():
        assert not {"customer_id", "order_id", "household_id"} & set(table.columns), name
        for column in PEOPLE & set(table.columns):
            assert not table[column].between(1, 9).fillna(False).any(), (name, column)
        # what is gone has no size now; a cell's base is its cohort, which is large enough
        if "n_customers" in table and not {"state", "cohort_size"} & set(table):
            small = table[table["n_customers"].isna()].select_dtypes("number")
            assert small.drop(columns=LABELS, errors="ignore").isna().all(axis=None), name


def run_whole_and_cut(
    notebook: str, folder: Path, whole: Path, cut: Path, **parameters: Any
) -> list[tuple[list[str], dict[str, Any], Path]]:
    """Run a notebook on a study and on what was known of it: nothing claimed or published may differ."""
    runs = []
    for name, study in (("whole", whole), ("cut", cut)):
        (folder / name).mkdir(exist_ok=True)
        runs.append(run(notebook, folder / name, study=str(study), **parameters))
    tables, known = (tables_of(out) for *_, out in runs)
    assert runs[0][1] == runs[1][1] and tables.keys() == known.keys()
    for name, table in tables.items():
        pd.testing.assert_frame_equal(table, known[name])
    return runs


def execute(notebook: Path, folder: Path, parameters: dict[str, str]) -> None:
    """Run all cells in this process, and write them with their outputs to ``out.ipynb``."""
    import traceback

    os.chdir(folder)
    os.environ["MPLBACKEND"] = "agg"
    import builtins

    from IPython.core.interactiveshell import InteractiveShell
    from IPython.display import display
    from papermill.cli import _resolve_type

    shell = InteractiveShell.instance()
    builtins.display = display  # type: ignore[attr-defined]
    cells = [c for c in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
    shown = []
    try:
        for cell in cells:
            shown.append({"outputs": _run_cell(shell, "".join(cell["source"]))})
            if "parameters" in cell["metadata"].get("tags", []):
                typed = {name: _resolve_type(value) for name, value in parameters.items()}
                shell.run_cell("\n".join(f"{k} = {v!r}" for k, v in typed.items()), store_history=True).raise_error()
    except Exception:
        (folder / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
        traceback.print_exc()
        os._exit(1)
    (folder / "out.ipynb").write_text(json.dumps({"cells": shown}), encoding="utf-8")
    sys.stdout.flush()


def _run_cell(shell: Any, source: str) -> list[dict[str, Any]]:
    from IPython.core.displayhook import CapturingDisplayHook
    from IPython.utils.capture import capture_output

    results: list[dict[str, Any]] = []
    shell.display_trap.hook = CapturingDisplayHook(shell, results)  # what a cell ends with
    with capture_output() as captured:
        done = shell.run_cell(source, store_history=True)
    done.raise_error()
    streams = (("stdout", captured.stdout), ("stderr", captured.stderr))
    outputs: list[dict[str, Any]] = [{"name": name, "text": text} for name, text in streams if text]
    shown = [*(o.data for o in captured.outputs), *(result["data"] for result in results)]
    return outputs + [{"data": {k: v for k, v in data.items() if isinstance(v, str)}} for data in shown]


def tables_of(out: Path) -> dict[str, pd.DataFrame]:
    return {path.stem: pd.read_parquet(path) for path in sorted((out / "tables").glob("*.parquet"))}


def made_up(folder: Path, *, until: str = "2025-12-31") -> Path:
    """A study of three groups by baskets, hostile names and recognisable ids, exported on a day."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(11)
    rows = []
    for i in range(450):
        liking = np.roll([0.86, 0.07, 0.07], i % 3)
        for day in rng.choice(720, 9, replace=False):
            amount = round(float(rng.gamma(4, 4 + 3 * (i % 3 == 0))), 2)
            rows.append((f"secret-{i:04d}", f"order-{i}-{day}", day, f"p{rng.choice(3, p=liking)}", amount))
    lines = pd.DataFrame(rows, columns=["customer_id", "order_id", "day", "product_id", "revenue"])
    lines["ordered_at"] = (pd.Timestamp("2024-01-01") + pd.to_timedelta(lines.pop("day"), unit="D")).dt.date
    lines[lines["ordered_at"] <= pd.Timestamp(until).date()].to_csv(folder / "orders.csv", index=False)
    pd.DataFrame({"product_id": ["p0", "p1", "p2"], "category": HOSTILE}).to_csv(folder / "products.csv", index=False)
    towns = np.where(rng.random(450) < np.where(np.arange(450) % 3, 0.2, 0.8), "north", "south")
    people = pd.DataFrame({"customer_id": [f"secret-{i:04d}" for i in range(450)], "town <b>": towns})
    people.to_csv(folder / "people.csv", index=False)
    (folder / "study.toml").write_text(
        '[study]\nname = "Made up"\ncurrency = "EUR"\ntimezone = "Europe/Kyiv"\ncomplete_until = "2025-12-31"\n'
        '[tables.transactions]\npath = "orders.csv"\ndate_format = "%Y-%m-%d"\n'
        '[tables.products]\npath = "products.csv"\n[tables.customers]\npath = "people.csv"\n',
        encoding="utf-8",
    )
    return folder
