#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real OpenStack on loopback: MariaDB, Keystone and Cinder from Debian's packages.

usage: cloud.py start DIRECTORY [--tls] [--token-life SECONDS] [--page NUMBER]
       cloud.py stop DIRECTORY
       cloud.py restart DIRECTORY [SERVICE]
       cloud.py status DIRECTORY
       cloud.py openrc DIRECTORY [USER]

`start` prints what a shell sources to become the user demo.  The users: admin; demo, a member of the project demo;
auditor, its reader; tiny, whose project has a quota of two snapshots.  The services: database, identity,
block-storage.

Everything is in DIRECTORY, and lives on when it is stopped and started; nothing else on the machine changes.
The packages come with `contrib/install-dependencies openstack`.
"""
import argparse
import json
import os
import random
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import settings
from api import Refused, Service, Session

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"
PROGRAMS = ("mariadbd", "mariadb", "mariadb-install-db", "uwsgi", "keystone-manage", "openssl")
SERVICES = ("database", "identity", "block-storage")
REGION = "RegionOne"
USERS = {"admin": ("admin", None), "cinder": ("service", "admin"), "demo": ("demo", "member"),
         "auditor": ("demo", "reader"), "tiny": ("tiny", "member")}
CINDER_MANAGE = "from cinder.cmd.manage import main; main()"
TINY = {"snapshots": 2, "volumes": 2, "gigabytes": 20}
UWSGI = ["uwsgi", "--plugin", "python3", "--master", "--lazy-apps", "--enable-threads", "--die-on-term", "--need-app",
         "--processes", "2", "--listen", "100", "--buffer-size", "65535",
         "--rem-header", "Content-Length", "--add-header", "Connection: close"]


class Failed(Exception):
    """With the words for whoever asked for it."""


def missing():
    """The programs and packages that are not there, as words."""
    absent = [name for name in PROGRAMS if shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") is None]
    for package in ("cinder", "keystone", "pymysql"):
        if not os.path.isdir(f"/usr/lib/python3/dist-packages/{package}"):
            absent.append(f"python3-{package}")
    return absent


def free_port(wanted=0):
    """`wanted`, if nobody has it, or another."""
    for port in (wanted, *random.sample(range(16000, 32000), 20), 0):  # one that the kernel gives to nobody by itself
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
                return one.getsockname()[1]
            except OSError:
                continue
    raise Failed("no port is free")


def started_at(pid):
    """When a process began, in ticks since the boot; None when there is none.  With its id it means one process only."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            words = file.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if words[0] in "ZX" else words[19]


def make_certificates(directory):
    """A private authority and what it signed for 127.0.0.1 and localhost: ca.crt, server.crt, server.key."""
    if os.path.exists(os.path.join(directory, "server.crt")):
        return
    os.makedirs(directory, exist_ok=True)

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)

    with open(os.path.join(directory, "names"), "w", encoding="ascii") as file:
        file.write("subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
            "-subj", "/CN=a private authority", "-keyout", "ca.key", "-out", "ca.crt")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
            "-keyout", "server.key", "-out", "server.csr")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "3650", "-extfile", "names", "-out", "server.crt")


