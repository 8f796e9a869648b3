# SPDX-License-Identifier: Apache-2.0
"""mkdir is CreateSnapshot (design 4): accepted means success, once, and the answer is true (design 1)."""
import errno
import json

import pytest

from commands import assert_done, assert_refused, finish, run, start, wait_until
from providers import is_snapshot_id

SIMULATOR = ("--create-time", "3", "--quota", "6")
OPTIONS = ("ttl=1", "timeout=3")


@pytest.mark.core
def test_mkdir_returns_when_accepted(mnt, sim, disk):
    with sim.counting() as count:
        result = assert_done(run("mkdir", mnt.snapshot(disk, "before-upgrade")))
        status = mnt.read(mnt.snapshot(disk, "before-upgrade", "status"))
    assert result.seconds < 2.5 and result.out == ""
    assert status.startswith("CREATING ")
    assert count.requests["CreateSnapshot"] == count.executed["CreateSnapshot"] == 1
    params = sim.log("CreateSnapshot")[-1]["params"]
    assert params["DiskId"] == disk and params["SnapshotName"] == "before-upgrade"


@pytest.mark.core
def test_the_directory_is_there_at_once_everywhere(mnt, disk):
    assert_done(run("mkdir", mnt.snapshot(disk, "now")))
    assert mnt.snapshots(disk) == ["now"]
    snapshot = mnt.value(mnt.snapshot(disk, "now", "id"))
    assert is_snapshot_id(snapshot)
    assert snapshot in mnt.list("snapshots")
    assert [record["id"] for record in json.loads(mnt.read(mnt.disk(disk, "snapshots.json")))] == [snapshot]
    assert mnt.value(mnt.path("snapshots", snapshot, "name")) == "now"
    assert set(mnt.list("disks", disk, "snapshots", "now")) >= {"id", "status", "rollback", "created"}


def test_a_creation_ends_normal(mnt, disk):
    assert_done(run("mkdir", mnt.snapshot(disk, "grows")))
    assert run("cat", mnt.snapshot(disk, "grows", "wait"), timeout=20).out == "NORMAL 100\n"
    assert mnt.value(mnt.snapshot(disk, "grows", "status")) == "NORMAL 100"
    assert mnt.value(mnt.snapshot(disk, "grows", "percent")) == "100"
    wait_until(lambda: run("readlink", mnt.disk(disk, "latest")).out == "snapshots/grows\n", 5, "latest")


@pytest.mark.core
def test_mkdir_of_what_exists(mnt, sim, disk):
    mnt.add_snapshot(disk, "taken")
    with sim.counting() as count:
        assert_refused(run("mkdir", mnt.snapshot(disk, "taken")), errno.EEXIST)
        assert_done(run("mkdir", "-p", mnt.snapshot(disk, "taken")))
        assert_done(run("busybox", "mkdir", "-p", mnt.snapshot(disk, "taken")))
    assert count.change_requests == 0


@pytest.mark.core
def test_mkdir_of_what_is_being_created(mnt, sim, disk):
    with sim.counting() as count:
        assert_done(run("mkdir", mnt.snapshot(disk, "twice")))
        assert_refused(run("mkdir", mnt.snapshot(disk, "twice")), errno.EEXIST)
        assert_done(run("mkdir", "-p", mnt.snapshot(disk, "twice")))
    assert count.requests["CreateSnapshot"] == 1


@pytest.mark.core
def test_one_of_many_mkdirs_wins(mnt, sim, disk):
    with sim.counting() as count:
        processes = [start("mkdir", mnt.snapshot(disk, "race")) for _ in range(8)]
        results = [finish(process) for process in processes]
    assert sorted(result.status for result in results) == [0] + 7 * [1]
    for result in results:
        if result.status:
            assert_refused(result, errno.EEXIST)
    assert count.executed["CreateSnapshot"] == 1


def test_mkdirs_on_many_disks_at_once(mnt, sim):
    disks = [mnt.add_disk() for _ in range(6)]
    with sim.counting() as count:
        for process in [start("mkdir", mnt.snapshot(disk, "fleet")) for disk in disks]:
            assert_done(finish(process))
    assert count.executed["CreateSnapshot"] == 6
    assert all(mnt.snapshots(disk) == ["fleet"] for disk in disks)


