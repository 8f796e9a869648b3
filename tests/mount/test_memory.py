# SPDX-License-Identifier: Apache-2.0
"""Whoever does the same thing again and again finds the mount as it was: no case takes memory for good.

The bound of the suite's supervision is coarse; here even one small block lost each time is seen.
"""
import pytest

from commands import assert_done, finish, run, start, wait_until

SIMULATOR = ("--create-time", "0", "--rate", "0")
# malloc's own store of freed blocks would count as used.
PLAIN = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}

pytestmark = pytest.mark.without_valgrind("its malloc does not tell how much is in use; it looks for leaks itself")

BLOCK = 24  # bytes: the smallest that malloc gives

# name: (what is done once, in perl with $d for the disk's directory; times before it counts, times it counts)
# Refusals are kept for .cbsfs/errors, 1,024 of them, and changes for .cbsfs/jobs, 64.
CASES = {
    "listing": ('opendir(D, "$d/snapshots"); readdir(D); closedir(D)', 50, 500),
    "reading": ('for $f ("disk.json", "snapshots.json", "snapshots/kept/status", "snapshots/kept/rollback", "error") '
                '{ open(F, "<", "$d/$f") or die "$f: $!"; local $/; <F>; close(F) }', 50, 200),
    "what is not there": ('-e "$d/snapshots/nothing$n" and die', 50, 500),
    "statfs": ('system("df", "-i", $d) == 0 or die', 5, 30),
    "links": ('readlink("$d/latest") or die $!', 50, 500),
    "own files": ('for $f ("stats", "errors", "jobs", "config") '
                  '{ open(F, "<", "$m/.cbsfs/$f") or die "$f: $!"; local $/; <F>; close(F) }', 20, 100),
    "refused mkdir": ('mkdir("$d/snapshots/kept") and die', 1100, 500),
    "refused removal": ('unlink("$d/size") and die', 1100, 500),
    "refused write": ('open(F, ">", "$d/snapshots/kept/rollback") or die $!; syswrite(F, "no") and die; close(F)', 1100, 500),
    "unfinished write": ('open(F, ">", "$d/snapshots/kept/rollback") or die $!; close(F)', 50, 500),
    "refresh": ('open(F, ">", "$m/.cbsfs/refresh") or die $!; syswrite(F, "1"); close(F); '
                'opendir(D, "$d/snapshots"); readdir(D); closedir(D)', 10, 40),
    "rename": ('rename("$d/snapshots/a", "$d/snapshots/b") or die $!; rename("$d/snapshots/b", "$d/snapshots/a") or die $!',
               34, 20),
}


@pytest.fixture(scope="module")
def mnt(stage, sim):
    return stage.mount(sim, "ttl=60", "allow_delete", environment=PLAIN)


def memory(mnt):
    """Once nothing is under way."""
    def idle():
        stats = mnt.stats()
        busy = any(int(stats[key]) for key in ("parked", "polls", "in_flight", "queued", "jobs_running"))
        return not busy and int(stats["handles"]) == 1

    wait_until(idle, 10, "a mount at rest")
    used = int(mnt.stats()["memory"])
    if used == 0:
        pytest.skip("a sanitizer's malloc does not tell; LeakSanitizer does")
    # The journal of events has a limit of its own, and grows in steps.
    return used - int(mnt.stats()["memory_events"])


def repeat(mnt, disk, action, times):
    assert_done(run("perl", "-e", f'($m, $d, $t) = @ARGV; open(STDOUT, ">", "/dev/null"); for $n (1 .. $t) {{ {action} }}',
                    mnt.point, mnt.disk(disk), times, timeout=60))


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_kept(mnt, disk, case):
    action, before, times = CASES[case]
    mnt.add_snapshots(disk, "kept", "a")
    repeat(mnt, disk, action, before)
    first = memory(mnt)
    repeat(mnt, disk, action, times)
    grown = memory(mnt) - first
    assert grown < times * BLOCK, f"{grown} bytes in {times} times"


def test_nothing_is_kept_of_waits_that_a_signal_ended(mnt, disk):
    mnt.add_snapshot(disk, "slow", SnapshotState="CREATING", Percent=10)

    def interrupted(times):
        for _ in range(times):
            waiters = [start("cat", mnt.snapshot(disk, "slow", "wait")) for _ in range(10)]
            wait_until(lambda: mnt.stats()["parked"] == "10", 10, "ten waiters")
            for waiter in waiters:
                waiter.kill()
                finish(waiter)

    interrupted(2)
    first = memory(mnt)
    interrupted(5)
    grown = memory(mnt) - first
    assert grown < 50 * BLOCK, f"{grown} bytes in 50 waits"
