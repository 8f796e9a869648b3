# SPDX-License-Identifier: Apache-2.0
"""A client of EVS and its identity service.  Standard library only, and signed here on its own (see tc3.py)."""
import hashlib
import hmac
import json
import time
import urllib.parse

UNRESERVED = "-_.~"


def uuid(own):
    """The id of a disk or a snapshot as EVS has it: "snap-0jfkjwl1" is 736e6170-306a-4000-8000-666b6a776c31."""
    prefix, tail = own[:4], own[5:].encode().ljust(8, b"\0").hex()
    return f"{prefix.encode().hex()}-{tail[:4]}-4000-8000-{tail[4:]}"


def project(region="ap-guangzhou"):
    return hashlib.sha256(f"project {region}".encode()).hexdigest()[:32]


def sign(access, secret, method, url, headers, body=b""):
    """The Authorization header; all of `headers` are signed."""
    parts = urllib.parse.urlsplit(url)
    path = "".join(urllib.parse.quote(urllib.parse.unquote(segment), safe=UNRESERVED) + "/"
                   for segment in parts.path.removesuffix("/").split("/"))
    pairs = sorted((urllib.parse.quote(name, safe=UNRESERVED), urllib.parse.quote(value, safe=UNRESERVED))
                   for name, value in urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
    low = sorted((name.lower(), value.strip()) for name, value in headers.items())
    names = ";".join(name for name, _ in low)
    canonical = "\n".join([method, path, "&".join(f"{name}={value}" for name, value in pairs),
                           *(f"{name}:{value}" for name, value in low), "", names, hashlib.sha256(body).hexdigest()])
    date = dict(low).get("x-sdk-date", "")
    text = f"SDK-HMAC-SHA256\n{date}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"SDK-HMAC-SHA256 Access={access}, SignedHeaders={names}, Signature={signature}"


def stamp(seconds=None):
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


def exchange(client, method, path, body=None, headers=None):
    """(status, headers, what the answer holds or None)."""
    status, answer_headers, answer = client.send(method, path, body, headers or {})
    return status, answer_headers, json.loads(answer) if answer else None


def login_body(name="AKIDSIMULATOR", password="simulator", scope=None, **user):
    """What is sent to log in; `scope` None: none."""
    user = {"name": name, "domain": {"name": "whatever"}, "password": password, **user}
    auth = {"identity": {"methods": ["password"], "password": {"user": user}}}
    if scope is not None:
        auth["scope"] = scope
    return {"auth": auth}


def login(client, body=None, path="/v3/auth/tokens"):
    """(status, headers, answer) of a login, by default for the first region."""
    if body is None:
        body = login_body(scope={"project": {"name": client.region}})
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return exchange(client, "POST", path, text, {"Content-Type": "application/json"})


def token(client, **scope):
    body = login_body(scope={"project": scope or {"name": client.region}})
    return login(client, body)[1]["X-Subject-Token"]


class Door:
    """The calls of one client, by token (default) or by signature; `base` is what stands before the project."""

    def __init__(self, client, base="/v2", signed=False):
        self.client, self.base, self.signed, self.token = client, base, signed, None

    def headers(self, method, path, body, **changes):
        if not self.signed:
            self.token = self.token or token(self.client)
            return {"X-Auth-Token": self.token, "Content-Type": "application/json"}
        headers = {"Host": f"127.0.0.1:{self.client.port}", "X-Sdk-Date": stamp(), "X-Project-Id": project(),
                   "Content-Type": "application/json", **changes}
        headers = {name: value for name, value in headers.items() if value is not None}
        headers["Authorization"] = sign(self.client.secret_id, self.client.secret_key, method, path, headers, body)
        return headers

    def call(self, method, path, body=None, **changes):
        """(status, answer) of a path behind the project."""
        whole = f"{self.base}/{project(self.client.region)}{path}"
        text = b"" if body is None else json.dumps(body).encode()
        status, _, answer = exchange(self.client, method, whole, text or None, self.headers(method, whole, text, **changes))
        return status, answer

    def ask(self, path):
        status, answer = self.call("GET", path)
        assert status == 200, answer
        return answer
