"""The project's own files: nothing of one machine, nothing secret, promises of the README kept."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
TEXT = {".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".ipynb", ".html", ".j2", ".sh", ".po", ".json", ".cfg", ""}


def files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]


def test_no_path_of_a_machine_and_no_registry_address() -> None:
    home, index = r"(?<![\w.])/(home/\w+|root|Users/\w+)/", r"https?://[^\s\"'<>]*(/simple\b|\.whl\b|/-/[\w.-]+\.tgz)"
    found = [
        (path.name, match[0])
        for path in files()
        if path.suffix in TEXT and path.stat().st_size < 5_000_000 and path != Path(__file__)
        for match in [re.search(f"{home}|{index}", path.read_text(encoding="utf-8", errors="replace"))]
        if match
    ]
    assert not found


def test_pins_are_exact() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split("\n")
    assert all(re.match(r"[A-Za-z0-9._-]+==[^ ]+( ;.*)?$", line) for line in lines if line)


def test_committed_files_are_small() -> None:
    assert not [p.name for p in files() if p.stat().st_size > 20_000_000]
    example = [p for p in files() if (ROOT / "reports" / "example") in p.parents]
    assert sum(p.stat().st_size for p in example) < 13_000_000  # twelve notebooks, pages and cards in two languages


def test_the_five_lines_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTAUDIENCE_CACHE", str(tmp_path))
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    df = pd.DataFrame(
        {"customer_id": ["007", "007", "8"], "ordered_at": ["2025-01-01", "2025-06-01", "2025-07-01"],
         "revenue": [5.05, 7, 9]}
    )  # fmt: skip
    scope: dict[str, Any] = {"df": df}
    exec(code, scope)
    assert scope["customers"]["customer_id"].tolist() == ["007"]
    assert scope["customers"]["revenue_total"].tolist() == [12.05]


def test_the_readme_names_every_notebook_and_has_no_gap() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "@@" not in text
    assert all(f"notebooks/{path.name}" in text for path in (ROOT / "notebooks").glob("*.ipynb"))
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / link).exists(), link
