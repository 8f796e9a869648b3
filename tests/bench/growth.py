# SPDX-License-Identifier: Apache-2.0
"""What more snapshots cost: memory, refreshing, looking something up, listing a disk, making one."""
import os

import wire
from commands import wait_until
from place import LONG, NotHere, exact_seconds, has_option, resident
from table import Spread

SIZES = ((10, 100), (100, 100), (1000, 100), (10000, 100))
PAIRS = 9


def known(place, mount, account, listings):
    """Waits until the mount knows everything from a listing of its own and nothing is under way."""
    def is_known():
        stats = place.stats(mount)
        return (int(stats["listings"]) > listings and int(stats["snapshots"]) >= account_snapshots
                and int(stats["in_flight"]) == 0 and int(stats["queued"]) == 0)

    account_snapshots = account.stats()["snapshots"]
    wait_until(is_known, 600, "the whole catalogue")


def refresh(place, mount, account):
    """Lists everything anew; returns the daemon's seconds of CPU."""
    listings, cpu = int(place.stats(mount)["listings"]), exact_seconds(mount.pid)
    with open(mount.path(".cbsfs", "refresh"), "w", encoding="ascii") as file:
        file.write("now\n")
    with os.scandir(mount.path("snapshots")) as entries:
        next(entries)
    known(place, mount, account, listings)
    return exact_seconds(mount.pid) - cpu


