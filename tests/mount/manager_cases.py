# SPDX-License-Identifier: Apache-2.0
"""What a person can do with any file manager of a desktop, and what it may cost.

Each manager has a file of tests of its own, so that they run side by side.
"""
import os
import time
from contextlib import contextmanager

from commands import wait_until
from desktop import Desktop, HomeMount
from person import open_device, personal_mount, somebody
from test_costs import bound

DISK = "disk-omp7wl2m"
NAMES = ["before-upgrade", "nightly", "snap-k4t7w9ce", "weekly"]
PROGRESS = 2  # seconds between two questions about what is in progress


class Desk:
    """A person who has mounted the small account at ~/cbs."""

    def __init__(self, own, *options, simulator=()):
        self.sim = own.simulator(*simulator)
        # Names that fonts of any size have, for the pictures.
        self.sim.patch(snapshots={"snap-k4t7w9ce": {"SnapshotName": ""}, "snap-8c5t0r6z": {"SnapshotName": "weekly"}},
                       remove=["snap-n1y3b6gu"])
        person = somebody()
        with open_device():
            self.mount = personal_mount(own, self.sim, person, "ttl=600", *options, kind=HomeMount, name="ada")
        home = os.path.dirname(self.mount.point)
        self.album = os.environ.get("CBSFS_SCREENSHOTS") or home
        os.makedirs(self.album, exist_ok=True)
        self.desktop = Desktop(person, home)

    def names(self):
        return self.mount.snapshots(DISK)

    def status(self, name):
        return self.mount.read(self.mount.snapshot(DISK, name, "status"))

    def open(self, manager, *parts):
        return manager(self.desktop, self.album, self.mount.path(*parts))

    def open_snapshots(self, manager):
        return self.open(manager, "disks", DISK, "snapshots")

    @contextmanager
    def paying(self, refused=0, **changes):
        """What is done here asks for these changes and nothing else, and looks no more often than anybody would."""
        stats = self.sim.stats()
        began = time.monotonic()
        with self.sim.counting() as count:
            yield
        assert count.executed == changes
        assert count.change_requests == sum(changes.values()) + refused, count.requests
        polls = (time.monotonic() - began) / PROGRESS + 1 if changes else 0
        looks = count.total - count.change_requests
        assert looks <= bound(stats["disks"], stats["snapshots"]) + polls, count.requests


@contextmanager
def at_a_desk(own, *options, simulator=()):
    desk = Desk(own, *options, simulator=simulator)
    try:
        yield desk
    except AssertionError:
        desk.desktop.screen.save(os.path.join(desk.album, "failed.png"))
        raise
    finally:
        desk.desktop.close()


def browse_and_read(own, manager):
    """From the root to a snapshot and a look at its status; to look costs what any other crawl does, of this region only."""
    with at_a_desk(own, simulator=("--region", "ap-guangzhou,ap-shanghai,ap-beijing")) as desk:
        name = manager.program
        with desk.paying():
            window = desk.open(manager)
            window.photograph(f"{name}-1-root")
            window.open("regions")
            window.photograph(f"{name}-1-regions")
            window.up("cbs")
            for step, entry in enumerate(("disks", DISK, "snapshots", "before-upgrade"), 2):
                window.open(entry)
                window.photograph(f"{name}-{step}-{entry}")
            assert window.read("status", f"{name}-6-status") == "NORMAL 100\n"
            window.up("snapshots")
        assert desk.names() == NAMES


def make_and_watch(own, manager):
    """A new folder is a snapshot under way, with the name that the person gave, and a text viewer tells how far it is."""
    with at_a_desk(own, simulator=("--create-time", "600")) as desk:
        window = desk.open_snapshots(manager)
        renames = {"ModifySnapshotAttribute": 1} if manager.names_later else {}
        with desk.paying(CreateSnapshot=1, **renames):
            window.new_folder("before lunch", lambda: desk.status("Untitled Folder"))
            wait_until(lambda: desk.names() == ["before lunch", *NAMES], 10)
            assert desk.status("before lunch").startswith("CREATING ")
            window.wait_for("snapshots")
            window.photograph(f"{manager.program}-new-folder")
            window.open("before lunch")
            assert window.read("status", f"{manager.program}-creating").startswith("CREATING ")
            snapshot = desk.mount.value(desk.mount.snapshot(DISK, "before lunch", "id"))
            desk.sim.patch(snapshots={snapshot: {"SnapshotState": "NORMAL", "Percent": 100}})
            wait_until(lambda: desk.status("before lunch") == "NORMAL 100\n", 20)
            # A rename that was remembered is sent by now.
            wait_until(lambda: sent_name(desk.sim) == "before lunch", 10)
            assert window.read("status", f"{manager.program}-normal") == "NORMAL 100\n"


def sent_name(sim):
    """The last one that the cloud was told."""
    sent = [entry["params"]["SnapshotName"] for action in ("CreateSnapshot", "ModifySnapshotAttribute")
            for entry in sim.log(action)]
    return sent[-1]


def rename(desk, window):
    window.select("weekly")
    window.leave_search()
    window.rename("monthly")
    wait_until(lambda: desk.names() == ["before-upgrade", "monthly", "nightly", "snap-k4t7w9ce"], 10)
    window.wait_for("snapshots")


def refused_by_quota(own, manager):
    """A refusal is told in a window, nothing changes, and the reason is where the README says."""
    with at_a_desk(own, simulator=("--quota", "4")) as desk:
        window = desk.open_snapshots(manager)
        with desk.paying(refused=1):
            window.ask_for_new_folder("one too many")
            window.photograph(f"{manager.program}-refused")
            assert desk.names() == NAMES
        assert "EDQUOT" in desk.mount.read(desk.mount.disk(DISK, "error"))
