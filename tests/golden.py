"""Compare what two versions of the package say: claims, tables, the text of all pages, notebook by notebook.

    python -m tests.golden record OUT                        # whole reports: four studies, two dates each, en and uk
    python -m tests.golden quick OUT 36 [--study grocery]    # one notebook's claims and tables only, in this process
    python -m tests.golden compare BEFORE AFTER [--notebook 36]

Ids, templates, values and statuses must be equal, floats to 1e-12, texts of pages to the letter. Exit 1 where not.
Values that no sentence uses are counted and named.
"""

import argparse
import html
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from tests.notebooks.running import execute

ROOT = Path(__file__).parents[1]
MONTHS = {
    "grocery": ("2017-12", "2017-08"), "shop": ("2025-10", "2024-12"), "cdnow": ("1998-06", "1997-12"),
    "b2b": ("2025-10", "2024-11"),
}  # fmt: skip
CLOSE = 1e-12


def record(out: Path) -> None:
    """Run the whole report of each study and month."""
    for study, months in MONTHS.items():
        for month in months:
            command = [str(Path(sys.executable).parent / "custaudience"), "report", str(ROOT / "data" / study)]
            command += ["--month", month, "--language", "en", "--language", "uk", "--out", str(out)]
            subprocess.run([*command, "--private", str(out.with_name(out.name + "-private"))], check=True)


def quick(out: Path, numbers: list[str], studies: list[str]) -> None:
    """Run the code of notebooks in this process, for each study and month, and keep what they publish."""
    for number in numbers:
        for study in studies:
            for month in MONTHS[study]:
                subprocess.run(
                    [sys.executable, "-m", "tests.golden", "one", str(out / study / month), number, study, month],
                    check=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
                )  # fmt: skip


