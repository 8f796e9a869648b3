# SPDX-License-Identifier: Apache-2.0
"""What EVS has in ways of its own; everything else is the same suite over it (CBSFS_TEST_PROVIDER=evs)."""
import errno
import hashlib
import json

import pytest

from commands import assert_done, assert_refused, run, shell, wait_until
from harness import REGION, SECRET_ID, SECRET_KEY

SIMULATOR = ("--create-time", "0.3", "--rollback-time", "1", "--delete-time", "0.3", "--quota", "7")
OPTIONS = ("ttl=1", "allow_delete")

pytestmark = [pytest.mark.only("evs"), pytest.mark.core]

PROJECT = hashlib.sha256(f"project {REGION}".encode()).hexdigest()[:32]  # as the simulator makes it


def test_disk_values(mnt):
    disk = mnt.add_disk(DiskName="pg data", DiskState="ATTACHED", Attached=True, InstanceId="4f8k2m1x",
                        evs={"volume_type": "SSD", "availability_zone": "eu-de-02"})
    values = {name: mnt.value(mnt.disk(disk, name)) for name in ("id", "name", "state", "type", "instance", "zone", "project")}
    assert values == {"id": disk, "name": "pg data", "state": "in-use", "type": "SSD", "instance": "4f8k2m1x",
                      "zone": "eu-de-02", "project": PROJECT}
    assert json.loads(mnt.read(mnt.disk(disk, "disk.json")))["raw"]["service_type"] == "EVS"


@pytest.mark.parametrize("status, word", [("available", "NORMAL"), ("creating", "CREATING"), ("error", "ERROR"),
                                          ("rollbacking", "ROLLBACKING"), ("deleting", "DELETING"),
                                          ("error_deleting", "ERROR"), ("backing-up", "BACKING-UP")])
def test_every_status(mnt, disk, status, word):
    mnt.add_snapshot(disk, "one", evs={"status": status})
    assert mnt.value(mnt.snapshot(disk, "one", "state")) == status
    assert mnt.value(mnt.snapshot(disk, "one", "status")).split()[0] == word


@pytest.mark.parametrize("signed", [False, True])
def test_the_verbs(own, sim, disk, signed):
    """With a token, and signed with the account's keys, which need no login."""
    keys = {"HUAWEICLOUD_SDK_AK": SECRET_ID, "HUAWEICLOUD_SDK_SK": SECRET_KEY, "HUAWEICLOUD_SDK_PROJECT_ID": PROJECT}
    environment = {name: None for name in sim.credentials} | keys if signed else {}
    logins = sim.control("GET", "/_sim/stats")["requests"].get("CreateToken", 0)
    mount = own.mount(sim, *OPTIONS, endpoint=sim.endpoint if signed else None, environment=environment)
    path = mount.snapshot(disk, "每日 50% a&b")
    with sim.counting() as count:
        assert_done(run("mkdir", path))
        assert mount.value(path + "/wait") == "NORMAL 100"
        assert_done(run("mv", path, mount.snapshot(disk, "new")))
        assert_done(shell('echo 1 > "$1"', mount.snapshot(disk, "new", "rollback")))
        assert mount.value(mount.snapshot(disk, "new", "status")).startswith("ROLLBACKING")
        assert mount.value(mount.snapshot(disk, "new", "wait")) == "NORMAL 100"
        assert_done(run("rmdir", mount.snapshot(disk, "new")))
        wait_until(lambda: mount.snapshots(disk) == [], 15, "the end of the deletion")
    assert dict(count.executed) == {"CreateSnapshot": 1, "ModifySnapshotAttribute": 1, "ApplySnapshot": 1,
                                    "DeleteSnapshots": 1}
    made = sim.control("GET", "/_sim/stats")["requests"].get("CreateToken", 0) - logins
    assert made == (0 if signed else 1)


