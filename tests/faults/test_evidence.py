# SPDX-License-Identifier: Apache-2.0
"""What looks like the change that was ordered and is not, and what leaves nothing to be seen."""
import errno

import pytest

from account import account, error_number
from commands import wait_until
from tc3 import Client

FOR_EVER = {"times": 0}


def is_undecided(own, result):
    """Nothing was claimed: the answer says so, the job is watched, and the reason can be read."""
    assert error_number(result) == errno.ETIMEDOUT, result
    assert own.jobs()[-1]["state"] == "watching" and own.jobs()[-1]["errno"] == "ETIMEDOUT"
    assert "could not be found out in time" in own.journal()[-1]["message"]
    return True


@pytest.fixture
def own():
    with account() as made:
        yield made


@pytest.fixture
def quick():
    """Rollbacks that are over before anybody looks."""
    with account(arguments=("--create-time", "0.2", "--rollback-time", "0.1")) as made:
        yield made


def test_a_rollback_that_is_over_is_not_denied(quick):
    quick.simulator.fault("ApplySnapshot", "hang", after=True)
    assert is_undecided(quick, quick.change("rollback", "good")) and quick.executed("rollback") == 1


@pytest.mark.long
def test_a_rollback_that_nobody_saw_stays_unknown(quick):
    quick.simulator.fault("ApplySnapshot", "hang", after=True)
    assert is_undecided(quick, quick.change("rollback", "good"))
    wait_until(lambda: quick.jobs()[-1]["state"] != "watching", 100, "the end of the job")
    assert quick.jobs()[-1]["state"] == "unknown"
    assert quick.change("rollback", "good").status == 0, "then it may be ordered again"


def test_somebody_elses_rollback_is_not_ours(own):
    other = own.simulator.add_snapshot(own.disk, "other")
    own.mount.refresh()
    assert own.mount.snapshots(own.disk) == ["good", "other"]
    Client(own.simulator.port).call("ApplySnapshot", {"SnapshotId": other, "DiskId": own.disk})
    own.simulator.fault("ApplySnapshot", "drop-before")
    assert is_undecided(own, own.change("rollback", "good")) and own.executed("rollback") == 1


def test_an_older_snapshot_of_the_name_is_not_ours(own):
    """It was made before the mkdir began, and the mount had not heard of it."""
    own.simulator.add_snapshot(own.disk, "new")
    own.simulator.fault("CreateSnapshot", "drop-before")
    assert is_undecided(own, own.change("mkdir")) and own.executed("mkdir") == 0


def test_what_has_no_disk_is_not_gone_because_the_cloud_has_no_such_disk(own):
    own.simulator.add_snapshot("", "copy")
    own.mount.refresh()
    assert "copy" in own.mount.snapshots("none")
    own.simulator.fault("DeleteSnapshots", "drop-before", **FOR_EVER)
    assert is_undecided(own, own.change("rmdir", "copy", "none"))
    assert "copy" in own.mount.snapshots("none") and own.executed("rmdir") == 0


def test_what_was_made_a_moment_ago_is_not_gone_because_a_listing_lags(own):
    Client(own.simulator.port).call("CreateSnapshot", {"DiskId": own.disk, "SnapshotName": "fresh"})
    own.mount.refresh()
    wait_until(lambda: own.mount.read(own.mount.snapshot(own.disk, "fresh", "status")).startswith("NORMAL"))
    own.simulator.faults({"action": "DescribeSnapshots", "kind": "stale", "seconds": 60, **FOR_EVER},
                         {"action": "DeleteSnapshots", "kind": "error", **FOR_EVER})
    assert is_undecided(own, own.change("rmdir", "fresh")) and own.executed("rmdir") == 0


@pytest.mark.parametrize("verb, name, new", [("mkdir", "new", None), ("mv", "good", "new")])
def test_an_undecided_name_is_not_given_away(own, verb, name, new):
    own.simulator.fault("CreateSnapshot", "error")
    assert is_undecided(own, own.change("mkdir"))
    assert error_number(own.change(verb, name, new=new)) == errno.EBUSY
    assert own.executed("mkdir") == own.requests("mv") == 0
