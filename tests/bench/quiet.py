# SPDX-License-Identifier: Apache-2.0
"""What others feel of those who wait, what many readers of one thing cost, and what happens when nobody looks."""
import os
import time

from commands import finish, start, wait_until
from place import LONG, exact_seconds, status_of
from table import Spread

READERS = 32
# Names that the kernel has not asked for yet, so that each look-up is answered by the daemon.
FILES = ("id", "name", "disk", "state", "percent", "size", "created", "type", "zone", "usage")


def measure_waiting(place, table):
    pairs = 5
    with place.part():
        account = place.account(place.size(100, 4), place.size(50, 20), "--latency", 100)
        disk = account.add_disk()
        records = [account.snapshot_record(disk, f"slow{i}", SnapshotState="CREATING", Percent=5) for i in range(READERS)]
        account.patch(snapshots={record["SnapshotId"]: record for record in records})
        mount = place.mount(account, LONG)
        place.know_all(mount, account)
        snapshots = [f"disks/{name}/snapshots/{entry}" for name in place.disks(mount) if name != disk
                     for entry in os.listdir(mount.disk(name, "snapshots"))]
        alone, beside = [], []
        for pair in range(pairs):
            alone.append(percentile(place, mount, snapshots, FILES[2 * pair]))
            waiting = [start("cat", mount.snapshot(disk, f"slow{i}", "wait")) for i in range(READERS)]
            wait_until(lambda: place.stats(mount)["parked"] == str(READERS), 20, "all readers to wait")
            beside.append(percentile(place, mount, snapshots, FILES[2 * pair + 1]))
            assert place.stats(mount)["parked"] == str(READERS), "the readers did not wait all the time"
            for reader in waiting:
                reader.kill()
                finish(reader)
        table.ratio("waiting", beside, alone, f"{Spread.of(beside).middle / 1000:.0f} µs and "
                    f"{Spread.of(alone).middle / 1000:.0f} µs, {len(snapshots):,} look-ups each")


def percentile(place, mount, snapshots, file):
    """Nanoseconds of which 99 in 100 look-ups took less."""
    place.each(snapshots, mount.point)
    times = sorted(place.each([f"{path}/{file}" for path in snapshots], mount.point))
    return times[len(times) * 99 // 100]


def measure_single(place, table):
    each = place.size(31, 3)
    with place.part():
        account = place.account(10, 10)
        mount = place.mount(account, "ttl=600")
        disk = place.disks(mount)[0]
        parts = ("disks", disk, "snapshots", os.listdir(mount.disk(disk, "snapshots"))[0], "status")
        place.remove(mount)
        path = place.mount(account, "ttl=600").path(*parts)
        with account.counting() as first:
            with open(path, encoding="utf-8") as file:
                file.read()
        with account.counting() as count:
            readers = [start("sh", "-c", 'for i in $(seq "$2"); do cat "$1"; done', "sh", path, each) for _ in range(READERS)]
            for reader in readers:
                assert finish(reader, 60).out.count("\n") == each
        table.add("single", count.total, f"{READERS * each:,} `cat` by {READERS} readers, after one that cost {first.total}")


def wake_ups(pid):
    """How often the threads of a process have slept by themselves, after each of which they were woken."""
    return sum(status_of(f"{pid}/task/{task}", "voluntary_ctxt_switches") for task in os.listdir(f"/proc/{pid}/task"))


def measure_idle(place, table):
    seconds = 3600 if place.hour else place.size(20, 2)
    with place.part():
        account = place.account(100, place.size(100, 5))
        # Short, so that what is known is long stale while nobody looks.
        mount = place.mount(account, "ttl=5" if seconds > 10 else "ttl=1")
        place.know_all(mount, account)
        time.sleep(1)
        calls, woken, cpu = sum(account.stats()["requests"].values()), wake_ups(mount.pid), exact_seconds(mount.pid)
        time.sleep(seconds)
        woken = wake_ups(mount.pid) - woken
        cpu = exact_seconds(mount.pid) - cpu
        calls = sum(account.stats()["requests"].values()) - calls
        sampled = "the whole hour" if place.hour else f"sampled for {seconds} s with a ttl of 5 s"
        table.add("idle-calls", calls, sampled)
        table.add("idle-wakeups", woken / seconds, f"{woken} wake-ups and {cpu * 1000:.1f} ms of CPU in {seconds} s")