def new_names(mount, disks, count):
    """Paths that the kernel has not been asked for: a file of each of some snapshots, spread over the disks."""
    step = max(1, len(disks) // 20)
    paths = [f"disks/{disk}/snapshots/{name}" for disk in disks[1::step] for name in os.listdir(mount.disk(disk, "snapshots"))]
    return paths[:count]


def look_up(place, mount, paths, file):
    """Seconds of looking up one file in each of these, for the first time."""
    return Spread.of(place.each([f"{path}/{file}" for path in paths], mount.point)).middle / 1e9


def measure_growth(place, table):
    sizes = SIZES if not place.quick else ((2, 10), (4, 10), (8, 10), (16, 10))
    if not place.quick and not has_option("rate"):
        # At 20 calls a second a million would take eight minutes.
        sizes = sizes[:2]
    curves = {name: {} for name in ("memory", "refresh", "look-up", "ls")}
    for disks, each in sizes:
        with place.part():
            grow(place, curves, disks, each)
    table.curves.update(curves)
    fixed(place, table)
    if len(sizes) < len(SIZES):
        raise NotHere("this cbsfs has no option `rate`, and a million snapshots take eight minutes without it")
    small, large = (disks * each for disks, each in sizes[-2:])
    memory = curves["memory"]
    table.add("memory-slope", (memory[large] - memory[small]) / (large - small),
              f"RSS {memory[small] / 2**20:.1f} and {memory[large] / 2**20:.1f} MiB")


def grow(place, curves, disks, each):
    """One point of each curve."""
    account = place.account(disks, each)
    mount = place.mount(account, LONG)
    names = place.know_all(mount, account)
    n = disks * each
    curves["memory"][n] = resident(mount.pid)
    curves["refresh"][n] = refresh(place, mount, account)
    paths = new_names(mount, names, 2000)
    place.each(paths, mount.point)
    curves["look-up"][n] = look_up(place, mount, paths, "size")
    place.timed("ls", mount.disk(names[1], "snapshots"), alone=True)
    curves["ls"][n] = Spread.of([place.timed("ls", mount.disk(names[1], "snapshots"), alone=True) for _ in range(PAIRS)]).middle
    table_line = ", ".join(f"{what} {curve[n]:.4g}" for what, curve in curves.items())
    print(f"        {n:,} snapshots: {table_line}", flush=True)


def fixed(place, table):
    """Of an account with one disk and no snapshot, after a call."""
    with place.part():
        far = wire.Far(place, place.account(1, 0), 0)
        mount = far.mount(LONG)
        os.listdir(mount.path("disks"))
        table.add("memory-fixed", round(resident(mount.pid) / 2**20, 1), f"RSS, {far.how}")


def measure_refresh(place, table):
    disks, each = 10, place.size(10000, 50)
    ttl, rounds = place.size(12, 2), 4
    # malloc's own store of freed blocks would count as used.
    plain = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
    with place.part():
        account = place.account(disks, each)
        mount = place.mount(account, f"ttl={ttl}", environment=plain)
        name = place.know_all(mount, account)[1]
        before = None
        for turn in range(rounds):
            # Until it is stale; who looks then brings the next listing about.
            listings = int(place.stats(mount)["listings"])
            wait_until(lambda: float(place.stats(mount)["snapshots_age"]) > ttl or int(place.stats(mount)["listings"]) > listings,  # pylint: disable=W0640
                       3 * ttl, "what is known to be stale")
            with os.scandir(mount.path("snapshots")) as entries:
                next(entries)
            known(place, mount, account, listings)
            paths = [f"disks/{name}/snapshots"]
            cost = place.requests(mount, lambda: place.loop("ls", paths, 1, mount.point))  # pylint: disable=W0640
            # Until then connections are made that stay.
            if turn == 1:
                before = resident(mount.pid), int(place.stats(mount)["memory"])
        kept = int(place.stats(mount)["memory"]) - before[1]
        # Less than a page for all of them is no allocation that stays for each.
        table.add("refresh-memory", 0 if abs(kept) < 4096 or kept < 0 else kept,
                  f"{kept:+,} B allocated and {(resident(mount.pid) - before[0]) / 1024:+,.0f} KiB RSS in {rounds - 2} refreshes")
        table.add("refresh-requests", cost, f"{each:,} entries")


def measure_scale(place, table):
    small, large = place.size((100, 100), (30, 5)), place.size((1000, 100), (60, 5))
    with place.part():
        mounts = []
        for disks, each in (small, large):
            # As long as the simulator takes in either, so that the daemon sleeps, and its caches cool, alike.
            account = place.account(disks, each, "--create-time", 3600, "--latency", 20)
            mount = place.mount(account, LONG)
            mounts.append((mount, place.know_all(mount, account)))
        times = {"ls": ([], []), "lookup": ([], []), "mkdir": ([], [])}
        paths = [new_names(mount, names, 500) for mount, names in mounts]
        for (mount, names), known_paths in zip(mounts, paths):
            place.each(known_paths, mount.point)
            place.timed("ls", mount.disk(names[1], "snapshots"), alone=True)
        for turn in range(PAIRS):
            for side, (mount, names) in enumerate(mounts):
                times["ls"][side].append(place.timed("ls", mount.disk(names[1], "snapshots"), alone=True))
                file = ("id", "name", "disk", "state", "percent", "size", "created", "type", "zone")[turn]
                times["lookup"][side].append(look_up(place, mount, paths[side], file))
                times["mkdir"][side].append(make(mount, names, turn))
        for what, (one, ten) in times.items():
            sizes = f"{small[0] * small[1]:,} and {large[0] * large[1]:,} snapshots"
            table.ratio(f"scale-{what}", ten, one, f"{sizes}: {Spread.of(one).middle * 1e6:,.0f} and {Spread.of(ten).middle * 1e6:,.0f} µs")


def make(mount, names, turn):
    """The daemon's seconds for one mkdir: the simulator's grow with its account, and are not ours.

    The median of some disks: while a snapshot is made its disk takes no other one.
    """
    times = []
    for name in names[turn * 3:turn * 3 + 3]:
        path = mount.snapshot(name, f"made-{turn}")
        began = exact_seconds(mount.pid)
        try:
            os.mkdir(path)
        except OSError as reason:
            raise NotHere(f"mkdir was refused: {reason.strerror}") from None
        times.append(exact_seconds(mount.pid) - began)
    return Spread.of(times).middle
