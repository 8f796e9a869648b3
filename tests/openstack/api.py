# SPDX-License-Identifier: Apache-2.0
"""What an OpenStack is asked directly, beside every mount: a token, and JSON over HTTP."""
import json
import ssl
import time
import urllib.error
import urllib.request


class Refused(Exception):
    def __init__(self, status, body, what):
        super().__init__(f"{what}: {status} {body[:500]!r}")
        self.status, self.body = status, body


class Service:
    """One HTTP service.  Proxies of the environment do not count, nor do its authorities."""

    def __init__(self, url, authority=None):
        self.url = url
        tls = ssl.create_default_context(cafile=authority) if authority else ssl.create_default_context()
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                                  urllib.request.HTTPSHandler(context=tls))

    def ask(self, method, path, body=None, headers=None):
        """The answer's (headers, JSON)."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json", "Accept":
                                         "application/json", **(headers or {})}, method=method)
        try:
            with self.opener.open(request, timeout=60) as answer:
                text = answer.read()
                return answer.headers, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read(), f"{method} {self.url}{path}") from None


class Session:
    """A user's, in a project.  Renews its token by itself."""

    def __init__(self, identity, block_storage, user, password, project, authority=None):
        self.identity = Service(identity, authority)
        self.block_storage = Service(block_storage, authority)
        self.credential = {"identity": {"methods": ["password"], "password": {"user": {
            "name": user, "domain": {"id": "default"}, "password": password}}},
            "scope": {"project": {"name": project, "domain": {"id": "default"}}}}
        self.token = None
        self.log_in()

    def log_in(self):
        headers, body = self.identity.ask("POST", "/auth/tokens?nocatalog", {"auth": self.credential})
        self.token = headers["X-Subject-Token"]
        self.project, self.user = body["token"]["project"]["id"], body["token"]["user"]["id"]

    def ask(self, service, method, path, body=None, headers=None):
        for last in (False, True):
            try:
                return service.ask(method, path, body, {"X-Auth-Token": self.token, **(headers or {})})[1]
            except Refused as refused:
                if refused.status != 401 or last:
                    raise
                self.log_in()
        return None

    def keystone(self, method, path, body=None):
        return self.ask(self.identity, method, path, body)

    def cinder(self, method, path, body=None, version="3.0"):
        return self.ask(self.block_storage, method, f"/v3/{self.project}{path}", body,
                        {"OpenStack-API-Version": f"volume {version}"})

    def state(self, kind, identifier, version="3.0"):
        """The status of a volume or snapshot, None when there is none."""
        try:
            return self.cinder("GET", f"/{kind}s/{identifier}", version=version)[kind]["status"]
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def wait_for(self, kind, identifier, wanted, seconds=30):
        deadline = time.monotonic() + seconds
        while (state := self.state(kind, identifier)) != wanted:
            if time.monotonic() > deadline or (state or "gone").startswith("error"):
                raise AssertionError(f"{kind} {identifier} is {state}, not {wanted}")
            time.sleep(0.05)

    def create_volume(self, name, size=1, wait=True):
        volume = self.cinder("POST", "/volumes", {"volume": {"name": name, "size": size}})["volume"]["id"]
        if wait:
            self.wait_for("volume", volume, "available")
        return volume

    def create_snapshot(self, volume, name, wait=True, **fields):
        body = {"snapshot": {"volume_id": volume, "name": name, **fields}}
        snapshot = self.cinder("POST", "/snapshots", body)["snapshot"]["id"]
        if wait:
            self.wait_for("snapshot", snapshot, "available")
        return snapshot

    def attach(self, volume, instance):
        """As Nova does, without a Nova."""
        connector = {"host": "machine", "initiator": "iqn.2001-01.example:machine", "ip": "127.0.0.1",
                     "platform": "x86_64", "os_type": "linux", "multipath": False, "mountpoint": "/dev/vdb"}
        made = self.cinder("POST", "/attachments", {"attachment": {
            "volume_uuid": volume, "instance_uuid": instance, "connector": connector}}, "3.44")
        self.cinder("POST", f"/attachments/{made['attachment']['id']}/action", {"os-complete": None}, "3.44")
        self.wait_for("volume", volume, "in-use")
