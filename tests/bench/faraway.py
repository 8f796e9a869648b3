# SPDX-License-Identifier: Apache-2.0
"""What a first listing of a large account costs, and a start: at a round trip of 80 ms, over TLS."""
import ctypes
import ctypes.util
import json
import os
import sys
import threading
import time

import wire
from commands import wait_until
from place import HERE, LONG, PROCESSORS, NotHere, exact_seconds
from table import Spread

sys.path.append(os.path.join(os.path.dirname(HERE), "sim"))

import tc3  # noqa: E402  pylint: disable=wrong-import-position

ROUND_TRIP = 0.08
LONG_TRIP = 0.4
RATE = 20


def measure_cold(place, table):
    disks, snapshots = place.size(1000, 10), place.size(100, 20)
    with place.part():
        account = place.account(disks, snapshots, rate=RATE)
        names = some_disks(account)
        # Longer than what this machine and the wire take.
        far = wire.Far(place, account, LONG_TRIP / 2)
        mount = far.mount(LONG, fast=False)
        trips(table, "cold-first", look(mount, names[0]), LONG_TRIP, "on a fresh mount")
        place.remove(mount)

        far = wire.Far(place, account, ROUND_TRIP / 2)
        mount = far.mount(LONG, fast=False)
        # What was asked until here has left the second that the limit is for.
        time.sleep(1.1)
        account.control("DELETE", "/_sim/stats")
        accepted, cpu = far.wire.accepted, exact_seconds(mount.pid)
        began = time.monotonic()
        amid = listing_of_all(account, mount, names)
        wait_until(lambda: place.knows(mount) >= disks * snapshots, 600, "the whole catalogue")
        seconds = time.monotonic() - began
        cpu = exact_seconds(mount.pid) - cpu
        stats = account.stats()

        trips(table, "cold-amid", amid[0], ROUND_TRIP, f"amid it, another disk right behind {amid[1]:,.2f} s")
        pages = disks * snapshots / 100
        calls = stats["requests"]["DescribeSnapshots"]
        table.add("cold-time", seconds / (pages / RATE), f"{seconds:.2f} s for {pages:,.0f} pages, {calls:,} calls, {far.how}")
        refused = sum(stats["errors"].values())
        table.add("cold-refused", refused, f"{refused} of {sum(stats['requests'].values()):,}")
        table.add("cold-peak", max(stats["peak_per_second"].values()), "as the server counted")
        made = far.wire.accepted - accepted
        table.add("cold-connections", made, f"{made} after the {accepted} of the mount, {far.how}")
        try:
            parsing = jansson_seconds(far.wire.pages) * pages
            paced = jansson_seconds(far.wire.pages, 1 / RATE) * pages
            # Between two pages of a listing the processor's caches forget, the parser's as well as the daemon's.
            table.add("cold-cpu", cpu / paced, f"{cpu:.2f} s and {paced:.2f} s, a page each {1000 / RATE:.0f} ms, {far.how}; "
                      f"in a loop without pauses Jansson takes {parsing:.2f} s")
        except OSError as reason:
            table.leave("cold-cpu", str(reason))


def trips(table, key, seconds, trip, when):
    """Less than half a round trip is what this machine and the wire take."""
    table.add(key, round(seconds / trip), f"{seconds / trip:,.2f} × {trip * 1000:.0f} ms {when}")


def look(mount, disk):
    """Seconds until a disk's snapshots are there."""
    began = time.monotonic()
    os.listdir(mount.disk(disk, "snapshots"))
    return time.monotonic() - began


def some_disks(account):
    """Ids, from the API itself: listing them in the mount would already be the listing of all."""
    client = tc3.Client(account.port)
    body = json.dumps({"Limit": 100}).encode()
    _, _, answer = client.send("POST", "/", body, client.headers("DescribeDisks", body))
    return [disk["DiskId"] for disk in json.loads(answer)["Response"]["DiskSet"]]


def listing_of_all(account, mount, names):
    """Until everything is known; returns the seconds that somebody waited meanwhile for a disk, and then for another."""
    def begin():
        # Only the first entries: what the others cost is not the listing's.
        with os.scandir(mount.path("snapshots")) as entries:
            next(entries)

    crawler = threading.Thread(target=begin, daemon=True)
    crawler.start()
    tenth = account.stats()["snapshots"] // 1000
    wait_until(lambda: account.requests("DescribeSnapshots") >= tenth, 60, "a tenth of the listing of all")
    waited = [look(mount, names[-1]), look(mount, names[-2])]
    crawler.join(600)
    return waited


def jansson_seconds(pages, pause=0):
    """CPU of parsing one page and forgetting it, with nothing else: the least that a program on Jansson can take.

    `pause`: seconds between two pages, in which the processor's caches cool as they do in a listing.
    """
    if not pages:
        raise NotHere("no page was seen on the wire")
    library = ctypes.CDLL(ctypes.util.find_library("jansson") or "libjansson.so.4")
    library.json_loadb.restype = ctypes.c_void_p
    library.json_loadb.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p]
    library.json_delete.argtypes = [ctypes.c_void_p]
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, PROCESSORS[:1])
    times = []
    try:
        for page in pages * (1 if pause else 11):
            time.sleep(pause)
            began = time.thread_time()
            tree = library.json_loadb(page, len(page), 0, None)
            assert tree, "a page of the simulator is no JSON"
            library.json_delete(tree)
            times.append(time.thread_time() - began)
    finally:
        os.sched_setaffinity(0, allowed)
    return Spread.of(times).middle


def measure_start(place, table):
    with place.part():
        account = place.account(10, 10)
        far = wire.Far(place, account, LONG_TRIP / 2)
        times = []
        for _ in range(place.size(5, 2)):
            accepted = far.wire.accepted
            began = time.monotonic()
            mount = far.mount(LONG)
            os.stat(mount.path("disks"))
            # The wire does not delay the handshakes of TCP, which are a round trip each.
            times.append((time.monotonic() - began) / LONG_TRIP + (far.wire.accepted - accepted))
            place.remove(mount)
        spread = Spread.of(times)
        # Less than half a round trip is what the processes and the mount itself take.
        table.add("start", round(spread.middle), f"{spread.middle:.2f} × {LONG_TRIP * 1000:.0f} ms, {far.how}, "
                  f"{account.stats()['requests']['DescribeDisks'] // len(times)} call", spread)
