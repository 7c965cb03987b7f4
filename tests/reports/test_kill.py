"""Runs that are killed: the old month stays readable, the next run finishes and leaves nothing behind."""

import os
import random
import signal
import sys
import time

import pytest

from custaudience.reports import swap
from custaudience.reports.swap import is_running

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def kill_at(forked, place, tmp_path, number=signal.SIGKILL, **environment):
    paused = tmp_path / "paused"
    paused.unlink(missing_ok=True)
    process = forked("report", "data/tiny", FAKE_PAUSE=place, FAKE_PAUSED=str(paused), **environment)
    wait_for(lambda: paused.exists() or not process.is_alive())
    assert process.is_alive(), process.log.read_text()
    os.kill(process.pid, number)
    process.join(30)
    return process


def finish(forked, **environment):
    process = forked("report", "data/tiny", **environment)
    process.join(60)
    assert process.exitcode == 0, process.log.read_text()


def whole_month(reports):
    """Return which run a month is of, having seen that all of it is of the same."""
    first = (reports / "2017-12" / "index.html").read_text().rpartition(">")[2].strip()
    assert (reports / "2017-12" / "last.html").read_text().strip() == first
    return first


def clean(reports):
    return sorted(p.name for p in reports.iterdir()) == ["2017-12", "index.html"]


WAYS = {way: {"FAKE_EXECUTE": "1", "FAKE_TWO_STEPS": two} for way, two in (("one step", ""), ("two steps", "1"))}
# an exchange in one step has nothing between its steps, and replaces nothing by os.replace
PLACES = [(place, way) for place in ("execute", "render", "cleaning") for way in WAYS]
PLACES += [("between", "two steps"), ("swapped", "two steps")]


@pytest.mark.parametrize(("place", "way"), PLACES)
def test_killed_at(home, forked, tmp_path, place, way):
    home(start_here=())
    reports = tmp_path / "reports" / "tiny"
    fast = WAYS[way]
    finish(forked, FAKE_RUN="old", **fast)
    kill_at(forked, place, tmp_path, FAKE_RUN="killed", **fast)
    if place == "between":  # the only gap: closed by the next start, before it does anything else
        assert not (reports / "2017-12").exists()
        swap.repair(reports)
        assert whole_month(reports) == "old"
    else:
        assert whole_month(reports) == ("killed" if place in ("swapped", "cleaning") else "old")
    finish(forked, FAKE_RUN="new", **fast)
    assert whole_month(reports) == "new" and clean(reports)
    assert [p.name for p in (tmp_path / "private" / "tiny").iterdir()] == ["2017-12"]


def test_killed_between_the_steps_the_next_run_puts_the_old_month_back(home, forked, tmp_path):
    home(start_here=())
    reports = tmp_path / "reports" / "tiny"
    fast = WAYS["two steps"]
    finish(forked, FAKE_RUN="old", **fast)
    kill_at(forked, "between", tmp_path, FAKE_RUN="killed", **fast)
    kill_at(forked, "execute", tmp_path, FAKE_RUN="new", **fast)
    assert whole_month(reports) == "old"


@pytest.mark.parametrize("way", WAYS)
def test_killed_at_any_time(home, forked, tmp_path, way):
    home(start_here=())
    reports = tmp_path / "reports" / "tiny"
    fast = WAYS[way]
    started = time.monotonic()
    finish(forked, FAKE_RUN="0", **fast)
    takes = time.monotonic() - started
    draw = random.Random(7)
    for number in range(1, 16):
        process = forked("report", "data/tiny", FAKE_RUN=str(number), **fast)
        time.sleep(draw.uniform(0, 1.1) * takes)
        process.kill()
        process.join()
        if way == "two steps":
            swap.repair(reports)
        assert int(whole_month(reports)) <= number
    finish(forked, FAKE_RUN="new", **fast)
    assert whole_month(reports) == "new" and clean(reports)


def test_told_to_end_it_cleans_up_itself(home, forked, tmp_path):
    home(start_here=())
    process = kill_at(forked, "execute", tmp_path, signal.SIGTERM, FAKE_EXECUTE="1")
    assert process.exitcode == 128 + signal.SIGTERM
    assert not (tmp_path / "reports").exists()


def test_a_reader_finds_a_whole_month_at_any_time_of_a_run(home, forked, tmp_path):
    home(start_here=())
    reports = tmp_path / "reports" / "tiny"
    finish(forked, FAKE_RUN="0", FAKE_EXECUTE="1")
    one, other = reports / "a", reports / "b"
    one.mkdir()
    other.mkdir()
    if not swap.exchange(one, other):
        pytest.skip("this file system cannot exchange")
    one.rmdir()
    other.rmdir()
    process = forked("report", "data/tiny", FAKE_RUN="1", FAKE_EXECUTE="1")
    looks = 0
    while process.is_alive():
        # a name may be looked up just before the exchange and once more after; each name is always there
        assert (reports / "2017-12" / "index.html").read_text() and (reports / "2017-12" / "last.html").read_text()
        looks += 1
    assert looks > 1 and whole_month(reports) == "1"


HOLD = """\
import os, pathlib, time
folder = pathlib.Path(os.environ["CUSTAUDIENCE_HOME"])
(folder / f"pids-{params.slug}").write_text(f"{os.getpid()} {os.getppid()}")
while (folder / "hold").exists():
    time.sleep(0.05)"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_workers_and_kernels_end_with_the_run(home, command, tmp_path, number):
    """In real kernels: a second run meanwhile is refused, and after the kill nothing lives on."""
    root = home(start_here=(HOLD,), cohorts=(HOLD,))
    (root / "hold").touch()
    reports = tmp_path / "reports" / "tiny"
    first = command("report", "data/tiny", "--jobs", "2")
    files = [root / "pids-start_here", root / "pids-cohorts"]
    wait_for(lambda: all(f.exists() and len(f.read_text().split()) == 2 for f in files) or first.poll() is not None)
    assert first.poll() is None, first.communicate()
    family = [int(pid) for f in files for pid in f.read_text().split()]

    if number == signal.SIGKILL:
        second = command("report", "data/tiny")
        _, err = second.communicate(timeout=60)
        assert second.returncode == 75 and f"process {first.pid}" in err

    first.send_signal(number)
    assert first.wait(30) != 0
    wait_for(lambda: not any(is_running(pid) for pid in family), seconds=20)

    if number == signal.SIGKILL:
        assert (reports / ".lock").exists() and list(reports.glob(".2017-12.build-*"))
        (root / "hold").unlink()
        last = command("report", "data/tiny")
        _, err = last.communicate(timeout=120)
        assert last.returncode == 0 and "left by a killed run" in err and clean(reports)
    else:
        assert "Traceback" not in first.communicate()[1]
        assert not reports.exists()
