# SPDX-License-Identifier: Apache-2.0
"""A client of the API, and a simulator to point it at.  Standard library only.

The signature is worked out here on its own, from the published algorithm, so that neither the
mount's signing nor the simulator's checking is taken at its word.
"""

import hashlib
import hmac
import http.client
import json
import os
import subprocess
import tempfile
import time
import urllib.parse


class ApiError(Exception):
    def __init__(self, code, message, request_id):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.request_id = request_id


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def sign(secret_id, secret_key, timestamp, host, payload, method="POST", query="",
         content_type="application/json", service="cbs", extra=(), date=None):
    """The Authorization header. `extra` are further (name, value) pairs to sign."""
    date = date or time.strftime("%Y-%m-%d", time.gmtime(timestamp))
    headers = sorted([("content-type", content_type), ("host", host), *extra])
    names = ";".join(name for name, _ in headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers)
    canonical = f"{method}\n/\n{query}\n{lines}\n{names}\n{sha256(payload)}"
    scope = f"{date}/{service}/tc3_request"
    text = f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{sha256(canonical.encode())}"
    key = ("TC3" + secret_key).encode()
    for part in (date, service, "tc3_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return (f"TC3-HMAC-SHA256 Credential={secret_id}/{scope}, SignedHeaders={names}, "
            f"Signature={signature}")


class Client:
    def __init__(self, port, secret_id="AKIDSIMULATOR", secret_key="simulator",
                 region="ap-guangzhou", token=None):
        self.port = port
        self.secret_id = secret_id
        self.secret_key = secret_key
        self.region = region
        self.token = token

    def send(self, method, path, body=None, headers=None, timeout=20):
        """One exchange on a connection of its own: (status, headers, body bytes)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def headers(self, action, payload, method="POST", query="", **changes):
        timestamp = changes.pop("timestamp", None) or int(time.time())
        content_type = changes.pop("content_type", None) or (
            "application/json" if method == "POST" else "application/x-www-form-urlencoded")
        host = changes.pop("host", None) or f"127.0.0.1:{self.port}"
        version = changes.pop("version", "2017-03-12")
        sent = {
            "Host": changes.pop("sent_host", f"127.0.0.1:{self.port}"),
            "Content-Type": content_type,
            "X-TC-Action": action,
            "X-TC-Version": version,
            "X-TC-Timestamp": str(timestamp),
            "Authorization": sign(self.secret_id, self.secret_key, timestamp, host, payload,
                                  method, query, content_type, **changes),
        }
        if self.region:
            sent["X-TC-Region"] = self.region
        if self.token:
            sent["X-TC-Token"] = self.token
        return sent

    def exchange(self, action, parameters=None, timeout=20, **changes):
        """A signed POST: (status, headers, body bytes)."""
        payload = json.dumps(parameters or {}, ensure_ascii=False).encode()
        return self.send("POST", "/", payload, self.headers(action, payload, **changes), timeout)

    def call(self, action, parameters=None, **changes):
        """A signed POST: what is in `Response`, or ApiError."""
        return self.answer(self.exchange(action, parameters, **changes)[2])

    def get(self, action, query="", **changes):
        """A signed GET with this query string, as it is."""
        headers = self.headers(action, b"", "GET", query, **changes)
        return self.answer(self.send("GET", "/?" + query, None, headers)[2])

    @staticmethod
    def answer(body):
        response = json.loads(body)["Response"]
        if "Error" in response:
            raise ApiError(response["Error"]["Code"], response["Error"]["Message"],
                           response["RequestId"])
        return response

    def control(self, method, name, body=None):
        status, _, answer = self.send(method, "/_sim/" + name,
                                      None if body is None else json.dumps(body).encode())
        if status != 200:
            raise ValueError(f"{name}: {status} {answer!r}")
        return json.loads(answer)

    def stats(self):
        return self.control("GET", "stats")

    def faults(self, *faults):
        self.control("POST", "faults", {"faults": list(faults)})

    def patch(self, **changes):
        self.control("POST", "patch", changes)

    def wait_for(self, condition, deadline=20):
        """Polls `condition` until it gives something true, and returns that."""
        end = time.monotonic() + deadline
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError("still not so after %s s" % deadline)
            time.sleep(0.02)


def query(parameters):
    """Flattens parameters for a GET: Filters.0.Values.0=..."""
    pairs = []

    def walk(prefix, value):
        if isinstance(value, dict):
            for key, member in value.items():
                walk(f"{prefix}.{key}" if prefix else key, member)
        elif isinstance(value, list):
            for index, member in enumerate(value):
                walk(f"{prefix}.{index}", member)
        else:
            pairs.append((prefix, str(value)))

    walk("", parameters)
    return urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote)


class Simulator:
    """A running cbsfs-sim. As a context manager it gives a Client and ends the process."""

    def __init__(self, *arguments, environment=None):
        self.directory = tempfile.TemporaryDirectory()
        port_file = os.path.join(self.directory.name, "port")
        binary = os.environ.get("CBSFS_SIM", "build/cbsfs-sim")
        self.process = subprocess.Popen(
            [binary, "--port-file", port_file, *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **(environment or {})})
        self.greeting = self.process.stdout.readline()
        if not self.greeting:
            raise RuntimeError(self.process.communicate()[1])
        with open(port_file, encoding="ascii") as file:
            self.port = int(file.read())

    def stop(self):
        """Ends it; its exit status and what it wrote to stderr."""
        self.process.terminate()
        _, errors = self.process.communicate(timeout=20)
        self.directory.cleanup()
        return self.process.returncode, errors

    def __enter__(self):
        return Client(self.port)

    def __exit__(self, *_):
        status, errors = self.stop()
        assert (status, errors) == (0, "")
