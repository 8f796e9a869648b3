# SPDX-License-Identifier: Apache-2.0
"""Logging in to OpenStack, as a user meets it: OS_* and clouds.yaml, tokens that end or are refused, wrong passwords,
private authorities.  Keystone and Cinder are played here, as far as a login needs them; what the real ones say
is in tests/data/openstack and in the tests against a real OpenStack.
"""
import errno
import json
import os
import re
import ssl
import subprocess
import time
from contextlib import contextmanager

import pytest

from commands import assert_done, assert_refused, run, wait_until
from gateway import Answer, Server
from harness import CBSFS, BAD_LINE, clean_environment, find_process, mount_type, process_is_running
from test_secrets import copies, sanitizers_own

pytestmark = pytest.mark.only("tencent")  # it brings a cloud of its own: once is enough

PROJECT = "902620d3958448719cfe302b74f5cf75"
VOLUME = "11111111-2222-4333-8444-555555555555"
PASSWORD = "correct-horse-battery"
NO_KEYS = {"TENCENTCLOUD_SECRET_ID": None, "TENCENTCLOUD_SECRET_KEY": None}
UNAUTHORIZED = {"error": {"code": 401, "message": "The request you have made requires authentication.",
                          "title": "Unauthorized"}}


def answer(status, document, **headers):
    return Answer(status, {"Content-Type": "application/json", **headers}, json.dumps(document).encode())


class OpenStack:
    """A Keystone below /identity, a Cinder below /volume, and what they were asked."""

    def __init__(self, tls=None):
        self.password = PASSWORD
        self.life = 3600
        self.tokens = []     # all that were given out
        self.accepted = set()
        self.logins = []     # bodies
        self.regions = ["RegionOne"]
        self.role = "reader"
        self.away = False
        self.catalogue = None  # another than the usual one
        self.limits = {"maxTotalSnapshots": 10, "totalSnapshotsUsed": 8, "maxTotalVolumeGigabytes": -1,
                       "totalGigabytesUsed": 24}
        self.server = Server(self.respond, tls)

    @property
    def root(self):
        return self.server.endpoint

    @property
    def auth_url(self):
        return self.root + "/identity/v3"

    def log_in(self, request):
        auth = json.loads(request.body)["auth"]
        self.logins.append(auth)
        identity = auth["identity"]
        if identity["methods"] == ["password"]:
            good = identity["password"]["user"]["password"] == self.password and "project" in auth["scope"]
        elif identity["methods"] == ["application_credential"]:
            good = identity["application_credential"]["secret"] == self.password and "scope" not in auth
        else:
            good = identity["token"]["id"] in self.accepted
        if not good:
            return answer(401, UNAUTHORIZED)
        token = f"token-{len(self.tokens)}-" + "T" * 4000
        self.tokens.append(token)
        self.accepted.add(token)
        ends = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() + self.life))
        endpoints = [{"interface": interface, "region": region, "region_id": region,
                      "url": f"{self.root}/volume/v3/{PROJECT}" if interface == "public" else "http://10.0.0.1/v3"}
                     for region in self.regions for interface in ("internal", "public")]
        return answer(201, {"token": {
            "expires_at": ends, "project": {"id": PROJECT, "name": "demo"},
            "catalog": self.catalogue or [{"type": "identity", "endpoints": []},
                                          {"type": "block-storage", "endpoints": endpoints}]}},
            **{"X-Subject-Token": token})

    def respond(self, request):
        path = request.path.partition("?")[0]
        if self.away:
            return None
        if path == "/identity/v3/auth/tokens":
            return self.log_in(request)
        if path == "/volume/":
            return answer(300, {"versions": [{"id": "v3.0", "version": "3.70", "min_version": "3.0"}]})
        if request.headers["X-Auth-Token"] not in self.accepted:
            return answer(401, UNAUTHORIZED)
        if self.role == "none":
            return answer(403, {"forbidden": {"code": 403, "message": "Policy doesn't allow it to be performed."}})
        if path.endswith("/volumes/detail"):
            return answer(200, {"volumes": [{"id": VOLUME, "name": "web-data", "status": "available", "size": 2,
                                             "created_at": "2026-11-01T00:00:00.000000"}]})
        if path.endswith("/snapshots/detail"):
            return answer(200, {"snapshots": []})
        if path.endswith("/limits") and self.limits:
            return answer(200, {"limits": {"rate": [], "absolute": self.limits}})
        return answer(404, {"itemNotFound": {"code": 404, "message": "not played here"}})

    def asked(self, part):
        return sum(part in request.path for _, request in self.server.requests)


