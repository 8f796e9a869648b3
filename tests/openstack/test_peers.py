# SPDX-License-Identifier: Apache-2.0
"""OpenStack's own clients, `openstack` and `cinder`, and a mount of the same project: each sees what the other did."""
import errno
import json

import pytest

from commands import assert_done, assert_refused, run, shell, wait_until
from peer import REVERT, make, settled, shown

pytestmark = pytest.mark.core


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
