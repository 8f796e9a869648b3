# SPDX-License-Identifier: Apache-2.0
"""What a real Cinder refuses, at once or later."""
import errno
import re

import pytest

from commands import assert_done, assert_refused, run, shell, wait_until
from harness import CBSFS
from peer import INSTANCE, OPTIONS, make, shown

pytestmark = pytest.mark.core


def test_only_the_newest_can_be_rolled_back_to(cloud, account, mnt, disk):
    make(mnt, disk, "old", "newer", "newest")
    with account.counting() as count:
        assert_refused(shell('echo 1 > "$1"', mnt.snapshot(disk, "old", "rollback")), errno.EBUSY)
    assert count.executed["ApplySnapshot"] == 0
    reason = mnt.read(mnt.snapshot(disk, "old", "error"))
    assert "newer" in reason and "newest" in reason, reason
    assert "FAIL" in mnt.read(mnt.snapshot(disk, "old", "rollback"))
    assert "FAIL" not in mnt.read(mnt.snapshot(disk, "newest", "rollback"))



def test_a_volume_in_use(account, mnt, disk):
    make(mnt, disk, "good")
    account.direct.attach(disk, INSTANCE)
    mnt.refresh()
    wait_until(lambda: mnt.value(mnt.disk(disk, "state")) == "in-use", 10)
    control = mnt.snapshot(disk, "good", "rollback")
    assert_refused(shell('echo 1 > "$1"', control), errno.EBUSY)
    assert "available" in mnt.read(mnt.snapshot(disk, "good", "error"))
    assert INSTANCE in mnt.read(control) and "FAIL" in mnt.read(control)
    assert account.direct.state("volume", disk) == "in-use"
    make(mnt, disk, "while in use")
    assert account.direct.state("snapshot", mnt.value(mnt.snapshot(disk, "while in use", "id"))) == "available"


def test_the_quota(cloud, account, mnt, peer, disk):
    cloud.set_quota(account.project, snapshots=2)
    make(mnt, disk, "one", "two")
    with account.counting() as count:
        assert_refused(run("mkdir", mnt.snapshot(disk, "three")), errno.EDQUOT)
    assert count.requests["CreateSnapshot"] == 1 and count.executed["CreateSnapshot"] == 0
    assert "SnapshotLimitExceeded" in mnt.read(mnt.disk(disk, "error"))
    assert set(peer.snapshots()) == {"one", "two"} == set(mnt.snapshots(disk))
    told = run(CBSFS, "--check", "-o", "provider=openstack", env=peer.variables)
    assert told.status == 0 and re.search("^WARN  quota +snapshots: 2 of 2; ", told.out, re.MULTILINE), told.out
    assert_done(run("rmdir", mnt.snapshot(disk, "one")))
    wait_until(lambda: set(peer.snapshots()) == {"two"}, 10)
    assert_done(run("mkdir", mnt.snapshot(disk, "three")))


def test_a_creation_that_fails(cloud, account, mnt, disk):
    cloud.set_backend(account.project, create_snapshot="fail")
    assert_done(run("mkdir", mnt.snapshot(disk, "broken")))
    wait_until(lambda: mnt.value(mnt.snapshot(disk, "broken", "status")).startswith("ERROR "), 10, "the failure")
    assert mnt.value(mnt.snapshot(disk, "broken", "state")) == "error"
    assert_refused(shell('echo 1 > "$1"', mnt.snapshot(disk, "broken", "rollback")), errno.EBUSY)
    assert_done(run("rmdir", mnt.snapshot(disk, "broken")))
    shown(mnt, disk, [])


def test_a_deletion_that_fails_comes_back(cloud, account, mnt, disk):
    make(mnt, disk, "stays")
    snapshot = mnt.value(mnt.snapshot(disk, "stays", "id"))
    cloud.set_backend(account.project, delete_snapshot="fail")
    assert_done(run("rmdir", mnt.snapshot(disk, "stays")))
    account.direct.cinder("GET", "/snapshots")
    wait_until(lambda: account.direct.state("snapshot", snapshot) == "error_deleting", 10)
    wait_until(lambda: mnt.snapshots(disk) == ["stays"], 20, "the entry")
    assert mnt.value(mnt.snapshot(disk, "stays", "state")) == "error_deleting"
    assert mnt.value(mnt.snapshot(disk, "stays", "status")).startswith("ERROR ")
    reason = mnt.read(mnt.snapshot(disk, "stays", "error"))
    assert "rmdir" in reason or "delet" in reason, reason


def test_a_slow_deletion_does_not_come_back(cloud, account, mnt, disk):
    make(mnt, disk, "goes")
    cloud.set_backend(account.project, delete_snapshot=4)
    result = assert_done(run("rmdir", mnt.snapshot(disk, "goes")))
    assert result.seconds < 3, "a deletion is accepted, not waited for"
    for _ in range(8):
        mnt.refresh()
        assert mnt.snapshots(disk) == []
    wait_until(lambda: not account.direct.cinder("GET", "/snapshots")["snapshots"], 10)
    assert mnt.snapshots(disk) == []


def test_a_reader(cloud, own, account, mnt, disk):
    make(mnt, disk, "there")
    cloud.add_user(account.user + "-reader", "for reading", account.project, "reader")
    reader = own.mount(account, *OPTIONS, environment={"OS_USERNAME": account.user + "-reader",
                                                       "OS_PASSWORD": "for reading"})
    assert reader.snapshots(disk) == ["there"]
    with account.counting() as count:
        assert_refused(run("mkdir", reader.snapshot(disk, "new")), errno.EACCES)
        assert_refused(run("rmdir", reader.snapshot(disk, "there")), errno.EACCES)
        assert_refused(run("mv", reader.snapshot(disk, "there"), reader.snapshot(disk, "new")), errno.EACCES)
        assert_refused(shell('echo 1 > "$1"', reader.snapshot(disk, "there", "rollback")), errno.EACCES)
    assert count.changes == 0 and reader.snapshots(disk) == ["there"]
    assert "Policy doesn't allow" in reader.read(reader.disk(disk, "error"))
