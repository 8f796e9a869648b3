# SPDX-License-Identifier: Apache-2.0
"""Services that are set up otherwise, go away and come back.  Nothing else may use the cloud meanwhile."""
import os
import time

import pytest

from commands import assert_done, run, shell, wait_until
from peer import OPTIONS, make, settled, shown

USUAL = {"page": 1000, "token_life": 3600}


def having(cloud, service, **settings):
    """The service with these, which an earlier test may have given to it."""
    if any(cloud.state[name] != value for name, value in settings.items()):
        cloud.restart(service, **settings)


@pytest.fixture(scope="module", autouse=True)
def usual(cloud):
    """Whoever comes after these tests finds the cloud as it was."""
    yield
    for service, name in (("block-storage", "page"), ("identity", "token_life")):
        having(cloud, service, **{name: USUAL[name]})


# --- services that go away --------------------------------------------------------------------------


@pytest.mark.limit(120)
def test_cinder_is_stopped_and_started(cloud, own, account, mnt, peer, disk):
    make(mnt, disk, "before")
    cloud.stop("block-storage")
    old = time.monotonic() + 1.5
    wait_until(lambda: time.monotonic() > old)
    assert mnt.snapshots(disk) == ["before"]
    assert mnt.value(mnt.snapshot(disk, "before", "status")) == "NORMAL 100"
    assert run("mkdir", mnt.snapshot(disk, "during")).status == 1
    cloud.start(page=4)
    wait_until(lambda: run("mkdir", "-p", mnt.snapshot(disk, "after")).status == 0, 40, "the recovery")
    settled(mnt, disk, "after")
    assert set(peer.snapshots()) == {"before", "after"}
    shown(mnt, disk, ["before", "after"])


@pytest.mark.limit(120)
def test_keystone_is_stopped_and_started(cloud, account, mnt, disk):
    """Who has a token does not notice."""
    make(mnt, disk, "before")
    cloud.stop("identity")
    assert_done(run("mkdir", mnt.snapshot(disk, "during")))
    cloud.start(token_life=6)
    make(mnt, disk, "after")
    shown(mnt, disk, ["before", "during", "after"])


# --- services that are set up otherwise -------------------------------------------------------------


@pytest.mark.limit(90)
def test_the_servers_own_page(cloud, own):
    """The server says how long a page is, whatever was asked for."""
    account = own.simulator("--disks", "7", "--snapshots", "3")
    having(cloud, "block-storage", page=4)
    mount = own.mount(account, "ttl=600")
    with account.counting() as count:
        assert_done(run("find", mount.point, "-type", "f", "-exec", "cat", "{}", "+"))
        assert len(mount.list("disks")) - mount.list("disks").count("none") == 7
        assert len(mount.list("snapshots")) == 21
    assert count.requests["DescribeDisks"] <= 3 and count.requests["DescribeSnapshots"] <= 6 + 2, count.requests


@pytest.mark.limit(120)
def test_tokens_that_end(cloud, own):
    """They live for six seconds here: nobody sees it, and each is asked for once."""
    having(cloud, "identity", token_life=6)
    account = own.simulator("--disks", "1", "--snapshots", "1")
    mount = own.mount(account, *OPTIONS)
    disk = next(name for name in mount.list("disks") if name != "none")
    began = time.monotonic()
    number = 0
    while time.monotonic() < began + 10:
        assert_done(run("mkdir", mount.snapshot(disk, f"n{number}")))
        mount.refresh()
        assert f"n{number}" in mount.snapshots(disk)
        number += 1
        pause = time.monotonic()
        wait_until(lambda pause=pause: time.monotonic() > pause + 1)
    assert account.stats()["changes"]["CreateSnapshot"] == number
    assert 2 <= account.door.requests["CreateToken"] <= 10 / 2, account.door.requests


def test_what_reverting_leaves_for_a_moment(cloud, account, mnt, disk):
    """As LVM does: a snapshot of its own, which is the newest while it is there."""
    make(mnt, disk, "good")
    mark = cloud.place("conf", "backend", "temporary-snapshots")
    with open(mark, "w", encoding="ascii"):
        pass
    try:
        cloud.set_backend(account.project, revert_to_snapshot=2)
        assert_done(shell('echo 1 > "$1"', mnt.snapshot(disk, "good", "rollback")))
        settled(mnt, disk, "good")
        shown(mnt, disk, ["good"])
        assert_done(shell('echo 1 > "$1"', mnt.snapshot(disk, "good", "rollback")))
        settled(mnt, disk, "good")
        shown(mnt, disk, ["good"])
    finally:
        os.unlink(mark)


@pytest.mark.limit(120)
def test_a_restart_keeps_everything(cloud, own, account, mnt, disk):
    make(mnt, disk, "kept")
    cloud.restart(**USUAL)
    wait_until(lambda: run("mkdir", "-p", mnt.snapshot(disk, "new")).status == 0, 40, "the recovery")
    assert set(own.mount(account, *OPTIONS).snapshots(disk)) == {"kept", "new"}
