# SPDX-License-Identifier: Apache-2.0
"""Secrets stay where they belong (semantics 9): not in the tree, a log, a core dump, nor twice in memory; and
whom cbsfs believes: TLS, proxies, answers without end.
"""
import base64
import json
import os
import resource
import secrets
import signal
import socket
import ssl
import subprocess
import threading
import time
import zlib

import pytest

from commands import SLOWER, assert_done, finish, in_namespace, run, shell, start, wait_until
from gateway import Answer, Gateway, Metadata, Server, refusal, role_keys, signing_key
from harness import (CBSFS, REGION, SECRET_ID, SECRET_KEY, WRAPPER, Mount, clean_environment, find_process,
                     mount_type, process_is_running, read_text)

pytestmark = pytest.mark.only("tencent")  # its servers and faults are in the words of API 3.0

SIMULATOR = ("--create-time", "0.2", "--rollback-time", "0.2", "--rate", "0")
NO_KEYS = {"TENCENTCLOUD_SECRET_ID": None, "TENCENTCLOUD_SECRET_KEY": None}
SOURCES = ("environment", "tccli", "sdk", "role")


class Planted:
    """A temporary key that nothing else in the world looks like, and a place that holds it."""

    def __init__(self, source, home):
        self.id = "AKID" + secrets.token_hex(16)
        self.key = "Key" + secrets.token_hex(15)
        self.token = "Token/" + secrets.token_hex(60) + "+/="
        self.source = source
        self.metadata = None
        self.environment = dict(NO_KEYS)
        if source == "environment":
            self.environment = {"TENCENTCLOUD_SECRET_ID": self.id, "TENCENTCLOUD_SECRET_KEY": self.key,
                                "TENCENTCLOUD_TOKEN": self.token}
        elif source == "tccli":
            self.put(home, ".tccli/default.credential", json.dumps(
                {"secretId": self.id, "secretKey": self.key, "token": self.token, "expiresAt": int(time.time()) + 900}))
        elif source == "sdk":
            self.put(home, ".tencentcloud/credentials",
                     f"[default]\nsecret_id = {self.id}\nsecret_key = {self.key}\ntoken = {self.token}\n")
        else:
            self.metadata = Metadata(role_keys(self.id, self.key, self.token, 250))  # due for renewal
            self.environment["CBSFS_METADATA_ENDPOINT"] = self.metadata.endpoint

    @staticmethod
    def put(home, name, text):
        path = os.path.join(home, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)

    def parts(self):
        """Pieces of 20 characters: half a key is a secret too."""
        for secret in (self.key, self.token):
            yield from (secret[at:at + 20] for at in range(len(secret) - 19))

    def derived(self):
        return signing_key(self.key, time.strftime("%Y-%m-%d", time.gmtime()))

    def assert_absent(self, text, where):
        for part in self.parts():
            assert part not in text, f"{where}: ...{text[max(0, text.find(part) - 300):text.find(part) + 60]}"


@pytest.fixture
def plant(own):
    """plant(source) -> (planted key, gateway that accepts only it, arguments of own.mount())."""
    opened = []

    def put(source, tls=None):
        simulator = own.simulator(*SIMULATOR)
        planted = Planted(source, os.path.join(own.directory, f"mount{len(own.daemons) + 1}", "home"))
        gateway = Gateway(simulator, {planted.id: (planted.key, planted.token)}, tls)
        opened.append(gateway)
        if planted.metadata:
            opened.append(planted.metadata)
        return planted, gateway

    yield put
    for server in opened:
        server.close()


def with_spare(own, gateway, *options, **keywords):
    """A mount with two disks, `spare` and `other`, that have the snapshots "first" and "second"."""
    spare, other = (gateway.simulator.add_disk() for _ in range(2))
    for name in ("first", "second"):
        gateway.simulator.add_snapshot(spare, name)
        gateway.simulator.add_snapshot(other, name)
    mount = own.mount(gateway.simulator, "ttl=1", "allow_delete", *options, endpoint=gateway.endpoint, **keywords)
    mount.spare, mount.other = spare, other
    return mount


# --- the tree, the logs, the process --------------------------------------------------------------


def whole_request(request):
    return f"{request.method} {request.path}\n{request.headers}\n{request.body.decode()}"


