import errno
import os
import platform
import subprocess
import sys

import pytest

from custaudience.reports import swap
from custaudience.reports.swap import LockedError, is_running, run_lock


def make(folder, text):
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(text)
    return folder


@pytest.fixture(params=["in one step", "in two steps"])
def way(request, monkeypatch):
    if request.param == "in two steps":
        monkeypatch.setattr(swap, "exchange", lambda one, other: False)
    return request.param


def test_a_first_month_is_put_in_its_place(tmp_path, way):
    build = make(swap.build_folder(tmp_path / "2017-12"), "new")
    swap.publish_folder(build, tmp_path / "2017-12")
    assert [p.name for p in tmp_path.iterdir()] == ["2017-12"]


def test_a_new_month_replaces_the_old_one_whole(tmp_path, way):
    target = make(tmp_path / "2017-12", "old")
    (target / "left.html").write_text("a page that the new month has not")
    swap.publish_folder(make(swap.build_folder(target), "new"), target)
    assert [p.name for p in tmp_path.rglob("*")] == ["2017-12", "index.html"]
    assert (target / "index.html").read_text() == "new"


@pytest.mark.skipif(sys.platform == "win32", reason="no such modes there")
def test_everybody_reads_a_report_and_only_its_owner_what_is_private(tmp_path):
    for name, private in (("report", False), ("private", True)):
        build = make(swap.build_folder(tmp_path / name), "x")
        build.chmod(0o700)
        swap.publish_folder(build, tmp_path / name, private=private)
    modes = [
        oct((tmp_path / p).stat().st_mode & 0o777)
        for p in ("report", "report/index.html", "private", "private/index.html")
    ]
    assert modes == ["0o755", "0o644", "0o700", "0o600"]


@pytest.mark.skipif(sys.platform != "linux", reason="renameat2 is of Linux")
def test_two_folders_are_exchanged_in_one_step(tmp_path):
    one, other = make(tmp_path / "a", "1"), make(tmp_path / "b", "2")
    if not swap.exchange(one, other):
        pytest.skip("this file system cannot")
    assert ((one / "index.html").read_text(), (other / "index.html").read_text()) == ("2", "1")
    assert not swap.exchange(one, tmp_path / "absent")


def test_a_month_that_stepped_aside_goes_back(tmp_path):
    make(tmp_path / ".2017-12.old", "old")
    make(tmp_path / ".2017-12.build-0", "half")
    make(tmp_path / "2017-11", "other")
    done = swap.repair(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["2017-11", "2017-12"]
    assert (tmp_path / "2017-12" / "index.html").read_text() == "old"
    assert "put back 2017-12" in done[0] and "removed .2017-12.build-0" in done[1]


def test_a_build_of_a_living_process_is_left_alone(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    build = make(tmp_path / f".2017-12.build-{child.pid}", "half")
    assert swap.repair(tmp_path) == [] and build.exists()
    child.communicate(b"\n")
    assert len(swap.repair(tmp_path)) == 1 and not build.exists()


def test_a_month_already_replaced_is_not_undone(tmp_path):
    make(tmp_path / ".2017-12.failed.old", "old")
    make(tmp_path / "2017-12.failed", "new")
    swap.repair(tmp_path)
    assert (tmp_path / "2017-12.failed" / "index.html").read_text() == "new"
    assert not (tmp_path / ".2017-12.failed.old").exists()


def test_a_held_lock_refuses_a_second_run_and_names_its_holder(tmp_path):
    path = tmp_path / "tiny" / ".lock"
    with run_lock(path):
        with pytest.raises(LockedError, match=f"process {os.getpid()} on {platform.node()}") as refusal, run_lock(path):
            pytest.fail("two hold it")
        assert refusal.value.exit_code == 75
    assert not path.exists()
    with run_lock(path):
        pass


def test_an_error_within_the_run_lets_go_of_the_lock(tmp_path):
    with pytest.raises(KeyError), run_lock(tmp_path / ".lock"):
        raise KeyError
    assert not (tmp_path / ".lock").exists()


def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    "left",
    ["process 7 on another computer", f"process {os.getpid()} on {platform.node()}", ""],
    ids=["elsewhere", "mine", "empty"],
)
def test_a_stale_lock_is_recognised(tmp_path, left):
    """Nobody holds the file, whoever once did and whatever has become of his number."""
    holder = tmp_path / ".lock-holder"
    (tmp_path / ".lock").touch()
    holder.write_text(left)
    with run_lock(tmp_path / ".lock"):
        assert holder.read_text() == f"process {os.getpid()} on {platform.node()}"
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="no flock there")
@pytest.mark.filterwarnings("ignore:flock not supported")
def test_where_the_file_system_does_not_lock_the_process_decides(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    path = tmp_path / ".lock"
    with run_lock(path):
        mine = path.read_text()
        with pytest.raises(LockedError, match=f"process {os.getpid()} on "), run_lock(path):
            pytest.fail("two hold it")
    assert not list(tmp_path.iterdir())
    path.write_text("1\nanother computer\n")
    with pytest.raises(LockedError, match="another process"), run_lock(path):
        pytest.fail("it is believed")
    path.write_text(mine.replace(str(os.getpid()), str(dead_pid()), 1))
    with run_lock(path):
        pass


def test_a_process_runs_or_does_not():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_running(os.getpid()) and is_running(child.pid)
    child.stdin.close()
    while child.poll() is None:
        pass
    assert not is_running(child.pid)
