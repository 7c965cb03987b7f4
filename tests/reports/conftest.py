"""Fixtures of the run's tests: a home with a tiny study, with study and site replaced by fakes."""

import multiprocessing
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for fakes.py, which is also a script of its own
import fakes


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return a function that makes a home with the given notebooks, and sets the fakes in place."""
    site = types.ModuleType("custaudience.reports.site")
    site.render_month = fakes.render_month
    site.render_appendix_page = fakes.render_appendix_page
    site.render_study_index = fakes.render_study_index
    monkeypatch.setattr("custaudience.study.open_study", fakes.FakeStudy)
    monkeypatch.setitem(sys.modules, "custaudience.reports.site", site)
    monkeypatch.setattr("custaudience.reports.site", site, raising=False)
    monkeypatch.setenv("CUSTAUDIENCE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return lambda **cells: fakes.make_home(tmp_path, **cells)


@pytest.fixture
def command(tmp_path):
    """Return a function that starts the command line, with the fakes, in a process of its own."""
    started = []

    def start(*arguments, **environment):
        process = subprocess.Popen(
            [sys.executable, fakes.__file__, *arguments], cwd=tmp_path,
            env={**os.environ, "CUSTAUDIENCE_HOME": str(tmp_path), **environment}, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def forked(tmp_path):
    """Return a function that starts the command line in a process forked with all imports done: fast."""
    context = multiprocessing.get_context("forkserver")
    needed = ["fakes", "custaudience.cli", "custaudience.study", "custaudience.reports.runner", "pyarrow.parquet"]
    context.set_forkserver_preload(needed)
    started = []

    def start(*arguments, **environment):
        log = tmp_path / f"log-{len(started)}"
        process = context.Process(target=fakes.run_command, args=(arguments, tmp_path, environment, log))
        process.start()
        process.log = log
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.join()
