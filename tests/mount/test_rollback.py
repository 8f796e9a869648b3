# SPDX-License-Identifier: Apache-2.0
"""The control file `rollback` (design 4): what triggers it, what never does, and its dry run."""
import errno
import os
from datetime import timedelta

import pytest

from commands import assert_done, assert_refused, beijing, finish, now, run, shell, start, wait_until
from providers import own_instance, own_state

SIMULATOR = ("--create-time", "1", "--rollback-time", "3")
OPTIONS = ("ttl=1", "timeout=3")

WRITE = 'printf "%s" "$2" > "$1"'


@pytest.fixture
def snapshot(mnt, disk):
    """(disk, name, id, control file) of a snapshot that can be rolled back to."""
    identifier = mnt.add_snapshot(disk, "good")
    return disk, "good", identifier, mnt.snapshot(disk, "good", "rollback")


def write(path, text, program="bash"):
    return shell(WRITE, path, text, program=program)


@pytest.mark.core
@pytest.mark.parametrize("text", ["1\n", "1", "yes\n", "yes", "DISK\n", "DISK", " 1 \n"])
def test_the_words_that_roll_back(mnt, sim, snapshot, text):
    disk, name, identifier, control = snapshot
    with sim.counting() as count:
        assert_done(write(control, text.replace("DISK", disk)))
    assert count.requests["ApplySnapshot"] == count.executed["ApplySnapshot"] == 1
    params = sim.log("ApplySnapshot")[-1]["params"]
    assert params["SnapshotId"] == identifier and params["DiskId"] == disk
    assert not params.get("AutoStopInstance") and not params.get("AutoStartInstance")
    assert mnt.read(mnt.snapshot(disk, name, "status")).startswith("ROLLBACKING ")


@pytest.mark.only("tencent")
def test_echo_and_the_progress_of_a_rollback(mnt, sim, snapshot):
    disk, name, _, control = snapshot
    result = assert_done(shell('echo 1 > "$1"', control))
    assert result.seconds < 1.8, "a rollback is accepted, not waited for"
    wait_until(lambda: mnt.value(mnt.disk(disk, "state")) == "ROLLBACKING", 2, "the disk's own state")
    assert assert_done(run("cat", mnt.snapshot(disk, name, "wait"), timeout=20)).out == "NORMAL 100\n"
    wait_until(lambda: mnt.value(mnt.disk(disk, "state")) != "ROLLBACKING", 5, "the disk's own state")
    assert mnt.read(mnt.snapshot(disk, name, "error")) == ""


@pytest.mark.core
def test_the_disks_own_id_file_is_a_confirmation(mnt, sim, snapshot):
    disk, _, _, control = snapshot
    with sim.counting() as count:
        assert_done(run("cp", mnt.disk(disk, "id"), control))
    assert count.executed["ApplySnapshot"] == 1


@pytest.mark.core
@pytest.mark.parametrize("text", ["2\n", "0\n", "no\n", "11\n", "1 please\n", "start\n", "stop\n", "stop 1\n",
                                  "yes no\n", "disk-nothere1\n", "good\n", "1 1\n", "x" * 3000, "1\0\n", "YES!\n"])
def test_anything_else_is_invalid(mnt, sim, snapshot, text):
    script = """
import os, sys
os.write(os.open(sys.argv[1], os.O_WRONLY), sys.argv[2].replace("ZERO", "\\0").encode())
"""
    with sim.counting() as count:
        result = run("/usr/bin/python3", "-c", script, snapshot[3], text.replace("\0", "ZERO"))
    assert_refused(result, errno.EINVAL)
    assert count.change_requests == 0


@pytest.mark.core
def test_the_id_of_another_disk_is_invalid(mnt, sim, snapshot):
    other = mnt.add_disk()
    with sim.counting() as count:
        assert_refused(run("cp", mnt.disk(other, "id"), snapshot[3]), errno.EINVAL)
        assert_refused(run("cp", mnt.snapshot(*snapshot[:2], "id"), snapshot[3]), errno.EINVAL)
    assert count.change_requests == 0


@pytest.mark.core
@pytest.mark.parametrize("script", [': > "$1"', 'truncate -s 0 "$1"', 'touch "$1"', 'printf "" > "$1"',
                                    'true >> "$1"', 'chmod 600 "$1"', 'exec 3> "$1"; exec 3>&-', 'cp /dev/null "$1"'])
def test_without_a_word_nothing_happens(mnt, sim, snapshot, script):
    with sim.counting() as count:
        assert_done(shell(script, snapshot[3]))
    assert count.change_requests == 0
    assert mnt.read(snapshot[3]) != ""


@pytest.mark.core
@pytest.mark.parametrize("script", ['echo 1 >> "$1"', 'printf 1 >> "$1"', 'echo 1 | tee "$1" > /dev/null',
                                    'echo 1 | dd of="$1" status=none', 'echo 1 | dd of="$1" conv=notrunc status=none',
                                    'exec 3> "$1"; echo 1 >&3', 'set -C; echo 1 >| "$1"'])
