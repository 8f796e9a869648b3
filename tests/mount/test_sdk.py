# SPDX-License-Identifier: Apache-2.0
"""The official SDK and a mount of the same account: each sees what the other did.

$CBSFS_SDK is where `npm ci` has put the SDK beside a copy of tests/sdk (contrib/check: .check/sdk).
"""
import json
import os

import pytest

from commands import assert_done, run, shell
from harness import REGION, REPOSITORY, SECRET_ID, SECRET_KEY

pytestmark = pytest.mark.needs("simulator")

SIMULATOR = ("--create-time", "0.5", "--rollback-time", "4")
OPTIONS = ("ttl=600", "allow_delete")
SDK = os.environ.get("CBSFS_SDK", os.path.join(REPOSITORY, ".check", "sdk"))


@pytest.fixture(scope="module", params=["virtual-host", "host-port"])
def sdk(request, sim):
    """Calls the SDK in one of the two ways that it can be led to the simulator."""
    assert os.path.isdir(os.path.join(SDK, "node_modules")), f"the SDK is not installed in {SDK}"
    environment = {"CBSFS_SIM_SECRET_ID": SECRET_ID, "CBSFS_SIM_SECRET_KEY": SECRET_KEY, "TENCENTCLOUD_REGION": REGION}

    def call(verb, *words):
        result = run("node", os.path.join(SDK, "sdk.js"), request.param, str(sim.port), verb, *words, env=environment)
        assert result.status == 0, result.out + result.err
        return json.loads(result.out)

    return call


def record(records, key, value):
    (found,) = [entry for entry in records if entry[key] == value]
    return found


def test_the_lists_agree(mnt, sdk):
    mnt.refresh()
    disks = {entry["DiskId"]: entry for entry in sdk("list-disks")}
    snapshots = sdk("list-snapshots")
    assert len(disks) >= 4 and len(snapshots) >= 10
    assert set(disks) <= set(mnt.list("disks"))
    for disk, entry in disks.items():
        assert mnt.value(mnt.disk(disk, "name")) == entry["DiskName"]
        ids = shell('cat "$1"/snapshots/*/id 2>/dev/null', mnt.disk(disk)).out.split()
        assert sorted(ids) == sorted(s["SnapshotId"] for s in snapshots if s["DiskId"] == disk)
    assert mnt.list("snapshots") == sorted(entry["SnapshotId"] for entry in snapshots)


def test_the_mount_sees_what_the_sdk_did(mnt, sim, sdk, disk):
    with sim.counting() as count:
        identifier = sdk("create", disk, "每日 50%")["SnapshotId"]
        mnt.refresh()
        assert mnt.snapshots(disk) == ["每日 50%"]
        path = mnt.snapshot(disk, identifier)
        assert mnt.value(f"{path}/id") == identifier
        assert mnt.read(f"{path}/wait") == "NORMAL 100\n"
        sdk("rename", identifier, "renamed")
        mnt.refresh()
        assert mnt.snapshots(disk) == ["renamed"]
        sdk("apply", disk, identifier)
        mnt.refresh()
        assert mnt.read(f"{path}/status").startswith("ROLLBACKING ")
        assert mnt.value(mnt.disk(disk, "state")) == "ROLLBACKING"
        assert mnt.read(f"{path}/wait") == "NORMAL 100\n"
        sdk("delete", identifier)
        mnt.refresh()
        assert mnt.snapshots(disk) == []
    assert count.executed == {"CreateSnapshot": 1, "ModifySnapshotAttribute": 1, "ApplySnapshot": 1, "DeleteSnapshots": 1}


def test_the_sdk_sees_what_the_mount_did(mnt, sim, sdk, disk):
    with sim.counting() as count:
        assert_done(run("mkdir", mnt.snapshot(disk, "by hand")))
        made = record(sdk("list-snapshots", disk), "SnapshotName", "by hand")
        path = mnt.snapshot(disk, made["SnapshotId"])
        assert mnt.value(f"{path}/name") == "by hand"
        assert mnt.read(f"{path}/wait") == "NORMAL 100\n"
        assert_done(run("mv", mnt.snapshot(disk, "by hand"), mnt.snapshot(disk, "每周")))
        assert record(sdk("list-snapshots", disk), "SnapshotId", made["SnapshotId"])["SnapshotName"] == "每周"
        assert_done(shell('echo 1 > "$1/rollback"', path))
        assert record(sdk("list-disks"), "DiskId", disk)["DiskState"] == "ROLLBACKING"
        assert mnt.read(f"{path}/wait") == "NORMAL 100\n"
        assert record(sdk("list-disks"), "DiskId", disk)["DiskState"] == "UNATTACHED"
        assert_done(run("rmdir", mnt.snapshot(disk, "每周")))
        assert sdk("list-snapshots", disk) == []
    assert count.executed == {"CreateSnapshot": 1, "ModifySnapshotAttribute": 1, "ApplySnapshot": 1, "DeleteSnapshots": 1}
