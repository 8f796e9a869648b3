# SPDX-License-Identifier: Apache-2.0
"""How often the cloud is asked, whatever happens at once, and how little when nobody looks.

Every figure is the simulator's, which refuses what comes too soon and counts the most that came within any second.
"""
import os
import re
import signal
import time

import pytest

from commands import SLOWER, assert_done, finish, holds_for, run, start, wait_until

LONG = "ttl=600"
RATE = 20

pytestmark = pytest.mark.only("tencent")


def account(own, disks, snapshots, *arguments):
    return own.simulator("--disks", disks, "--snapshots", snapshots, "--seed", 7, *arguments)


def busy_disk(sim, snapshots):
    """A disk of which some snapshots are in the making for as long as the test takes."""
    disk = sim.add_disk()
    records = [sim.snapshot_record(disk, f"s{i:04d}", **({"SnapshotState": "CREATING", "Percent": 5} if i % 2 else {}))
               for i in range(snapshots)]
    sim.patch(snapshots={record["SnapshotId"]: record for record in records})
    return disk


def wake_ups(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", file.read(), re.M).group(1))


def everything_at_once(own):
    """A crawl, and meanwhile a change, values and waiting; how many calls were refused."""
    sim = account(own, 250, 40, "--latency", "80", "--create-time", "600", "--quota", 1000)
    disk = sim.add_disk()
    records = [sim.snapshot_record(disk, f"s{i:04d}") for i in range(250)]
    sim.patch(snapshots={record["SnapshotId"]: record for record in records})
    mount = own.mount(sim, LONG, "timeout=60")
    crawl = start("find", mount.path("disks"), "-mindepth", "3", "-maxdepth", "3")
    wait_until(lambda: sim.requests("DescribeSnapshots") >= 4, 10, "the crawl")
    listed = run("ls", mount.disk(disk, "snapshots"))
    assert len(assert_done(listed).out.split()) == 250
    # Two trips for each of its three pages, and a place in the rate for each of them.
    assert listed.seconds < 1 * SLOWER
    made = run("mkdir", mount.snapshot(disk, "made"))
    assert_done(made)
    assert made.seconds < 1 * SLOWER
    waiters = [start("cat", mount.snapshot(disk, "made", "wait")) for _ in range(10)]
    for i in range(20):
        assert mount.read(mount.snapshot(disk, f"s{i:04d}", "status")) == "NORMAL 100\n"
    before = sim.log("DescribeSnapshots")
    holds_for(lambda: mount.read(mount.snapshot(disk, "made", "status")).startswith("CREATING"), 2.5, "progress")
    assert any("SnapshotIds" in entry["params"] for entry in sim.log("DescribeSnapshots")[len(before):]), "a poll"
    assert crawl.poll() is None, "the crawl was to be under way"
    assert len(assert_done(finish(crawl, 60)).out.splitlines()) >= 250 * 40 + 250
    for waiter in waiters:
        waiter.send_signal(signal.SIGTERM)
        finish(waiter)
    stats = sim.stats()
    refused = stats["errors"].pop("RequestLimitExceeded", 0)
    assert not stats["errors"]
    assert refused or max(stats["peak_per_second"].values()) <= RATE, stats
    return refused


@pytest.mark.limit(180)
def test_everything_at_once_keeps_to_the_rate(own):
    """As in test_costs.py: a busy machine may stop a process for longer than the pace has to spare."""
    refused = [everything_at_once(own)]
    while refused[-1] > 0:
        assert len(refused) < 4, refused
        refused.append(everything_at_once(own))


@pytest.mark.core
@pytest.mark.limit(90)
def test_a_limit_that_is_lower_than_ours(own):
    """The pace goes down until little is refused, what was refused is asked again, and nobody sees an error."""
    sim = account(own, 80, 100, "--rate", "10", "--create-time", "0.2")
    mount = own.mount(sim, LONG, "timeout=60")
    listing = start("ls", "-U", mount.path("snapshots"))
    wait_until(lambda: sim.stats()["errors"].get("RequestLimitExceeded", 0) > 0, 10, "a refusal")
    disk = sim.add_disk()
    assert_done(run("mkdir", mount.snapshot(disk, "made")))
    assert len(assert_done(finish(listing, 60)).out.splitlines()) >= 80 * 100
    stats = sim.stats()
    refused = stats["errors"].pop("RequestLimitExceeded")
    assert not stats["errors"]
    assert refused <= 0.25 * stats["requests"]["DescribeSnapshots"], stats
    assert int(mount.stats()["throttled"]) == refused


@pytest.mark.limit(90)
def test_what_nobody_waits_for_takes_half(own):
    """A listing whose reader is gone goes on, slowly; who comes back for it makes it fast again."""
    sim = account(own, 100, 100)
    mount = own.mount(sim, LONG, "timeout=60")
    reader = start("ls", "-U", mount.path("snapshots"))
    wait_until(lambda: sim.requests("DescribeSnapshots") >= 18, 10, "the listing")
    reader.send_signal(signal.SIGINT)
    finish(reader)

    def asked_in(seconds):
        before, began = sim.requests("DescribeSnapshots"), time.monotonic()
        wait_until(lambda: time.monotonic() > began + seconds, 2 * seconds)
        return (sim.requests("DescribeSnapshots") - before) / (time.monotonic() - began)

    asked_in(1.2)
    assert 0 < asked_in(3) <= RATE / 2 + 1
    reader = start("ls", "-U", mount.path("snapshots"))
    assert asked_in(2) > 0.8 * RATE / SLOWER
    assert len(assert_done(finish(reader, 60)).out.splitlines()) == 100 * 100
    assert max(sim.stats()["peak_per_second"].values()) <= RATE


@pytest.mark.core
def test_a_rate_of_one(own):
    """Pages wait for their turn for longer than a question may take, and come all the same."""
    sim = account(own, 2, 250, "--rate", "1")
    mount = own.mount(sim, LONG, "timeout=2", "rate=1")
    listed = run("ls", mount.path("snapshots"))
    assert assert_done(listed).out.count("\n") == 500 and listed.seconds > 4
    assert sim.stats()["errors"] == {}
    assert sim.stats()["requests"]["DescribeSnapshots"] == 5


def test_a_listing_that_takes_longer_than_a_question_may(own):
    """The time is not over while page after page comes, and it is when none does."""
    sim = account(own, 100, 70)
    mount = own.mount(sim, LONG, "timeout=2")
    listed = run("ls", mount.path("disks"))
    assert assert_done(listed).out.count("\n") == 100 and listed.seconds > 2.5
    sim = account(own, 100, 70)
    mount = own.mount(sim, LONG, "timeout=2")
    crawl = start("ls", mount.path("disks"))
    wait_until(lambda: sim.requests("DescribeSnapshots") >= 30, 10, "half of the listing")
    sim.fault("DescribeSnapshots", "hang", times=0)
    hung = time.monotonic()
    assert finish(crawl, 10).status != 0
    assert time.monotonic() - hung < 3 * SLOWER
    sim.faults()
    wait_until(lambda: run("ls", mount.path("disks")).out.count("\n") == 100, 40, "the recovery")


@pytest.mark.core
def test_nobody_looks(own):
    """Nothing refreshes itself: what is too old is asked for when somebody wants it."""
    sim = account(own, 10, 10)
    disk = busy_disk(sim, 10)
    mount = own.mount(sim, "ttl=1")
    assert_done(run("ls", "-lR", mount.point))
    assert_done(run("cat", mount.snapshot(disk, "s0001", "status")))
    time_before = time.monotonic()
    wait_until(lambda: time.monotonic() > time_before + 2)
    before, calls, began = wake_ups(mount.pid), sim.stats()["requests"], time.monotonic()
    wait_until(lambda: time.monotonic() > began + 6, 10)
    assert wake_ups(mount.pid) - before <= 6
    assert sim.stats()["requests"] == calls


@pytest.mark.core
def test_a_mount_is_one_question(own):
    """A connection and one exchange; with TLS, one trip more."""
    sim = account(own, 300, 20)
    mount = own.mount(sim, LONG)
    assert sim.stats()["requests"] == {"DescribeDisks": 1}
    assert mount.stats()["connections"] == "1"
    # And none at all when it was not to ask.
    lazy = own.mount(sim, LONG, "lazy")
    assert os.path.ismount(lazy.point) and sim.stats()["requests"] == {"DescribeDisks": 1}


@pytest.mark.core
def test_any_number_of_readers_of_a_status(own):
    sim = account(own, 10, 10, "--latency", "100")
    disk = busy_disk(sim, 20)
    mount = own.mount(sim, LONG)
    mount.snapshots(disk)
    with sim.counting() as count:
        readers = [start("cat", mount.snapshot(disk, f"s{i:04d}", "status")) for i in range(0, 20, 2) for _ in range(5)]
        for reader in readers:
            assert finish(reader).out == "NORMAL 100\n"
    assert count.total == 0, count.requests
    # What is in the making is asked for once in two seconds, for all who look.
    with sim.counting() as count:
        readers = [start("cat", mount.snapshot(disk, f"s{i:04d}", "status")) for i in range(1, 20, 2) for _ in range(5)]
        for reader in readers:
            assert finish(reader).out == "CREATING 5\n"
    assert count.total <= 1 + 2 * SLOWER, count.requests
