# SPDX-License-Identifier: Apache-2.0
"""Names (design 5): twins, odd characters, and which names mkdir takes."""
import errno
import os
from datetime import timedelta
from urllib.parse import unquote

import pytest

from commands import assert_done, assert_refused, beijing, now, run, wait_until
from providers import A_SNAPSHOT, DEFAULT_NAMES, NAME_LIMIT, WIDE_NAME_LIMIT

OPTIONS = ("ttl=1", "allow_delete")
SIMULATOR = ("--create-time", "0.2")

pytestmark = pytest.mark.core


def days_ago(days):
    return beijing(now() - timedelta(days=days))


@pytest.mark.parametrize("name", ["before-upgrade", "每日快照", "two words", " lead", "trail ", "-rf", "a*b?[c]",
                                  "quote'\"", "back\\slash", "naïve ünïcode", "100%", "50%zz", "a@b", "x~",
                                  pytest.param("😀", marks=pytest.mark.needs("emoji")), "@", "snap", "A" * 60])
def test_a_name_that_can_be_a_file_name_is_shown_as_it_is(mnt, disk, name):
    snapshot = mnt.add_snapshot(disk, name)
    assert mnt.snapshots(disk) == [name]
    assert mnt.value(mnt.snapshot(disk, name, "id")) == snapshot


@pytest.mark.parametrize("name", ["a/b", "/", "a\nb", "tab\there", "\x01", "\x7f", "esc\x1b[31m", ".", "..",
                                  "a%41b", "%2F", "%2f/"])
def test_other_names_are_percent_encoded_reversibly(mnt, disk, name):
    snapshot = mnt.simulator.add_snapshot(disk, name)
    mnt.show(mnt.snapshot(disk, snapshot))
    (shown,) = mnt.snapshots(disk)
    assert "/" not in shown and shown.isprintable() and shown not in (".", "..")
    assert shown != name and unquote(shown) == name
    assert mnt.value(mnt.snapshot(disk, shown, "id")) == snapshot


def test_the_escape_is_upper_case_hexadecimal(mnt, disk):
    mnt.add_snapshot(disk, "a/b", shown="a%2Fb")
    mnt.add_snapshot(disk, "a\nb", shown="a%0Ab")
    mnt.add_snapshot(disk, "a%2Fb", shown="a%252Fb")


@pytest.mark.parametrize("name", ["", *DEFAULT_NAMES])
def test_a_default_name_is_shown_as_the_id(mnt, disk, name):
    snapshot = mnt.simulator.add_snapshot(disk, name)
    mnt.show(mnt.snapshot(disk, snapshot))
    assert mnt.snapshots(disk) == [snapshot]


def test_two_unnamed_snapshots_are_two_entries(mnt, disk):
    ids = {mnt.simulator.add_snapshot(disk, "") for _ in range(3)}
    mnt.show(mnt.snapshot(disk, max(ids)))
    assert set(mnt.snapshots(disk)) == ids


def test_the_oldest_twin_has_the_plain_name(mnt, disk):
    middle = mnt.simulator.add_snapshot(disk, "nightly", CreateTime=days_ago(5))
    oldest = mnt.simulator.add_snapshot(disk, "nightly", CreateTime=days_ago(9))
    newest = mnt.simulator.add_snapshot(disk, "nightly", CreateTime=days_ago(1))
    mnt.show(mnt.snapshot(disk, newest))
    assert set(mnt.snapshots(disk)) == {"nightly", f"nightly@{middle}", f"nightly@{newest}"}
    assert mnt.value(mnt.snapshot(disk, "nightly", "id")) == oldest
    assert mnt.value(mnt.snapshot(disk, f"nightly@{middle}", "id")) == middle
    assert mnt.value(mnt.snapshot(disk, newest, "name")) == "nightly"


def test_the_same_name_on_two_disks_is_no_twin(mnt):
    for disk in (mnt.add_disk(), mnt.add_disk()):
        mnt.add_snapshot(disk, "shared-name")
        assert mnt.snapshots(disk) == ["shared-name"]