def padded(request):
    """The token begins where the message is cut off."""
    return refusal("InvalidDisk.Busy", "x" * 470 + request.headers["X-TC-Token"])


def escaped(request):
    """As PHP and careful HTML writers do."""
    text = json.dumps({"Response": {"RequestId": "r", "Error": {
        "Code": "InvalidDisk.Busy", "Message": request.headers["X-TC-Token"]}}})
    token = request.headers["X-TC-Token"]
    return Answer(200, {"Content-Type": "application/json"},
                  text.replace(token, token.replace("/", "\\/").replace("a", "\\u0061", 1)).encode())


ECHOES = {
    "in the message": lambda request: refusal("InvalidDisk.Busy", whole_request(request)),
    "in the code": lambda request: refusal(request.headers["X-TC-Token"]),
    "in the code, the signature": lambda request: refusal(request.headers["Authorization"][-64:]),
    "in the request id": lambda request: refusal("InvalidDisk.Busy", "m", request.headers["X-TC-Token"]),
    "in the request id, the signature": lambda request: refusal("InvalidDisk.Busy", "m",
                                                                request.headers["Authorization"][-64:]),
    "as HTML": lambda request: Answer(502, {"Content-Type": "text/html"}, whole_request(request).encode()),
    "as HTML with 200": lambda request: Answer(200, {"Content-Type": "text/html"}, whole_request(request).encode()),
    "at the start of HTML": lambda request: Answer(403, {"Content-Type": "text/html"},
                                                   request.headers["X-TC-Token"].encode()),
    "as content type": lambda request: Answer(200, {"Content-Type": request.headers["X-TC-Token"]}, b"x"),
    "as a redirect": lambda request: Answer(302, {"Location": "http://127.0.0.1:1/" + request.headers["X-TC-Token"]}, b""),
    "as broken JSON": lambda request: Answer(200, {}, b'{"' + request.headers["X-TC-Token"].encode()),
    "in the old envelope": lambda request: Answer(200, {}, json.dumps(
        {"code": 4000, "codeDesc": request.headers["X-TC-Token"], "message": whole_request(request)}).encode()),
    "cut": padded, "escaped": escaped,
    "in a key's refusal": lambda request: refusal("AuthFailure.SignatureFailure", whole_request(request)),
}


def echo_in_a_listing(request):
    """Every disk has the token as its name, and the request in its record."""
    if request.headers["X-TC-Action"] != "DescribeDisks":
        return None
    disk = {"DiskId": "disk-echo0001", "DiskName": request.headers["X-TC-Token"], "DiskState": "ATTACHED",
            "Description": whole_request(request)}
    return Answer(200, {}, json.dumps({"Response": {"TotalCount": 1, "DiskSet": [disk], "RequestId": "r"}}).encode())


def everything(mount):
    """All names and all bytes of the tree, its hidden parts included."""
    hidden = [mount.path(".cbsfs", name) for name in
              ("version", "config", "stats", "metrics", "errors", "events", "jobs", "log_level")]
    names = run("find", mount.point, timeout=60).out
    return names + shell('find "$1" -type f -print0 | xargs -0 cat; shift; cat "$@" 2>/dev/null; :', mount.point,
                         *hidden, timeout=60).out


def verbs_that_succeed(mount):
    """Each of them once, on a disk of their own; there is a snapshot "third" afterwards."""
    disk = mount.spare
    assert_done(run("mkdir", mount.snapshot(disk, "new")))
    assert_done(shell('echo 1 > "$1"', mount.snapshot(mount.other, "first", "rollback")))
    assert_done(run("rmdir", mount.snapshot(disk, "second")))
    assert_done(run("mv", mount.snapshot(disk, "first"), mount.snapshot(disk, "third")))
    assert_done(run("ls", "-R", mount.path("disks"), mount.path("snapshots")))
    return disk


