# SPDX-License-Identifier: Apache-2.0
"""rmdir is DeleteSnapshots (design 4), and the guard before it. What deletes recursively: test_deleters.py."""
import errno
from datetime import timedelta

import pytest

from commands import assert_done, assert_refused, beijing, now, run, shell, wait_until
from providers import can

SIMULATOR = ("--create-time", "2")
OPTIONS = ("ttl=1", "timeout=3", "allow_delete", "protect=golden*:precious")

@pytest.fixture
def three(mnt, disk):
    mnt.add_snapshots(disk, "a", "b", "c")
    return disk


@pytest.mark.core
def test_without_allow_delete_rmdir_is_refused(own, sim):
    mount = own.mount(sim, "ttl=1")
    disk = mount.add_disk()
    mount.add_snapshot(disk, "kept")
    with sim.counting() as count:
        assert_refused(run("rmdir", mount.snapshot(disk, "kept")), errno.EPERM)
        assert run("rm", "-rf", mount.snapshot(disk, "kept")).status == 1
    assert count.change_requests == 0
    assert mount.snapshots(disk) == ["kept"]


@pytest.mark.core
def test_rmdir_deletes_one(mnt, sim, three):
    snapshot = mnt.value(mnt.snapshot(three, "b", "id"))
    with sim.counting() as count:
        assert_done(run("rmdir", mnt.snapshot(three, "b")))
    assert count.requests["DeleteSnapshots"] == count.executed["DeleteSnapshots"] == 1
    params = sim.log("DeleteSnapshots")[-1]["params"]
    assert params["SnapshotIds"] == [snapshot] and not params.get("DeleteBindImages")
    assert mnt.snapshots(three) == ["a", "c"]
    assert not mnt.exists(mnt.snapshot(three, snapshot)) and snapshot not in mnt.list("snapshots")
    mnt.refresh()
    assert mnt.snapshots(three) == ["a", "c"]


def test_rmdir_by_the_id(mnt, sim, three):
    snapshot = mnt.value(mnt.snapshot(three, "a", "id"))
    assert_done(run("rmdir", mnt.snapshot(three, snapshot)))
    assert mnt.snapshots(three) == ["b", "c"]


@pytest.mark.needs("orphans")
def test_rmdir_of_an_orphan(mnt, sim):
    disk = sim.identifier("disk")
    mnt.add_snapshot(disk, "orphan")
    assert_done(run("rmdir", mnt.snapshot(disk, "orphan")))
    wait_until(lambda: disk not in mnt.list("disks"), 5, "the disk's directory to go with its last snapshot")


@pytest.mark.core
@pytest.mark.parametrize("name", ["golden", "golden-2026", "precious"])
def test_protected_names(mnt, sim, disk, name):
    mnt.add_snapshot(disk, name)
    snapshot = mnt.value(mnt.snapshot(disk, name, "id"))
    with sim.counting() as count:
        assert_refused(run("rmdir", mnt.snapshot(disk, name)), errno.EPERM)
        assert_refused(run("rmdir", mnt.snapshot(disk, snapshot)), errno.EPERM)
    assert count.change_requests == 0


@pytest.mark.core
@pytest.mark.parametrize("fields", [
    {"SnapshotState": "CREATING", "Percent": 5}, {"SnapshotState": "ROLLBACKING"},
    pytest.param({"SnapshotState": "COPYING_FROM_REMOTE"}, marks=pytest.mark.only("tencent")),
    pytest.param({"Images": [{"ImageId": "img-aaaa1111", "ImageName": "x"}], "ImageCount": 1},
                 marks=pytest.mark.needs("attributes"))],
    ids=["creating", "rolling back", "copying", "image"])
def test_rmdir_of_what_is_busy(mnt, sim, disk, fields):
    mnt.add_snapshot(disk, "busy", **fields)
    with sim.counting() as count:
        assert_refused(run("rmdir", mnt.snapshot(disk, "busy")), errno.EBUSY)
    assert count.executed["DeleteSnapshots"] == 0
    assert mnt.read(mnt.snapshot(disk, "busy", "error")) != ""


def test_rmdir_of_what_was_just_created(mnt, sim, disk):
    assert_done(run("mkdir", mnt.snapshot(disk, "fresh")))
    assert_refused(run("rmdir", mnt.snapshot(disk, "fresh")), errno.EBUSY)
    assert run("cat", mnt.snapshot(disk, "fresh", "wait")).out == "NORMAL 100\n"
    assert_done(run("rmdir", mnt.snapshot(disk, "fresh")))


@pytest.mark.core
@pytest.mark.parametrize("place", ["disks", "snapshots", "disks/DISK", "disks/DISK/snapshots", ".cbsfs",
                                   pytest.param("disks/none", marks=pytest.mark.needs("orphans"))])
