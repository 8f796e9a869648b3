# SPDX-License-Identifier: Apache-2.0
"""A reverse proxy in front of Keystone or Cinder: counts what comes by action, keeps what was sent, and fails when told.

A fault is a dict: `kind`, and if it matters `actions` (all), `times` (1; 0 is until they are replaced), `skip` (0)
and what its kind takes:

    delay        the answer comes `ms` later
    drop-before  the connection ends, and the service has not heard of the request
    drop-after   the service has done it, and the connection ends
    slow-body    so it has, and the answer comes a byte each `ms`
    truncate     so it has, and half of the answer comes
    malformed    so it has, and the answer is no JSON
    html         a page of HTML with status 200; with `after` true the service has done it
    status       the same with `status` (503), or with `body`, an object
    hang         no answer, until the faults are replaced
"""
import json
import re
import ssl
import threading
import time
from collections import Counter
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

PROJECT = r"(?:/v3(?:/[0-9a-f]{32})?)"
ACTIONS = [(method, re.compile(f"{path}/?"), name) for method, path, name in (
    ("GET", PROJECT + r"/volumes(?:/detail)?", "ListVolumes"),
    ("GET", PROJECT + r"/volumes/[^/]+", "ShowVolume"),
    ("GET", PROJECT + r"/snapshots(?:/detail)?", "ListSnapshots"),
    ("GET", PROJECT + r"/snapshots/[^/]+", "ShowSnapshot"),
    ("POST", PROJECT + r"/snapshots", "CreateSnapshot"),
    ("PUT", PROJECT + r"/snapshots/[^/]+", "UpdateSnapshot"),
    ("DELETE", PROJECT + r"/snapshots/[^/]+", "DeleteSnapshot"),
    ("GET", PROJECT + r"/group_snapshots(?:/detail)?", "ListGroupSnapshots"),
    ("POST", PROJECT + r"/group_snapshots", "CreateGroupSnapshot"),
    ("DELETE", PROJECT + r"/group_snapshots/[^/]+", "DeleteGroupSnapshot"),
    ("GET", PROJECT + r"/(?:limits|os-quota-sets/.+)", "ShowLimits"),
    ("POST", PROJECT + r"/volumes", "CreateVolume"),
    ("DELETE", PROJECT + r"/volumes/[^/]+", "DeleteVolume"),
    ("POST", r"/v3/auth/tokens", "CreateToken"),
    ("GET", r"(?:/|/v3)?", "ListVersions"),
)]
CHANGES = ("CreateSnapshot", "UpdateSnapshot", "DeleteSnapshot", "RevertToSnapshot", "CreateGroupSnapshot",
           "DeleteGroupSnapshot")
HTML = b"<html><body><h1>It works, or not</h1></body></html>"
OWN_HEADERS = ("connection", "transfer-encoding", "content-length", "keep-alive")


def action_of(method, path, body):
    """The name of what is asked for; for what is not in the table, method and path."""
    path = path.partition("?")[0]
    if method == "POST" and re.fullmatch(PROJECT + r"/volumes/[^/]+/action", path):
        return "RevertToSnapshot" if isinstance(body, dict) and "revert" in body else "VolumeAction"
    for wanted, pattern, name in ACTIONS:
        if method == wanted and pattern.fullmatch(path):
            return name
    return f"{method} {path}"


def as_json(data):
    try:
        return json.loads(data) if data else None
    except ValueError:
        return None


