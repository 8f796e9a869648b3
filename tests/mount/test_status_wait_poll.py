# SPDX-License-Identifier: Apache-2.0
"""Watching a snapshot settle (design 4): status, wait and poll(2)."""
import signal

import pytest

from commands import assert_done, finish, holds_for, run, shell, start, wait_until
from providers import own_state

SIMULATOR = ("--create-time", "3", "--rollback-time", "3")
OPTIONS = ("ttl=60",)

POLLER = """
import os, select, sys
status = os.open(sys.argv[1], os.O_RDONLY)
print(os.read(status, 100).decode().split()[0], flush=True)
poll = select.poll()
poll.register(status, select.POLLPRI)
events = poll.poll(20000)
print("POLLPRI" if events and events[0][1] & select.POLLPRI else "nothing", flush=True)
os.lseek(status, 0, os.SEEK_SET)
text = os.read(status, 100).decode()
if not text.strip() or len(sys.argv) > 2:
    text = open(sys.argv[1]).read()
print(text.split()[0], flush=True)
"""


def creating(mnt, disk, name="slow", percent=10):
    """A snapshot that stays CREATING until the test patches it."""
    return mnt.add_snapshot(disk, name, SnapshotState="CREATING", Percent=percent)


def settle(sim, snapshot):
    sim.patch(snapshots={snapshot: {"SnapshotState": "NORMAL", "Percent": 100}})


@pytest.mark.core
def test_wait_of_what_is_settled_returns_at_once(mnt, disk):
    mnt.add_snapshot(disk, "done")
    result = assert_done(run("cat", mnt.snapshot(disk, "done", "wait")))
    assert result.out == "NORMAL 100\n" and result.seconds < 2


def test_wait_returns_when_settled(mnt, sim, disk):
    assert_done(run("mkdir", mnt.snapshot(disk, "growing")))
    result = assert_done(run("cat", mnt.snapshot(disk, "growing", "wait"), timeout=20))
    assert result.out == "NORMAL 100\n"
    assert 1 < result.seconds < 3 + 2 + 3
    assert mnt.read(mnt.snapshot(disk, "growing", "status")) == "NORMAL 100\n"


def test_wait_does_not_return_before(mnt, sim, disk):
    snapshot = creating(mnt, disk)
    waiter = start("cat", mnt.snapshot(disk, "slow", "wait"))
    holds_for(lambda: waiter.poll() is None, 3, "waiting")
    settle(sim, snapshot)
    assert finish(waiter, 10).out == "NORMAL 100\n"


def test_timeout_ends_a_wait(mnt, disk):
    creating(mnt, disk)
    result = run("timeout", "1", "cat", mnt.snapshot(disk, "slow", "wait"))
    assert result.status == 124 and result.seconds < 3


def test_many_waiters_cost_one_poll_together(mnt, sim):
    disks = [mnt.add_disk() for _ in range(3)]
    snapshots = [(disk, creating(mnt, disk, f"s{i}")) for disk in disks for i in range(10)]
    threads = thread_count(mnt)
    with sim.counting() as count:
        waiters = [start("cat", mnt.snapshot(disk, snapshot, "wait")) for disk, snapshot in snapshots]
        holds_for(lambda: all(waiter.poll() is None for waiter in waiters), 6, "waiting")
        assert thread_count(mnt) <= threads + 1
    assert 1 <= count.requests["DescribeSnapshots"] <= 6
    sim.patch(snapshots={snapshot: {"SnapshotState": "NORMAL", "Percent": 100} for _, snapshot in snapshots})
    for waiter in waiters:
        assert finish(waiter, 15).out == "NORMAL 100\n"


def thread_count(mnt):
    return int(shell('grep ^Threads: "$1"', f"/proc/{mnt.pid}/status").out.split()[1])


@pytest.mark.core
def test_status_is_never_older_than_two_seconds_while_in_progress(mnt, sim, disk):
    """ttl is 60: only what is in progress is asked for again so soon."""
    snapshot = creating(mnt, disk, percent=10)
    path = mnt.snapshot(disk, "slow", "status")
    before = mnt.read(path)
    sim.patch(snapshots={snapshot: {"Percent": 66}})
    wait_until(lambda: mnt.read(path) != before, 2 + 2, "the new percent")
    settle(sim, snapshot)
    wait_until(lambda: mnt.read(path) == "NORMAL 100\n", 2 + 2, "the end")
    assert mnt.value(mnt.snapshot(disk, "slow", "state")) == own_state("NORMAL")


def test_state_and_percent_are_as_fresh_as_status(mnt, sim, disk):
    snapshot = creating(mnt, disk, percent=10)
    assert mnt.value(mnt.snapshot(disk, "slow", "state")) == own_state("CREATING")
    settle(sim, snapshot)
    wait_until(lambda: mnt.value(mnt.snapshot(disk, "slow", "percent")) == "100", 4, "percent")
    wait_until(lambda: mnt.value(mnt.snapshot(disk, "slow", "state")) == own_state("NORMAL"), 4, "state")