def drive(mount, gateway, echoes):
    """Each verb, well and with ways of repeating the request in the answer."""
    disk = verbs_that_succeed(mount)

    def echo(request):
        """Which one is in the name that is to be made; everything else but looking gets the first."""
        action = request.headers["X-TC-Action"]
        if action == "CreateSnapshot":
            return ECHOES[echoes[int(json.loads(request.body)["SnapshotName"].removeprefix("echo-"))]](request)
        return None if action.startswith("Describe") else ECHOES[echoes[0]](request)

    gateway.misbehave = echo
    made = [start("mkdir", mount.snapshot(disk, f"echo-{number}")) for number in range(len(echoes))]
    for kind, process in zip(echoes, made):
        assert finish(process).status == 1, kind
    for script in ('mv "$1/third" "$1/fourth"', 'rmdir "$1/third"', 'echo 1 > "$2/second/rollback"'):
        assert shell(script, mount.disk(disk, "snapshots"), mount.disk(mount.other, "snapshots")).status == 1, script
    gateway.misbehave = ECHOES[echoes[-1]]
    mount.refresh()
    run("ls", mount.path("disks"))
    gateway.misbehave = echo_in_a_listing
    mount.refresh()
    wait_until(lambda: mount.exists(mount.disk("disk-echo0001")), 15, "the disk that repeats the request")
    text = everything(mount)
    gateway.misbehave = None
    return text


class Syslog:
    """Takes what a process in the background logs, if nobody else does."""

    PATH = "/dev/log"

    def __init__(self):
        self.lines = []
        self.socket = None
        if not os.path.lexists(self.PATH):
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.socket.bind(self.PATH)
            self.thread = threading.Thread(target=self.listen, daemon=True)
            self.thread.start()

    def listen(self):
        while (data := self.socket.recv(65536)) != b"stop":
            self.lines.append(data.decode(errors="replace"))

    def close(self):
        if self.socket:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
                end.sendto(b"stop", self.PATH)
            self.thread.join()
            os.unlink(self.PATH)
            self.socket.close()


@pytest.fixture
def syslog():
    taken = Syslog()
    yield taken
    taken.close()


@pytest.mark.limit(120)
@pytest.mark.parametrize("source, background, echoes", [
    ("role", False, [kind for kind in ECHOES if "key" not in kind]), ("environment", True, ["in the message", "cut", "as HTML"]),
    ("tccli", False, ["in the message"]), ("sdk", False, ["in a key's refusal"])],
    ids=lambda value: value if isinstance(value, str) else "")
def test_nothing_that_is_written_has_a_secret(own, plant, syslog, source, background, echoes):
    """Every verb, every fault, log level debug, a server that repeats what it was sent: not a piece of it anywhere."""
    planted, gateway = plant(source)
    mount = with_spare(own, gateway, f"timeout={int(SLOWER)}", environment=planted.environment, background=background,
                       arguments=() if background else ("-d",))
    assert_done(shell('echo debug > "$1"', mount.path(".cbsfs", "log_level")))
    tree = drive(mount, gateway, echoes)
    texts = {"the tree": tree, "the tree later": everything(mount),
             "stderr": mount.stderr(), "stdout": read_text(os.path.join(mount.directory, "stdout")),
             "syslog": "\n".join(syslog.lines),
             "cmdline": read_text(f"/proc/{mount.pid}/cmdline"),
             # valgrind gives cbsfs a copy, and keeps its own.
             "environ": "" if WRAPPER else read_text(f"/proc/{mount.pid}/environ"),
             "/proc/mounts": read_text("/proc/self/mounts"), "findmnt": run("findmnt", "-A").out}
    assert "*" * 20 in texts["the tree later"], "the echoes were not recorded"
    assert "disk-echo0001" in tree
    if background and syslog.socket:
        assert "CreateSnapshot" in texts["syslog"] or "mkdir" in texts["syslog"]
    if not background:
        assert "debug" in texts["stderr"]
    signatures = {request.headers["Authorization"][-64:] for _, request in gateway.requests}
    for where, text in texts.items():
        planted.assert_absent(text, where)
        assert planted.derived().hex() not in text, where
        for made in signatures:
            assert made[:20] not in text and made[-20:] not in text, where