def test_mkdir_by_the_name_of_the_disk(mnt):
    disk = mnt.add_disk(DiskName="addressed-by-name")
    assert_done(run("mkdir", mnt.snapshot("addressed-by-name", "here")))
    assert mnt.snapshots(disk) == ["here"]


def test_mkdir_with_a_mode_and_with_parents(mnt, sim, disk):
    assert_done(run("mkdir", "-m", "700", mnt.snapshot(disk, "moded")))
    assert run("cat", mnt.snapshot(disk, "moded", "wait"), timeout=20).status == 0
    with sim.counting() as count:
        assert_refused(run("mkdir", "-p", mnt.snapshot(disk, "parent", "child")), errno.EPERM)
    assert count.executed["CreateSnapshot"] == 1
    assert set(mnt.snapshots(disk)) == {"moded", "parent"}


@pytest.mark.core
@pytest.mark.parametrize("place", ["new", "disks/new", "snapshots/new", "disks/DISK/new",
                                   "disks/DISK/snapshots/there/new", ".cbsfs/new"])
def test_mkdir_elsewhere(mnt, sim, disk, place):
    mnt.add_snapshot(disk, "there")
    with sim.counting() as count:
        assert_refused(run("mkdir", mnt.path(place.replace("DISK", disk))), errno.EPERM)
    assert count.change_requests == 0


@pytest.mark.needs("quota")
def test_the_quota(mnt, sim, disk):
    for i in range(6):
        mnt.add_snapshot(disk, f"full-{i}")
    with sim.counting() as count:
        assert_refused(run("mkdir", mnt.snapshot(disk, "one-more")), errno.EDQUOT)
    assert count.executed["CreateSnapshot"] == 0
    assert len(mnt.snapshots(disk)) == 6


@pytest.mark.needs("attributes")
def test_a_disk_that_cannot_have_snapshots(mnt):
    disk = mnt.add_disk(SnapshotAbility=False)
    assert_refused(run("mkdir", mnt.snapshot(disk, "never")), errno.EOPNOTSUPP)
    assert mnt.snapshots(disk) == []
    assert mnt.read(mnt.disk(disk, "error")) != ""


@pytest.mark.needs("orphans")
def test_the_disk_of_an_orphan(mnt, sim):
    disk = sim.identifier("disk")
    mnt.add_snapshot(disk, "orphan")
    assert run("mkdir", mnt.snapshot(disk, "new")).status == 1
    assert mnt.snapshots(disk) == ["orphan"]
    assert run("mkdir", mnt.snapshot("none", "new")).status == 1


@pytest.mark.core
def test_an_answer_that_was_lost_is_found_out(mnt, sim, disk):
    sim.fault("CreateSnapshot", "drop-after", times=1)
    with sim.counting() as count:
        assert_done(run("mkdir", mnt.snapshot(disk, "found-out")))
    assert count.executed["CreateSnapshot"] == count.requests["CreateSnapshot"] == 1
    assert mnt.snapshots(disk) == ["found-out"]


@pytest.mark.core
def test_a_request_that_was_lost_is_not_sent_again(mnt, sim, disk):
    sim.fault("CreateSnapshot", "drop-before", times=1)
    with sim.counting() as count:
        result = assert_refused(run("mkdir", mnt.snapshot(disk, "lost")), errno.ETIMEDOUT)
    assert result.seconds < 3 + 3
    assert count.requests["CreateSnapshot"] == 1 and count.executed["CreateSnapshot"] == 0
    assert mnt.snapshots(disk) == []
    assert mnt.read(mnt.disk(disk, "error")) != ""


@pytest.mark.parametrize("fault", [
    {"kind": "status", "status": 500, "after": True}, {"kind": "status", "status": 502, "after": True},
    {"kind": "truncate"}, {"kind": "malformed"}, {"kind": "html"},
    {"kind": "error", "code": "InternalError", "message": "try again", "after": True}],
    ids=["500", "502", "truncate", "malformed", "html", "InternalError"])
