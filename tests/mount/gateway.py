# SPDX-License-Identifier: Apache-2.0
"""Servers on loopback that the simulator cannot play: one with several keys before it, and an instance's metadata."""
import hashlib
import hmac
import json
import threading
import time
from collections import namedtuple
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import SECRET_ID, SECRET_KEY

Request = namedtuple("Request", "method path headers body")
Seen = namedtuple("Seen", "time action secret_id token code")
Answer = namedtuple("Answer", "status headers body")


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signing_key(key, date):
    """What is made of the secret key for a day: whoever has it can sign."""
    return digest(digest(digest(("TC3" + key).encode(), date), "cbs"), "tc3_request")


def signature(request, names, key, date, host=None):
    headers = "".join(f"{name}:{host if host and name == 'host' else request.headers[name].strip()}\n"
                      for name in names.split(";"))
    canonical = f"{request.method}\n/\n\n{headers}\n{names}\n{hashlib.sha256(request.body).hexdigest()}"
    to_sign = (f"TC3-HMAC-SHA256\n{request.headers['X-TC-Timestamp']}\n{date}/cbs/tc3_request\n"
               f"{hashlib.sha256(canonical.encode()).hexdigest()}")
    return digest(signing_key(key, date), to_sign).hex()


def response(members, status=200):
    return Answer(status, {"Content-Type": "application/json"}, json.dumps({"Response": members}).encode())


def refusal(code, message="refused by the gateway", request_id="00000000-0000-4000-8000-000000000000"):
    return response({"Error": {"Code": code, "Message": message}, "RequestId": request_id})


class Server:
    """Answers what respond(request) returns; None closes the connection without an answer, and a function
    gets the socket's file to write to.  `tls`: an ssl.SSLContext.
    """

    def __init__(self, respond, tls=None):
        outer = self
        self.respond = respond
        self.requests = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def handle_any(self):
                length = int(self.headers.get("Content-Length") or 0)
                request = Request(self.command, self.path, self.headers, self.rfile.read(length))
                outer.requests.append((time.monotonic(), request))
                answer = outer.respond(request)
                if answer is None:
                    self.close_connection = True
                    return
                if callable(answer):
                    self.close_connection = True
                    answer(self.wfile)
                    return
                self.send_response_only(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if "Date" not in answer.headers:
                    self.send_header("Date", self.date_time_string())
                if "Content-Length" not in answer.headers:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_POST = do_CONNECT = handle_any

            def log_message(self, *_):
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # the client went away, which is its right

        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.tls = tls
        if tls:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def port(self):
        return self.server.server_address[1]

    @property
    def endpoint(self):
        return f"https://localhost:{self.port}" if self.tls else f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Gateway(Server):
    """Checks signatures against `keys` ({id: (key, token)}) and passes what is good on to the simulator.

    `misbehave` may answer instead: it gets the request and returns an Answer, or None to leave it alone.
    """

    def __init__(self, simulator, keys, tls=None):
        super().__init__(self.judge, tls)
        self.simulator = simulator
        self.keys = keys
        self.seen = []
        self.misbehave = None

    def judge(self, request):
        action = request.headers["X-TC-Action"]
        words = dict(word.strip().split("=", 1)
                     for word in request.headers["Authorization"].split(" ", 1)[1].split(","))
        secret_id, date = words["Credential"].split("/")[:2]
        token = request.headers.get("X-TC-Token")
        answer = self.check(request, words, secret_id, date, token)
        code = json.loads(answer.body)["Response"]["Error"]["Code"] if answer else ""
        self.seen.append(Seen(time.monotonic(), action, secret_id, token, code))
        if answer is None and self.misbehave:
            answer = self.misbehave(request)
        return answer or self.forward(request, words, date)

    def check(self, request, words, secret_id, date, token):
        if secret_id not in self.keys:
            return refusal("AuthFailure.SecretIdNotFound")
        key, expected = self.keys[secret_id]
        if words["Signature"] != signature(request, words["SignedHeaders"], key, date):
            return refusal("AuthFailure.SignatureFailure")
        return refusal("AuthFailure.TokenFailure") if token != expected else None

    def forward(self, request, words, date):
        host = f"127.0.0.1:{self.simulator.port}"
        headers = {name: value for name, value in request.headers.items()
                   if name.lower() not in ("host", "authorization", "x-tc-token", "connection")}
        made = signature(request, words["SignedHeaders"], SECRET_KEY, date, host)
        headers["Host"] = host
        headers["Authorization"] = (f"TC3-HMAC-SHA256 Credential={SECRET_ID}/{date}/cbs/tc3_request, "
                                    f"SignedHeaders={words['SignedHeaders']}, Signature={made}")
        connection = HTTPConnection("127.0.0.1", self.simulator.port, timeout=30)
        try:
            connection.request(request.method, request.path, request.body, headers)
            answer = connection.getresponse()
            body = answer.read()
            return Answer(answer.status, {"Content-Type": answer.headers["Content-Type"],
                                          "Date": answer.headers["Date"]}, body)
        finally:
            connection.close()


class Metadata(Server):
    """An instance's metadata service with a CAM role.  `misbehave` as in Gateway."""

    PATH = "/latest/meta-data/cam/security-credentials/"

    def __init__(self, keys=None, role="cbs-role"):
        super().__init__(self.tell)
        self.keys = keys  # what is told of the role: see role_keys()
        self.role = role
        self.misbehave = None

    def tell(self, request):
        answer = self.misbehave(request) if self.misbehave else None
        if answer:
            return answer
        if request.path == self.PATH:
            return Answer(200, {"Content-Type": "text/plain"}, self.role.encode())
        if request.path == self.PATH + self.role:
            return Answer(200, {"Content-Type": "application/json"}, json.dumps(self.keys).encode())
        return Answer(404, {}, b"")


def role_keys(secret_id, key, token, seconds):
    return {"TmpSecretId": secret_id, "TmpSecretKey": key, "Token": token, "Code": "Success",
            "ExpiredTime": int(time.time()) + seconds, "Expiration": "2030-01-01T00:00:00Z"}