def one(out: Path, number: str, study: str, month: str) -> None:
    """Run one notebook's cells."""
    (notebook,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    given = {"study": str(ROOT / "data" / study), "as_of": str(pd.Period(month, "M").end_time.date()), "out": str(out)}
    with tempfile.TemporaryDirectory() as folder:
        execute(notebook, Path(folder), given)
        os.chdir(ROOT)  # before the folder is gone


def text_of(path: Path) -> str:
    """Return what a page says: its text without tags, styles and spaces between them."""
    source = path.read_text(encoding="utf-8")
    source = re.sub(r"(?s)<style.*?</style>", " ", source)
    alts = re.findall(r'alt="([^"]*)"', source)
    source = re.sub(r"data:[^\"']+", "", source)
    return " ".join(html.unescape(re.sub(r"(?s)<[^>]+>", " ", source + " ".join(alts))).split())


def equal(a: Any, b: Any) -> bool:
    """Compare values: floats closely, all else exactly."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, (int, float)) and isinstance(b, (int, float)) and not isinstance(a, bool):
        if isinstance(a, float) and math.isnan(a):
            return isinstance(b, float) and math.isnan(b)
        return math.isclose(a, b, rel_tol=CLOSE, abs_tol=CLOSE)
    return bool(a == b)


UNSAID: list[str] = []
"""Claims of which only a value differs that no sentence uses."""


def said(claim: dict[str, Any]) -> dict[str, Any]:
    """Return the values that a claim's texts use, those of sentences within them included."""
    used: set[str] = set()
    pending = [claim[name] for name in ("template", "method", "base", "filter")]
    while pending:
        for name, form in re.findall(r"\{(\w+):([^{}]*)\}", pending.pop()):
            inner = claim["values"].get(name)
            if form == "sentence" and isinstance(inner, str) and name not in used:
                pending.append(inner)
            used |= {name} | ({"currency"} if form.startswith("money") else set())
    return {name: value for name, value in claim["values"].items() if name in used}


def claim_differences(before: Path, after: Path) -> Iterator[str]:
    """Yield each claim that is new, gone or says something else."""
    old, new = ({c["id"]: c for c in json.loads(p.read_text(encoding="utf-8"))} for p in (before, after))
    for name in sorted(old.keys() ^ new.keys()):
        yield f"{after.name}: claim {name} is {'gone' if name in old else 'new'}"
    for name in sorted(old.keys() & new.keys()):
        for field in old[name]:
            same = equal(old[name][field], new[name].get(field))
            if field == "values" and not same and equal(said(old[name]), said(new[name])):
                UNSAID.append(f"{after.name}: {name}")
            elif not same:
                was, now = old[name][field], new[name].get(field)
                yield f"{after.name}: {name}.{field}\n    before {was!r}\n    after  {now!r}"


def table_differences(before: Path, after: Path) -> Iterator[str]:
    """Yield in what a published table differs."""
    old, new = pd.read_parquet(before), pd.read_parquet(after)
    try:
        pd.testing.assert_frame_equal(old, new, check_exact=False, rtol=CLOSE, atol=CLOSE)
    except AssertionError as error:
        yield f"table {after.name}: {error}"


def differences(before: Path, after: Path, *, notebook: str = "") -> Iterator[str]:
    """Yield all differences of two folders of reports, STUDY/MONTH below each."""
    for old in sorted(p for p in before.glob("*/*") if (p / "claims").is_dir()):
        new, where = after / old.relative_to(before), "/".join(old.parts[-2:])
        if not new.is_dir():
            if not notebook:
                yield f"{where} is missing"
            continue
        slug = re.sub(r"^\d+_", "", next((ROOT / "notebooks").glob(f"{notebook}_*.ipynb")).stem) if notebook else ""
        pattern = f"claims/{slug or '*'}.json"
        published = ["tables/*.parquet"] if notebook else ["tables/*.parquet", "*.html", "personas/*.html", "*/*.md"]
        for path in sorted({p for q in (pattern, *published) for p in old.glob(q)}):
            name = path.relative_to(old)
            if notebook and path.suffix == ".parquet" and not (new / name).exists():
                continue
            if not (new / name).exists():
                yield f"{where}: {name} is missing"
            elif path.suffix == ".json":
                yield from (f"{where}: {line}" for line in claim_differences(path, new / name))
            elif name.name == "claims.parquet":
                continue
            elif path.suffix == ".parquet":
                yield from (f"{where}: {line}" for line in table_differences(path, new / name))
            elif (a := text_of(path)) != (b := text_of(new / name)):
                at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
                was, now = (text[max(0, at - 60) : at + 80] for text in (a, b))
                yield f"{where}: page {name}\n    before …{was}…\n    after  …{now}…"
        if not notebook or (new / "tables").is_dir():
            extra = {p.relative_to(new) for p in new.glob("tables/*")} - {
                p.relative_to(old) for p in old.glob("tables/*")
            }
            yield from (f"{where}: {name} is new" for name in sorted(extra))


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    whole = commands.add_parser("record")
    whole.add_argument("out", type=Path)
    part = commands.add_parser("quick")
    part.add_argument("out", type=Path)
    part.add_argument("numbers", nargs="+")
    part.add_argument("--study", action="append", choices=list(MONTHS))
    inner = commands.add_parser("one")
    for name in ("out", "number", "study", "month"):
        inner.add_argument(name)
    both = commands.add_parser("compare")
    both.add_argument("before", type=Path)
    both.add_argument("after", type=Path)
    both.add_argument("--notebook", default="")
    given = parser.parse_args()
    if given.command == "record":
        record(given.out.resolve())
    elif given.command == "quick":
        quick(given.out.resolve(), given.numbers, given.study or list(MONTHS))
    elif given.command == "one":
        one(Path(given.out), given.number, given.study, given.month)
    else:
        found = list(differences(given.before, given.after, notebook=given.notebook))
        print("\n".join(found) or "no difference")
        if UNSAID:
            print(f"{len(UNSAID)} claims differ in values that no sentence uses: {', '.join(UNSAID)}")
        return bool(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
