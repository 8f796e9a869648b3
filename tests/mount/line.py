# SPDX-License-Identifier: Apache-2.0
"""The way to the simulator, with everything that can happen on it.

A server of its own in front of the simulator; what it does with a connection is its `mode`:

    open        everything goes through
    silent      the connection is accepted, and nothing ever comes back
    headers     the answer's headers come at one byte a second
    body        so does the body, behind headers that came at once
    black hole  no connection comes about: the kernel drops the first packet of each
"""
import select
import socket
import threading
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"


class Line:
    def __init__(self, simulator):
        self.target = simulator.port
        self.mode = "open"
        self.header = None  # one more for each answer of the simulator
        self.accepted = 0
        self.is_open = True
        self.lock = threading.Lock()
        self.sockets = []
        self.server = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.endpoint = f"http://127.0.0.1:{self.server.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def become(self, mode):
        """What comes over from now on; connections that were there are cut."""
        with self.lock:
            self.mode = mode
            self.cut()
            if mode == "black hole":
                self.server.listen(0)
                self.fill_queue()
            else:
                self.server.listen(100)

    def cut(self):
        for one in self.sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.sockets = []

    def fill_queue(self):
        """Until the kernel answers no more: what it has accepted and nobody takes fills its queue."""
        while True:
            one = socket.socket()
            self.sockets.append(one)
            one.settimeout(0.2)
            try:
                one.connect(self.server.getsockname())
            except TimeoutError:
                return

    def serve(self):
        while self.is_open:
            ready, _, _ = select.select([self.server], [], [], 0.02)
            with self.lock:
                if not ready or not self.is_open or self.mode == "black hole":
                    continue
                client, _ = self.server.accept()
                self.accepted += 1
                self.sockets.append(client)
                what = {"open": self.forward, "silent": self.swallow, "headers": self.trickle,
                        "body": self.trickle}[self.mode]
                mode = self.mode
            threading.Thread(target=what, args=(client, mode), daemon=True).start()

    def forward(self, client, _):
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            client.close()
            return
        with self.lock:
            self.sockets.append(server)
        threading.Thread(target=self.pump, args=(server, client, True), daemon=True).start()
        self.pump(client, server, False)

    def pump(self, source, to, is_answer):
        try:
            while data := source.recv(65536):
                if is_answer and self.header and data.startswith(b"HTTP/1.1 "):
                    data = data.replace(b"\r\n", f"\r\n{self.header}\r\n".encode(), 1)
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def swallow(self, client, _):
        try:
            while client.recv(65536):
                pass
        except OSError:
            pass

    def trickle(self, client, mode):
        try:
            client.recv(65536)
            if mode == "body":
                client.sendall(ANSWER)
            for byte in ANSWER if mode == "headers" else b"{" + b" " * 60:
                client.sendall(bytes([byte]))
                time.sleep(1)
        except OSError:
            pass

    def close(self):
        self.is_open = False
        self.thread.join()
        with self.lock:
            self.cut()
        self.server.close()