def test_reading_status_all_the_time_costs_one_poll_an_interval(mnt, sim, disk):
    creating(mnt, disk)
    path = mnt.snapshot(disk, "slow", "status")
    mnt.read(path)
    with sim.counting() as count:
        holds_for(lambda: run("cat", path).status == 0, 5, "reading")
    assert count.total <= 4


def test_nobody_looking_costs_nothing(mnt, sim, disk):
    creating(mnt, disk)
    mnt.read(mnt.snapshot(disk, "slow", "status"))
    wait_until(lambda: quiet(sim), 15, "the last poll")
    with sim.counting() as count:
        holds_for(lambda: True, 5)
    assert count.total == 0


def quiet(sim):
    """No request during two polling intervals."""
    with sim.counting() as count:
        try:
            holds_for(lambda: True, 4.2)
        except AssertionError:
            return False
    return count.total == 0


def test_what_is_settled_is_not_asked_for_again(mnt, sim, disk):
    mnt.add_snapshot(disk, "done")
    path = mnt.snapshot(disk, "done", "status")
    mnt.read(path)
    with sim.counting() as count:
        for _ in range(50):
            assert mnt.read(path) == "NORMAL 100\n"
    assert count.total == 0


@pytest.mark.core
def test_poll_wakes_when_status_changes(mnt, sim, disk):
    snapshot = creating(mnt, disk)
    poller = start("/usr/bin/python3", "-c", POLLER, mnt.snapshot(disk, "slow", "status"), "open-again")
    holds_for(lambda: poller.poll() is None, 0.7, "polling")
    settle(sim, snapshot)
    assert finish(poller, 20).out.split() == ["CREATING", "POLLPRI", "NORMAL"]


def test_a_seek_reads_status_anew_after_poll(mnt, sim, disk):
    """The sysfs convention: wake, seek to the start, read the new value on the same descriptor."""
    snapshot = creating(mnt, disk)
    poller = start("/usr/bin/python3", "-c", POLLER, mnt.snapshot(disk, "slow", "status"))
    holds_for(lambda: poller.poll() is None, 0.7, "polling")
    settle(sim, snapshot)
    assert finish(poller, 20).out.split() == ["CREATING", "POLLPRI", "NORMAL"]


def test_poll_is_silent_while_nothing_changes(mnt, disk):
    mnt.add_snapshot(disk, "still")
    poller = start("/usr/bin/python3", "-c", POLLER.replace("20000", "1500"),
                   mnt.snapshot(disk, "still", "status"))
    assert finish(poller).out.split() == ["NORMAL", "nothing", "NORMAL"]


def test_wait_ends_when_the_snapshot_vanishes(mnt, sim, disk):
    snapshot = creating(mnt, disk)
    waiter = start("cat", mnt.snapshot(disk, "slow", "wait"))
    holds_for(lambda: waiter.poll() is None, 0.7, "waiting")
    sim.patch(remove=[snapshot])
    finish(waiter, 20)
    wait_until(lambda: not mnt.exists(mnt.snapshot(disk, snapshot, "id")), 10, "its entry to go")


def test_wait_for_a_rollback(mnt, sim, disk):
    mnt.add_snapshot(disk, "back")
    assert_done(shell('echo 1 > "$1"', mnt.snapshot(disk, "back", "rollback")))
    assert mnt.read(mnt.snapshot(disk, "back", "status")).startswith("ROLLBACKING ")
    result = assert_done(run("cat", mnt.snapshot(disk, "back", "wait"), timeout=20))
    assert result.out == "NORMAL 100\n" and result.seconds > 0.5


def test_a_rising_percent_is_seen(mnt, disk):
    assert_done(run("mkdir", mnt.snapshot(disk, "rising")))
    path = mnt.snapshot(disk, "rising", "status")
    seen = []

    def settled():
        text = mnt.read(path)
        if text not in seen:
            seen.append(text)
        return text == "NORMAL 100\n"

    wait_until(settled, 15, "NORMAL 100")
    percents = [int(text.split()[1]) for text in seen]
    assert percents == sorted(percents) and len(seen) >= 2


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.core), signal.SIGTERM,
                                    signal.SIGKILL])
def test_a_signal_ends_one_wait_and_no_other(mnt, sim, disk, number):
    snapshot = creating(mnt, disk)
    victim, other = (start("cat", mnt.snapshot(disk, "slow", "wait")) for _ in range(2))
    holds_for(lambda: victim.poll() is None and other.poll() is None, 0.7, "waiting")
    victim.send_signal(number)
    result = finish(victim, 10)
    assert result.status == -number and result.seconds < 1
    assert other.poll() is None
    settle(sim, snapshot)
    assert finish(other, 15).out == "NORMAL 100\n"
