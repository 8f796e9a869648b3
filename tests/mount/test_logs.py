# SPDX-License-Identifier: Apache-2.0
"""The log: what is said where, that a failure can be found in it, and that nobody has to read it."""
import errno
import os
import re
import subprocess

import pytest

from commands import assert_done, assert_refused, run, shell, wait_until
from harness import Mount

SIMULATOR = ("--create-time", "0.2")
OPTIONS = ("ttl=1", "timeout=4")


class UnreadMount(Mount):
    """A mount in the foreground whose words go into a pipe that nobody reads."""

    def launch(self, argv, environment):
        self.pipe, writer = os.pipe()
        with open(os.path.join(self.directory, "stderr"), "wb"):
            pass
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writer,
                                        cwd=self.directory, env=environment)
        os.close(writer)

    def stop(self):
        problems = super().stop()
        os.close(self.pipe)
        return problems


@pytest.mark.only("tencent")
def test_a_failure_is_there_with_its_request_id(mnt, sim, disk):
    mnt.snapshots(disk)
    sim.fault("CreateSnapshot", "error", code="InsufficientSnapshotQuota", message="no more")
    assert_refused(run("mkdir", mnt.snapshot(disk, "one")), errno.EDQUOT)
    request_id = re.search("request_id: (.+)", mnt.read(mnt.disk(disk, "error")))[1]
    line, = [line for line in mnt.stderr().splitlines() if request_id in line and "mkdir" in line]
    assert line.startswith("cbsfs: warning: mkdir ") and "EDQUOT InsufficientSnapshotQuota no more" in line


def test_what_happens_again_and_again_is_counted(mnt):
    before = len(mnt.stderr().splitlines())
    script = 'for i in $(seq 200); do mkdir "$1/disks/no$i" 2>/dev/null; done; true'
    assert_done(shell(script, mnt.point))
    lines = mnt.stderr().splitlines()[before:]
    assert 1 <= len([line for line in lines if "disks/no" in line]) <= 20
    # What failed is told in full all the same.
    assert mnt.read(mnt.path(".cbsfs", "errors")).count('"disks/no') == 200


def test_the_rest_is_told_at_the_end(own):
    mount = own.mount(own.simulator(), "ttl=1")
    script = 'for i in $(seq 50); do mkdir "$1/disks/no$i" 2>/dev/null; done; true'
    assert_done(shell(script, mount.point))
    assert not own.remove(mount)
    assert "cbsfs: warning: 30 more like this one: mkdir disks/no50: EPERM" in mount.stderr()


@pytest.mark.limit(60)
def test_a_log_that_nobody_reads_stops_nothing(own):
    sim = own.simulator("--create-time", "0.2")
    mount = UnreadMount.__new__(UnreadMount)
    own.daemons.append(mount)
    mount.__init__(own.place("mount"), sim, "ttl=1", arguments=("-d",))  # libfuse tells of each request

    def lost():
        assert_done(shell('for i in $(seq 50); do stat "$1/disks/$i" 2>/dev/null; done; true', mount.point))
        figures = mount.read(mount.path(".cbsfs", "metrics"))
        return int(re.search(r"^cbsfs_log_lines_lost_total (\d+)$", figures, re.MULTILINE)[1]) > 100

    wait_until(lost, 30, "a pipe that is full")
    disk = mount.list("disks")[0]
    assert_done(run("mkdir", mount.snapshot(disk, "works")))


@pytest.mark.parametrize("word", ["error", "warning", "debug", "info"])
def test_the_level_can_be_set(mnt, word):
    level = mnt.path(".cbsfs", "log_level")
    assert_done(shell('echo "$2" > "$1"', level, word))
    assert mnt.value(level) == word
    assert_done(shell('echo info > "$1"', level))


@pytest.mark.parametrize("text", ["loud", "DEBUG", "debug info", "debug;", "0", "debugdebugdebugdebugdebugdebugdebug",
                                  "# debug"])
def test_a_word_that_is_no_level(mnt, text):
    level = mnt.path(".cbsfs", "log_level")
    assert_refused(shell('printf "%s\\n" "$2" > "$1"', level, text), errno.EINVAL)
    assert mnt.value(level) == "info"


def test_one_command_an_open(mnt):
    level = mnt.path(".cbsfs", "log_level")
    # What is written after it is taken for its repetition.
    assert_done(shell('{ echo warning; echo debug; } > "$1"', level))
    assert mnt.value(level) == "warning"
    assert_done(shell(': > "$1"; echo > "$1"; printf "info" >> "$1"', level))
    assert mnt.value(level) == "info"
    # A refusal is remembered as well.
    result = shell('exec 3> "$1"; echo loud >&3; echo debug >&3', level)
    assert result.status != 0 and mnt.value(level) == "info"