WRONG_PLACES = {
    ".config/cbsfs/config": ["{key}\n", "secret_key = {key}\n", "{key} = 1\n", "ttl = {key}\n", "ttl {key}\n",
                             "endpoint = https://{key}@host\n", "endpoint = https://host/?{key}\n", "= {key}\n",
                             "protect\n{key}\n", "token = {token}\n", "{token}\n", "uid={token}\n"],
    ".tccli/default.credential": ["{key}", '{{"secretKey": "{key}"}}', '{{"secretKey" "{key}"}}', '["{key}"]', '"{key}"',
                                  '{{"secretId": "{key} x", "secretKey": "{key}"}}', '{{"{key}": {{}}', '{{{key}}}',
                                  '{{"secretId": "{id}", "secretKey": "{key}", "role-arn": "{token}"}}',
                                  '{{"secretId": "{id}", "secretKey": "{key}\\n"}}'],
    ".tencentcloud/credentials": ["{key}", "[default]\n{key}\n", "[default]\nsecret_key = {key}\n", "[{key}\n",
                                  "[default]\nsecret_id={id}\nsecret_key={key} {token}\n"],
    ".tccli/default.configure": ["{key}", '{{"_sys_param": {{"region": "{key}/"}}}}', '{{"cbs": {{"endpoint": "http://{key}"}}}}',
                                 '{{"cbs": "{key}'],
}


@pytest.mark.parametrize("name", WRONG_PLACES)
def test_a_failed_start_quotes_no_secret(tmp_path, sim, name):
    """A key in the wrong line or in a malformed file: one line that names the file, and not what is in it."""
    (tmp_path / "mnt").mkdir()
    planted = Planted("role", str(tmp_path))
    planted.metadata.misbehave = lambda _: Answer(404, {}, b"")
    good = {} if name.endswith("config") or name.endswith("configure") else NO_KEYS
    for content in WRONG_PLACES[name]:
        Planted.put(str(tmp_path), name, content.format(id=planted.id, key=planted.key, token=planted.token))
        for command in (["-d", str(tmp_path / "mnt")], ["--check"]):
            if name.startswith(".tccli/default.cred") or name.startswith(".tenc"):
                command += ["-o", f"endpoint={sim.endpoint},region={REGION}"]
            child = subprocess.run([CBSFS, *command], capture_output=True, text=True, timeout=20, check=False,
                                   env=clean_environment(str(tmp_path), str(tmp_path), {
                                       **good, "TENCENTCLOUD_REGION": None if "configure" in name else REGION, "CBSFS_METADATA_ENDPOINT": planted.metadata.endpoint}))
            assert child.returncode == 1 and child.stderr + child.stdout, content
            planted.assert_absent(child.stderr + child.stdout, content)
    assert mount_type(str(tmp_path / "mnt")) is None
    planted.metadata.close()


@pytest.mark.parametrize("source", ["environment", "role"])
def test_check_shows_no_secret(tmp_path, sim, source):
    """Neither when it passes nor when a server repeats the request in its refusal."""
    planted = Planted(source, str(tmp_path))
    with Gateway(sim, {planted.id: (planted.key, planted.token)}) as gateway:
        for misbehave in (None, ECHOES["in the message"], ECHOES["in a key's refusal"], ECHOES["as HTML"]):
            gateway.misbehave = misbehave
            child = subprocess.run([CBSFS, "--check", REGION, "-d", "-o", f"endpoint={gateway.endpoint},timeout=1"],
                                   capture_output=True, text=True, timeout=30, check=False,
                                   env=clean_environment(str(tmp_path), str(tmp_path), planted.environment))
            assert child.returncode == (0 if misbehave is None else 1), child.stdout
            planted.assert_absent(child.stdout + child.stderr, source)
            assert planted.id not in child.stdout + child.stderr
    if planted.metadata:
        planted.metadata.close()


@pytest.mark.core
@pytest.mark.without_valgrind("it keeps the environment of its process and gives cbsfs a copy")
def test_the_environment_is_emptied(own, plant):
    """While it starts and afterwards, of the mount and of the process that waits for it."""
    planted, gateway = plant("environment")
    looked = []

    def look(_):
        looked.append([read_text(f"/proc/{pid}/environ") for pid in processes(own.directory)])

    gateway.misbehave = look
    mount = own.mount(gateway.simulator, endpoint=gateway.endpoint, environment=planted.environment, background=True)
    assert len(looked[0]) == 2, "the mount and its parent"
    for text in (*looked[0], read_text(f"/proc/{mount.pid}/environ")):
        assert "HOME=" in text
        planted.assert_absent(text, "environ")