def test_a_name_cannot_pose_as_a_twin_of_another(mnt, disk):
    """One snapshot is called what another's twin entry would be called."""
    first = mnt.simulator.add_snapshot(disk, "x", CreateTime=days_ago(9))
    second = mnt.simulator.add_snapshot(disk, "x", CreateTime=days_ago(8))
    third = mnt.simulator.add_snapshot(disk, f"x@{second}", CreateTime=days_ago(10))
    mnt.show(mnt.snapshot(disk, third))
    shown = mnt.snapshots(disk)
    assert len(set(shown)) == 3
    assert {mnt.value(mnt.snapshot(disk, name, "id")) for name in shown} == {first, second, third}


def test_a_name_cannot_pose_as_the_id_of_another(mnt, disk):
    honest = mnt.simulator.add_snapshot(disk, "honest")
    liar = mnt.simulator.add_snapshot(disk, honest, CreateTime=days_ago(99))
    mnt.show(mnt.snapshot(disk, liar))
    assert mnt.value(mnt.snapshot(disk, honest, "id")) == honest
    assert mnt.value(mnt.snapshot(disk, liar, "id")) == liar
    shown = mnt.snapshots(disk)
    assert {mnt.value(mnt.snapshot(disk, name, "id")) for name in shown} == {honest, liar}


def test_an_over_long_name_is_cut_at_a_character(mnt, disk):
    name = "é每" * 120
    snapshot = mnt.simulator.add_snapshot(disk, name)
    mnt.show(mnt.snapshot(disk, snapshot))
    (shown,) = mnt.snapshots(disk)
    assert len(shown.encode()) <= 255
    head, _, tail = shown.rpartition("@")
    assert tail == snapshot and head and name.startswith(head)
    assert mnt.value(mnt.snapshot(disk, shown, "id")) == snapshot


def test_rmdir_twice_does_not_delete_two_twins(mnt, sim, disk):
    older = mnt.simulator.add_snapshot(disk, "nightly", CreateTime=days_ago(9))
    younger = mnt.simulator.add_snapshot(disk, "nightly", CreateTime=days_ago(8))
    mnt.show(mnt.snapshot(disk, younger))
    with sim.counting() as count:
        assert_done(run("rmdir", mnt.snapshot(disk, "nightly")))
        assert_refused(run("rmdir", mnt.snapshot(disk, "nightly")), errno.ENOENT)
        mnt.refresh()
        assert_refused(run("rmdir", mnt.snapshot(disk, "nightly")), errno.ENOENT)
    assert count.executed["DeleteSnapshots"] == 1
    assert mnt.snapshots(disk) == [f"nightly@{younger}"]
    assert not mnt.exists(mnt.snapshot(disk, older))
    assert_done(run("rmdir", mnt.snapshot(disk, f"nightly@{younger}")))


def test_a_plain_name_freed_in_the_cloud_is_not_handed_on(mnt, sim, disk):
    older = mnt.simulator.add_snapshot(disk, "nightly", CreateTime=days_ago(9))
    younger = mnt.simulator.add_snapshot(disk, "nightly", CreateTime=days_ago(8))
    mnt.show(mnt.snapshot(disk, younger))
    assert len(mnt.snapshots(disk)) == 2
    sim.patch(remove=[older])
    mnt.refresh()
    wait_until(lambda: mnt.snapshots(disk) == [f"nightly@{younger}"], 5, "only the twin's own name")
    wait_until(lambda: not mnt.exists(mnt.snapshot(disk, "nightly")), 3, "the plain name to go")


def test_a_plain_name_freed_by_mv_is_not_handed_on(mnt, disk):
    mnt.simulator.add_snapshot(disk, "nightly", CreateTime=days_ago(9))
    younger = mnt.simulator.add_snapshot(disk, "nightly", CreateTime=days_ago(8))
    mnt.show(mnt.snapshot(disk, younger))
    assert_done(run("mv", mnt.snapshot(disk, "nightly"), mnt.snapshot(disk, "kept")))
    mnt.refresh()
    assert set(mnt.snapshots(disk)) == {"kept", f"nightly@{younger}"}


