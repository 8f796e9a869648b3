# SPDX-License-Identifier: Apache-2.0
"""Nothing blocks anything else, and nothing hangs (design 1): signals, deadlines, a cloud that says nothing."""
import errno
import os
import signal

import pytest

from commands import SLOWER, assert_done, assert_refused, finish, holds_for, run, shell, start, wait_until
from providers import PROVIDER

SIMULATOR = ("--create-time", "1")
OPTIONS = ("ttl=600", "timeout=3")

SOON = 1.5 * SLOWER  # a generous reading of "at once" on a busy machine


@pytest.fixture
def silent(own):
    """(simulator, mount): the mount knows every disk, and the cloud has stopped answering."""
    sim = own.simulator()
    disk, other = sim.add_disk(), sim.add_disk()
    sim.add_snapshot(disk, "known")
    mount = own.mount(sim, "ttl=600", "timeout=3")
    assert mount.snapshots(disk) == ["known"] and mount.snapshots(other) == []
    return sim, mount, disk, other


def cold(own, sim, seconds=30):
    """A mount that knows nothing, of a cloud that does not answer."""
    mount = own.mount(sim, "ttl=600", f"timeout={seconds}", "lazy")
    sim.fault("*", "hang", times=0)
    return mount


def parked(*command):
    """A process that is seen to wait for the cloud."""
    process = start(*command)
    holds_for(lambda: process.poll() is None, 0.5, "waiting for the cloud")
    return process


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.core), signal.SIGTERM,
                                    signal.SIGKILL])
def test_a_signal_ends_a_parked_listing(own, number):
    mount = cold(own, own.simulator(), seconds=5)
    process = parked("ls", mount.path("disks"))
    process.send_signal(number)
    result = finish(process, 10)
    assert result.status == -number and result.seconds < SOON
    own.simulators()[0].faults()
    wait_until(lambda: run("ls", mount.path("disks")).status == 0, 30, "the next listing")


@pytest.mark.core
def test_the_deadline_of_a_question(own):
    mount = cold(own, own.simulator(), seconds=2)
    result = assert_refused(run("ls", mount.path("disks")), errno.ETIMEDOUT)
    # A login that hangs is given two fifths of the time.
    assert (0.5 if PROVIDER == "evs" else 1) < result.seconds < 2 + 3 * SLOWER


@pytest.mark.core
@pytest.mark.leaves_jobs
def test_what_is_local_answers_while_the_cloud_is_silent(own):
    mount = cold(own, own.simulator())
    process = parked("ls", mount.path("disks"))
    for path in ("README", ".cbsfs/stats", ".cbsfs/version", ".cbsfs/errors"):
        assert assert_done(run("cat", mount.path(path))).seconds < SOON
    assert assert_done(run("ls", mount.point)).seconds < SOON
    process.kill()
    finish(process)


@pytest.mark.core
def test_what_is_known_answers_while_a_change_waits(silent):
    sim, mount, disk, other = silent
    sim.fault("*", "hang", times=0)
    process = parked("mkdir", mount.snapshot(other, "waits"))
    assert assert_done(run("ls", mount.disk(disk, "snapshots"))).seconds < SOON
    assert assert_done(run("cat", mount.snapshot(disk, "known", "status"))).seconds < SOON
    assert assert_done(run("df", mount.disk(disk))).seconds < SOON
    sim.faults()
    process.kill()
    finish(process, 40)


@pytest.mark.core
def test_the_deadline_of_a_creation(mnt, sim, disk):
    sim.fault("CreateSnapshot", "hang", times=1)
    with sim.counting() as count:
        result = assert_refused(run("mkdir", mnt.snapshot(disk, "hung")), errno.ETIMEDOUT)
    assert result.seconds < 3 + 3 * SLOWER
    assert count.requests["CreateSnapshot"] == 1
    assert mnt.read(mnt.disk(disk, "error")) != ""


def test_the_deadline_of_a_rollback(mnt, sim, disk):
    mnt.add_snapshot(disk, "good")
    sim.fault("ApplySnapshot", "hang", times=1)
    with sim.counting() as count:
        result = assert_refused(shell('echo 1 > "$1"', mnt.snapshot(disk, "good", "rollback")), errno.ETIMEDOUT)
    assert result.seconds < 3 + 3 * SLOWER
    assert count.requests["ApplySnapshot"] == 1


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.core), signal.SIGTERM,
                                    signal.SIGKILL])
def test_a_change_on_the_wire_runs_to_its_answer(mnt, sim, disk, number):
    sim.fault("CreateSnapshot", "delay", ms=1200, times=1)
    before = sim.requests("CreateSnapshot")
    with sim.counting() as count:
        process = parked("mkdir", mnt.snapshot(disk, "on-the-wire"))
        wait_until(lambda: sim.requests("CreateSnapshot") > before, 5, "the request")
        process.send_signal(number)
        finish(process, 10)
        wait_until(lambda: mnt.snapshots(disk) == ["on-the-wire"], 5, "the entry")
    assert count.requests["CreateSnapshot"] == count.executed["CreateSnapshot"] == 1


def test_sigint_in_a_shell_loop_ends_the_loop(mnt, sim, disk):
    mnt.add_snapshot(disk, "slow", SnapshotState="CREATING", Percent=1)
    process = parked("bash", "-c", 'while :; do cat "$1"; done', "bash", mnt.snapshot(disk, "slow", "wait"))
    os.killpg(process.pid, signal.SIGINT)
    assert finish(process, 10).seconds < SOON


@pytest.mark.core
def test_unmounting_while_the_cloud_is_silent(own):
    mount = cold(own, own.simulator())
    process = parked("ls", mount.path("disks"))
    process.kill()
    finish(process)
    assert_done(run("fusermount3", "-u", mount.point))
    wait_until(lambda: not mount.is_running(), 5, "the daemon's end")
    assert mount.process.wait() == 0
    own.daemons.remove(mount)
    assert not mount.complaints()


@pytest.mark.core
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ending_the_daemon_while_somebody_waits(own, number):
    mount = cold(own, own.simulator())
    process = parked("ls", mount.path("disks"))
    os.kill(mount.pid, number)
    wait_until(lambda: not mount.is_running(), 5, "the daemon's end")
    assert finish(process, 5).status != 0
    assert not mount.is_mounted()
    assert mount.process.wait() == 0
    own.daemons.remove(mount)
    assert not mount.complaints()


def test_a_slow_answer_delays_only_who_asked(mnt, sim, disk):
    mnt.add_snapshot(disk, "good")
    other = mnt.add_disk()
    assert mnt.snapshots(disk) == ["good"]
    sim.fault("CreateSnapshot", "slow-body", ms=20, times=1)
    process = parked("mkdir", mnt.snapshot(other, "slowly"))
    for _ in range(3):
        assert assert_done(run("cat", mnt.snapshot(disk, "good", "status"))).seconds < SOON
    assert_done(finish(process, 10))


def test_a_listing_in_another_place_while_a_mkdir_waits(mnt, sim):
    first, second = mnt.add_disk(), mnt.add_disk()
    sim.fault("CreateSnapshot", "delay", ms=1500, times=1)
    process = parked("mkdir", mnt.snapshot(first, "slow"))
    assert assert_done(run("mkdir", mnt.snapshot(second, "quick"))).seconds < SOON
    assert_done(finish(process, 10))
