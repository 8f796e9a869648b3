# SPDX-License-Identifier: Apache-2.0
"""`.cbsfs/events`: what happened, a line each, as the mount learnt it; and that real programs can follow it."""
import errno
import json
import os
import re
import signal
import time

import pytest

from commands import assert_done, assert_refused, finish, holds_for, run, shell, start, wait_until
from harness import REPOSITORY
from providers import own_state

SIMULATOR = ("--create-time", "1", "--rollback-time", "1")
OPTIONS = ("ttl=1", "timeout=4", "allow_delete")
LIMIT = 1 << 20


def parse(text):
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def events(mount, **wanted):
    """The lines that have these members."""
    found = parse(mount.read(mount.path(".cbsfs", "events")))
    return [event for event in found if all(event.get(key) == value for key, value in wanted.items())]


def wait_for_event(mount, seconds=15, **wanted):
    return wait_until(lambda: events(mount, **wanted), seconds, f"the event {wanted}")[-1]


def names(mount, disk):
    return [event["event"] for event in events(mount, disk=disk)]


@pytest.fixture
def known(mnt, disk):
    """A disk of which the mount knows the snapshots."""
    assert mnt.snapshots(disk) == []
    return disk


@pytest.mark.needs("simulator")
def test_what_is_there_at_first_is_no_news(own):
    sim = own.simulator("--disks", "3", "--snapshots", "40")
    mount = own.mount(sim, "ttl=1")
    disks = mount.list("disks")
    for disk in disks:
        mount.snapshots(disk)
    assert_done(run("find", mount.path("disks"), "-maxdepth", "3"))
    assert [event["event"] for event in events(mount)] == ["mounted"]
    first = events(mount)[0]
    assert first["number"] == 1 and first["region"] == sim.region
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first["time"])


def test_a_snapshot_from_its_making_to_its_end(mnt, known):
    assert_done(run("mkdir", mnt.snapshot(known, "one")))
    assert names(mnt, known) == ["job_begun", "snapshot_appeared", "job_accepted"]
    assert mnt.read(mnt.snapshot(known, "one", "wait")) == "NORMAL 100\n"
    settled = wait_for_event(mnt, event="snapshot_settled", disk=known)
    assert (settled["was"], settled["status"], settled["state"]) == ("CREATING", "NORMAL", own_state("NORMAL"))
    assert settled["path"] == f"disks/{known}/snapshots/one"
    assert_done(run("mv", mnt.snapshot(known, "one"), mnt.snapshot(known, "two")))
    renamed = wait_for_event(mnt, event="snapshot_renamed", disk=known)
    assert (renamed["was"], renamed["name"]) == ("one", "two") and renamed["path"].endswith("/two")
    assert_done(run("rmdir", mnt.snapshot(known, "two")))
    assert names(mnt, known)[4:] == ["job_begun", "snapshot_renamed", "job_accepted",
                                     "job_begun", "snapshot_gone", "job_accepted"]
    jobs = [event["job"] for event in events(mnt, disk=known, event="job_begun")]
    assert jobs == sorted(set(jobs)) and all(isinstance(job, int) for job in jobs)
    assert [event["number"] for event in events(mnt)] == list(range(1, len(events(mnt)) + 1))


def test_a_rollback(mnt, known):
    assert_done(run("mkdir", mnt.snapshot(known, "one")))
    mnt.read(mnt.snapshot(known, "one", "wait"))
    assert_done(shell('echo 1 > "$1"', mnt.snapshot(known, "one", "rollback")))
    wait_for_event(mnt, event="snapshot_changed", disk=known, status="ROLLBACKING")
    assert_done(run("cat", mnt.snapshot(known, "one", "wait")))
    last = wait_until(lambda: [event for event in events(mnt, disk=known, event="snapshot_settled")
                               if event["was"] == "ROLLBACKING"], 15, "the end of the rollback")[-1]
    assert last["status"] == "NORMAL"


@pytest.mark.needs("simulator")
def test_what_others_do(mnt, sim, known):
    snapshot = sim.add_snapshot(known, "theirs")
    mnt.show(mnt.snapshot(known, "theirs"))
    assert events(mnt, event="snapshot_appeared", snapshot=snapshot)[0]["name"] == "theirs"
    sim.patch(snapshots={snapshot: {"SnapshotName": "other"}})
    mnt.show(mnt.snapshot(known, "other"))
    assert events(mnt, event="snapshot_renamed", snapshot=snapshot)[0]["was"] == "theirs"
    sim.patch(remove=[snapshot])
    wait_until(lambda: not mnt.exists(mnt.snapshot(known, "other")), 15, "the end of the snapshot")
    gone = wait_for_event(mnt, event="snapshot_gone", snapshot=snapshot)
    assert gone["path"] == f"disks/{known}/snapshots/other" and "status" not in gone
    mnt.list("disks")
    new = mnt.add_disk()
    assert events(mnt, event="disk_appeared", disk=new)
    sim.patch(remove=[new])
    wait_until(lambda: mnt.list("disks") and events(mnt, event="disk_gone", disk=new), 15, "the end of the disk")


