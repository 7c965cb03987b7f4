"""Environments of peers: each in a virtual environment of its own in the cache folder."""

import subprocess
import sys
from pathlib import Path

# lifetimes 0.11.3 (2020) runs with pandas 2, not 3
PACKAGES = {
    "lifetimes": ["lifetimes==0.11.3", "pandas==2.3.3", "pyarrow"],
    "mlxtend": ["mlxtend==0.25.0", "pandas==2.3.3", "pyarrow"],
}


def python_of(peer: str, root: Path, *, install: bool) -> Path | None:
    """Return the peer's interpreter; None when it is not installed and cannot or shall not be."""
    folder = root / "peers" / peer
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if _imports(python, peer):
        return python
    if not install:
        return None
    commands = (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES[peer]],
    )
    for command in commands:
        done = subprocess.run(command, capture_output=True, encoding="utf-8")
        if done.returncode:
            print(f"{peer}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
            return None
    return python if _imports(python, peer) else None


def _imports(python: Path, package: str) -> bool:
    if not python.exists():
        return False
    return subprocess.run([str(python), "-c", f"import {package}"], capture_output=True).returncode == 0