def processes(directory):
    """Pids of every cbsfs and cbsfs-sim that works for a mount below `directory`."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = read_text(f"/proc/{entry}/cmdline").split("\0")
        except OSError:
            continue
        if os.path.basename(words[0]) == "cbsfs" and any(word.startswith(directory) for word in words) \
                and process_is_running(int(entry)):
            found.append(int(entry))
    return found


def test_a_demo_does_not_know_the_users_keys(tmp_path):
    """Neither its mount nor its simulator has what the environment held."""
    point = tmp_path / "mnt"
    point.mkdir()
    planted = Planted("environment", str(tmp_path))
    child = subprocess.run([CBSFS, "--demo", point], capture_output=True, text=True, timeout=30, check=False,
                           env=clean_environment(str(tmp_path), str(tmp_path), planted.environment))
    try:
        assert child.returncode == 0, child.stderr
        pid = find_process(str(point))
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            (simulator,) = file.read().split()
        for one in (pid, simulator):
            planted.assert_absent(read_text(f"/proc/{one}/environ"), one)
        assert copies(pid, planted.key) == copies(pid, planted.token) == sanitizers_own(pid)
    finally:
        run("fusermount3", "-u", str(point))
    wait_until(lambda: not process_is_running(pid), 10, "its end")


# --- memory and dumps -----------------------------------------------------------------------------


def sanitized(pid):
    maps = read_text(f"/proc/{pid}/maps")
    return any(name in maps for name in ("libasan", "libclang_rt", "vgpreload_memcheck"))


def sanitizers_own(pid):
    """A sanitizer keeps the environment that its process was started with."""
    return 1 if sanitized(pid) else 0


def sanitized_build():
    with open(CBSFS, "rb") as file:
        return b"__asan_init" in file.read()


def copies(pid, secret):
    """How often the memory of a process has these bytes."""
    needle = secret if isinstance(secret, bytes) else secret.encode()
    count = 0
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, modes, *_ = line.split()
            first, last = (int(word, 16) for word in span.split("-"))
            if "r" not in modes or last - first > 1 << 32:
                continue
            try:
                memory.seek(first)
                while first < last:
                    data = memory.read(min(last - first, 1 << 24))
                    if not data:
                        break
                    count += data.count(needle)
                    first += len(data)
            except OSError:
                continue
    return count


@pytest.mark.limit(90)
@pytest.mark.parametrize("source", SOURCES)
def test_memory_has_each_secret_once(own, plant, source):
    """After each verb the source's own copy, and none of what was used and freed."""
    planted, gateway = plant(source)
    mount = with_spare(own, gateway, environment=planted.environment)
    verbs_that_succeed(mount)
    wait_until(lambda: copies(mount.pid, "Signature=" + gateway.requests[-1][1].headers["Authorization"][-64:]) == 0,
               5, "the end of the last request")
    kept = 1 + (sanitizers_own(mount.pid) if source == "environment" else 0)
    assert copies(mount.pid, planted.key) == kept
    assert copies(mount.pid, planted.token) == kept
    assert copies(mount.pid, planted.derived()) == 0
    assert copies(mount.pid, "Authorization: TC3-HMAC-SHA256 Credential=AKID") == 0
    for _, request in gateway.requests[-5:]:
        assert copies(mount.pid, request.headers["Authorization"][-64:]) == 0


@pytest.mark.parametrize("background", [False, True], ids=["foreground", "background"])
def test_no_core_dump(own, plant, background):
    """Killed with SIGABRT and with the limit raised from outside: there is no core."""
    planted, gateway = plant("environment")
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        mount = own.mount(gateway.simulator, endpoint=gateway.endpoint, environment=planted.environment,
                          background=background)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)
    assert resource.prlimit(mount.pid, resource.RLIMIT_CORE) == (0, 0)
    pattern = read_text("/proc/sys/kernel/core_pattern").strip()
    places = {os.readlink(f"/proc/{mount.pid}/cwd"), mount.directory, os.path.dirname(pattern) or "."}
    known = {place: set(os.listdir(place)) for place in places if os.path.isdir(place)}
    own.daemons.remove(mount)
    os.kill(mount.pid, signal.SIGABRT)
    wait_until(lambda: not mount.is_running(), 10, "its end")
    assert_done(run("fusermount3", "-u", mount.point))
    for place, names in known.items():
        assert not [name for name in set(os.listdir(place)) - names if "core" in name], place


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
def test_nobody_may_look_into_the_process(tmp_path, sim):
    """Its memory and environment belong to root while it knows a key, even when another user runs it."""
    planted = Planted("environment", str(tmp_path))
    owners = []

    def look(_):
        # A sanitizer must attach to its own process.
        owners.append({0} if sanitized(child.pid) else
                      {os.stat(f"/proc/{child.pid}/{name}").st_uid for name in ("mem", "environ", "maps")})

    with Gateway(sim, {planted.id: (planted.key, planted.token)}) as gateway:
        gateway.misbehave = look
        child = subprocess.Popen([CBSFS, "--check", "-o", f"endpoint={gateway.endpoint},region={REGION}"],
                                 user=65534, group=65534, stdout=subprocess.DEVNULL, cwd="/",
                                 env=clean_environment("/", "/tmp", planted.environment))
        child.wait(20)
    assert owners and owners[0] == {0}, owners


