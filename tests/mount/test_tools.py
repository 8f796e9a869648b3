# SPDX-License-Identifier: Apache-2.0
"""What ordinary tools copy out of a mount is complete and the same each time. What they cost: test_crawlers.py."""
import filecmp
import os

import pytest

from commands import run, shell
from providers import can
from test_crawlers import CRAWLERS

OPTIONS = ("ttl=600",)
SIMULATOR = ()


@pytest.fixture(scope="module")
def tree(mnt, sim):
    """A small account with one of each: an attached disk, odd names, twins, an orphan, a copy from afar."""
    disk = sim.add_disk(DiskName="tools", Attached=True, DiskState="ATTACHED", InstanceId="ins-aaaa1111")
    for name in ("plain", "每日快照", "a/b", "two words", "twin", "twin", ""):
        sim.add_snapshot(disk, name)
    sim.add_snapshot(disk, "slow", SnapshotState="CREATING", Percent=40)
    if can("orphans"):
        sim.add_snapshot(sim.identifier("disk"), "orphan")
        sim.add_snapshot("", "copy")
    mnt.show(mnt.snapshot(disk, "plain"))
    return disk


@pytest.mark.core
@pytest.mark.parametrize("tool", ["cp -r", "cp -a", "busybox cp -r", "tar", "busybox tar", "rsync -a"])
def test_copies_are_complete(mnt, tree, tool, tmp_path):
    assert shell(CRAWLERS[tool], mnt.point, str(tmp_path), timeout=60).status == 0
    if "tar" in tool:
        assert shell('mkdir "$1/copy" && tar xf "$1/x.tar" -C "$1/copy"', str(tmp_path)).status == 0
    copy = tmp_path / "copy" / "disks" / tree
    # What is in progress may have moved on meanwhile; everything else is byte for byte the same.
    moving = [f"--exclude={name}" for name in ("slow", "snapshots.json", "disk.json")]
    result = run("diff", "-r", *moving, copy, mnt.disk(tree))
    assert (result.status, result.out) == (0, "")
    (snapshot,) = [name for name in os.listdir(copy / "snapshots") if name == "plain"]
    assert (copy / "snapshots" / snapshot / "status").read_text() == "NORMAL 100\n"
    assert os.readlink(copy / "latest").startswith("snapshots/")


def test_two_copies_are_the_same(mnt, tree, tmp_path):
    for name in ("first", "second"):
        assert run("cp", "-r", mnt.path("disks", tree), tmp_path / name).status == 0
    comparison = filecmp.dircmp(tmp_path / "first", tmp_path / "second", ignore=["slow"])
    assert not comparison.left_only and not comparison.right_only and not comparison.funny_files


def test_a_text_is_text(mnt, tree):
    """What GIO and file(1) decide a file is; an empty answer would be an empty document."""
    if run("sh", "-c", "command -v file").status != 0:
        pytest.skip("file(1) is not installed")
    answer = run("file", "-b", mnt.disk(tree, "name"), mnt.snapshot(tree, "plain", "status")).out
    assert answer.splitlines() == ["ASCII text", "ASCII text"]


@pytest.mark.core
def test_crawlers_never_meet_a_file_that_blocks(mnt, sim, tree):
    """`wait` of a snapshot that is still creating is not listed, so nothing hangs on it."""
    names = run("ls", "-A", mnt.snapshot(tree, "slow")).out.split()
    assert "status" in names and "wait" not in names
    assert run("grep", "-r", "CREATING", mnt.snapshot(tree, "slow"), timeout=10).status == 0