@pytest.fixture
def cloud():
    made = OpenStack()
    with made.server:
        yield made


class User:
    """Somebody with a home directory, who mounts."""

    def __init__(self, directory):
        self.home = str(directory / "home")
        self.point = str(directory / "mnt")
        os.mkdir(self.home)
        os.mkdir(self.point)

    def environment(self, variables):
        return clean_environment(self.home, self.home, {**NO_KEYS, **variables})

    def cbsfs(self, *words, timeout=40, **variables):
        return subprocess.run([CBSFS, *words], cwd=self.home, env=self.environment(variables), capture_output=True,
                              text=True, timeout=timeout, check=False)

    @contextmanager
    def mounted(self, *words, options="provider=openstack,ttl=1", **variables):
        child = self.cbsfs(*words, self.point, "-o", options, **variables)
        assert child.returncode == 0, child.stderr
        try:
            pid = find_process(self.point)
            assert pid and mount_type(self.point)
            yield pid
        finally:
            assert_done(run("fusermount3", "-u", self.point))
            wait_until(lambda: not process_is_running(pid), 15, "the end of the mount")
        assert not BAD_LINE.search(child.stderr), child.stderr

    def read(self, *parts):
        return assert_done(run("cat", os.path.join(self.point, *parts))).out

    def disks(self):
        return run("ls", os.path.join(self.point, "disks"))

    def put_clouds(self, auth, mode=0o600, name="clouds.yaml", **top):
        """In YAML's JSON."""
        folder = os.path.join(self.home, ".config", "openstack")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, name)
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump({"clouds": {"lab": {"auth": auth, **top}}}, file)
        os.chmod(path + ".new", mode)
        os.rename(path + ".new", path)


@pytest.fixture
def user(tmp_path):
    return User(tmp_path)


def variables(cloud, **more):
    return {"OS_AUTH_URL": cloud.auth_url, "OS_USERNAME": "demo", "OS_PASSWORD": PASSWORD, "OS_PROJECT_NAME": "demo",
            **more}


def auth(cloud, **more):
    return {"auth_url": cloud.auth_url, "username": "demo", "password": PASSWORD, "project_name": "demo", **more}


# --- where the log-in is told ------------------------------------------------------------


def test_environment(cloud, user):
    with user.mounted(**variables(cloud)) as pid:
        assert assert_done(user.disks()).out == VOLUME + "\n"
        config = dict(line.partition(" ")[::2] for line in user.read(".cbsfs", "config").splitlines())
        assert config["provider"] == "openstack" and config["credentials"] == "environment (OS_*)"
        assert config["project"] == PROJECT and config["region"] == "RegionOne"
        assert config["endpoint"] == f"{cloud.root}/volume/v3/{PROJECT}"
        with open(f"/proc/{pid}/environ", "rb") as file:
            environment = file.read()
        assert PASSWORD.encode() not in environment and b"OS_USERNAME=demo" in environment
        with open("/proc/self/mounts", encoding="utf-8") as table:
            assert f"cbsfs:openstack {user.point} " in table.read()
    assert len(cloud.logins) == 1 and cloud.asked("/volume/?") + cloud.asked("/volume/v3") > 0
    user_part = cloud.logins[0]["identity"]["password"]["user"]
    assert user_part == {"name": "demo", "domain": {"name": "Default"}, "password": PASSWORD}


def test_the_password_is_in_memory_once(cloud, user):
    """Once: no parser's and no request's copy."""
    with user.mounted(**variables(cloud)) as pid:
        assert copies(pid, PASSWORD) == 1 + sanitizers_own(pid)
    user.put_clouds(auth(cloud))
    with user.mounted() as pid:
        assert copies(pid, PASSWORD) == 1
        assert copies(pid, cloud.tokens[-1]) == 1