# --- whom it believes -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate authority, and certificate(name, ...) -> ssl.SSLContext of a server."""
    directory = tmp_path_factory.mktemp("authority")

    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], cwd=directory, check=True, capture_output=True, timeout=30)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=an authority of the test", "-keyout", "ca.key", "-out", "ca.pem")

    class Authority:
        bundle = str(directory / "ca.pem")

        @staticmethod
        def context(host="localhost", ends=86400, signed=True):
            openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={host}",
                    "-keyout", "server.key", "-out", "server.csr")
            (directory / "extensions").write_text(f"subjectAltName=DNS:{host}\n")
            signer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"] if signed else ["-signkey", "server.key"]
            # -days takes whole days only; -1 is yesterday.
            openssl("x509", "-req", "-in", "server.csr", *signer, "-days", max(1, ends // 86400) if ends > 0 else "-1",
                    "-extfile", "extensions", "-out", "server.pem")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(directory / "server.pem", directory / "server.key")
            return context

    return Authority


def with_authority(bundle, *command):
    """A command in a mount namespace in which the system's store of certificates is `bundle`."""
    store = "/etc/ssl/certs/ca-certificates.crt"
    return in_namespace(f'mount --bind "$0" {store} && exec "$@"', bundle, *command)


class Hidden(Mount):
    """A mount in a namespace of its own, where the system trusts another authority."""

    bundle = None

    def launch(self, argv, environment):
        super().launch(with_authority(self.bundle, *argv), environment)

    def inside(self, *command):
        return run("nsenter", "-t", str(self.process.pid), "-m", *command)

    def is_mounted(self):
        return self.process.poll() is None and self.inside("findmnt", "-n", self.point).status == 0

    def list(self, *parts):
        return assert_done(self.inside("ls", "-A", self.path(*parts))).out.splitlines()

    def unmount(self):
        while self.is_running() and self.is_mounted():
            self.inside("fusermount3", "-u", self.point)
        return []


@pytest.fixture
def hidden(own, authority):
    def mount(simulator, *options, **keywords):
        made = Hidden.__new__(Hidden)
        made.bundle = authority.bundle
        own.daemons.append(made)
        made.__init__(own.place("mount"), simulator, *options, **keywords)
        return made
    return mount


def key_log(directory):
    return {"SSLKEYLOGFILE": os.path.join(directory, "tls-keys")}


@pytest.mark.limit(90)
def test_tls(own, plant, hidden, authority):
    """A server whose certificate the system trusts is spoken to; each secret is in memory once; no log of keys."""
    planted, gateway = plant("tccli", authority.context())
    mount = hidden(gateway.simulator, "ttl=1", endpoint=gateway.endpoint,
                   environment={**planted.environment, **key_log(own.directory)})
    disk = mount.list("disks")[0]
    assert_done(mount.inside("mkdir", mount.snapshot(disk, "over-tls")))
    assert_done(mount.inside("cat", mount.snapshot(disk, "over-tls", "wait")))
    last = gateway.requests[-1][1].headers["Authorization"][-64:]
    wait_until(lambda: copies(mount.pid, last) == 0, 5, "the end of the last request")
    assert copies(mount.pid, planted.key) == 1
    assert copies(mount.pid, planted.token) == 1
    assert copies(mount.pid, planted.derived()) == 0
    assert not os.path.exists(key_log(own.directory)["SSLKEYLOGFILE"])


LAX = "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n"


@pytest.mark.parametrize("kind", ["self-signed", "another host", "has ended", "unknown authority"])
def test_certificates_that_are_refused(tmp_path, sim, authority, kind):
    """And no variable of the environment changes that."""
    context = authority.context(**{"self-signed": {"signed": False}, "another host": {"host": "evil.example"},
                                   "has ended": {"ends": -1}, "unknown authority": {}}[kind])
    (tmp_path / "mnt").mkdir()
    (tmp_path / "lax").write_text(LAX)
    environment = {"CURL_CA_BUNDLE": authority.bundle, "SSL_CERT_FILE": authority.bundle, "SSL_CERT_DIR": "/tmp",
                   "CURL_INSECURE": "1", "PYTHONHTTPSVERIFY": "0", "GIT_SSL_NO_VERIFY": "1", **key_log(str(tmp_path))}
    (tmp_path / ".curlrc").write_text("insecure\n")
    with Gateway(sim, {SECRET_ID: (SECRET_KEY, None)}, context) as gateway:
        command = [CBSFS, REGION, tmp_path / "mnt", "-o", f"endpoint={gateway.endpoint}"]
        if kind != "unknown authority":
            command = with_authority(authority.bundle, *command)
        child = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False,
                               env=clean_environment(str(tmp_path), str(tmp_path), environment))
    assert child.returncode == 1 and "TLS" in child.stderr and "certificate" in child.stderr, child.stderr
    assert not gateway.requests
    assert not (tmp_path / "tls-keys").exists() and mount_type(str(tmp_path / "mnt")) is None