class Cloud:
    """One cloud in a directory, running or not; several processes may look at the same one."""

    def __init__(self, directory):
        self.directory = os.path.realpath(directory)
        self.sessions = {}
        self.state = {"token_life": 3600, "page": 1000, "tls": False, "ports": {}, "passwords": {}}
        if os.path.exists(self.place("cloud.json")):
            with open(self.place("cloud.json"), encoding="ascii") as file:
                self.state.update(json.load(file))

    def place(self, *parts):
        return os.path.join(self.directory, *parts)

    def save(self):
        with open(self.place("cloud.json"), "w", encoding="ascii") as file:
            json.dump(self.state, file, indent=1)

    @property
    def authority(self):
        return self.place("tls", "ca.crt") if self.state["tls"] else None

    def url(self, service):
        return f"{'https' if self.state['tls'] else 'http'}://127.0.0.1:{self.state['ports'][service]}"

    @property
    def identity(self):
        return self.url("identity") + "/v3"

    # --- processes ----------------------------------------------------------------------------------

    def pid(self, service):
        """Of a service that runs and that a cloud in this directory has started; else None."""
        try:
            with open(self.place("run", f"{service}.pid"), encoding="ascii") as file:
                pid, began = file.read().split()
        except (OSError, ValueError):
            return None
        return int(pid) if started_at(pid) == began else None

    def launch(self, service, argv, **environment):
        if self.pid(service):
            return
        with open(self.place("log", f"{service}.out"), "ab") as out:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.directory,
                                       env=self.environment(**environment), start_new_session=True)
        with open(self.place("run", f"{service}.pid"), "w", encoding="ascii") as file:
            file.write(f"{process.pid} {started_at(process.pid)}\n")

    def environment(self, **more):
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": self.directory,
                "TMPDIR": self.place("run"), "PYTHONDONTWRITEBYTECODE": "1", **more}

    def tool(self, *argv):
        log = self.place("log", "tools.out")
        with open(log, "ab") as out:
            if subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.directory,
                              env=self.environment(), check=False).returncode != 0:
                raise Failed(f"{shlex.join(argv[:3])} failed; {log} says why")

    def wait_until(self, service, answers, seconds=90):
        deadline = time.monotonic() + seconds
        while not (answer := answers()):
            if self.pid(service) is None or time.monotonic() > deadline:
                with open(self.place("log", f"{service}.out"), encoding="utf-8", errors="replace") as file:
                    end = "".join(file.readlines()[-15:])
                raise Failed(f"the service {service} did not come up; {self.place('log')} says more:\n{end}")
            time.sleep(0.05)
        return answer

    def answers(self, service, path):
        try:
            Service(self.url(service), self.authority).ask("GET", path)
        except Refused as refused:
            return refused.status == 300
        except OSError:
            return False
        return True

    # --- start --------------------------------------------------------------------------------------

    @contextmanager
    def locked(self):
        import fcntl
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        with open(self.place("lock"), "w", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def start(self, **changed):
        """Starts what does not run, and makes what is not there.  `changed`: token_life, page, tls; they are kept."""
        absent = missing()
        if absent:
            raise Failed(f"not installed: {', '.join(absent)}; contrib/install-dependencies openstack")
        with self.locked():
            self.prepare(changed)
            self.start_database()
            self.make_databases()
            self.start_services()
            self.make_accounts()
        return self

    def prepare(self, changed):
        for name in ("conf/backend", "log", "run", "keys/fernet", "keys/credential", "cinder", "tls"):
            os.makedirs(self.place(*name.split("/")), mode=0o700, exist_ok=True)
        if len(self.place("run", "mysql.sock")) > 100:
            raise Failed(f"{self.directory}: the path is too long for a socket")
        if self.pid("identity") is None and self.pid("block-storage") is None:
            ports = self.state["ports"]
            self.state["ports"] = {name: free_port(ports.get(name, 0)) for name in ("identity", "block-storage")}
        self.state.update(changed)
        for user in USERS:
            self.state["passwords"].setdefault(user, secrets.token_hex(12))
        make_certificates(self.place("tls"))
        self.configure()

    def configure(self):
        certificate, key = self.place("tls", "server.crt"), self.place("tls", "server.key")
        tls = self.state["tls"]
        values = {**self.state, "directory": self.directory, "identity": self.identity,
                  "authority": self.authority or "", "cinder_port": self.state["ports"]["block-storage"],
                  "cinder_password": self.state["passwords"]["cinder"], "tls": str(tls).lower(),
                  "certificate": f"cert_file = {certificate}\nkey_file = {key}" if tls else ""}
        for name, text in settings.texts(**values).items():
            with open(self.place("conf", name), "w", encoding="ascii") as file:
                file.write(text)
        self.save()

    def start_database(self):
        data, as_root = self.place("database"), ["--user=root"] if os.geteuid() == 0 else []
        small = ["--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M"]
        if not os.path.isdir(os.path.join(data, "mysql")):
            shutil.rmtree(data, ignore_errors=True)
            self.tool("mariadb-install-db", "--no-defaults", *as_root, f"--datadir={data}", "--skip-test-db",
                      "--auth-root-authentication-method=normal", *small)
        self.launch("database", ["mariadbd", "--no-defaults", *as_root, f"--datadir={data}", "--skip-networking",
                    f"--socket={self.place('run', 'mysql.sock')}", f"--pid-file={self.place('run', 'mariadbd')}",
                    "--skip-log-bin", "--performance-schema=OFF", "--innodb-flush-log-at-trx-commit=0",
                    "--max-connections=200", "--character-set-server=utf8mb4", *small])
        self.wait_until("database", lambda: self.query("SELECT 1") is not None)

    def query(self, text):
        """What the database answers, None when it does not."""
        done = subprocess.run(["mariadb", "--no-defaults", f"--socket={self.place('run', 'mysql.sock')}", "-uroot",
                               "-BN", "-e", text], env=self.environment(), capture_output=True, text=True,
                              check=False)
        return done.stdout if done.returncode == 0 else None

    def make_databases(self):
        if os.path.exists(self.place("database", "made")):
            return
        for name in ("keystone", "cinder"):
            self.query(f"DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name} CHARACTER SET utf8mb4")
        with open(self.place("log", "cinder-manage.out"), "ab") as out:
            cinder = subprocess.Popen([PYTHON, "-c", CINDER_MANAGE, "--config-file", self.place("conf", "cinder.conf"),
                                       "db", "sync"], stdout=out, stderr=out, cwd=self.directory,
                                      env=self.environment())
        try:
            manage = ["keystone-manage", "--config-file", self.place("conf", "keystone.conf")]
            owner = ["--keystone-user", str(os.geteuid()), "--keystone-group", str(os.getegid())]
            self.tool(*manage, "db_sync")
            self.tool(*manage, "fernet_setup", *owner)
            self.tool(*manage, "credential_setup", *owner)
            self.tool(*manage, "bootstrap", "--bootstrap-password", self.state["passwords"]["admin"])
        finally:
            status = cinder.wait()
        if status != 0:
            raise Failed(f"Cinder's tables could not be made; {self.place('log', 'cinder-manage.out')} says why")
        with open(self.place("database", "made"), "w", encoding="ascii"):
            pass

    def start_services(self):
        port = self.state["ports"]["identity"]
        address = f"--http-socket=127.0.0.1:{port}"
        if self.state["tls"]:
            address = f"--https-socket=127.0.0.1:{port},{self.place('tls', 'server.crt')}," \
                      f"{self.place('tls', 'server.key')}"
        self.launch("identity", [*UWSGI, address, "--wsgi-file", "/usr/bin/keystone-wsgi-public"],
                    OS_KEYSTONE_CONFIG_FILES=self.place("conf", "keystone.conf"))
        self.launch("block-storage", [PYTHON, os.path.join(HERE, "inside", "block_storage.py"), "--config-file",
                                      self.place("conf", "cinder.conf")])
        self.wait_until("identity", lambda: self.answers("identity", "/v3"))
        self.wait_until("block-storage", lambda: self.answers("block-storage", "/"))

    # --- accounts -----------------------------------------------------------------------------------

    def session(self, user="demo"):
        """For what a user would do outside a mount."""
        project = USERS[user][0]
        if user not in self.sessions:
            self.sessions[user] = Session(self.identity, self.url("block-storage"), user,
                                          self.state["passwords"][user], project, self.authority)
        return self.sessions[user]

    @property
    def admin(self):
        return self.session("admin")

    def there(self, kinds, name):
        """The id of what Keystone knows by a name, or None."""
        found = self.admin.keystone("GET", f"/{kinds}?name={name}")[kinds]
        return found[0]["id"] if found else None

    def make_accounts(self):
        self.sessions = {}
        for user, (project, role) in USERS.items():
            if role is not None:
                self.add_user(user, self.state["passwords"][user], self.add_project(project), role)
        self.add_region(REGION, self.url("block-storage"), self.identity)
        types = self.admin.cinder("GET", "/types")["volume_types"]
        if "file" not in [one["name"] for one in types]:
            self.admin.cinder("POST", "/types", {"volume_type": {
                "name": "file", "extra_specs": {"volume_backend_name": "file"}}})
        self.set_quota(self.there("projects", "tiny"), **TINY)
        self.wait_until("block-storage", lambda: self.admin.cinder("GET", "/scheduler-stats/get_pools")["pools"])

    def add_project(self, name):
        return self.there("projects", name) or self.admin.keystone("POST", "/projects", {"project": {
            "name": name, "domain_id": "default"}})["project"]["id"]

    def add_user(self, name, password, project, role):
        user = self.there("users", name) or self.admin.keystone("POST", "/users", {"user": {
            "name": name, "password": password, "domain_id": "default"}})["user"]["id"]
        self.admin.keystone("PUT", f"/projects/{project}/users/{user}/roles/{self.there('roles', role)}")
        return user

    def add_region(self, region, block_storage, identity):
        """Where the catalogue says that the services of a region are."""
        known = {one["id"] for one in self.admin.keystone("GET", "/regions")["regions"]}
        if region not in known:
            self.admin.keystone("POST", "/regions", {"region": {"id": region}})
        there = self.admin.keystone("GET", f"/endpoints?region_id={region}")["endpoints"]
        for kind, name, url in (("identity", "keystone", identity),
                                ("volumev3", "cinderv3", block_storage + "/v3/%(project_id)s"),
                                ("block-storage", "cinder", block_storage + "/v3/%(project_id)s")):
            service = self.there("services", name) or self.admin.keystone("POST", "/services", {
                "service": {"type": kind, "name": name}})["service"]["id"]
            mine = [one for one in there if one["service_id"] == service and one["interface"] == "public"]
            for one in mine:
                if one["url"] != url:
                    self.admin.keystone("PATCH", f"/endpoints/{one['id']}", {"endpoint": {"url": url}})
            if not mine:
                self.admin.keystone("POST", "/endpoints", {"endpoint": {
                    "service_id": service, "interface": "public", "region_id": region, "url": url}})

    def set_quota(self, project, **most):
        self.admin.cinder("PUT", f"/os-quota-sets/{project}", {"quota_set": most})

    def set_backend(self, project, **actions):
        """What the project's changes go through: create_snapshot=2 (seconds), delete_snapshot="fail", ..."""
        new = self.place("conf", "backend", f".{project}")
        with open(new, "w", encoding="ascii") as file:
            file.write("".join(f"{action} {word}\n" for action, word in actions.items()))
        os.rename(new, self.place("conf", "backend", project))

    def volume_data(self, volume):
        """The file that a virtual machine would write."""
        return self.place("volumes", volume)

    def openrc(self, user="demo", region=REGION, identity=None, authority=None):
        """The variables of a user's shell."""
        found = {"OS_AUTH_URL": identity or self.identity, "OS_IDENTITY_API_VERSION": "3", "OS_USERNAME": user,
                 "OS_PASSWORD": self.state["passwords"][user], "OS_PROJECT_NAME": USERS[user][0],
                 "OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default", "OS_REGION_NAME": region}
        authority = authority or self.authority
        return {**found, "OS_CACERT": authority} if authority else found

    # --- stop ---------------------------------------------------------------------------------------

    def stop(self, *services):
        """Ends some services or all, and nothing else."""
        for service in services or reversed(SERVICES):
            pid = self.pid(service)
            if pid is None:
                continue
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + 20
            while self.pid(service) is not None:
                if time.monotonic() > deadline:
                    os.killpg(pid, signal.SIGKILL)
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass
                time.sleep(0.02)

    def restart(self, *services, **changed):
        self.stop(*services)
        return self.start(**changed)

    def is_running(self):
        return all(self.pid(service) for service in SERVICES)


def exports(variables):
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def main():
    parser = argparse.ArgumentParser(usage=__doc__.partition("usage: ")[2].partition("\n\n")[0],
                                     description=__doc__.rpartition("\n\n")[0].partition("\n\n")[2].partition("\n\n")[2])
    parser.add_argument("verb", choices=("start", "stop", "restart", "status", "openrc"))
    parser.add_argument("directory")
    parser.add_argument("word", nargs="?")
    parser.add_argument("--tls", action="store_true", default=None)
    parser.add_argument("--token-life", type=int)
    parser.add_argument("--page", type=int)
    given = parser.parse_args()
    changed = {name: value for name in ("tls", "token_life", "page") if (value := getattr(given, name)) is not None}
    cloud = Cloud(given.directory)
    if given.verb == "stop":
        cloud.stop()
    elif given.verb == "status":
        for service in SERVICES:
            print(service, cloud.pid(service) or "stopped")
        sys.exit(0 if cloud.is_running() else 1)
    elif given.verb == "openrc":
        print(exports(cloud.openrc(given.word or "demo")), end="")
    else:
        if given.verb == "restart":
            cloud.stop(*([given.word] if given.word else []))
        print(exports(cloud.start(**changed).openrc()), end="")


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"cloud.py: {failed}")