@pytest.mark.needs("words")
@pytest.mark.only("tencent")
def test_a_failure_says_all(mnt, sim, known):
    sim.fault("CreateSnapshot", "error", code="InsufficientSnapshotQuota", message="no more\nof them")
    assert_refused(run("mkdir", mnt.snapshot(known, "one")), errno.EDQUOT)
    failed = wait_for_event(mnt, event="job_failed", disk=known)
    assert failed["errno"] == "EDQUOT" and failed["code"] == "InsufficientSnapshotQuota"
    assert failed["message"].startswith("no more?of them") and failed["operation"] == "mkdir" and failed["request_id"]
    assert failed["request_id"] in mnt.read(mnt.disk(known, "error"))
    # What was never asked of the cloud is a refusal of the mount's own.
    assert_refused(run("mkdir", mnt.path("disks", "new")), errno.EPERM)
    refused = wait_for_event(mnt, event="refused", operation="mkdir")
    assert refused["errno"] == "EPERM" and refused["path"] == "disks/new" and "request_id" not in refused


@pytest.mark.needs("simulator")
def test_an_outcome_that_is_not_known_at_first(own):
    sim = own.simulator("--create-time", "1")
    disk = sim.add_disk()
    mount = own.mount(sim, "ttl=1", "timeout=2")
    assert mount.snapshots(disk) == []
    sim.faults({"action": "CreateSnapshot", "kind": "hang", "after": True},
               {"action": "DescribeSnapshots", "kind": "hang", "times": 0})
    assert_refused(run("mkdir", mount.snapshot(disk, "one")), errno.ETIMEDOUT)
    assert wait_for_event(mount, event="job_unknown")["errno"] == "ETIMEDOUT"
    sim.faults()
    settled = wait_for_event(mount, 30, event="job_settled")
    assert settled["outcome"] == "done" and "errno" not in settled and settled["snapshot"]


@pytest.mark.needs("simulator")
def test_a_cloud_that_goes_away_and_comes_back(own):
    sim = own.simulator()
    mount = own.mount(sim, "ttl=1", "timeout=2")
    mount.list("disks")
    sim.fault("*", "drop-before", times=0)

    def look(event):
        mount.refresh()
        run("ls", mount.path("disks"))
        return events(mount, event=event)

    gone = wait_until(lambda: look("cloud_unreachable"), 20, "the event")
    assert len(gone) == 1 and gone[0]["errno"] and gone[0]["message"]
    sim.faults()
    assert len(wait_until(lambda: look("cloud_reachable"), 40, "the event")) == 1
    assert events(mount, event="failed", operation="look")


@pytest.mark.only("tencent")
def test_a_cloud_that_throttles_is_told_once_a_minute(own):
    sim = own.simulator()
    mount = own.mount(sim, "ttl=1")
    sim.fault("DescribeDisks", "throttle", times=6)
    for _ in range(3):
        mount.refresh()
        mount.list("disks")
    assert len(events(mount, event="throttled")) == 1
    assert events(mount, event="throttled")[0]["code"].startswith("RequestLimitExceeded")


@pytest.mark.only("tencent")
def test_a_credential_that_is_refused(own):
    sim = own.simulator()
    mount = own.mount(sim, "ttl=1")
    sim.fault("DescribeDisks", "error", code="AuthFailure.SignatureFailure", message="no", times=0)
    mount.refresh()
    run("ls", mount.path("disks"))
    refused = wait_for_event(mount, event="credential_refused")
    assert refused["code"] == "AuthFailure.SignatureFailure" and refused["errno"] == "EKEYREJECTED"
    sim.faults()
    wait_until(lambda: shell('echo 1 > "$1/.cbsfs/refresh"; ls "$1/disks"', mount.point).status == 0 and
               events(mount, event="credential_accepted"), 15, "the credential is accepted again")


@pytest.mark.only("tencent")
def test_another_region(own):
    sim = own.simulator("--region", "ap-guangzhou,ap-beijing", "--disks", 1)
    mount = own.mount(sim, "ttl=1")
    record = sim.disk_record()
    disk = record["DiskId"]
    sim.patch(region="ap-beijing", disks={disk: record})
    there = mount.path("regions", "ap-beijing", "disks", disk, "snapshots")
    assert assert_done(run("ls", there)).out == ""
    assert [event["event"] for event in events(mount)] == ["mounted"]
    assert_done(run("mkdir", os.path.join(there, "one")))
    appeared = wait_for_event(mount, event="snapshot_appeared", disk=disk)
    assert appeared["region"] == "ap-beijing"
    assert appeared["path"] == f"regions/ap-beijing/disks/{disk}/snapshots/one"
    assert wait_for_event(mount, event="job_accepted", disk=disk)["path"] == appeared["path"]
    assert_done(run("cat", os.path.join(there, "one", "wait")))


