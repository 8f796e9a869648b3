# SPDX-License-Identifier: Apache-2.0
"""mv is ModifySnapshotAttribute (design 4): in the same directory only, never over another."""
import errno

import pytest

from commands import assert_done, assert_refused, run, wait_until
from providers import A_SNAPSHOT, NAME_LIMIT, WIDE_NAME_LIMIT, own_code

SIMULATOR = ("--create-time", "1.5")
OPTIONS = ("ttl=1", "timeout=3")

RENAME = """
import os, sys
try:
    os.rename(sys.argv[1], sys.argv[2])
    print("done")
except OSError as error:
    print(error.errno)
"""

RENAME2 = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
failed = libc.renameat2(-100, os.fsencode(sys.argv[1]), -100, os.fsencode(sys.argv[2]), int(sys.argv[3]))
print(ctypes.get_errno() if failed else "done")
"""
NOREPLACE, EXCHANGE = 1, 2


def rename(old, new):
    """rename(2) itself: mv would hide EXDEV behind a copy."""
    answer = assert_done(run("/usr/bin/python3", "-c", RENAME, old, new)).out.strip()
    return answer if answer == "done" else int(answer)


@pytest.mark.core
def test_mv_renames_in_the_cloud(mnt, sim, disk):
    snapshot = mnt.add_snapshot(disk, "old")
    inode = run("stat", "-c", "%i", mnt.snapshot(disk, "old")).out
    with sim.counting() as count:
        assert_done(run("mv", mnt.snapshot(disk, "old"), mnt.snapshot(disk, "new name")))
    assert count.requests["ModifySnapshotAttribute"] == count.executed["ModifySnapshotAttribute"] == 1
    assert count.change_requests == 1
    params = sim.log("ModifySnapshotAttribute")[-1]["params"]
    assert params["SnapshotId"] == snapshot and params["SnapshotName"] == "new name"
    assert mnt.snapshots(disk) == ["new name"]
    assert mnt.value(mnt.snapshot(disk, "new name", "name")) == "new name"
    assert not mnt.exists(mnt.snapshot(disk, "old"))
    assert run("stat", "-c", "%i", mnt.snapshot(disk, "new name")).out == inode
    mnt.refresh()
    assert mnt.snapshots(disk) == ["new name"]


@pytest.mark.core
def test_mv_never_replaces(mnt, sim, disk):
    mnt.add_snapshot(disk, "a")
    mnt.add_snapshot(disk, "b")
    with sim.counting() as count:
        assert_refused(run("mv", "-T", mnt.snapshot(disk, "a"), mnt.snapshot(disk, "b")), errno.EEXIST)
        assert rename(mnt.snapshot(disk, "a"), mnt.snapshot(disk, "b")) == errno.EEXIST
    assert count.change_requests == 0
    assert set(mnt.snapshots(disk)) == {"a", "b"}


@pytest.mark.core
def test_mv_onto_the_id_of_another(mnt, sim, disk):
    mnt.add_snapshot(disk, "a")
    other = mnt.add_snapshot(disk, "b")
    with sim.counting() as count:
        assert rename(mnt.snapshot(disk, "a"), mnt.snapshot(disk, other)) in (errno.EEXIST, errno.EINVAL)
    assert count.change_requests == 0


@pytest.mark.core
def test_mv_to_anywhere_else_is_invalid(mnt, sim, disk):
    """Never EXDEV: mv would then make a paid snapshot of another disk."""
    mnt.add_snapshot(disk, "a")
    mnt.add_snapshot(disk, "b")
    other = mnt.add_disk()
    source = mnt.snapshot(disk, "a")
    with sim.counting() as count:
        for target in (mnt.snapshot(other, "a"), mnt.snapshot(disk, "b", "a"), mnt.disk(disk, "a"), mnt.path("a"),
                       mnt.path("disks", "a"), mnt.path("snapshots", "a")):
            assert rename(source, target) == errno.EINVAL, target
        # mv puts EINVAL into words of its own, and tries nothing else.
        assert run("mv", source, mnt.snapshot(other, "")).status == 1
        assert run("mv", source, mnt.snapshot(disk, "b")).status == 1
    assert count.change_requests == 0
    assert set(mnt.snapshots(disk)) == {"a", "b"} and mnt.snapshots(other) == []


@pytest.mark.core
def test_mv_out_of_the_mount_keeps_the_snapshot(mnt, sim, disk, tmp_path):
    mnt.add_snapshot(disk, "stays")
    with sim.counting() as count:
        assert run("mv", mnt.snapshot(disk, "stays"), tmp_path).status != 0
    assert count.change_requests == 0
    assert mnt.snapshots(disk) == ["stays"]


@pytest.mark.core
def test_cp_r_of_a_directory_into_the_mount_fails(mnt, sim, disk, tmp_path):
    """Documented, not prevented: the directory is a mkdir, its files are refused."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("x")
    assert run("cp", "-r", tmp_path / "folder", mnt.disk(disk, "snapshots")).status == 1


@pytest.mark.parametrize("name, number", [
    (".hidden", errno.EPERM), (".Trash-0", errno.EPERM), ("a\nb", errno.EINVAL), (A_SNAPSHOT, errno.EINVAL),
    (f"x@{A_SNAPSHOT}", errno.EINVAL), ("x" * (NAME_LIMIT + 1), errno.ENAMETOOLONG),
    ("每" * (WIDE_NAME_LIMIT + 1), errno.ENAMETOOLONG)])
