# SPDX-License-Identifier: Apache-2.0
"""Somebody who is not root: runs commands and mounts as `nobody`, in a home of his own.

Only root can become somebody else. Tests that need another user are skipped without root, and say so.
"""
import atexit
import fcntl
import functools
import os
import pwd
import shutil
import stat
import tempfile
from contextlib import contextmanager, nullcontext

import pytest

import commands
from harness import CBSFS, Mount

NEEDS_ROOT = "needs root, to become another user"
DEVICE = "/dev/fuse"


def public_directory(prefix):
    """A new directory that everybody can reach, unlike those of pytest; it goes when the tests end."""
    path = tempfile.mkdtemp(prefix=prefix, dir="/tmp")
    os.chmod(path, 0o755)
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


class Person:
    """A user without any right beyond his own. `home` can be reached by everybody and is his."""

    def __init__(self, name="nobody"):
        entry = pwd.getpwnam(name) if name else pwd.getpwuid(os.geteuid())
        self.name, self.uid, self.gid = entry.pw_name, entry.pw_uid, entry.pw_gid
        self.home = public_directory("cbsfs-person-")
        os.chown(self.home, self.uid, self.gid)

    def words(self, *argv):
        if self.uid == os.geteuid():
            return list(argv)
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "--", *argv]

    def run(self, *argv, **keywords):
        keywords["env"] = {"HOME": self.home, **(keywords.get("env") or {})}
        return commands.run(*self.words(*argv), **keywords)

    def shell(self, script, *arguments, **keywords):
        return self.run("bash", "-c", script, "bash", *arguments, **keywords)

    def directory(self, name):
        path = os.path.join(self.home, name)
        os.makedirs(path, exist_ok=True)
        os.chown(path, self.uid, self.gid)
        return path


class PersonalMount(Mount):
    """A mount that a person made; what it is asked, it is asked as that person."""

    def __init__(self, directory, simulator, *options, person, **keywords):
        self.person = person
        # The build may be where only root may look.
        self.program = os.path.join(person.directory("bin"), "cbsfs")
        if not os.path.exists(self.program):
            shutil.copy(CBSFS, self.program)
        # Sanitizers write what they find here.
        for name in ("", self.place, "home"):
            path = os.path.join(directory, name)
            os.makedirs(path, exist_ok=True)
            os.chown(path, person.uid, person.gid)
        super().__init__(directory, simulator, *options, **keywords)

    def launch(self, argv, environment):
        super().launch(self.person.words(*argv), environment)

    def inside(self, *command):
        return self.person.run(*command)

    def read(self, path):
        return commands.assert_done(self.person.run("cat", path)).out

    def list(self, *parts):
        return commands.assert_done(self.person.run("ls", "-A", self.path(*parts))).out.splitlines()

    def exists(self, path):
        return self.person.run("test", "-e", path).status == 0

    def refresh(self):
        commands.assert_done(self.person.shell('echo now > "$1"', self.path(".cbsfs", "refresh")))


@contextmanager
def device_for_others(bits):
    """What users who are not root may do with /dev/fuse, while a mount is made; then it is as it was.

    Locked meanwhile, as other files of tests that run side by side do the same.
    """
    lock = os.open(DEVICE, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_EX)
    mode = stat.S_IMODE(os.stat(DEVICE).st_mode)
    restore = functools.partial(os.chmod, DEVICE, mode)
    atexit.register(restore)
    os.chmod(DEVICE, mode & ~0o006 | bits)
    try:
        yield
    finally:
        restore()
        atexit.unregister(restore)
        os.close(lock)


def open_device():
    """As distributions have it; without root it is left as it is."""
    return device_for_others(0o006) if os.geteuid() == 0 else nullcontext()


def closed_device():
    return device_for_others(0)


def require_root():
    if os.geteuid() != 0:
        pytest.skip(NEEDS_ROOT)


def somebody():
    """Somebody who is not root: another user, or for lack of the right to become one whoever runs the tests."""
    return Person("nobody" if os.geteuid() == 0 else None)


def personal_mount(stage, simulator, person, *options, kind=PersonalMount, name=None, **keywords):
    """A mount of the person's, which the stage ends."""
    mount = kind.__new__(kind)
    directory = person.directory(name or f"mount{len(stage.daemons)}")
    stage.daemons.append(mount)
    mount.__init__(directory, simulator, *options, person=person, **keywords)
    return mount