def test_a_freed_name_can_be_created_again(mnt, disk):
    mnt.add_snapshot(disk, "again")
    assert_done(run("rmdir", mnt.snapshot(disk, "again")))
    assert_done(run("mkdir", mnt.snapshot(disk, "again")))
    assert mnt.snapshots(disk) == ["again"]


@pytest.mark.parametrize("name", [".Trash-0", ".Trash", ".hidden", ".x", "..x", ".directory"])
def test_mkdir_of_a_dot_name(mnt, sim, disk, name):
    with sim.counting() as count:
        assert_refused(run("mkdir", mnt.snapshot(disk, name)), errno.EPERM)
    assert count.change_requests == 0 and not mnt.exists(mnt.snapshot(disk, name))


@pytest.mark.parametrize("name", ["a\nb", "\t", "\x7f", "\x1b[31m", A_SNAPSHOT, f"nightly@{A_SNAPSHOT}",
                                  f"@{A_SNAPSHOT}", *DEFAULT_NAMES])
def test_mkdir_of_a_bad_name(mnt, sim, disk, name):
    with sim.counting() as count:
        assert_refused(run("mkdir", mnt.snapshot(disk, name)), errno.EINVAL)
    assert count.change_requests == 0 and mnt.snapshots(disk) == []


def test_mkdir_of_invalid_utf8(mnt, sim, disk):
    with sim.counting() as count:
        result = run("mkdir", mnt.snapshot(disk, "a\udcffb"))
    assert result.status == 1 and count.change_requests == 0


@pytest.mark.parametrize("name", ["x" * (NAME_LIMIT + 1), "每" * (WIDE_NAME_LIMIT + 1),
                                  pytest.param("x" * 255, marks=pytest.mark.needs("words"))])
def test_mkdir_of_a_long_name(mnt, sim, disk, name):
    with sim.counting() as count:
        assert_refused(run("mkdir", mnt.snapshot(disk, name)), errno.ENAMETOOLONG)
    assert count.change_requests == 0


@pytest.mark.parametrize("name", ["x" * 60, "每" * 20, "two words", "-dash", "100%", "a@b", "snapshot", "日本"])
def test_mkdir_takes_every_other_name(mnt, sim, disk, name):
    assert_done(run("mkdir", mnt.snapshot(disk, name)))
    assert mnt.snapshots(disk) == [name]
    assert sim.log("CreateSnapshot")[-1]["params"]["SnapshotName"] == name


@pytest.mark.parametrize("typed, name", [("a%2Fb", "a/b"), ("%252F", "%2F")])
def test_mkdir_undoes_the_escape(mnt, sim, disk, typed, name):
    assert_done(run("mkdir", mnt.snapshot(disk, typed)))
    assert sim.log("CreateSnapshot")[-1]["params"]["SnapshotName"] == name
    assert [unquote(shown) for shown in mnt.snapshots(disk)] == [name]


@pytest.mark.parametrize("typed", ["%2E", "%2E%2E", "%2Ehidden", "a%0Ab", "%00", "a%2fb"])
def test_an_escape_is_no_way_around_the_rules(mnt, sim, disk, typed):
    with sim.counting() as count:
        result = run("mkdir", mnt.snapshot(disk, typed))
    assert result.status == 1 and count.change_requests == 0
    assert os.strerror(errno.EPERM) in result.err or os.strerror(errno.EINVAL) in result.err


def test_an_odd_name_can_be_renamed_and_deleted(mnt, sim, disk):
    mnt.add_snapshot(disk, "a/b", shown="a%2Fb")
    assert_done(run("mv", mnt.snapshot(disk, "a%2Fb"), mnt.snapshot(disk, "c%2Fd")))
    assert sim.log("ModifySnapshotAttribute")[-1]["params"]["SnapshotName"] == "c/d"
    assert_done(run("rmdir", mnt.snapshot(disk, "c%2Fd")))
    assert mnt.snapshots(disk) == []
