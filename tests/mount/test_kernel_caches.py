# SPDX-License-Identifier: Apache-2.0
"""What the kernel answers by itself, counted in requests that reach the daemon, and that it never does so too long."""
import os

import pytest

from commands import assert_done, run, wait_until

pytestmark = pytest.mark.core

OPTIONS = ("ttl=20",)
COUNT = 200


@pytest.fixture(scope="module")
def full(sim, mnt):
    """A disk with COUNT snapshots."""
    disk = sim.spare_disks.pop()
    for number in range(COUNT):
        sim.add_snapshot(disk, f"s{number:03}")
    mnt.refresh()
    assert_done(run("ls", directory_of(mnt, disk)))
    return disk


def directory_of(mnt, disk):
    return mnt.path("disks", disk, "snapshots")


def requests(mnt):
    return int(mnt.stats()["requests"])


def cost(mnt, *command):
    """Requests of a command, without those of counting."""
    before = requests(mnt)
    idle = requests(mnt) - before
    before = requests(mnt)
    result = run(*command)
    assert_done(result)
    return requests(mnt) - before - idle, result.out


def warm(mnt, *command):
    """The second time, as long as what is known is fresh from the first."""
    mnt.refresh()
    cold, first = cost(mnt, *command)
    cost(mnt, *command)  # the first copy may be dropped once: what was learnt has changed it
    again, second = cost(mnt, *command)
    assert first == second
    return cold, again


def test_a_warm_listing_costs_nothing_for_its_entries(mnt, full):
    cold, again = warm(mnt, "ls", "-l", directory_of(mnt, full))
    assert cold <= COUNT // 150 + 8 + 8, "and the way there"
    assert again <= 4


def test_a_warm_stat_costs_nothing(mnt, full):
    paths = [mnt.snapshot(full, f"s{number:03}") for number in range(20)]
    _, again = warm(mnt, "stat", "-c", "%i %Y", *paths, *[os.path.join(path, "id") for path in paths])
    assert again <= 1, "one is the end of what has counted"


def test_listings_of_everything_are_kept(mnt, full):
    for directory in ("disks", "snapshots"):
        _, again = warm(mnt, "ls", mnt.path(directory))
        assert again <= 4


def entries(mnt, disk):
    return set(run("ls", directory_of(mnt, disk)).out.split())


def test_changes_made_here_are_seen_at_once(mnt, disk):
    assert entries(mnt, disk) == set()
    for name in ("one", "two"):
        assert_done(run("mkdir", mnt.snapshot(disk, name)))
        assert name in entries(mnt, disk)
        assert name in entries(mnt, disk)
        assert_done(run("cat", mnt.snapshot(disk, name, "wait")))
    assert_done(run("mv", mnt.snapshot(disk, "two"), mnt.snapshot(disk, "three")))
    assert entries(mnt, disk) == {"one", "three"}
    assert entries(mnt, disk) == {"one", "three"}


def test_changes_made_elsewhere_are_seen_when_they_are_known(mnt, disk):
    simulator = mnt.simulator
    kept = simulator.add_snapshot(disk, "kept")
    gone = simulator.add_snapshot(disk, "gone")
    mnt.refresh()
    assert entries(mnt, disk) == {"kept", "gone"}
    assert entries(mnt, disk) == {"kept", "gone"}
    links = set(run("ls", mnt.path("snapshots")).out.split())
    assert {kept, gone} <= links
    simulator.patch(remove=[gone])
    new = simulator.add_snapshot(disk, "new")
    mnt.refresh()
    assert entries(mnt, disk) == {"kept", "new"}
    links = set(run("ls", mnt.path("snapshots")).out.split())
    assert {kept, new} <= links and gone not in links
    # And without anybody's wish within the ttl.
    simulator.patch(remove=[new])
    wait_until(lambda: entries(mnt, disk) == {"kept"}, 25)


def test_one_who_reads_while_it_changes_spoils_nothing_for_others(mnt, disk):
    simulator = mnt.simulator
    for number in range(60):
        simulator.add_snapshot(disk, f"a{number:03}" + "-" * 150)
    mnt.refresh()
    directory = os.open(directory_of(mnt, disk), os.O_RDONLY | os.O_DIRECTORY)
    try:
        with os.scandir(directory) as reading:
            for _ in range(10):
                next(reading)
            assert_done(run("mkdir", mnt.snapshot(disk, "meanwhile")))
            assert "meanwhile" in entries(mnt, disk)
            assert len([entry.name for entry in reading]) >= 45
        assert len(entries(mnt, disk)) == 61
    finally:
        os.close(directory)


def test_what_a_listing_of_all_has_brought_is_seen_in_each_directory(own):
    """Though the kernel still has the directory's attributes, from before."""
    simulator = own.simulator()
    disk = simulator.add_disk()
    simulator.add_snapshot(disk, "old")
    mnt = own.mount(simulator, "ttl=30")
    for _ in range(3):  # the first two fill the kernel's copy: it learns the directory's time in between
        assert entries(mnt, disk) == {"old"}
    new = simulator.add_snapshot(disk, "new")
    assert new in run("ls", mnt.path("snapshots")).out
    for _ in range(2):
        assert entries(mnt, disk) == {"old", "new"}