def test_old_tls_is_not_even_offered(tmp_path):
    """Whatever the system's own settings allow: 1.2 and 1.3."""
    (tmp_path / "mnt").mkdir()
    (tmp_path / "lax").write_text(LAX)
    offered = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def take():
            while not offered:
                connection, _ = listener.accept()
                with connection:
                    offered.append(connection.recv(4096))

        threading.Thread(target=take, daemon=True).start()
        port = listener.getsockname()[1]
        child = subprocess.run([CBSFS, REGION, tmp_path / "mnt", "-o", f"endpoint=https://localhost:{port},timeout=2"],
                               capture_output=True, text=True, timeout=20, check=False,
                               env=clean_environment(str(tmp_path), str(tmp_path),
                                                     {"OPENSSL_CONF": str(tmp_path / "lax")}))
    assert child.returncode == 1 and offered
    for hello in offered:
        at = hello.index(b"\x00\x2b") + 5  # supported_versions: type, length, length of the list
        versions = hello[at:at + hello[at - 1]]
        assert {versions[i:i + 2] for i in range(0, len(versions), 2)} == {b"\x03\x03", b"\x03\x04"}


def endless(start_of_answer, block):
    def write(file):
        file.write(start_of_answer)
        while True:
            file.write(block)
    return write


ENDLESS = {
    "headers": lambda _: endless(b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"a" * 1000 + b"\r\n"),
    "one header": lambda _: endless(b"HTTP/1.1 200 OK\r\nX-More: ", b"a" * 10000),
    "early hints": lambda _: endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: <" + b"a" * 1000 + b">\r\n\r\n"),
    "body": lambda _: endless(b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 100000),
    "chunks": lambda _: endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"400\r\n" + b"a" * 1024 + b"\r\n"),
    "length": lambda _: endless(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", b"[" * 100000),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_answers_without_end(tmp_path, sim, kind):
    """Headers, bodies and chunks are bounded: an error in time, and memory stays small."""
    with Gateway(sim, {SECRET_ID: (SECRET_KEY, None)}) as gateway:
        gateway.misbehave = ENDLESS[kind]
        began = time.monotonic()
        with open(tmp_path / "out", "w+", encoding="utf-8") as out:
            child = subprocess.Popen([CBSFS, "--check", "-o", f"endpoint={gateway.endpoint},region={REGION},timeout=5"],
                                     stdout=out, env=clean_environment(str(tmp_path), str(tmp_path)))
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            table = out.read()
    assert child.returncode == 1 and "FAIL  answer" in table, table
    assert time.monotonic() - began < 8
    assert sanitized_build() or used.ru_maxrss < 120 * 1024, f"{used.ru_maxrss} kB"
    assert not any("Accept-Encoding" in request.headers for _, request in gateway.requests)


def test_a_compressed_answer_is_not_unpacked(tmp_path, sim):
    """Nobody asked for one, so that a small answer cannot become a large one."""
    with Gateway(sim, {SECRET_ID: (SECRET_KEY, None)}) as gateway:
        plain = refusal("UnauthorizedOperation")
        gateway.misbehave = lambda _: Answer(200, {"Content-Encoding": "deflate"}, zlib.compress(plain.body))
        child = subprocess.run([CBSFS, "--check", "-o", f"endpoint={gateway.endpoint},region={REGION},timeout=1"],
                               capture_output=True, text=True, timeout=20, check=False,
                               env=clean_environment(str(tmp_path), str(tmp_path)))
    assert child.returncode == 1 and "UnauthorizedOperation" not in child.stdout


# --- proxies --------------------------------------------------------------------------------------


class Proxy(Server):
    """Takes CONNECT and passes everything on to the port that was asked for."""

    def __init__(self):
        super().__init__(self.connect)
        self.server.RequestHandlerClass.do_CONNECT = lambda handler: self.tunnel(handler)
        self.asked = []

    def connect(self, _):
        return Answer(501, {}, b"")

    def tunnel(self, handler):
        self.asked.append((handler.path, dict(handler.headers.items())))
        host, port = handler.path.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as far:
            handler.connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            ends = [(handler.connection, far), (far, handler.connection)]
            threads = [threading.Thread(target=self.copy, args=pair, daemon=True) for pair in ends]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        handler.close_connection = True

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


PASSWORD = "pass-word-of-the-proxy"


@pytest.mark.limit(90)
@pytest.mark.parametrize("variable", ["https_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment(plant, hidden, authority, variable):
    """Used for https, as a tunnel: it sees a host's name and its own password, nothing that is signed."""
    planted, gateway = plant("tccli", authority.context())
    with Proxy() as proxy:
        mount = hidden(gateway.simulator, "ttl=1", endpoint=gateway.endpoint, arguments=("-d",),
                       environment={**planted.environment, variable: f"http://user:{PASSWORD}@127.0.0.1:{proxy.port}"})
        assert mount.list("disks")
        (path, headers), *_ = proxy.asked
        assert path == f"localhost:{gateway.port}"
        assert headers["Proxy-Authorization"] == "Basic " + base64.b64encode(f"user:{PASSWORD}".encode()).decode()
        assert not {"Authorization", "X-TC-Token", "Cookie"} & set(headers)
        assert "Proxy-Authorization" not in gateway.requests[-1][1].headers
        config = assert_done(mount.inside("cat", mount.path(".cbsfs", "config"), mount.path(".cbsfs", "stats"))).out
        assert PASSWORD not in config + mount.stderr()


def test_a_host_that_is_excepted_from_the_proxy(plant, hidden, authority):
    planted, gateway = plant("tccli", authority.context())
    mount = hidden(gateway.simulator, endpoint=gateway.endpoint, environment={
        **planted.environment, "https_proxy": "http://127.0.0.1:1", "no_proxy": "localhost"})
    assert mount.list("disks")


@pytest.mark.parametrize("proxy, pattern", [(f"http://user:{PASSWORD}@127.0.0.1:1", "refused"),
                                            (f"http://user:{PASSWORD}@proxy.invalid:3128", "resolved|reached"),
                                            (f"nonsense://user:{PASSWORD}@127.0.0.1", "refused")])
def test_a_proxy_that_does_not_work(tmp_path, proxy, pattern):
    """One line, and not the proxy's password."""
    (tmp_path / "mnt").mkdir()
    child = subprocess.run([CBSFS, REGION, tmp_path / "mnt", "-o", "endpoint=https://localhost:1,timeout=3"],
                           capture_output=True, text=True, timeout=20, check=False,
                           env=clean_environment(str(tmp_path), str(tmp_path), {"https_proxy": proxy}))
    (line,) = child.stderr.splitlines()
    assert child.returncode == 1 and PASSWORD not in line
    assert any(word in line for word in pattern.split("|")), line
