"""Each notebook by the plain papermill command, from another folder, on a study of dates and amounts alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_papermill_runs_it(notebook: str, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "papermill"), str(ROOT / "notebooks" / notebook), "out.ipynb"]
    command += ["-p", "study", str(ROOT / "data" / "cdnow"), "-p", "out", str(tmp_path / "published")]
    command += ["--no-progress-bar", "-k", "python3"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    cells = json.loads((tmp_path / "out.ipynb").read_text(encoding="utf-8"))["cells"]
    assert not [o for cell in cells for o in cell.get("outputs", []) if o.get("name") == "stderr"]
    assert list((tmp_path / "published" / "claims").glob("*.json"))
