# SPDX-License-Identifier: Apache-2.0
"""Allocations that fail from the first line of main to the end: each way of starting, and the unmount."""
import os
import signal
import socket
import ssl
import subprocess
import threading

import pytest

from commands import assert_done, in_namespace, run, wait_until
from harness import REGION, find_process, mount_type
from subject import MODES, Problems, needs_library, numbers, report, simulator, subject  # noqa: F401 (fixtures)

pytestmark = needs_library


def complaint(subject):
    """None if a start that failed said why, in one line."""
    words = subject.words()
    # libfuse's parser of options says so itself before it tells us.
    own = words
    while own.startswith("fuse: memory allocation failed\n"):
        own = own.removeprefix("fuse: memory allocation failed\n")
    if subject.process.returncode != 1 or not own.startswith("cbsfs: ") or own.count("\n") != 1:
        return f"exit {subject.process.returncode}: {words!r}"
    return None


class Foreground:
    def __init__(self, subject):
        self.subject = subject
        self.total = 0

    def is_up(self):
        """The start is over: from now on nothing fails."""
        self.total = self.subject.allocations.count
        self.subject.allocations.fail(0)

    def launch(self):
        self.subject.launch()

    def outcome(self):
        """What is wrong with how it went; a mount that came up must work and end well."""
        subject = self.subject
        if not subject.wait():
            problem = complaint(subject)
            return problem or self.remains()
        self.is_up()
        listing = run("ls", subject.path("disks"))
        if listing.status != 0 and subject.ends():
            return complaint(subject) or self.remains()
        status = subject.stop()
        if listing.status != 0 or not listing.out:
            return f"mounted, but ls: {listing}"
        if status != 0:
            return f"mounted, but ended with {status}: {subject.words()}"
        return self.remains()

    def remains(self):
        if mount_type(self.subject.point):
            return "left a mount behind"
        return None


class Background(Foreground):
    """The parent's exit status is the child's verdict."""

    def launch(self):
        self.subject.launch(REGION, self.subject.point, "-o", self.subject.options())

    def outcome(self):
        subject = self.subject
        status = subject.process.wait(25)
        if status != 0:
            return complaint(subject) or self.remains()
        self.is_up()
        if not mount_type(subject.point):
            return "said that it is mounted, and is not"
        listing = run("ls", subject.path("disks"))
        run("fusermount3", "-u", subject.point)
        return f"mounted, but ls: {listing}" if listing.status != 0 or not listing.out else self.remains()

    def remains(self):
        wait_until(lambda: find_process(self.subject.point) is None, 10, "the end of the process")
        return super().remains()


class Demo(Foreground):
    def launch(self):
        self.subject.launch("-f", "--demo", self.subject.point)

    def remains(self):
        """A simulator that outlives its mount."""
        def gone():
            return not [entry for entry in filter(str.isdigit, os.listdir("/proc")) if self.is_ours(entry)]

        wait_until(gone, 10, "the end of the simulator")
        return super().remains()

    def is_ours(self, entry):
        try:
            with open(f"/proc/{entry}/environ", "rb") as environ, open(f"/proc/{entry}/comm", "rb") as name:
                return f"HOME={self.subject.home}".encode() in environ.read() and name.read() == b"cbsfs-sim\n"
        except OSError:
            return False


class Check(Foreground):
    """A table in which every FAIL counts, and a last line only when it is whole."""
    prefix = ()

    def endpoint(self):
        return self.subject.simulator.endpoint

    def launch(self):
        self.subject.launch("--check", REGION, "-o", self.subject.options(self.endpoint()), prefix=self.prefix)

    def outcome(self):
        subject = self.subject
        status = subject.process.wait(25)
        self.is_up()
        table = subject.words("stdout")
        failures = sum(line.startswith("FAIL") for line in table.splitlines())
        if status == 1 and not table:
            return complaint(subject)
        if table.splitlines()[-1:] != [f"{failures} failed"] or status != (1 if failures else 0):
            return f"exit {status}: {table!r} {subject.words()!r}"
        return None


class Tls(Check):
    """The same over TLS, with a certificate that only this process trusts."""

    def __init__(self, subject):
        super().__init__(subject)
        directory = subject.directory
        self.certificate, key = os.path.join(directory, "certificate"), os.path.join(directory, "key")
        assert run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                   "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                   "-keyout", key, "-out", self.certificate).status == 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.context = context
        threading.Thread(target=self.serve, daemon=True).start()
        # In a mount namespace of its own, as cbsfs takes the system's word on whom to trust.
        script = f"mount --bind {self.certificate} /etc/ssl/certs/ca-certificates.crt && exec \"$@\""
        self.prefix = in_namespace(script, "sh")

    def endpoint(self):
        return f"https://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.forward, args=(client,), daemon=True).start()

    def forward(self, client):
        try:
            with self.context.wrap_socket(client, server_side=True) as secured, \
                    socket.create_connection(("127.0.0.1", self.subject.simulator.port)) as plain:
                back = threading.Thread(target=self.copy, args=(plain, secured), daemon=True)
                back.start()
                self.copy(secured, plain)
                back.join()
        except OSError:
            pass  # cbsfs hung up

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        try:
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()


def once(subject, way, number, mode):
    """What is wrong with a start in which this allocation fails."""
    subject.allocations.fail(number, mode)
    way.launch()
    try:
        return way.outcome()
    except (AssertionError, subprocess.TimeoutExpired) as error:
        return f"stuck: {error}"
    finally:
        subject.clear()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", [Foreground, Background, Demo, Check, Tls], ids=lambda kind: kind.__name__.lower())
def test_start(subject, kind, mode):  # noqa: F811
    if kind is Tls and os.geteuid() != 0:
        pytest.skip("needs root, for a mount namespace")
    way = kind(subject)
    subject.allocations.fail(0)
    way.launch()
    assert way.outcome() is None, subject.words()
    total = way.total
    problems = Problems()
    tried = 0
    for number in numbers(total):
        tried += 1
        problem = once(subject, way, number, mode)
        if problem:
            problems.append(f"allocation {number}: {problem}")
    if kind is Tls:
        way.close()
    report(f"start {kind.__name__.lower()} ({mode})", tried, total, problems)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("how", ["unmount", "SIGTERM"])
def test_end(subject, how, mode):  # noqa: F811
    """Without any memory at all a mount can still be taken down."""
    def end_once(number):
        subject.allocations.fail(0)
        subject.launch()
        assert subject.wait(), subject.words()
        assert_done(run("ls", subject.path("disks")))
        subject.allocations.fail(number, mode)
        if how == "SIGTERM":
            subject.process.send_signal(signal.SIGTERM)
        else:
            run("fusermount3", "-u", subject.point)
        try:
            status = subject.process.wait(10)
        except subprocess.TimeoutExpired:
            subject.clear()
            return "stuck"
        if mount_type(subject.point):
            run("fusermount3", "-uz", subject.point)
            return "left a mount behind"
        return None if status == 0 else f"ended with {status}: {subject.words()}"

    assert end_once(0) is None
    total = subject.allocations.count
    problems = Problems()
    tried = 0
    for number in numbers(total):
        tried += 1
        problem = end_once(number)
        if problem:
            problems.append(f"allocation {number}: {problem}")
    report(f"end by {how} ({mode})", tried, total, problems)
