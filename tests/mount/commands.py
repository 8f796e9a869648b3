# SPDX-License-Identifier: Apache-2.0
"""What a shell user does: commands, how they end, and waiting for things to become true."""
import errno
import os
import random
import shlex
import socket
import subprocess
import time
from collections import namedtuple
from datetime import datetime, timedelta, timezone

Result = namedtuple("Result", "status out err seconds")

# How much longer everything takes under a program such as valgrind: every time limit below is that much longer.
SLOWER = float(os.environ.get("CBSFS_SLOWER", "1"))


def wait_until(predicate, timeout=10.0, what="the condition"):
    """Returns the first true value of predicate(); fails after `timeout` seconds."""
    timeout *= SLOWER
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {timeout} s")
        time.sleep(0.03)


def holds_for(predicate, seconds, what="the condition"):
    """Fails as soon as predicate() is false during `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert predicate(), f"{what} did not hold"
        time.sleep(0.05)


running = []  # what start() started, so that nothing outlives its test


def start(*argv, cwd=None, env=None, stdin=subprocess.DEVNULL):
    """A process that the test will signal or wait for itself; see finish()."""
    environment = dict(os.environ, LC_ALL="C.UTF-8", **(env or {}))
    process = subprocess.Popen([str(word) for word in argv], cwd=cwd, env=environment, stdin=stdin,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               errors="surrogateescape", start_new_session=True)
    running.append(process)
    return process


def end_all():
    """Ends what a failed test left running."""
    while running:
        process = running.pop()
        if process.poll() is None:
            process.kill()
            process.communicate()


def finish(process, timeout=30):
    """Waits for a process of start(); a process that does not end is a failure."""
    began = time.monotonic()
    if process in running:
        running.remove(process)
    try:
        out, err = process.communicate(timeout=timeout * SLOWER)
    except subprocess.TimeoutExpired:
        process.kill()
        running.append(process)
        raise AssertionError(f"{shlex.join(process.args)} did not end within {timeout * SLOWER} s") from None
    return Result(process.returncode, out, err, time.monotonic() - began)


def run(*argv, timeout=30, cwd=None, env=None):
    return finish(start(*argv, cwd=cwd, env=env), timeout)


def in_namespace(script, *words):
    """The words of a command in a mount namespace of its own, in which `script` is run by sh with `words` first.

    Mounts of other tests are copied into it and would outlive their unmounting, so they are dropped there.
    """
    drop = "umount -a -l -t fuse.cbsfs; "
    return ["unshare", "-m", "sh", "-c", drop + script, *words]


def shell(script, *arguments, program="bash", timeout=30, cwd=None, env=None):
    """Runs a script; `arguments` are its $1, $2 …, so that no name needs quoting."""
    words = ["busybox", "ash"] if program == "busybox" else [program]
    name = [] if program == "fish" else [program]
    return run(*words, "-c", script, *name, *arguments, timeout=timeout, cwd=cwd, env=env)


def assert_done(result):
    assert result.status == 0, f"exit {result.status}: {result.err or result.out}"
    assert result.err == ""
    return result


def assert_refused(result, number):
    """The command failed, and said why in the words of errno `number`."""
    assert result.status > 0, f"exit {result.status}; expected {errno.errorcode[number]}; {result.err}"
    assert os.strerror(number) in result.err, f"expected {errno.errorcode[number]}: {result.err}"
    return result


def spare_port():
    """A free port that the kernel gives to nobody by itself: such a one might be somebody's before we have it."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        first = int(file.read().split()[0])
    while True:
        port = random.randrange(first // 2, first)
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def beijing(moment):
    """A time as the API writes it."""
    return moment.astimezone(timezone(timedelta(hours=8))).strftime("%Y-%m-%d %H:%M:%S")


def rfc3339(moment):
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def now():
    return datetime.now(timezone.utc).replace(microsecond=0)
