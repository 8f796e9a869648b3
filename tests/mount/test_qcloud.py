# SPDX-License-Identifier: Apache-2.0
"""What the legacy API v2 says in words of its own; everything else is the same suite over it
(CBSFS_TEST_PROVIDER=qcloud)."""
import errno
import json
from datetime import timedelta

import pytest

from commands import assert_done, assert_refused, now, run, shell, wait_until

SIMULATOR = ("--create-time", "0.5", "--rollback-time", "2")
OPTIONS = ("ttl=1", "allow_delete", "provider=qcloud")

pytestmark = pytest.mark.only("tencent")  # its own option says which provider it is


def test_disk_values(mnt):
    created = now() - timedelta(days=12)
    disk = mnt.add_disk(DiskName="pg data", DiskState="ATTACHED", Attached=True, InstanceId="ins-4f8k2m1x",
                        DiskType="CLOUD_SSD", DiskUsage="SYSTEM_DISK", CreateTime=created.strftime("%Y-%m-%d %H:%M:%S"))
    values = {name: mnt.value(mnt.disk(disk, name))
              for name in ("id", "name", "state", "type", "usage", "instance", "zone", "size")}
    assert values == {"id": disk, "name": "pg data", "state": "normal", "type": "CLOUD_SSD", "usage": "SYSTEM_DISK",
                      "instance": "ins-4f8k2m1x", "zone": "ap-guangzhou-6", "size": "50"}
    raw = json.loads(mnt.read(mnt.disk(disk, "disk.json")))["raw"]
    assert raw["storageId"] == disk and raw["diskType"] == "root" and raw["attached"] == 1


@pytest.mark.parametrize("state, own, word", [("NORMAL", "normal", "NORMAL"), ("CREATING", "creating", "CREATING"),
                                              ("ROLLBACKING", "rollbacking", "ROLLBACKING"),
                                              ("somethingNew", "somethingNew", "SOMETHINGNEW")])
def test_state_is_verbatim_and_status_is_normalised(mnt, disk, state, own, word):
    mnt.add_snapshot(disk, "one", SnapshotState=state)
    assert mnt.value(mnt.snapshot(disk, "one", "state")) == own
    assert mnt.value(mnt.snapshot(disk, "one", "status")).split()[0] == word


@pytest.mark.core
def test_the_verbs(mnt, sim, disk):
    path = mnt.snapshot(disk, "每日 50% a&b")
    with sim.counting() as count:
        assert_done(run("mkdir", path))
        assert mnt.value(path + "/status").startswith("CREATING")
        assert mnt.value(path + "/wait") == "NORMAL 100"
        assert_done(run("mv", path, mnt.snapshot(disk, "new")))
        assert_done(shell('echo 1 > "$1"', mnt.snapshot(disk, "new", "rollback")))
        assert mnt.value(mnt.snapshot(disk, "new", "status")).startswith("ROLLBACKING")
        assert mnt.value(mnt.snapshot(disk, "new", "wait")) == "NORMAL 100"
        assert_done(run("rmdir", mnt.snapshot(disk, "new")))
    assert mnt.snapshots(disk) == []
    assert dict(count.executed) == {"CreateSnapshot": 1, "ModifySnapshot": 1, "ApplySnapshot": 1, "DeleteSnapshot": 1}


def test_an_unnamed_snapshot_shows_as_its_id(mnt, disk):
    snapshot = mnt.simulator.add_snapshot(disk, "Unnamed")
    mnt.show(mnt.snapshot(disk, snapshot))
    assert mnt.snapshots(disk) == [snapshot]


@pytest.mark.parametrize("code, number", [
    ("16005", errno.EBUSY), ("16027", errno.EBUSY), ("16006", errno.EDQUOT), ("5300", errno.EDQUOT),
    ("16007", errno.EOPNOTSUPP), ("16026", errno.EOPNOTSUPP), ("4100", errno.EKEYREJECTED),
    ("4105", errno.EKEYEXPIRED), ("4101", errno.EACCES), ("9003", errno.EINVAL), ("16000", errno.ENOENT),
    ("4400", errno.EAGAIN)])
def test_the_errno_of_a_refused_creation(own, code, number):
    sim = own.simulator()
    disk = sim.add_disk()
    mnt = own.mount(sim, "provider=qcloud", "timeout=2")
    assert mnt.snapshots(disk) == []
    sim.fault("CreateSnapshot", "error", code=code, message="why it is so", times=0)
    assert_refused(run("mkdir", mnt.snapshot(disk, "new")), number)
    error = mnt.read(mnt.disk(disk, "error"))
    assert f"code: {code}\n" in error and "why it is so" in error


def test_what_it_cannot_do_says_so(mnt, sim, disk):
    mnt.add_snapshot(disk, "good")
    with sim.counting() as count:
        assert_refused(shell('echo 1 stop > "$1"', mnt.snapshot(disk, "good", "rollback")), errno.EOPNOTSUPP)
    assert count.total == 0
    assert "cannot stop an instance" in mnt.read(mnt.disk(disk, "error"))
    assert "`stop`" not in mnt.read(mnt.snapshot(disk, "good", "rollback"))


def test_a_deletion_that_the_answer_refuses_in_its_detail(mnt, sim, disk):
    """The answer as a whole is a success; what became of the one snapshot stands inside."""
    snapshot = mnt.add_snapshot(disk, "bound")
    sim.patch(snapshots={snapshot: {"Images": [{"ImageId": "img-1"}], "ImageCount": 1}})
    assert_refused(run("rmdir", mnt.snapshot(disk, "bound")), errno.EBUSY)
    assert mnt.snapshots(disk) == ["bound"]


def test_a_clock_that_is_an_hour_off(own):
    """The refusal 4500 brings the cloud's time with it."""
    sim = own.simulator()
    disk = sim.add_disk()
    sim.fault("*", "clock", seconds=3600, times=0)
    mnt = own.mount(sim, "provider=qcloud")
    assert mnt.snapshots(disk) == []
    with sim.counting() as count:
        assert_done(run("mkdir", mnt.snapshot(disk, "new")))
    assert count.requests["CreateSnapshot"] == 1
    wait_until(lambda: mnt.snapshots(disk) == ["new"], 5, "the entry")
