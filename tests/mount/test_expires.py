# SPDX-License-Identifier: Apache-2.0
"""A date is a deletion: what forbids one forbids the other, and what is told of it is true (semantics 4, Features)."""
import errno
from datetime import timedelta

import pytest

from commands import assert_done, assert_refused, beijing, now, rfc3339, shell

SIMULATOR = ("--create-time", "0.2")
OPTIONS = ("ttl=1", "timeout=4")

pytestmark = pytest.mark.only("tencent")

WRITE = 'printf "%s\\n" "$2" > "$1"'


def write(path, text):
    return shell(WRITE, path, text)


def reason(mount, path):
    return mount.read(path.rpartition("/")[0] + "/error")


TODAY = now().replace(hour=0, minute=0, second=0)


def day(days):
    return TODAY + timedelta(days=days)


def dated(days):
    return {"DeadlineTime": beijing(day(days)), "IsPermanent": False}


def in_the_cloud(sim, snapshot, **fields):
    """Somebody else changes it."""
    sim.patch(snapshots={snapshot: fields})


def test_without_allow_delete_only_later(mnt, sim, disk):
    mnt.add_snapshot(disk, "lasting")
    mnt.add_snapshot(disk, "dated", **dated(300))
    lasting, other = (mnt.snapshot(disk, name, "expires") for name in ("lasting", "dated"))
    with sim.counting() as count:
        for path, text in ((lasting, "+1d"), (lasting, "+100y"), (other, "+30d"), (other, f"{day(299):%Y-%m-%d}")):
            assert_refused(write(path, text), errno.EPERM)
            assert "allow_delete" in reason(mnt, path)
    assert count.change_requests == 0
    for text, shown in ((f"{day(301):%Y-%m-%d}", rfc3339(day(301))), ("never", "")):
        assert_done(write(other, text))
        assert mnt.value(other) == shown
    assert_refused(write(other, "+300d"), errno.EPERM)


def test_what_is_protected(own, sim, disk):
    mount = own.mount(sim, "ttl=1", "allow_delete", "protect=golden*")
    mount.add_snapshot(disk, "golden egg")
    mount.add_snapshot(disk, "egg")
    with sim.counting() as count:
        assert_refused(write(mount.snapshot(disk, "golden egg", "expires"), "+1d"), errno.EPERM)
    assert count.change_requests == 0
    assert "protect=" in reason(mount, mount.snapshot(disk, "golden egg", "expires"))
    assert_done(write(mount.snapshot(disk, "egg", "expires"), "+2d"))
    assert_done(write(mount.snapshot(disk, "egg", "expires"), "+1d"))


def test_later_than_what_holds_now(own, sim, disk):
    """Somebody else has set it to never, or sooner, since it was looked at."""
    mount = own.mount(sim, "ttl=600")
    snapshot = mount.add_snapshot(disk, "good", **dated(100))
    path = mount.snapshot(disk, "good", "expires")
    assert mount.value(path) == rfc3339(day(100))
    in_the_cloud(sim, snapshot, DeadlineTime="", IsPermanent=True)
    with sim.counting() as count:
        assert_refused(write(path, f"{day(200):%Y-%m-%d}"), errno.EPERM)
    assert count.change_requests == 0
    assert mount.value(path) == ""


def test_what_holds_already_holds_now(own, sim, disk):
    """What was known a while ago is no answer: `never` means never."""
    mount = own.mount(sim, "ttl=600", "timeout=1", "allow_delete")
    snapshot = mount.add_snapshot(disk, "good")
    path = mount.snapshot(disk, "good", "expires")
    assert mount.value(path) == ""
    in_the_cloud(sim, snapshot, **dated(3))
    with sim.counting() as count:
        assert_done(write(path, "never"))
    assert count.executed["ModifySnapshotAttribute"] == 1
    assert sim.log("ModifySnapshotAttribute")[-1]["params"]["IsPermanent"] is True
    date = f"{day(9):%Y-%m-%d}"
    in_the_cloud(sim, snapshot, **dated(9))
    mount.refresh()
    assert mount.value(path) == rfc3339(day(9))
    with sim.counting() as count:
        assert_done(write(path, date))
    assert count.change_requests == 0
    sim.faults({"action": "DescribeSnapshots", "kind": "error", "code": "InternalError", "times": 0})
    assert write(path, date).status == 1
    sim.faults()


def test_never_is_sent_where_no_date_is_told(own, sim, disk):
    """An answer may lack it, or have one that cannot be read."""
    mount = own.mount(sim, "ttl=600")
    mount.add_snapshot(disk, "good", DeadlineTime="the day after tomorrow", IsPermanent=False)
    path = mount.snapshot(disk, "good", "expires")
    assert mount.value(path) == ""
    with sim.counting() as count:
        assert_done(write(path, "never"))
    assert count.executed["ModifySnapshotAttribute"] == 1


@pytest.mark.leaves_jobs
def test_what_held_before_is_no_answer_while_a_change_is_undecided(own):
    simulator = own.simulator("--disks", "1", "--create-time", "0")
    mount = own.mount(simulator, "ttl=1", "timeout=2", "allow_delete")
    disk = mount.add_disk()
    mount.add_snapshot(disk, "good")
    path = mount.snapshot(disk, "good", "expires")
    simulator.fault("ModifySnapshotAttribute", "drop-before", times=0)
    assert_refused(write(path, "+1d"), errno.ETIMEDOUT)
    assert_refused(write(path, "never"), errno.EBUSY)
    assert_refused(write(path.replace("expires", "name"), "better"), errno.ETIMEDOUT)
    assert_refused(write(path.replace("expires", "name"), "good"), errno.EBUSY)


@pytest.mark.parametrize("text", ["+9000y", "+36500y", "9999-12-31T23:59:59-01:00"])
def test_beyond_the_calendar(own, sim, disk, text):
    mount = own.mount(sim, "ttl=1", "allow_delete")
    mount.add_snapshot(disk, "good")
    path = mount.snapshot(disk, "good", "expires")
    assert_refused(write(path, text), errno.EINVAL)
    assert "operation: expires" in reason(mount, path) and "write never, a date" in reason(mount, path)


@pytest.mark.needs("staleness")
def test_a_listing_that_lags_does_not_undo_it(own):
    simulator = own.simulator("--create-time", "0")
    mount = own.mount(simulator, "ttl=1", "allow_delete")
    disk = mount.add_disk()
    mount.add_snapshot(disk, "good", DiskUsage="DATA_DISK")
    path = mount.snapshot(disk, "good", "expires")
    shares = mount.snapshot(disk, "good", "shared_with")
    simulator.fault("DescribeSnapshots", "stale", times=0)  # as of now, for ever
    for text, shown in ((f"{day(400):%Y-%m-%d}", rfc3339(day(400))), ("never", ""), (f"{day(9):%Y-%m-%d}", rfc3339(day(9)))):
        assert_done(write(path, text))
        for _ in range(2):
            mount.refresh()
            assert mount.value(path) == shown
    assert_done(write(shares, "+100001122000"))
    mount.refresh()
    assert mount.value(shares) == "100001122000"