class Proxy:
    """`target` is a URL, `authority` the file of who signed its certificate; `certificate` (file, key) makes it https."""

    def __init__(self, target, authority=None, certificate=None):
        self.target = urlsplit(target)
        self.trusted = ssl.create_default_context(cafile=authority) if self.target.scheme == "https" else None
        self.lock = threading.Lock()
        self.requests, self.changes, self.errors = Counter(), Counter(), Counter()
        self.sent = []      # what each change has sent, oldest first
        self.moments = []   # (second, action)
        self.faults = []
        self.latency = 0.0  # seconds, for every answer
        self.epoch = threading.Event()  # set when the faults of this moment are replaced
        self.server = Quiet(("127.0.0.1", 0), type("Handler", (Handler,), {"proxy": self}))
        self.scheme = "https" if certificate else "http"
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(*certificate)
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self):
        return self.server.server_address[1]

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def fail(self, *faults):
        """These, and no longer what was told before."""
        with self.lock:
            self.faults = [{"times": 1, "skip": 0, **fault} for fault in faults]
            for fault in self.faults:
                fault["left"] = fault["times"] or -1
            self.epoch.set()
            self.epoch = threading.Event()

    def fault_for(self, action):
        with self.lock:
            for fault in self.faults:
                if fault["left"] == 0 or action not in fault.get("actions", (action,)):
                    continue
                if fault["skip"] > 0:
                    fault["skip"] -= 1
                    continue
                fault["left"] -= fault["left"] > 0
                return fault, self.epoch
        return {"kind": None}, self.epoch

    def note(self, action):
        with self.lock:
            self.requests[action] += 1
            self.moments.append((int(time.monotonic()), action))

    def keep(self, action, path, body, status):
        with self.lock:
            if status >= 400:
                self.errors[status] += 1
            if action in CHANGES:
                self.changes[action] += status < 400
                self.sent.append({"action": action, "path": path, "body": body, "status": status})

    def peak(self):
        """{action: the most requests in one second}."""
        with self.lock:
            counted = Counter(self.moments)
        found = Counter()
        for (_, action), count in counted.items():
            found[action] = max(found[action], count)
        return found

    def pass_on(self, method, path, headers, data):
        """The service's (status, headers, body)."""
        host, port = self.target.hostname, self.target.port
        connection = HTTPSConnection(host, port, timeout=90, context=self.trusted) if self.trusted \
            else HTTPConnection(host, port, timeout=90)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                if name.lower() not in OWN_HEADERS:
                    connection.putheader(name, value)
            connection.putheader("Connection", "close")
            if data or method in ("POST", "PUT"):
                connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            answer = connection.getresponse()
            return answer.status, [(name, value) for name, value in answer.getheaders()
                                   if name.lower() not in OWN_HEADERS], answer.read()
        finally:
            connection.close()

    def close(self):
        self.fail()
        self.server.shutdown()
        self.server.server_close()


class Quiet(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        pass  # the client went away, which is its right


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120
    proxy = None

    def handle_any(self):
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = as_json(data)
        action = action_of(self.command, self.path, body)
        self.proxy.note(action)
        fault, epoch = self.proxy.fault_for(action)
        kind = fault["kind"]
        answer = None
        if kind in (None, "delay", "drop-after", "slow-body", "truncate", "malformed") or fault.get("after"):
            try:
                answer = self.proxy.pass_on(self.command, self.path, self.headers, data)
            except (OSError, HTTPException):
                self.close_connection = True  # the service is away, and so is this
                return
        time.sleep(self.proxy.latency)
        self.proxy.keep(action, self.path, body, answer[0] if answer else fault.get("status", 503))
        if kind == "hang":
            epoch.wait(120)
        if kind == "delay":
            time.sleep(fault["ms"] / 1000)
        if kind in ("hang", "drop-before", "drop-after"):
            self.close_connection = True
            return
        status, headers, content = self.spoil(kind, fault, answer)
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if kind == "truncate":
            content, self.close_connection = content[:len(content) // 2], True
        for piece in [content[i:i + 1] for i in range(len(content))] if kind == "slow-body" else [content]:
            self.wfile.write(piece)
            if kind == "slow-body":
                time.sleep(fault["ms"] / 1000)

    def spoil(self, kind, fault, answer):
        if kind in (None, "delay", "slow-body", "truncate"):
            return answer
        if kind == "malformed":
            return answer[0], answer[1], b"{" + answer[2]
        headers = [("Date", self.date_time_string()), *fault.get("headers", {}).items()]
        if "body" in fault:
            return fault.get("status", 503), [*headers, ("Content-Type", "application/json")], \
                json.dumps(fault["body"]).encode()
        status = 200 if kind == "html" else fault.get("status", 503)
        return status, [*headers, ("Content-Type", "text/html")], HTML

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any

    def log_message(self, *_):
        pass