@pytest.mark.parametrize("how", ["SOURCE", "option", "OS_CLOUD", "the only one"])
def test_clouds_yaml(cloud, user, how):
    user.put_clouds(auth(cloud), region_name="RegionOne")
    words = ["lab@"] if how == "SOURCE" else []
    options = "provider=openstack" + (",profile=lab" if how == "option" else "")
    more = {"OS_CLOUD": "lab", "OS_PASSWORD": "of somebody else"} if how == "OS_CLOUD" else {}
    with user.mounted(*words, options=options, **more):
        assert assert_done(user.disks()).out == VOLUME + "\n"
        config = user.read(".cbsfs", "config")
        assert "credentials clouds.yaml cloud lab in ~/.config/openstack/clouds.yaml\n" in config
        assert "region RegionOne\n" in config and PASSWORD not in config
        assert run("findmnt", "-n", "-o", "SOURCE", user.point).out == "cbsfs:lab@RegionOne\n"


def test_application_credential_and_secure_yaml(cloud, user):
    user.put_clouds({"auth_url": cloud.auth_url, "application_credential_id": "a1"}, mode=0o644,
                    auth_type="v3applicationcredential")
    user.put_clouds({"application_credential_secret": PASSWORD}, name="secure.yaml")
    with user.mounted():
        assert assert_done(user.disks()).out == VOLUME + "\n"
    assert cloud.logins[0]["identity"]["application_credential"] == {"id": "a1", "secret": PASSWORD}


def test_endpoint_of_the_user(cloud, user):
    with user.mounted(options=f"provider=openstack,endpoint={cloud.root}/volume/v3", **variables(cloud)):
        assert assert_done(user.disks()).out == VOLUME + "\n"
        assert f"endpoint {cloud.root}/volume/v3/{PROJECT}\n" in user.read(".cbsfs", "config")
    child = user.cbsfs(user.point, "-o", "endpoint=https://cbs.example/v3")
    assert child.returncode == 1 and "nothing more" in child.stderr


