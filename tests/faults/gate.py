# SPDX-License-Identifier: Apache-2.0
"""What happens to connections before the server sees them, and behind its back: a proxy that can fail."""
import re
import socket
import struct
import threading

from commands import spare_port

ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends a reset


def read_message(connection):
    """One HTTP message with a Content-Length; what there was, if it ends early."""
    data = b""
    while True:
        head, found, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head) if found else None
        if found and len(body) >= (int(length[1]) if length else 0):
            return data
        more = connection.recv(65536)
        if not more:
            return data
        data += more


class Gate:
    """Listens on a port of its own and passes connections on to `port`.

    The next `times` connections meet what fail() names: `reset` when accepted, `reset-sent` when the whole request
    is there and before the server has it, `reset-done` when the server has answered, `reset-answer` in the middle of
    the answer, `silent` are never read.  close() refuses every new connection until open().
    """

    def __init__(self, port):
        self.target = port
        self.lock = threading.Lock()
        self.kind, self.times = None, 0
        self.listener = None
        self.port = spare_port()
        self.open()

    def open(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(64)
        self.listener = listener
        threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def close(self):
        if self.listener is not None:
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept(); close() alone does not
            self.listener.close()
            self.listener = None

    def fail(self, kind, times):
        with self.lock:
            self.kind, self.times = kind, times

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                kind = self.kind if self.times > 0 else None
                self.times -= kind is not None
            threading.Thread(target=self.serve, args=(connection, kind), daemon=True).start()

    def serve(self, connection, kind):
        with connection:
            try:
                if kind == "silent":
                    threading.Event().wait(30)
                elif kind != "reset":
                    self.carry(connection, kind)
            except OSError:
                pass
            if kind is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)

    def carry(self, connection, kind):
        with socket.create_connection(("127.0.0.1", self.target)) as server:
            while True:
                request = read_message(connection)
                if not request or kind == "reset-sent":
                    return
                server.sendall(request)
                answer = read_message(server)
                if kind == "reset-done" or not answer:
                    return
                connection.sendall(answer[:len(answer) // 2] if kind == "reset-answer" else answer)
                if kind == "reset-answer":
                    return