def test_each_has_its_row():
    texts = {}
    for name in ("docs/semantics.md", "src/store/news.c"):
        with open(os.path.join(REPOSITORY, name), encoding="utf-8") as file:
            texts[name] = file.read()
    rows = set(re.findall("`([a-z_]+)`", "".join(re.findall(r"^\| (`.+?) \|", texts["docs/semantics.md"], re.MULTILINE))))
    names = set(re.findall(r'"((?:disk|snapshot|job|cloud|credential)_[a-z]+|throttled|failed|refused)"',
                           texts["src/store/news.c"]))
    assert len(names) > 15 and names | {"mounted", "left_out"} <= rows


# --- following ----------------------------------------------------------------------------------------------------

def test_a_listing_is_not_disturbed(mnt):
    before = os.stat(mnt.path(".cbsfs", "events"))
    assert mnt.list(".cbsfs") == sorted(mnt.list(".cbsfs"))
    for name in ("events", "events.1"):
        status = os.stat(mnt.path(".cbsfs", name))
        assert status.st_size == len(mnt.read(mnt.path(".cbsfs", name)).encode())
    result = assert_done(shell('cd "$1" && tar c events events.1 | tar xO | wc -c; cp events "$2"; stat -c %s "$2"',
                               mnt.path(".cbsfs"), os.path.join(mnt.home, "copy")))
    assert result.out.split() == [str(before.st_size + os.stat(mnt.path(".cbsfs", "events.1")).st_size),
                                  str(before.st_size)]
    assert_refused(shell('echo x >> "$1"', mnt.path(".cbsfs", "events")), errno.EPERM)


@pytest.mark.parametrize("option", ["-f", "-F"])
def test_tail_tells_when_it_is_done(mnt, sim, known, option):
    """Nobody looks at the snapshot: that somebody follows the events is enough to hear how it ends."""
    copy = os.path.join(mnt.home, f"tail{option}")
    process = start("sh", "-c", 'exec tail -n 1 "$1" "$2" > "$3" 2>&1', "sh", option, mnt.path(".cbsfs", "events"), copy)
    wait_until(lambda: os.path.exists(copy) and os.path.getsize(copy), 5, "tail")
    assert_done(run("mkdir", mnt.snapshot(known, option)))
    with open(copy, encoding="utf-8") as file:
        wait_until(lambda: "snapshot_settled" in file.read(), 15, "the end of the creation")
    process.send_signal(signal.SIGTERM)
    finish(process)
    with open(copy, encoding="utf-8") as file:
        numbers = [event["number"] for event in parse(file.read())]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@pytest.mark.needs("simulator")
def test_who_reads_and_goes_asks_nothing(own):
    sim = own.simulator("--create-time", "1")
    disk = sim.add_disk()
    mount = own.mount(sim, "ttl=600")
    assert mount.snapshots(disk) == []
    assert_done(run("mkdir", mount.snapshot(disk, "alone")))

    def reads():
        mount.read(mount.path(".cbsfs", "events"))
        run("stat", mount.path(".cbsfs", "events"))
        return True

    with sim.counting() as count:
        holds_for(reads, 3)
    assert count.total == 0 and "snapshot_settled" not in names(mount, disk)


def grow(mount, disk):
    """Others rename hundreds of snapshots until the file has begun anew."""
    mount.snapshots(disk)
    records = [mount.simulator.snapshot_record(disk, "first") for _ in range(450)]
    before = os.path.join(mount.point, ".cbsfs", "events.1")
    for turn in range(20):
        for record in records:
            record["SnapshotName"] = f"{turn}-{record['SnapshotId']}-" + "x" * 180
        mount.simulator.patch(snapshots={record["SnapshotId"]: record for record in records})
        mount.show(mount.snapshot(disk, records[-1]["SnapshotName"]))
        if os.stat(before).st_size > 0:
            return
        seconds = time.monotonic()
        wait_until(lambda: time.monotonic() > seconds + 1, 2)  # of more in a second only the number is told
    raise AssertionError("the file did not begin anew")


@pytest.mark.needs("simulator")
@pytest.mark.limit(120)
def test_tail_goes_on_when_the_file_begins_anew(own):
    """A megabyte later the file is short again: tail says so and misses nothing, and what was there is in events.1."""
    sim = own.simulator()
    disk = sim.add_disk()
    mount = own.mount(sim, "ttl=60")
    copy = os.path.join(mount.home, "tail")
    follower = start("sh", "-c", 'exec tail -n +1 -f "$1" > "$2"', "sh", mount.path(".cbsfs", "events"), copy)
    wait_until(lambda: os.path.exists(copy) and os.path.getsize(copy), 5, "tail")
    grow(mount, disk)
    last = events(mount)[-1]["number"]

    def caught_up():
        with open(copy, encoding="utf-8") as file:
            text = file.read()
        return text.endswith("\n") and json.loads(text.splitlines()[-1])["number"] >= last and text

    numbers = [event["number"] for event in parse(wait_until(caught_up, 10, "tail has read all"))]
    assert numbers == list(range(1, len(numbers) + 1))
    follower.send_signal(signal.SIGTERM)
    assert "file truncated" in finish(follower).err
    old = mount.read(mount.path(".cbsfs", "events.1"))
    assert LIMIT / 2 <= len(old) <= LIMIT and parse(old)[0]["event"] == "mounted"
    assert parse(old)[-1]["number"] + 1 >= events(mount)[0]["number"]