def test_every_way_to_write_one_word(mnt, sim, snapshot, script):
    with sim.counting() as count:
        assert_done(shell(script, snapshot[3]))
    assert count.requests["ApplySnapshot"] == count.executed["ApplySnapshot"] == 1


def test_two_lines_are_one_command(mnt, sim, snapshot):
    """bash's builtins write line by line; a handle takes one command."""
    with sim.counting() as count:
        shell('printf "1\\n1\\n" > "$1"', snapshot[3])
        shell('exec 3> "$1"; echo 1 >&3; echo 1 >&3; echo 1 >&3', snapshot[3])
    assert count.requests["ApplySnapshot"] == 1


@pytest.mark.core
def test_a_handle_remembers_its_failure(mnt, sim, snapshot):
    script = """
import os, sys
control = os.open(sys.argv[1], os.O_WRONLY)
for _ in range(3):
    try:
        print(os.write(control, b"1\\n"))
    except OSError as error:
        print(error.errno)
"""
    sim.fault("ApplySnapshot", "error", code="InvalidDisk.Busy", message="busy", times=1)
    with sim.counting() as count:
        result = assert_done(run("/usr/bin/python3", "-c", script, snapshot[3]))
    assert result.out.split() == 3 * [str(errno.EBUSY)]
    assert count.requests["ApplySnapshot"] == 1
    with sim.counting() as count:
        assert_done(run("/usr/bin/python3", "-c", script, snapshot[3]))
    assert count.requests["ApplySnapshot"] == 1, "a new open is a new command, once"


@pytest.mark.core
@pytest.mark.parametrize("fields", [
    {"SnapshotState": "CREATING", "Percent": 30}, {"SnapshotState": "ROLLBACKING"},
    *(pytest.param({"SnapshotState": state}, marks=pytest.mark.needs("words"), id=state)
      for state in ("COPYING_FROM_REMOTE", "BRANDNEW"))],
    ids=lambda fields: fields["SnapshotState"])
def test_what_is_not_normal_is_busy_without_a_call(mnt, sim, disk, fields):
    mnt.add_snapshot(disk, "unready", **fields)
    with sim.counting() as count:
        assert_refused(shell('echo 1 > "$1"', mnt.snapshot(disk, "unready", "rollback")), errno.EBUSY)
    assert count.requests["ApplySnapshot"] == 0
    assert mnt.read(mnt.snapshot(disk, "unready", "error")) != ""


@pytest.mark.core
def test_a_disk_that_rolls_back_already_is_busy_without_a_call(mnt, sim, snapshot):
    disk, _, _, control = snapshot
    mnt.add_snapshot(disk, "other", CreateTime=beijing(now() - timedelta(days=99)))
    with sim.counting() as count:
        assert_done(shell('echo 1 > "$1"', control))
        assert_refused(shell('echo 1 > "$1"', control), errno.EBUSY)
        assert_refused(shell('echo 1 > "$1"', mnt.snapshot(disk, "other", "rollback")), errno.EBUSY)
    assert count.requests["ApplySnapshot"] == 1


def test_one_of_many_rollbacks_wins(mnt, sim, snapshot):
    with sim.counting() as count:
        writers = [start("dash", "-c", 'echo yes | tee "$1" > /dev/null', "dash", snapshot[3]) for _ in range(6)]
        results = [finish(writer) for writer in writers]
    assert sorted(result.status for result in results) == [0] + 5 * [1]
    assert count.executed["ApplySnapshot"] == 1
    assert all(os.strerror(errno.EBUSY) in result.err for result in results if result.status)


@pytest.mark.core
def test_an_attached_disk_is_busy(mnt, sim):
    disk = mnt.add_disk(Attached=True, DiskState="ATTACHED", InstanceId="ins-aaaa1111")
    mnt.add_snapshot(disk, "good")
    control = mnt.snapshot(disk, "good", "rollback")
    with sim.counting() as count:
        assert_refused(shell('echo 1 > "$1"', control), errno.EBUSY)
    assert count.executed["ApplySnapshot"] == 0
    assert mnt.read(mnt.snapshot(disk, "good", "error")) != ""
    assert "FAIL" in mnt.read(control) and own_instance("ins-aaaa1111") in mnt.read(control)


@pytest.mark.only("tencent")
@pytest.mark.parametrize("words, stop, begin", [("1 stop", True, False), ("yes stop start", True, True),
                                                ("DISK stop start", True, True)])
def test_stop_and_start(mnt, sim, words, stop, begin):
    disk = mnt.add_disk(Attached=True, DiskState="ATTACHED", InstanceId="ins-aaaa1111")
    mnt.add_snapshot(disk, "good")
    with sim.counting() as count:
        assert_done(shell('echo $2 > "$1"', mnt.snapshot(disk, "good", "rollback"), words.replace("DISK", disk)))
    assert count.executed["ApplySnapshot"] == 1
    params = sim.log("ApplySnapshot")[-1]["params"]
    assert bool(params.get("AutoStopInstance")) is stop
    assert bool(params.get("AutoStartInstance")) is begin


