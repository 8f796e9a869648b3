# SPDX-License-Identifier: Apache-2.0
"""What is refused, what succeeds and does nothing, and what refreshes (design 4)."""
import errno
import os
import signal

import pytest

from commands import assert_done, assert_refused, run, shell, wait_until

SIMULATOR = ("--create-time", "0.2")
OPTIONS = ("ttl=600", "allow_delete")

pytestmark = pytest.mark.core

PLACES = ("", "disks", "snapshots", "disks/DISK", "disks/DISK/snapshots", "disks/DISK/snapshots/one")


@pytest.fixture
def one(mnt, disk):
    mnt.add_snapshot(disk, "one")
    return disk


def place(mnt, disk, relative, *parts):
    return mnt.path(relative.replace("DISK", disk), *parts)


@pytest.mark.parametrize("relative", PLACES)
def test_nothing_can_be_created(mnt, sim, one, relative, tmp_path):
    target = place(mnt, one, relative, "new")
    (tmp_path / "file").write_text("x")
    commands = (["touch", target], ["cp", tmp_path / "file", target], ["ln", "-s", "/etc", target],
                ["mkfifo", target], ["mknod", target, "c", "1", "3"], ["truncate", "-s", "5", target])
    with sim.counting() as count:
        for command in commands:
            assert_refused(run(*command), errno.EPERM)
        assert_refused(shell('echo x > "$1"', target), errno.EPERM)
    assert count.change_requests == 0
    assert not mnt.exists(target)


def test_no_hard_links(mnt, one):
    assert_refused(run("ln", mnt.disk(one, "name"), mnt.disk(one, "new")), errno.EPERM)
    assert_refused(run("ln", mnt.snapshot(one, "one", "id"), mnt.disk(one, "snapshots", "new")), errno.EPERM)


@pytest.mark.parametrize("relative", [
    "README", "disks/DISK/id", "disks/DISK/error", "disks/DISK/snapshots/one/status",
    "disks/DISK/snapshots/one/rollback", "disks/DISK/snapshots/one/wait"])
def test_nothing_can_be_unlinked(mnt, sim, one, relative):
    with sim.counting() as count:
        assert_refused(run("rm", "-f", place(mnt, one, relative)), errno.EPERM)
    assert count.change_requests == 0
    assert mnt.exists(place(mnt, one, relative))


def test_symlinks_cannot_be_unlinked(mnt, one):
    snapshot = mnt.value(mnt.snapshot(one, "one", "id"))
    assert_refused(run("rm", "-f", mnt.path("snapshots", snapshot)), errno.EPERM)
    assert_refused(run("rm", "-f", mnt.disk(one, "latest")), errno.EPERM)


@pytest.mark.parametrize("relative", [
    "disks/DISK/name", "disks/DISK/snapshots/one/id", "disks/DISK/snapshots/one/status", "disks/DISK/disk.json",
    "README"])
def test_values_cannot_be_written(mnt, sim, one, relative):
    path = place(mnt, one, relative)
    before = mnt.read(path)
    with sim.counting() as count:
        assert shell('echo x > "$1"', path).status != 0
        assert shell('echo x >> "$1"', path).status != 0
    assert count.change_requests == 0 and mnt.read(path) == before


@pytest.mark.parametrize("relative", ["", "README", "disks", "disks/DISK", "disks/DISK/name", "disks/DISK/snapshots",
                                      "disks/DISK/snapshots/one", "disks/DISK/snapshots/one/rollback"])
@pytest.mark.parametrize("command", [["chmod", "700"], ["chmod", "u+w"], ["chown", "0:0"], ["touch"],
                                     ["touch", "-d", "2001-01-01"], ["touch", "-c", "-m"]], ids=" ".join)
def test_metadata_changes_succeed_and_do_nothing(mnt, sim, one, relative, command):
    path = place(mnt, one, relative) if relative else mnt.point
    before = run("stat", "-c", "%a %u %g %s", path).out
    with sim.counting() as count:
        assert_done(run(*command, path))
    assert count.change_requests == 0
    assert run("stat", "-c", "%a %u %g %s", path).out == before