def test_the_eighth_snapshot(mnt, sim, disk):
    for number in range(7):
        sim.add_snapshot(disk, f"full-{number}")
    mnt.show(mnt.snapshot(disk, "full-6"))
    with sim.counting() as count:
        assert_refused(run("mkdir", mnt.snapshot(disk, "one-more")), errno.EDQUOT)
    assert count.executed["CreateSnapshot"] == 0 and len(mnt.snapshots(disk)) == 7


def test_a_region_that_has_only_the_older_way_back(own):
    sim = own.simulator("--no-cloudsnapshots-rollback", "--rollback-time", "0.2")
    disk = sim.add_disk()
    for name in ("older", "newer"):
        sim.add_snapshot(disk, name)
    mount = own.mount(sim, *OPTIONS)
    with sim.counting() as count:
        for name in ("older", "newer"):
            assert_done(shell('echo 1 > "$1"', mount.snapshot(disk, name, "rollback")))
            wait_until(lambda at=name: mount.value(mount.snapshot(disk, at, "wait")) == "NORMAL 100", 10, "the end of it")
            wait_until(lambda: mount.value(mount.disk(disk, "state")) == "available", 10, "the disk")
    assert count.executed["ApplySnapshot"] == 2
    assert count.requests["(unknown)"] >= 1  # what was not there


def test_a_deletion_that_fails_comes_back(mnt, sim, disk):
    mnt.add_snapshot(disk, "stays")
    sim.fault("DeleteSnapshots", "fail")
    assert_done(run("rmdir", mnt.snapshot(disk, "stays")))
    wait_until(lambda: mnt.snapshots(disk) == ["stays"] and
               mnt.value(mnt.snapshot(disk, "stays", "state")) == "error_deleting", 20, "the entry")
    assert mnt.value(mnt.snapshot(disk, "stays", "status")).split()[0] == "ERROR"


def test_a_creation_that_fails(mnt, sim, disk):
    sim.fault("CreateSnapshot", "fail")
    run("mkdir", mnt.snapshot(disk, "broken"))
    wait_until(lambda: mnt.value(mnt.snapshot(disk, "broken", "state")) == "error", 20, "its failure")
    assert_done(run("rmdir", mnt.snapshot(disk, "broken")))
    wait_until(lambda: mnt.snapshots(disk) == [], 15, "the end of the deletion")


def test_a_token_that_ends_early_costs_one_login(mnt, sim, disk):
    logins = sim.control("GET", "/_sim/stats")["requests"]["CreateToken"]
    sim.fault("CreateSnapshot", "expired-token")
    with sim.counting() as count:
        assert_done(run("mkdir", mnt.snapshot(disk, "new")))
    assert count.requests["CreateSnapshot"] == 2 and count.executed["CreateSnapshot"] == 1
    assert sim.control("GET", "/_sim/stats")["requests"]["CreateToken"] == logins + 1


def test_what_this_cloud_lacks(mnt, sim, disk):
    """It is refused with the reason, and everything can be read all the same."""
    mnt.add_snapshot(disk, "good")
    with sim.counting() as count:
        for name, text in (("expires", "+30d"), ("shared_with", "+1"), ("copy_to", "eu-nl"), ("name", "good")):
            path = mnt.snapshot(disk, "good", name)
            result = shell('echo "$2" > "$1"', path, text)
            if name == "name":
                assert_done(result)
            else:
                assert_refused(result, errno.EOPNOTSUPP)
                said = mnt.read(mnt.snapshot(disk, "good", "error"))
                assert f"operation: {name}\n" in said and "errno: EOPNOTSUPP" in said
            assert mnt.read(path)
        assert_refused(shell('echo yes > "$1"', mnt.snapshot(disk, "good", "new_disk")), errno.EPERM)
        assert mnt.read(mnt.disk(disk, "policies")).startswith("# ")
        assert "groups" not in mnt.list() and run("ls", mnt.path("groups")).status == 2
        assert_done(run("cp", "-r", mnt.snapshot(disk, "good"), mnt.home))
    assert count.changes == 0