def test_rmdir_of_other_directories(mnt, sim, disk, place):
    if can("orphans"):
        mnt.simulator.add_snapshot("", "somewhere")
    mnt.add_snapshot(disk, "a")
    with sim.counting() as count:
        assert_refused(run("rmdir", mnt.path(place.replace("DISK", disk))), errno.EPERM)
    assert count.change_requests == 0


@pytest.mark.core
def test_the_guard_knows_one_process_from_another(mnt, sim, three):
    """The shell that ran rm -rf is not rm: its own plain rmdir works, and so does anybody else's."""
    with sim.counting() as count:
        result = shell('rm -rf "$1/a"; rmdir "$1/a"', mnt.disk(three, "snapshots"))
        assert result.status == 0
        assert_done(run("rmdir", mnt.snapshot(three, "b")))
    assert count.executed["DeleteSnapshots"] == 2
    assert mnt.snapshots(three) == ["c"]


@pytest.mark.core
def test_the_guard_marks_the_process_and_not_its_thread(mnt, sim, three):
    script = """
import os, sys, threading
def unlink():
    try:
        os.unlink(sys.argv[1] + "/status")
    except PermissionError:
        print("refused", flush=True)
thread = threading.Thread(target=unlink)
thread.start()
thread.join()
try:
    os.rmdir(sys.argv[1])
except PermissionError as error:
    print("guarded", flush=True)
"""
    with sim.counting() as count:
        assert run("/usr/bin/python3", "-c", script, mnt.snapshot(three, "a")).out.split() == ["refused", "guarded"]
    assert count.requests["DeleteSnapshots"] == 0


def test_a_refused_rmdir_marks_too(mnt, sim, three):
    with sim.counting() as count:
        result = run("rmdir", mnt.disk(three, "snapshots"), mnt.snapshot(three, "a"))
    assert result.status == 1
    assert count.requests["DeleteSnapshots"] == 0


@pytest.mark.core
def test_retention_by_find(mnt, sim, disk):
    for age in (10, 40, 50, 60):
        mnt.add_snapshot(disk, f"daily-{age}", CreateTime=beijing(now() - timedelta(days=age)))
    with sim.counting() as count:
        assert_done(run("find", mnt.disk(disk, "snapshots"), "-mindepth", "1", "-maxdepth", "1", "-name", "daily-*",
                        "-mtime", "+30", "-exec", "rmdir", "{}", "+"))
    assert count.executed["DeleteSnapshots"] == 3
    assert mnt.snapshots(disk) == ["daily-10"]


def test_retention_by_ls(mnt, disk):
    for age in range(1, 7):
        mnt.add_snapshot(disk, f"t{age}", CreateTime=beijing(now() - timedelta(days=age)))
    script = 'ls -t "$1" | tail -n +3 | while IFS= read -r s; do rmdir "$1/$s" || exit 1; done'
    assert_done(shell(script, mnt.disk(disk, "snapshots")))
    assert mnt.snapshots(disk) == ["t1", "t2"]


def test_rmdir_of_many(mnt, sim, three):
    assert_done(shell('cd "$1" && rmdir -- *', mnt.disk(three, "snapshots")))
    assert mnt.snapshots(three) == []


@pytest.mark.core
def test_an_answer_that_was_lost_is_found_out(mnt, sim, three):
    sim.fault("DeleteSnapshots", "drop-after", times=1)
    with sim.counting() as count:
        assert_done(run("rmdir", mnt.snapshot(three, "a")))
    assert count.executed["DeleteSnapshots"] == 1
    assert mnt.snapshots(three) == ["b", "c"]


@pytest.mark.only("tencent")
def test_a_refused_rmdir_keeps_the_snapshot(mnt, sim, three):
    sim.fault("DeleteSnapshots", "error", code="UnsupportedOperation.SnapHasShared", message="unshare first", times=1)
    assert_refused(run("rmdir", mnt.snapshot(three, "a")), errno.EBUSY)
    assert mnt.snapshots(three) == ["a", "b", "c"]
    assert "UnsupportedOperation.SnapHasShared" in mnt.read(mnt.snapshot(three, "a", "error"))


@pytest.mark.needs("staleness")
def test_what_was_deleted_does_not_come_back(mnt, sim, three):
    """The listing lags behind a deletion as behind a creation."""
    sim.fault("DescribeSnapshots", "stale", times=0)  # as of now, for ever
    assert_done(run("rmdir", mnt.snapshot(three, "a")))
    for _ in range(5):
        mnt.refresh()
        assert mnt.snapshots(three) == ["b", "c"]