def test_an_answer_that_was_spoilt_is_found_out(mnt, sim, disk, fault):
    """Whatever came back: exactly one creation at most, and the exit status tells the truth."""
    sim.faults({"action": "CreateSnapshot", "times": 1, **fault})
    with sim.counting() as count:
        result = run("mkdir", mnt.snapshot(disk, "spoilt"))
    assert count.requests["CreateSnapshot"] == 1
    assert count.executed["CreateSnapshot"] == (1 if result.status == 0 else 0), result.err
    assert mnt.snapshots(disk) == (["spoilt"] if result.status == 0 else [])


@pytest.mark.needs("words")
@pytest.mark.parametrize("code", ["InternalError", "InternalError.ComponentError"])
def test_an_internal_error_without_a_trace_is_undecided(mnt, sim, disk, code):
    """It may still happen: no second one can be made meanwhile, and the cloud's own words can be read."""
    mnt.add_snapshot(disk, "other")
    sim.fault("CreateSnapshot", "error", code=code, message="something inside", times=1)
    with sim.counting() as count:
        assert_refused(run("mkdir", mnt.snapshot(disk, "inside")), errno.ETIMEDOUT)
        record = json.loads(mnt.read(mnt.path(".cbsfs", "errors")).splitlines()[-1])
        job = json.loads(mnt.read(mnt.path(".cbsfs", "jobs")).splitlines()[-1])
        reason = mnt.read(mnt.disk(disk, "error"))
        assert_refused(run("mkdir", mnt.snapshot(disk, "inside")), errno.EBUSY)
        assert_refused(run("mv", "-T", mnt.snapshot(disk, "other"), mnt.snapshot(disk, "inside")), errno.EBUSY)
    assert count.requests["CreateSnapshot"] == 1 and count.executed["CreateSnapshot"] == 0
    assert count.requests["ModifySnapshotAttribute"] == 0 and mnt.snapshots(disk) == ["other"]
    for told in (record, job):
        assert (told["errno"], told["code"]) == ("ETIMEDOUT", code), told
        assert "could not be found out" in told["message"] and "something inside" in told["message"]
        assert told["request_id"] and f"request_id: {told['request_id']}" in reason
    assert job["state"] == "watching" and f"code: {code}" in reason


@pytest.mark.parametrize("fault", [
    {"kind": "throttle"}, {"kind": "error", "code": "RequestLimitExceeded", "message": "slow down"}])
def test_throttling_is_ridden_out(mnt, sim, disk, fault):
    sim.faults({"action": "CreateSnapshot", "times": 2, **fault})
    with sim.counting() as count:
        assert_done(run("mkdir", mnt.snapshot(disk, "patient")))
    assert count.executed["CreateSnapshot"] == 1 and count.requests["CreateSnapshot"] == 3


def test_an_unknown_outcome_appears_by_itself(own, sim):
    """Listing fails too: no truth in time, ETIMEDOUT, and later the entry is there."""
    mnt = own.mount(sim, "ttl=600", "timeout=3")
    disk = mnt.add_disk()
    assert mnt.snapshots(disk) == []
    sim.faults({"action": "CreateSnapshot", "kind": "drop-after", "times": 1},
               {"action": "DescribeSnapshots", "kind": "drop-before", "times": 0})
    with sim.counting() as count:
        result = assert_refused(run("mkdir", mnt.snapshot(disk, "later")), errno.ETIMEDOUT)
    assert result.seconds < 3 + 3
    assert count.requests["CreateSnapshot"] == count.executed["CreateSnapshot"] == 1
    assert mnt.read(mnt.path(".cbsfs", "jobs")) != ""
    sim.faults()
    wait_until(lambda: mnt.exists(mnt.snapshot(disk, "later", "id")), 30, "the entry")
    assert mnt.snapshots(disk) == ["later"]


def test_a_failure_leaves_nothing_behind(mnt, sim, disk):
    sim.fault("CreateSnapshot", "error", code="InvalidDisk.Busy", message="busy", times=1)
    assert_refused(run("mkdir", mnt.snapshot(disk, "retry")), errno.EBUSY)
    assert mnt.snapshots(disk) == [] and not mnt.exists(mnt.snapshot(disk, "retry"))
    assert_done(run("mkdir", mnt.snapshot(disk, "retry")))
    assert mnt.snapshots(disk) == ["retry"]
