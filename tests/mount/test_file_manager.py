# SPDX-License-Identifier: Apache-2.0
"""A person with a file manager (PCManFM under Xvfb): what it shows, what it changes, what that costs.

The screenshots go to $CBSFS_SCREENSHOTS if that is set.
"""
import os

import pytest

from commands import wait_until
from desktop import PCManFM, Screen
from test_costs import account, bound, some_disk


@pytest.fixture
def browse(own, tmp_path):
    """Opens a file manager on a mount's root."""
    album = os.environ.get("CBSFS_SCREENSHOTS") or str(tmp_path)
    os.makedirs(album, exist_ok=True)
    screen = Screen()
    managers = []

    def opened(directory):
        managers.append(PCManFM(screen, tmp_path / "desktop", album, directory))
        return managers[-1]

    yield opened
    for manager in managers:
        manager.close()
    screen.close()


TYPED = pytest.mark.without_valgrind("what is typed while PCManFM still waits for a large directory finds no window")


@pytest.mark.limit(120)
@pytest.mark.parametrize("disks, snapshots", [(20, 10), pytest.param(130, 2, marks=TYPED)])
def test_browsing_from_the_root_to_a_snapshot(own, browse, disks, snapshots):
    sim = account(own, disks, snapshots)
    disk, _ = some_disk(sim, 6)
    total = sim.stats()
    mount = own.mount(sim, "ttl=600")
    with sim.counting() as count:
        manager = browse(mount.point)
        manager.photograph(f"{disks}-1-root")
        for step, name in enumerate(("disks", disk, "snapshots", "s0003"), 2):
            manager.open(name)
            manager.photograph(f"{disks}-{step}-{name}")
    assert count.total <= bound(total["disks"], total["snapshots"]), count.requests
    assert count.change_requests == 0


@pytest.mark.limit(120)
def test_new_folder_rename_and_delete(own, browse):
    sim = own.simulator("--create-time", "0.2")
    disk, _ = some_disk(sim, 2)
    mount = own.mount(sim, "ttl=600", "allow_delete")
    manager = browse(mount.disk(disk, "snapshots"))
    with sim.counting() as count:
        manager.command("ctrl+shift+n", "by hand")
        manager.wait_for("snapshots")
        manager.photograph("new-folder")
        wait_until(lambda: mount.snapshots(disk) == ["by hand", "s0000", "s0001"])
        assert mount.read(mount.snapshot(disk, "by hand", "wait")) == "NORMAL 100\n"
        manager.select("s0001")
        manager.leave_search()
        manager.command("F2", "by name")
        manager.wait_for("snapshots")
        wait_until(lambda: mount.snapshots(disk) == ["by hand", "by name", "s0000"])
        manager.select("s0000")
        manager.leave_search()
        manager.command("shift+Delete")
        manager.wait_for("snapshots")
        manager.photograph("deleted")
        wait_until(lambda: mount.snapshots(disk) == ["by hand", "by name"])
    assert count.executed == {"CreateSnapshot": 1, "ModifySnapshotAttribute": 1, "DeleteSnapshots": 1}
    assert count.change_requests == 3


@pytest.mark.needs("quota")
@pytest.mark.limit(120)
def test_a_refusal_is_told(own, browse):
    """The reason reaches the person: a second window, and nothing in the cloud."""
    sim = own.simulator("--quota", "2")
    disk, _ = some_disk(sim, 2)
    mount = own.mount(sim, "ttl=600")
    manager = browse(mount.disk(disk, "snapshots"))
    with sim.counting() as count:
        manager.command("ctrl+shift+n", "one too many")
        wait_until(lambda: "Error" in manager.screen.titles(), 20, "the word of refusal")
        manager.photograph("refused")
    assert count.changes == 0
    assert mount.snapshots(disk) == ["s0000", "s0001"]