def test_mv_to_a_bad_name(mnt, sim, disk, name, number):
    mnt.add_snapshot(disk, "plain")
    with sim.counting() as count:
        assert rename(mnt.snapshot(disk, "plain"), mnt.snapshot(disk, name)) == number
        assert run("mv", "-T", mnt.snapshot(disk, "plain"), mnt.snapshot(disk, name)).status == 1
    assert count.change_requests == 0
    assert mnt.snapshots(disk) == ["plain"]


def test_mv_onto_itself_changes_nothing(mnt, sim, disk):
    mnt.add_snapshot(disk, "same")
    with sim.counting() as count:
        assert rename(mnt.snapshot(disk, "same"), mnt.snapshot(disk, "same")) in ("done", errno.EEXIST)
    assert count.change_requests == 0 and mnt.snapshots(disk) == ["same"]


def test_the_flags_of_renameat2(mnt, sim, disk):
    mnt.add_snapshot(disk, "a")
    mnt.add_snapshot(disk, "b")

    def renameat2(old, new, flags):
        paths = mnt.snapshot(disk, old), mnt.snapshot(disk, new)
        return run("/usr/bin/python3", "-c", RENAME2, *paths, flags).out.strip()

    with sim.counting() as count:
        assert renameat2("a", "b", EXCHANGE) == str(errno.EINVAL)
        assert renameat2("a", "b", NOREPLACE) == str(errno.EEXIST)
    assert count.change_requests == 0
    assert renameat2("a", "c", NOREPLACE) == "done"
    assert set(mnt.snapshots(disk)) == {"b", "c"}


def test_mv_by_the_id(mnt, sim, disk):
    snapshot = mnt.add_snapshot(disk, "listed")
    assert_done(run("mv", "-T", mnt.snapshot(disk, snapshot), mnt.snapshot(disk, "by-id")))
    assert sim.log("ModifySnapshotAttribute")[-1]["params"]["SnapshotId"] == snapshot
    assert mnt.snapshots(disk) == ["by-id"]


@pytest.mark.core
def test_other_things_cannot_be_renamed(mnt, sim, disk):
    mnt.add_snapshot(disk, "one")
    with sim.counting() as count:
        for old, new in ((mnt.disk(disk), mnt.disk("renamed")),
                         (mnt.disk(disk, "snapshots"), mnt.disk(disk, "renamed")),
                         (mnt.disk(disk, "name"), mnt.disk(disk, "renamed")),
                         (mnt.snapshot(disk, "one", "status"), mnt.snapshot(disk, "one", "renamed")),
                         (mnt.path("README"), mnt.path("renamed")), (mnt.path("disks"), mnt.path("renamed"))):
            assert rename(old, new) in (errno.EPERM, errno.EINVAL), old
    assert count.change_requests == 0


@pytest.mark.core
def test_mv_while_creating_is_remembered(mnt, sim, disk):
    """Two file managers make "Untitled Folder" and rename it at once."""
    assert_done(run("mkdir", mnt.snapshot(disk, "Untitled Folder")))
    assert_done(run("mv", mnt.snapshot(disk, "Untitled Folder"), mnt.snapshot(disk, "wanted")))
    assert mnt.snapshots(disk) == ["wanted"]
    assert mnt.read(mnt.snapshot(disk, "wanted", "status")).startswith("CREATING ")
    assert assert_done(run("cat", mnt.snapshot(disk, "wanted", "wait"), timeout=20)).out == "NORMAL 100\n"
    snapshot = mnt.value(mnt.snapshot(disk, "wanted", "id"))
    wait_until(lambda: renamed(sim, snapshot, "wanted"), 15, "the name in the cloud")
    mnt.refresh()
    assert mnt.snapshots(disk) == ["wanted"]


def renamed(sim, snapshot, name):
    return [entry for entry in sim.log("ModifySnapshotAttribute")
            if not entry["code"] and entry["params"]["SnapshotId"] == snapshot
            and entry["params"]["SnapshotName"] == name]


def test_mv_while_creating_is_applied_though_nobody_looks(mnt, sim, own, disk):
    assert_done(run("mkdir", mnt.snapshot(disk, "first")))
    snapshot = mnt.value(mnt.snapshot(disk, "first", "id"))
    assert_done(run("mv", mnt.snapshot(disk, "first"), mnt.snapshot(disk, "second")))
    wait_until(lambda: renamed(sim, snapshot, "second"), 20, "the name in the cloud")
    assert own.mount(sim, "ttl=1").snapshots(disk) == ["second"]


@pytest.mark.core
def test_an_answer_that_was_lost_is_found_out(mnt, sim, disk):
    mnt.add_snapshot(disk, "before")
    sim.fault("ModifySnapshotAttribute", "drop-after", times=1)
    with sim.counting() as count:
        assert_done(run("mv", mnt.snapshot(disk, "before"), mnt.snapshot(disk, "after")))
    assert count.executed["ModifySnapshotAttribute"] >= 1
    assert mnt.snapshots(disk) == ["after"]


def test_a_refused_mv_changes_nothing(mnt, sim, disk):
    mnt.add_snapshot(disk, "before")
    sim.fault("ModifySnapshotAttribute", "error", code="UnauthorizedOperation", message="no", times=1)
    assert_refused(run("mv", mnt.snapshot(disk, "before"), mnt.snapshot(disk, "after")), errno.EACCES)
    assert mnt.snapshots(disk) == ["before"]
    assert own_code("UnauthorizedOperation") in mnt.read(mnt.snapshot(disk, "before", "error"))
