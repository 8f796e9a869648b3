# SPDX-License-Identifier: Apache-2.0
"""A way to the simulator that is as long as the one to a cloud, with TLS at its end, and that counts what it is used for."""
import os
import queue
import signal
import socket
import ssl
import subprocess
import threading
import time

from commands import in_namespace
from harness import Mount, process_is_running

STORE = "/etc/ssl/certs/ca-certificates.crt"
PAGES = 60  # how many answers of a listing are kept


class Wire:
    """Whatever is sent arrives `delay` seconds later, in both directions; connections are made at once.

    `tls`: an ssl.SSLContext of the server at its end.
    """

    def __init__(self, port, delay=0.0, tls=None):
        self.target, self.delay, self.tls = port, delay, tls
        self.accepted = 0
        self.pages = []
        self.is_open = True
        self.server = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.server.getsockname()[1]
        self.endpoint = f"https://localhost:{self.port}" if tls else f"http://127.0.0.1:{self.port}"
        self.sockets = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while self.is_open:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self.join, args=(client,), daemon=True).start()

    def join(self, client):
        """One connection: the delay on the bytes as they are, and behind it TLS's end."""
        near, far = socket.socketpair() if self.tls else (None, None)
        server = socket.create_connection(("127.0.0.1", self.target))
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sockets += [one for one in (client, near, far, server) if one]
        if self.tls:
            self.later(client, near)
            self.later(near, client)
            try:
                far = self.tls.wrap_socket(far, server_side=True)
            except OSError:
                return
            self.sockets.append(far)
            self.at_once(far, server)
            self.at_once(server, far, self.keep())
        else:
            self.later(client, server)
            self.later(server, client, self.keep())

    def later(self, source, to, keep=None):
        chunks = queue.Queue()

        def read():
            while data := receive(source):
                chunks.put((time.monotonic() + self.delay, data))
                if keep:
                    keep(data)
            chunks.put((time.monotonic() + self.delay, b""))

        def write():
            data = b"begin"
            while data:
                when, data = chunks.get()
                time.sleep(max(0, when - time.monotonic()))
                send(to, data)

        for work in (read, write):
            threading.Thread(target=work, daemon=True).start()

    @staticmethod
    def at_once(source, to, keep=None):
        def pump():
            data = b"begin"
            while data:
                data = receive(source)
                if keep and data:
                    keep(data)
                send(to, data)

        threading.Thread(target=pump, daemon=True).start()

    def keep(self):
        """Collects the bodies of answers, as long as there are few."""
        state = bytearray()

        def take(data):
            if len(self.pages) >= PAGES:
                return
            state.extend(data)
            while True:
                head, found, rest = bytes(state).partition(b"\r\n\r\n")
                length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n")
                               if line.startswith(b"content-length:")), 0)
                if not found or len(rest) < length:
                    return
                if b'"SnapshotSet"' in rest[:length]:
                    self.pages.append(rest[:length])
                del state[:len(head) + 4 + length]

        return take

    def close(self):
        self.is_open = False
        for one in [self.server, *self.sockets]:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()


def receive(source):
    try:
        return source.recv(262144)
    except OSError:
        return b""


def send(to, data):
    """An end is passed on."""
    try:
        if data:
            to.sendall(data)
        else:
            to.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class Authority:
    """Of its own, beside those that the system trusts: reading them all is part of what a connection costs."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        self.openssl("req", "-x509", *new, "-days", "2", "-subj", "/CN=an authority of the bench", "-keyout", "ca.key", "-out", "ca.pem")
        self.openssl("req", *new, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
        with open(self.place("names"), "w", encoding="ascii") as file:
            file.write("subjectAltName=DNS:localhost\n")
        self.openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                     "-extfile", "names", "-out", "server.pem")
        self.bundle = self.place("bundle.pem")
        with open(self.bundle, "wb") as bundle:
            for name in (self.place("ca.pem"), STORE):
                with open(name, "rb") as file:
                    bundle.write(file.read())
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.place("server.pem"), self.place("server.key"))

    def place(self, name):
        return os.path.join(self.directory, name)

    def openssl(self, *words):
        subprocess.run(["openssl", *words], cwd=self.directory, check=True, capture_output=True)


def can_have_tls():
    """Whether the system's store of certificates can be another one for a single process."""
    return os.geteuid() == 0 and os.path.exists(STORE) and subprocess.run(
        ["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


class Secured(Mount):
    """A mount in a namespace of its own, in which the system trusts one authority more; seen through /proc."""

    bundle = None

    def launch(self, argv, environment):
        super().launch(in_namespace(f'mount --bind "$0" {STORE} && exec "$@"', self.bundle, *argv), environment)

    def is_mounted(self):
        try:
            with open(f"/proc/{self.process.pid}/mounts", encoding="utf-8", errors="replace") as table:
                return any(line.split()[1] == self.point for line in table)
        except OSError:
            return False

    def path(self, *parts):
        return os.path.join(f"/proc/{self.process.pid}/root{self.point}", *parts)

    def unmount(self):
        if process_is_running(self.process.pid):
            os.kill(self.process.pid, signal.SIGTERM)
        return []


class Far:
    """An account at the other end of a wire: over TLS where this machine lets us, else without."""

    def __init__(self, place, simulator, delay):
        self.place, self.simulator = place, simulator
        self.authority = Authority(os.path.join(place.directory, "authority")) if can_have_tls() else None
        self.wire = Wire(simulator.port, delay, self.authority.context if self.authority else None)
        place.undo.append(self.wire.close)
        self.how = "TLS" if self.authority else "plain HTTP"

    def mount(self, *options, **keywords):
        return self.place.mount(self.simulator, *options, endpoint=self.wire.endpoint,
                                maker=self.secured if self.authority else None, **keywords)

    def secured(self, simulator, *options, **keywords):
        stage = self.place.stage
        made = Secured.__new__(Secured)
        made.bundle = self.authority.bundle
        made.process = None
        stage.daemons.append(made)
        made.__init__(stage.place("mount"), simulator, *options, **keywords)
        return made
