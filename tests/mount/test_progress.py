# SPDX-License-Identifier: Apache-2.0
"""Long work shows how far it is: on a terminal, and in stats; and nowhere else."""
import os
import pty
import re
import subprocess
import threading

import pytest

from commands import assert_done, finish, run, start, wait_until
from harness import Mount

pytestmark = pytest.mark.only("tencent")

LARGE = ("--disks", "40", "--snapshots", "100")   # 4,000 snapshots: 40 pages at 20 a second
LARGER = ("--disks", "40", "--snapshots", "250")  # five seconds


class TerminalMount(Mount):
    """A mount in the foreground of a terminal; `shown` is what that got."""

    def launch(self, argv, environment):
        with open(os.path.join(self.directory, "stderr"), "wb"):
            pass
        self.shown = ""
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, cwd=self.directory,
                                        env=environment)
        os.close(slave)
        self.reader = threading.Thread(target=self.read_terminal)
        self.reader.start()

    def read_terminal(self):
        try:
            while piece := os.read(self.master, 4096):
                self.shown += piece.decode()
        except OSError:
            pass  # nobody has it open any more

    def stop(self):
        problems = super().stop()
        self.reader.join(10)
        os.close(self.master)
        return problems


def terminal_mount(stage, simulator, *options):
    mount = TerminalMount.__new__(TerminalMount)
    stage.daemons.append(mount)
    mount.__init__(stage.place("mount"), simulator, *options)
    return mount


def visible(text):
    """The lines that a terminal shows in the end."""
    return [line.split("\r\x1b[K")[-1] for line in text.replace("\r\n", "\n").split("\n")]


def test_a_large_account_at_a_terminal(own):
    mount = terminal_mount(own, own.simulator(*LARGE), "ttl=600", "timeout=60")
    assert "asking ap-guangzhou ..." in mount.shown
    assert len(assert_done(run("ls", mount.path("snapshots"), timeout=60)).out.split()) == 4000
    steps = [int(step.replace(",", "")) for step in re.findall(r"listing snapshots: ([\d,]+) of 4,000", mount.shown)]
    assert len(steps) > 10 and steps == sorted(steps) and steps[-1] <= 4000
    # What is over leaves nothing behind.
    wait_until(lambda: not any(re.search("listing|asking", line) for line in visible(mount.shown)), 5)


def test_a_message_stands_above_the_progress(own):
    mount = terminal_mount(own, own.simulator(*LARGER), "ttl=600", "timeout=60")
    looking = start("ls", mount.path("snapshots"))
    wait_until(lambda: "listing snapshots" in mount.shown, 10)
    run("mkdir", mount.path("disks", "no"))
    wait_until(lambda: "cbsfs: warning: mkdir disks/no" in mount.shown, 5)
    assert looking.poll() is None, "the listing had ended"
    assert finish(looking, 60).status == 0
    line, = [line for line in visible(mount.shown) if "mkdir disks/no" in line]
    assert line.startswith("cbsfs: warning: ")


def test_a_large_account_in_the_background(own):
    mount = own.mount(own.simulator(*LARGE), "ttl=600", "timeout=60", background=True)
    looking = start("ls", mount.path("snapshots"))
    shown = wait_until(lambda: mount.stats().get("listing_snapshots"), 10, "the line of stats")
    assert re.fullmatch(r"\d+00 of 4000", shown)
    assert finish(looking, 60).status == 0
    assert "listing_snapshots" not in mount.stats()
    assert mount.stderr() == ""


def test_without_a_terminal_there_is_none(own):
    mount = own.mount(own.simulator(*LARGE), "ttl=600", "timeout=60")
    assert_done(run("ls", mount.path("snapshots"), timeout=60))
    assert "listing" not in mount.stderr() and "asking" not in mount.stderr() and "\x1b" not in mount.stderr()