def test_touch_does_not_move_the_time_of_a_snapshot(mnt, one):
    before = run("stat", "-c", "%Y", mnt.snapshot(one, "one")).out
    assert_done(run("touch", "-d", "2001-01-01", mnt.snapshot(one, "one")))
    mnt.refresh()
    assert run("stat", "-c", "%Y", mnt.snapshot(one, "one")).out == before


def refresh_by_file(mnt, disk):
    assert_done(shell('echo now > "$1"', mnt.path(".cbsfs", "refresh")))


def refresh_by_touch(mnt, disk):
    assert_done(run("touch", mnt.disk(disk, "snapshots")))


def refresh_by_signal(mnt, disk):
    os.kill(mnt.pid, signal.SIGHUP)


@pytest.mark.parametrize("refresh", [refresh_by_file, refresh_by_touch, refresh_by_signal])
def test_refresh(mnt, sim, one, refresh):
    """ttl is ten minutes: only the refresh can bring the news."""
    assert mnt.snapshots(one) == ["one"]
    sim.add_snapshot(one, "news")
    assert mnt.snapshots(one) == ["one"], "nothing is asked for within the ttl"
    refresh(mnt, one)
    wait_until(lambda: mnt.snapshots(one) == ["news", "one"], 5, "the news")
    assert mnt.exists(mnt.snapshot(one, "news", "id"))


def test_writing_nothing_to_refresh(mnt):
    assert_done(shell(': > "$1"', mnt.path(".cbsfs", "refresh")))


def test_xattrs_are_not_there(mnt, one):
    """An answer of ENOTSUP once, and the kernel never asks again."""
    script = "import os, sys; print(os.listxattr(sys.argv[1]))"
    result = run("/usr/bin/python3", "-c", script, mnt.disk(one, "id"))
    assert result.out == "[]\n" or os.strerror(errno.EOPNOTSUPP) in result.err
    assert_done(run("ls", "-lZ", mnt.disk(one)))


def test_log_level(mnt):
    path = mnt.path(".cbsfs", "log_level")
    before = mnt.value(path)
    assert_done(shell('echo debug > "$1"', path))
    assert mnt.value(path) == "debug"
    assert shell('echo shouting > "$1"', path).status == 1
    assert_done(shell('echo "$2" > "$1"', path, before))
    assert mnt.value(path) == before


@pytest.fixture(scope="module")
def read_only(stage, sim):
    return stage.mount(sim, "ro", "ttl=600", "allow_delete")


@pytest.mark.parametrize("command", [
    ["mkdir", "SNAPSHOTS/new"], ["mkdir", "MOUNT/new"], ["mv", "-T", "SNAPSHOTS/one", "SNAPSHOTS/two"],
    ["rmdir", "SNAPSHOTS/one"], ["rm", "-f", "SNAPSHOTS/one/id"], ["touch", "SNAPSHOTS/new"],
    ["ln", "-s", "x", "MOUNT/new"], ["bash", "-c", "echo 1 > 'SNAPSHOTS/one/rollback'"],
    ["chmod", "700", "SNAPSHOTS/one"], ["touch", "SNAPSHOTS/one"]],
    ids=lambda command: " ".join(command[:2]))
def test_a_read_only_mount(read_only, sim, command):
    disk = sim.add_disk()
    sim.add_snapshot(disk, "one")
    os.kill(read_only.pid, signal.SIGHUP)
    wait_until(lambda: read_only.exists(read_only.snapshot(disk, "one")), 5, "the snapshot")
    words = [word.replace("SNAPSHOTS", read_only.disk(disk, "snapshots")).replace("MOUNT", read_only.point)
             for word in command]
    with sim.counting() as count:
        assert_refused(run(*words), errno.EROFS)
    assert count.change_requests == 0
    assert read_only.snapshots(disk) == ["one"]


def test_a_read_only_mount_can_be_read(read_only, sim):
    disk = sim.add_disk()
    sim.add_snapshot(disk, "one")
    os.kill(read_only.pid, signal.SIGHUP)
    wait_until(lambda: read_only.exists(read_only.snapshot(disk, "one")), 5, "the snapshot")
    assert read_only.read(read_only.snapshot(disk, "one", "status")) == "NORMAL 100\n"
    assert disk in read_only.read(read_only.snapshot(disk, "one", "rollback"))
    assert_done(run("mkdir", "-p", read_only.snapshot(disk, "one")))
