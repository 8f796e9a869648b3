# SPDX-License-Identifier: Apache-2.0
"""OpenStack's own clients, `openstack` and `cinder`, and a mount of the same project: each sees what the other did.  And
what a real cloud refuses.
"""
import errno
import json

from commands import assert_done, assert_refused, run, shell, wait_until
from peer import INSTANCE, OPTIONS, REVERT, make, settled, shown


# --- each sees what the other did -------------------------------------------------------------------


def test_the_clients_see_what_the_mount_did(mnt, peer, disk):
    make(mnt, disk, "before upgrade", "每日快照")
    seen = peer.snapshots()
    assert set(seen) == {"before upgrade", "每日快照"} == peer.names_of_cinder(disk)
    assert seen["每日快照"] == (mnt.value(mnt.snapshot(disk, "每日快照", "id")), "available")
    assert_done(run("mv", mnt.snapshot(disk, "before upgrade"), mnt.snapshot(disk, "renamed")))
    assert_done(run("rmdir", mnt.snapshot(disk, "每日快照")))
    wait_until(lambda: peer.names_of_cinder(disk) == {"renamed"}, 10, "both changes in `cinder snapshot-list`")
    assert set(peer.snapshots()) == {"renamed"}


def test_the_mount_sees_what_the_clients_did(mnt, peer, disk):
    peer.run("openstack", "volume", "snapshot", "create", "--volume", disk, "by-openstack")
    peer.run("cinder", "snapshot-create", "--name", "by-cinder", disk)
    shown(mnt, disk, ["by-openstack", "by-cinder"])
    wait_until(lambda: mnt.value(mnt.snapshot(disk, "by-cinder", "status")) == "NORMAL 100", 10)
    assert mnt.value(mnt.snapshot(disk, "by-cinder", "state")) == "available"
    peer.run("openstack", "volume", "snapshot", "set", "--name", "a name", "by-openstack")
    peer.run("cinder", "snapshot-delete", "by-cinder")
    shown(mnt, disk, ["a name"])
    assert mnt.value(mnt.snapshot(disk, "a name", "id")) == peer.snapshots()["a name"][0]


def test_a_new_volume_and_its_name(mnt, peer):
    peer.run("cinder", "create", "2", "--name", "db/main")
    found = json.loads(peer.run("openstack", "volume", "list", "-f", "json"))
    other = next(one["ID"] for one in found if one["Name"] == "db/main")
    mnt.show(mnt.disk(other))
    assert mnt.value(mnt.disk(other, "name")) == "db/main" and mnt.value(mnt.disk(other, "size")) == "2"
    wait_until(lambda: mnt.value(mnt.disk(other, "state")) == "available", 10)


def test_a_rollback_brings_the_data_back(cloud, mnt, peer, disk):
    data = cloud.volume_data(disk)
    for text, name in (("monday", "one"), ("tuesday", "two")):
        with open(data, "w", encoding="ascii") as file:
            file.write(text)
        make(mnt, disk, name)
    with open(data, "w", encoding="ascii") as file:
        file.write("spoilt")
    assert_done(shell('echo 1 > "$1"', mnt.snapshot(disk, "two", "rollback")))
    settled(mnt, disk, "two")
    with open(data, encoding="ascii") as file:
        assert file.read() == "tuesday"
    with open(data, "w", encoding="ascii") as file:
        file.write("spoilt again")
    peer.run(*REVERT, mnt.value(mnt.snapshot(disk, "two", "id")))
    mnt.refresh()
    settled(mnt, disk, "two")
    wait_until(lambda: mnt.value(mnt.disk(disk, "state")) == "available", 10)
    with open(data, encoding="ascii") as file:
        assert file.read() == "tuesday"


def test_a_rollback_by_a_client_is_seen_while_it_runs(cloud, account, mnt, peer, disk):
    make(mnt, disk, "good")
    cloud.set_backend(account.project, revert_to_snapshot=4)
    peer.run(*REVERT, mnt.value(mnt.snapshot(disk, "good", "id")))
    mnt.refresh()
    wait_until(lambda: mnt.value(mnt.snapshot(disk, "good", "status")).startswith("ROLLBACKING "), 3)
    assert mnt.value(mnt.snapshot(disk, "good", "state")) == "restoring"
    assert_refused(shell('echo 1 > "$1"', mnt.snapshot(disk, "good", "rollback")), errno.EBUSY)
    assert assert_done(run("cat", mnt.snapshot(disk, "good", "wait"))).out == "NORMAL 100\n"


# --- what Cinder refuses ----------------------------------------------------------------------------


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