@pytest.mark.needs("any snapshot")
@pytest.mark.core
def test_the_dry_run(mnt, sim, snapshot):
    disk, _, _, control = snapshot
    mnt.add_snapshot(disk, "newer-than-it")
    with sim.counting() as count:
        text = mnt.read(control)
    assert count.change_requests == 0
    for word in (disk, f"name-of-{disk}", "50", "PASS"):
        assert word in text
    assert "FAIL" not in text
    assert "newer-than-it" in text or "newer" in text.lower()
    assert any("echo" in line and "rollback" in line for line in text.splitlines()), "the exact command"


@pytest.mark.core
def test_what_an_editor_saves_back_is_refused(mnt, sim, snapshot):
    control = snapshot[3]
    with sim.counting() as count:
        for blocks in ("", "bs=1"):
            script = 'text=$(cat "$1"); printf "%s\\n" "$text" | dd of="$1" $2 status=none'
            assert_refused(shell(script, control, blocks), errno.EINVAL)
        # Line by line, as bash's builtins write: no line of the text may be a command.
        shell('mapfile -t text < "$1"; for line in "${text[@]}"; do echo "$line" > "$1"; done; :', control)
    assert count.change_requests == 0


def test_the_last_result_is_in_the_dry_run(mnt, sim, snapshot):
    control = snapshot[3]
    sim.fault("ApplySnapshot", "error", code="ResourceInUse.DiskMigrating", message="on the move", times=1)
    assert_refused(shell('echo 1 > "$1"', control), errno.EBUSY)
    text = mnt.read(control)
    assert "EBUSY" in text and "on the move" in text


def test_the_dry_run_can_be_crawled(mnt, sim, snapshot):
    with sim.counting() as count:
        for program in ("cat", "head", "busybox cat", "wc", "file", "md5sum"):
            if run("sh", "-c", f"command -v {program.split()[0]}").status == 0:
                assert run(*program.split(), snapshot[3]).status == 0
        assert run("grep", "-r", "PASS", mnt.disk(snapshot[0])).status == 0
    assert count.change_requests == 0


@pytest.mark.needs("orphans")
def test_an_orphan_cannot_be_rolled_back(mnt, sim):
    disk = sim.identifier("disk")
    mnt.add_snapshot(disk, "orphan")
    with sim.counting() as count:
        assert_refused(shell('echo 1 > "$1"', mnt.snapshot(disk, "orphan", "rollback")), errno.EOPNOTSUPP)
    assert count.requests["ApplySnapshot"] == 0
    assert "FAIL" in mnt.read(mnt.snapshot(disk, "orphan", "rollback"))


@pytest.mark.core
def test_an_answer_that_was_lost_is_found_out(mnt, sim, snapshot):
    sim.fault("ApplySnapshot", "drop-after", times=1)
    with sim.counting() as count:
        assert_done(shell('echo 1 > "$1"', snapshot[3]))
    assert count.requests["ApplySnapshot"] == count.executed["ApplySnapshot"] == 1


@pytest.mark.core
def test_a_request_that_was_lost_is_not_sent_again(mnt, sim, snapshot):
    sim.fault("ApplySnapshot", "drop-before", times=1)
    with sim.counting() as count:
        result = assert_refused(shell('echo 1 > "$1"', snapshot[3]), errno.ETIMEDOUT)
    assert result.seconds < 3 + 3
    assert count.requests["ApplySnapshot"] == 1 and count.executed["ApplySnapshot"] == 0
    assert mnt.value(mnt.disk(snapshot[0], "state")) == own_state("UNATTACHED")


@pytest.mark.core
def test_confirm_takes_only_the_id(own, sim):
    mount = own.mount(sim, "ttl=1", "rollback=confirm")
    disk = mount.add_disk()
    mount.add_snapshot(disk, "good")
    control = mount.snapshot(disk, "good", "rollback")
    with sim.counting() as count:
        for word in ("1", "yes"):
            assert_refused(shell('echo $2 > "$1"', control, word), errno.EINVAL)
    assert count.requests["ApplySnapshot"] == 0
    assert disk in mount.read(control)
    with sim.counting() as count:
        assert_done(shell('echo $2 > "$1"', control, disk))
    assert count.executed["ApplySnapshot"] == 1


@pytest.mark.core
def test_off_takes_nothing(own, sim):
    mount = own.mount(sim, "ttl=1", "rollback=off")
    disk = mount.add_disk()
    mount.add_snapshot(disk, "good")
    control = mount.snapshot(disk, "good", "rollback")
    with sim.counting() as count:
        for word in ("1", "yes", disk):
            assert shell('echo $2 > "$1"', control, word).status == 1
    assert count.requests["ApplySnapshot"] == 0
    assert mount.read(control) != ""
