# SPDX-License-Identifier: Apache-2.0
"""What the kernel answers by itself, against tmpfs: stat, cat, `ls -l` and `find`, and the first `ls -l`."""
import os

from place import LONG
from table import Spread

ROUNDS = 7
MOST_PASSES = 8
ENTRIES = 17 + 1  # of a snapshot: its files and itself
A_DISK = 26       # a disk's own entries
# Bytes for an entry: the kernel's inode and name of a mount, and of tmpfs, and what it keeps of directories.
AN_ENTRY = 2600


def statuses(mount, disks):
    """The paths of every snapshot's `status`, below the mount."""
    return [f"disks/{disk}/snapshots/{name}/status" for disk in disks for name in os.listdir(mount.disk(disk, "snapshots"))]


def measure_warm(place, table):
    disks, snapshots = place.size(100, 4), place.size(100, 10)
    with place.part():
        account = place.account(disks, snapshots)
        mount = place.mount(account, LONG)
        names = place.know_all(mount, account)
        paths = statuses(mount, names)
        tmpfs = place.copy(mount, "disks")
        place.loop("cat", paths, 2, mount.point, tmpfs)
        place.loop("stat", paths, 2, mount.point, tmpfs)
        n = len(paths)

        cost = place.requests(mount, lambda: place.loop("stat", paths, 1, mount.point))
        table.add("requests-stat", cost / n, f"{cost} for {n:,} paths")
        cost = place.requests(mount, lambda: place.loop("cat", paths, 1, mount.point))
        table.add("requests-cat", round(cost / n, 3), f"{cost:,} for {n:,} files")
        table.add("requests-getxattr", *getxattr(place, mount, paths))
        for key, kind, what in (("stat-distinct", "stat", f"{n:,} paths"), ("stat-same", "same", "100,000 times"),
                                ("cat", "cat", f"{n:,} files")):
            mine, theirs = place.loop(kind, paths, ROUNDS, mount.point, tmpfs)
            table.ratio(key, theirs, mine, f"{what}, {rates(mine, theirs)}")


def getxattr(place, mount, paths):
    """Requests for one file's attribute, of many files, after it was asked for the first time."""
    def ask(path):
        try:
            os.getxattr(mount.path(path), "user.anything")
        except OSError:
            pass

    ask(paths[0])
    cost = place.requests(mount, lambda: [ask(path) for path in paths])
    return cost / len(paths), f"{cost} for {len(paths):,} files"


def rates(mine, theirs):
    """How many a second, in words."""
    return f"{1 / Spread.of(mine).middle / 1000:,.0f}k/s and {1 / Spread.of(theirs).middle / 1000:,.0f}k/s"


def copy_of_names(place, mount, disk):
    """Directories of a disk's snapshots, on tmpfs."""
    target = place.memory()
    for name in os.listdir(mount.disk(disk, "snapshots")):
        os.makedirs(os.path.join(target, "disks", disk, "snapshots", name))
    return target


def measure_listing(place, table):
    first_listings(place, table, place.size(10000, 300))
    with place.part():
        account = place.account(1, place.size(100000, 600))
        mount = place.mount(account, LONG)
        disk = place.disks(mount)[0]
        warm_listing(place, table, "ls-100000", mount, disk, copy_of_names(place, mount, disk))


def first_listings(place, table, entries):
    with place.part():
        account = place.account(ROUNDS + 1, entries)
        mount = place.mount(account, LONG)
        known, *others = place.know_all(mount, account)
        tmpfs = copy_of_names(place, mount, known)
        there = [f"disks/{known}/snapshots"]
        place.loop("ls", there, 2, tmpfs)
        mine, theirs, costs = [], [], []
        for disk in others:
            here = [f"disks/{disk}/snapshots"]
            costs.append(place.requests(mount, lambda: mine.extend(place.loop("ls", here, 1, mount.point)[0])))  # pylint: disable=W0640
            theirs += place.loop("ls", there, 1, tmpfs)[0]
        spread = Spread.of(costs)
        table.add("requests-first", spread.middle, f"{entries:,} entries, {len(others)} directories", spread)
        table.ratio("ls-first", theirs, mine, f"{len(others)} directories, {rates(mine, theirs)}")
        cost = place.requests(mount, lambda: place.loop("ls", there, 1, mount.point))
        # The directory itself is looked at, opened and closed, once for all of its entries.
        table.add("requests-ls", max(cost - 3, 0) / entries, f"{cost} for the directory and {entries:,} entries")
        warm_listing(place, table, "ls-10000", mount, known, tmpfs)


def warm_listing(place, table, key, mount, disk, tmpfs):
    paths = [f"disks/{disk}/snapshots"]
    place.loop("ls", paths, 2, mount.point, tmpfs)
    mine, theirs = place.loop("ls", paths, ROUNDS, mount.point, tmpfs)
    table.ratio(key, theirs, mine, f"{len(mine)} pairs, {rates(mine, theirs)}")


def available_memory():
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable:"))


def measure_find(place, table):
    snapshots = place.size(100, 10)
    a_disk = (snapshots * ENTRIES + A_DISK) * AN_ENTRY
    disks = max(1, min(place.size(1000, 4), int(available_memory() * 0.6 / a_disk)))
    with place.part():
        account = place.account(disks, snapshots)
        mount = place.mount(account, LONG)
        place.know_all(mount, account)
        tmpfs = place.copy(mount, "disks", content="")
        place.timed("find", os.path.join(tmpfs, "disks"), alone=True)
        # The kernel keeps what it has read of a directory from its second reading on, of a few from a later one.
        for passes in range(1, MOST_PASSES):
            cost = place.requests(mount, lambda: place.timed("find", mount.path("disks"), alone=True))
            if cost == 0:
                break
        table.add("requests-find", cost, f"find(1) over {disks:,} disks × {snapshots}, time {passes} after a copy of them all")
        mine, theirs = [], []
        for _ in range(5):
            mine.append(place.timed("find", mount.path("disks"), alone=True))
            theirs.append(place.timed("find", os.path.join(tmpfs, "disks"), alone=True))
        table.ratio("find", theirs, mine, f"{disks:,} disks × {snapshots}, {Spread.of(mine).middle:.2f} and {Spread.of(theirs).middle:.2f} s")
