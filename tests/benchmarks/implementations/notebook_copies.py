"""Eight copies of a notebook, and what must be equal after they ran."""

import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd

COPIES = 8


def copies(notebook, folder):
    return [Path(shutil.copy(notebook, folder / f"copy_{i}.ipynb")) for i in range(COPIES)]


def output(folder):
    """Return per executed copy: cells run, a hash of all printed text and tables, whether a page with it exists."""
    rows = []
    for path in sorted(folder.glob("copy_*.ipynb")):
        cells = [c for c in json.loads(path.read_text("utf-8"))["cells"] if c["cell_type"] == "code"]
        outputs = [o for c in cells for o in c["outputs"]]
        text = [o["text"] if "text" in o else o.get("data", {}).get("text/plain", "") for o in outputs]
        plain = "".join("".join(part) for part in text)
        page = path.with_suffix(".html")
        rows.append(
            {"customer_id": path.stem,
             "cells": sum(bool(c["execution_count"]) for c in cells),
             "text": hashlib.sha256(plain.encode()).hexdigest(),
             "page": page.exists() and page.stat().st_size > 10_000}
        )  # fmt: skip
    return pd.DataFrame(rows)