def test_access_keys(cloud, user):
    """Nobody is asked for a token, and it is EVS whatever was said."""
    key = "SK" + "k" * 38
    keys = {"HUAWEICLOUD_SDK_AK": "AKIDexample0123456789", "HUAWEICLOUD_SDK_SK": key, "HUAWEICLOUD_SDK_PROJECT_ID": PROJECT}
    asked = []

    def respond(request):
        asked.append(request)
        return answer(200, {"volumes": [], "snapshots": [], "count": 0})

    with Server(respond) as evs:
        with user.mounted("eu-de", options=f"provider=openstack,endpoint={evs.endpoint}", **keys) as pid:
            assert assert_done(user.disks()).out == ""
            config = user.read(".cbsfs", "config")
            assert "provider evs\n" in config and f"project {PROJECT}\n" in config and key not in config
            assert copies(pid, key) == 1 + sanitizers_own(pid)
    assert not cloud.logins and asked
    for request in asked:
        assert request.headers["Authorization"].startswith("SDK-HMAC-SHA256 Access=AKIDexample0123456789, ")
        assert f"/{PROJECT}/" in request.path and request.headers["X-Project-Id"] == PROJECT
    words = refused(user, **{name: keys[name] for name in ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK")})
    assert "OS_PROJECT_ID is not set" in words
    assert "no region" in refused(user, **keys)


# --- what is refused before the mount ----------------------------------------------------


def refused(user, options="provider=openstack", **variables_given):
    child = user.cbsfs(user.point, "-o", options, **variables_given)
    assert child.returncode == 1 and mount_type(user.point) is None
    assert child.stderr.count("\n") == 1 and PASSWORD not in child.stderr
    return child.stderr


def test_a_wrong_password_is_sent_once(cloud, user):
    cloud.password = "another"
    words = refused(user, **variables(cloud))
    assert "refuses the log-in" in words and "environment (OS_*)" in words and cloud.auth_url in words
    assert len(cloud.logins) == 1


def test_what_is_missing_is_named(cloud, user):
    assert "neither OS_CLOUD nor OS_AUTH_URL" in refused(user)
    assert "OS_PASSWORD is not set" in refused(user, **{**variables(cloud), "OS_PASSWORD": ""})
    user.put_clouds({"auth_url": cloud.auth_url, "username": "u", "project_id": "p"})
    assert "cloud lab in ~/.config/openstack/clouds.yaml: auth.password is missing" in refused(user)
    user.put_clouds(auth(cloud), mode=0o644)
    assert "may be used by others (mode 0644); run: chmod 600" in refused(user)
    user.put_clouds(auth(cloud), verify=False)
    assert "always verifies" in refused(user)
    assert not cloud.logins


def test_regions(cloud, user):
    cloud.regions = ["one", "two"]
    assert "several regions: one, two; name one" in refused(user, **variables(cloud))
    assert "in region three; it has regions: one, two" in refused(user, "provider=openstack,region=three",
                                                                 **variables(cloud))
    with user.mounted("two", **variables(cloud)):
        assert "region two\n" in user.read(".cbsfs", "config")
    with user.mounted(**variables(cloud, OS_REGION_NAME="one")):
        assert "region one\n" in user.read(".cbsfs", "config")


def test_an_interface_in_the_clear(cloud, user):
    words = refused(user, **variables(cloud, OS_INTERFACE="internal"))
    assert "http://10.0.0.1/v3" in words and "https://" in words


def test_a_role_that_is_missing(cloud, user):
    cloud.role = "none"
    words = refused(user, **variables(cloud))
    assert "role reader" in words and "Policy doesn't allow it" in words


def test_keystone_away(cloud, user):
    cloud.away = True
    assert "cannot log in" in refused(user, **variables(cloud))


def test_check(cloud, user):
    child = user.cbsfs("--check", **variables(cloud, TENCENTCLOUD_REGION="ap-guangzhou"))
    assert "TENCENTCLOUD_SECRET_ID" in child.stdout  # the provider is still an option
    folder = os.path.join(user.home, ".config", "cbsfs")
    os.makedirs(folder)
    with open(os.path.join(folder, "config"), "w", encoding="utf-8") as file:
        file.write("provider = openstack\n")
    child = user.cbsfs("--check", **variables(cloud))
    assert re.search(rf"^PASS  credentials +environment \(OS_\*\), project {PROJECT} at ", child.stdout, re.M), child.stdout
    assert re.search(r"^PASS  token +accepted$", child.stdout, re.M)
    assert re.search(r"^PASS  ListVolumes +allowed$", child.stdout, re.M)
    assert "tokenT" not in child.stdout and PASSWORD not in child.stdout
    cloud.role = "none"
    child = user.cbsfs("--check", **variables(cloud))
    assert child.returncode == 1 and re.search(r"^FAIL  ListVolumes .*\n +remedy: .*role reader", child.stdout, re.M), child.stdout
    child = user.cbsfs("--check")
    assert child.returncode == 1 and re.search(r"^FAIL  credentials +no credentials: neither OS_CLOUD", child.stdout, re.M)


def remedy_of(child, name="credentials"):
    row = re.search(rf"^FAIL  {name} .*\n +remedy: (.*)$", child.stdout, re.M)
    assert child.returncode == 1 and row, child.stdout
    return row[1]


def test_check_names_the_way_and_what_helps(cloud, user):
    def check(*words, **more):
        return user.cbsfs("--check", *words, "-o", "provider=openstack", **more)

    child = check(**variables(cloud))
    assert re.search(rf"^PASS  endpoint +{cloud.root}/volume/v3/{PROJECT}$", child.stdout, re.M)
    assert "certificate" not in child.stdout, "there is none on the way"
    assert "region= or OS_REGION_NAME" in remedy_of(check("three", **variables(cloud)))
    assert "correct what is named there" in remedy_of(check(**variables(cloud, OS_PASSWORD="wrong")))
    assert "OS_AUTH_URL" in remedy_of(check(**variables(cloud, OS_AUTH_URL="http://127.0.0.1:9/v3")))
    user.put_clouds({"auth_url": cloud.auth_url, "username": "u", "project_id": "p"})
    assert "correct what is named there" in remedy_of(check())
    user.put_clouds(auth(cloud), mode=0o644)
    assert "chmod 600" in remedy_of(check())
    cloud.catalogue = [{"type": "identity", "endpoints": []}, {"type": "compute", "endpoints": []}]
    child = check(**variables(cloud))
    assert "it has: identity, compute" in child.stdout and "right project" in remedy_of(child)


def test_check_tells_the_quota(cloud, user):
    def row():
        child = user.cbsfs("--check", "-o", "provider=openstack", **variables(cloud))
        assert child.returncode == 0, child.stdout
        return re.search(r"^([A-Z]+)  quota +(.*)\n( +remedy: )?", child.stdout, re.M)

    found = row()
    assert found[1] == "PASS" and not found[3]
    assert found[2] == "snapshots: 8 of 10; GiB of volumes and snapshots: 24, without a limit"
    cloud.limits["totalSnapshotsUsed"] = 10
    found = row()
    assert found[1] == "WARN" and "10 of 10" in found[2] and found[3]
    cloud.limits = None
    found = row()
    assert found[1] == "SKIP" and "not played here" in found[2]
    assert "T" * 40 not in found[2]


# --- while it is mounted -----------------------------------------------------------------


def test_a_token_that_is_refused_is_replaced(cloud, user):
    with user.mounted(**variables(cloud)):
        cloud.accepted.clear()
        assert_refused(run("mkdir", os.path.join(user.point, "disks", VOLUME, "snapshots", "x")), errno.ENOENT)
        assert len(cloud.logins) == 2 and len(cloud.tokens) == 2


def test_tokens_that_end(cloud, user):
    cloud.life = 3
    with user.mounted(**variables(cloud)):
        end = time.monotonic() + 9
        while time.monotonic() < end:
            assert_done(user.disks())
            cloud.accepted = set(cloud.tokens[-1:])
            time.sleep(0.2)
    assert 3 <= len(cloud.logins) <= 8
    assert cloud.asked("/volume/v3/") > len(cloud.logins)


def test_a_password_that_changes_while_mounted(cloud, user):
    """It is tried once, told each time, and the new one is taken as soon as the file has it."""
    user.put_clouds(auth(cloud))
    with user.mounted():
        assert_done(user.disks())
        time.sleep(1.1)
        cloud.password = "the new one"
        cloud.accepted.clear()

        wait_until(lambda: user.disks() and len(cloud.logins) > 1, 20, "the refusal")
        until = time.monotonic() + 4
        while time.monotonic() < until:
            user.disks()
            run("ls", os.path.join(user.point, "disks", VOLUME, "snapshots"))
            time.sleep(0.1)
        assert len(cloud.logins) == 2
        assert_refused(run("mkdir", os.path.join(user.point, "disks", VOLUME, "snapshots", "x")), errno.EKEYREJECTED)
        user.put_clouds(auth(cloud, password="the new one"))
        wait_until(lambda: user.disks().status == 0 and len(cloud.tokens) == 2, 15, "the new password")
    assert len(cloud.logins) == 3


# --- whom cbsfs believes -----------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A directory with ca.pem, and a server's context for localhost."""
    directory = tmp_path_factory.mktemp("authority")

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True, timeout=30)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=an authority", "-keyout", "ca.key", "-out", "ca.pem")
    (directory / "extensions").write_text("subjectAltName=DNS:localhost\n")
    for name in ("server", "client"):
        openssl("req", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", "extensions", "-out", f"{name}.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem", directory / "server.key")
    return directory, context


def test_cacert_wins_over_what_the_environment_says(authority, user):
    directory, context = authority
    cloud = OpenStack(context)
    with cloud.server:
        others = {"SSL_CERT_FILE": "/nonexistent", "CURL_CA_BUNDLE": "/nonexistent", "REQUESTS_CA_BUNDLE": "/nonexistent"}
        words = refused(user, **variables(cloud))
        assert "certificate" in words and not cloud.logins
        with user.mounted(**variables(cloud, OS_CACERT=str(directory / "ca.pem"), **others)):
            assert assert_done(user.disks()).out == VOLUME + "\n"
        user.put_clouds(auth(cloud), cacert="~/own.pem")
        with open(os.path.join(user.home, "own.pem"), "wb") as file:
            file.write((directory / "ca.pem").read_bytes())
        with user.mounted(**others):
            assert assert_done(user.disks()).out == VOLUME + "\n"


def test_a_server_that_asks_for_a_certificate(authority, user):
    directory, _ = authority
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem", directory / "server.key")
    context.load_verify_locations(directory / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    cloud = OpenStack(context)
    with cloud.server:
        own = {"OS_CACERT": str(directory / "ca.pem")}
        refused(user, **variables(cloud, **own))
        assert not cloud.logins
        with user.mounted(**variables(cloud, OS_CERT=str(directory / "client.pem"), OS_KEY=str(directory / "client.key"),
                                      **own)):
            assert assert_done(user.disks()).out == VOLUME + "\n"
