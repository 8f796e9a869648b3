# SPDX-License-Identifier: Apache-2.0
"""A project of a real OpenStack, with the face of a simulator, so that the same tests run over both.

What a test asks for by the fields of API 3.0 and what a cloud can have is written into Cinder's own tables, as what was
there before a mount and as what happens without one: the API could neither make ten thousand snapshots in a test's time
nor old ones.  All that the mounts ask and change goes through Keystone and Cinder, and a counting proxy before each.

What a cloud cannot have raises CannotHave; a test that asks for it is marked with `needs`, see providers.py.
"""
import atexit
import os
import shutil
import sys
import tempfile
import uuid
from collections import Counter
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import SimpleNamespace

import providers
from commands import beijing, now, wait_until
from harness import Counted, Daemon

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "openstack"))
# pylint: disable=wrong-import-position
from api import Session  # noqa: E402
from cloud import Cloud  # noqa: E402
from proxy import Proxy  # noqa: E402

SNAPSHOT_STATES = {"NORMAL": "available", "CREATING": "creating", "ROLLBACKING": "restoring"}
DISK_STATES = {"UNATTACHED": "available", "ATTACHED": "in-use", "ROLLBACKING": "reverting"}
FAULTS = ("delay", "slow-body", "drop-before", "drop-after", "truncate", "malformed", "html", "status", "hang")
# What Cinder would say instead: status, key and how its words begin.
ERRORS = {"InternalError": (500, "computeFault", ""), "UnauthorizedOperation": (403, "forbidden", ""),
          "AuthFailure.SignatureFailure": (401, "error", ""),
          "InvalidDisk.Busy": (400, "badRequest", "Invalid volume: Volume status must be available, but current status "
                               "is: backing-up. "),
          "ResourceInUse.DiskMigrating": (409, "conflictingRequest", ""),
          "InvalidParameterValue": (400, "badRequest", ""),
          "InsufficientSnapshotQuota": (413, "overLimit", "SnapshotLimitExceeded: Maximum number of snapshots allowed "
                                        "(6) exceeded")}
IGNORED = ("--rate", "--seed", "--quota")


class CannotHave(Exception):
    """A real cloud cannot have or do this; a test that wants it says so with `needs`."""


running = []


def the_cloud():
    """The one of CBSFS_TEST_CLOUD, a directory; without it one for this run of tests, which ends with it."""
    if not running:
        directory = os.environ.get("CBSFS_TEST_CLOUD")
        cloud = Cloud(directory or tempfile.mkdtemp(prefix="cbsfs-cloud-", dir="/tmp"))
        if not directory:
            atexit.register(lambda: (cloud.stop(), shutil.rmtree(cloud.directory, ignore_errors=True)))
        if not cloud.is_running():
            cloud.start()
        running.append(cloud)
    return running[0]


def in_utc(text):
    """Of a time as API 3.0 writes it, as Cinder keeps it."""
    return str(datetime.strptime(text, "%Y-%m-%d %H:%M:%S") - timedelta(hours=8))


class CloudAccount(Daemon):
    """One project, with a region of its own, whose endpoints are its own proxies."""

    def __init__(self, directory, *arguments):
        super().__init__(directory)
        self.cloud = the_cloud()
        self.region = f"region-{uuid.uuid4().hex[:8]}"
        self.user, self.password = self.region, uuid.uuid4().hex
        self.project = self.cloud.add_project(self.region)
        self.user_id = self.cloud.add_user(self.user, self.password, self.project, "member")
        self.proxy = Proxy(self.cloud.url("block-storage"), self.cloud.authority)
        self.door = Proxy(self.cloud.url("identity"), self.cloud.authority)
        self.cloud.add_region(self.region, self.proxy.url, self.door.url + "/v3")
        self.connection = self.session = None
        self.spare_disks = []
        self.serial = 0
        self.process = SimpleNamespace(poll=lambda: None if self.cloud.is_running() else 1)
        self.follow([str(word) for word in arguments])

    def follow(self, words):
        """What a simulator would be started with."""
        options = dict(zip(words[::2], words[1::2]))
        self.cloud.set_backend(self.project, create_snapshot=options.pop("--create-time", "0.2"),
                               revert_to_snapshot=options.pop("--rollback-time", "0.5"))
        self.proxy.latency = float(options.pop("--latency", 0)) / 1000
        self.cloud.set_quota(self.project, snapshots=-1, volumes=-1, gigabytes=-1)
        disks = [self.disk_record() for _ in range(int(options.pop("--disks", 3)))]
        each = int(options.pop("--snapshots", 2))
        snapshots = [self.snapshot_record(disk["DiskId"], f"s{i:04d}") for disk in disks for i in range(each)]
        self.patch(disks={record["DiskId"]: record for record in disks},
                   snapshots={record["SnapshotId"]: record for record in snapshots})
        strange = set(options) - set(IGNORED)
        if strange:
            raise CannotHave(f"simulator option {strange}")

    # --- what a mount needs -------------------------------------------------------------------------

    @property
    def endpoint(self):
        return self.door.url + "/v3"

    def mount_options(self, endpoint=None):
        return [f"endpoint={endpoint}"] if endpoint else []

    @property
    def credentials(self):
        return {"OS_AUTH_URL": self.endpoint, "OS_USERNAME": self.user, "OS_PASSWORD": self.password,
                "OS_PROJECT_NAME": self.region, "OS_USER_DOMAIN_NAME": "Default",
                "OS_PROJECT_DOMAIN_NAME": "Default", "OS_REGION_NAME": self.region, "OS_IDENTITY_API_VERSION": "3"}

    @property
    def direct(self):
        """The user, past the proxies."""
        if self.session is None:
            self.session = Session(self.cloud.identity, self.cloud.url("block-storage"), self.user, self.password,
                                   self.region, self.cloud.authority)
        return self.session

    # --- what was asked -----------------------------------------------------------------------------

    def stats(self):
        (disks,), (snapshots,) = (self.rows(f"SELECT COUNT(*) FROM {table} WHERE project_id = %s AND deleted = 0",
                                            self.project)[0] for table in ("volumes", "snapshots"))
        with self.proxy.lock:
            requests, changes = Counter(self.proxy.requests), Counter(self.proxy.changes)
            errors = dict(self.proxy.errors)
        return {"requests": providers.with_common_names(requests), "changes": providers.with_common_names(changes),
                "peak_per_second": providers.with_common_names(self.proxy.peak()), "errors": errors,
                "disks": disks, "snapshots": snapshots}

    @contextmanager
    def counting(self):
        counted = Counted()
        before = self.stats()
        yield counted
        after = self.stats()
        counted.requests.update(Counter(after["requests"]) - Counter(before["requests"]))
        counted.executed.update(Counter(after["changes"]) - Counter(before["changes"]))

    def requests(self, action):
        return self.stats()["requests"].get(action, 0)

    def log(self, action=None):
        """What the changes have sent, oldest first, in the words of API 3.0."""
        if action not in providers.CHANGES:
            raise CannotHave(f"a log of {action}")
        with self.proxy.lock:
            sent = [one for one in self.proxy.sent if one["action"] in providers.own_names(action)]
        return [{"action": action, "code": "" if one["status"] < 400 else str(one["status"]),
                 "params": self.parameters(action, one)} for one in sent]

    def parameters(self, action, sent):
        body = next(iter(sent["body"].values())) if sent["body"] else {}
        place = sent["path"].partition("?")[0].rstrip("/").split("/")
        if action == "CreateSnapshot":
            return {"DiskId": body["volume_id"], "SnapshotName": body["name"]}
        if action == "ApplySnapshot":
            return {"DiskId": place[-2], "SnapshotId": body["snapshot_id"]}
        if action == "DeleteSnapshots":
            return {"SnapshotIds": [place[-1]]}
        return {"SnapshotId": place[-1], "SnapshotName": body["name"]}

    def faults(self, *faults):
        self.proxy.fail(*(self.own_fault(fault) for fault in faults))

    def fault(self, action, kind, **parameters):
        self.faults({"action": action, "kind": kind, **parameters})

    def own_fault(self, fault):
        own = {name: value for name, value in fault.items() if name not in ("action", "code", "message")}
        if fault["action"] != "*":
            own["actions"] = providers.own_names(fault["action"])
        kind = fault["kind"]
        if kind == "throttle" or fault.get("code") == "RequestLimitExceeded":
            own.update(kind="status", status=429, body={"error": {"code": 429, "message": "too many requests"}})
        elif kind == "error" and fault["code"] in ERRORS:
            status, key, text = ERRORS[fault["code"]]
            own.update(kind="status", status=status, body={key: {
                "code": status, "title": "Unauthorized", "message": text + fault.get("message", "")}})
        elif kind not in FAULTS:
            raise CannotHave(f"fault {kind} {fault.get('code', '')}")
        return own

    # --- what is there ------------------------------------------------------------------------------

    def rows(self, statement, *values):
        import pymysql
        if self.connection is None:
            self.connection = pymysql.connect(unix_socket=self.cloud.place("run", "mysql.sock"), user="root",
                                              database="cinder", charset="utf8mb4", autocommit=True)
        with self.connection.cursor() as cursor:
            if values and isinstance(values[0], (list, dict)):
                cursor.executemany(statement, values)
            else:
                cursor.execute(statement, values)
            return cursor.fetchall()

    def identifier(self, _prefix):
        self.serial += 1
        return str(uuid.uuid4())

    def disk_record(self, **fields):
        identifier = fields.pop("DiskId", None) or self.identifier("disk")
        return {"DiskId": identifier, "DiskName": f"name-of-{identifier}", "DiskSize": 50,
                "CreateTime": beijing(now() - timedelta(days=100)), **fields}

    def snapshot_record(self, disk, name, **fields):
        identifier = fields.pop("SnapshotId", None) or self.identifier("snap")
        created = now() - timedelta(days=50) + timedelta(minutes=self.serial)
        return {"SnapshotId": identifier, "SnapshotName": name, "DiskId": disk, "DiskSize": 50,
                "CreateTime": beijing(created), **fields}

    def disk_columns(self, fields):
        found, instance = {}, None
        for name, value in fields.items():
            if name == "DiskName":
                found["display_name"] = value
            elif name == "DiskSize":
                found["size"] = int(value)
            elif name == "CreateTime" and value:
                found["created_at"] = in_utc(value)
            elif name == "DiskState" and value in DISK_STATES:
                found["status"] = DISK_STATES[value]
            elif name == "InstanceId" and value:
                instance = providers.own_instance(value)
            elif name not in ("DiskId", "Attached", "Rollbacking"):
                raise CannotHave(f"a disk with {name} {value!r}")
        return found, instance

    def snapshot_columns(self, fields):
        found = {}
        for name, value in fields.items():
            if name == "SnapshotName":
                found["display_name"] = value
            elif name == "DiskId" and value:
                found["volume_id"] = value
            elif name == "DiskSize":
                found["volume_size"] = int(value)
            elif name == "CreateTime" and value:
                found["created_at"] = in_utc(value)
            elif name == "SnapshotState" and value in SNAPSHOT_STATES:
                found["status"] = SNAPSHOT_STATES[value]
                found.setdefault("progress", "100%" if value != "CREATING" else "0%")
            elif name == "Percent":
                found["progress"] = f"{value}%"
            elif name != "SnapshotId":
                raise CannotHave(f"a snapshot with {name} {value!r}")
        return found

    def patch(self, disks=None, snapshots=None, remove=()):
        """Writes it down as if it had come about by itself."""
        self.write("volumes", {key: self.disk_columns(fields)[0] for key, fields in (disks or {}).items()}, {
            "host": "cloud@file#file", "availability_zone": "nova", "status": "available", "use_quota": 1,
            "attach_status": "detached", "bootable": 0, "multiattach": 0, "shared_targets": 0,
            "display_name": None, "size": 50, "created_at": str(now())[:19], **self.kept()})
        for key, fields in (disks or {}).items():
            instance = self.disk_columns(fields)[1]
            if instance:
                self.rows("UPDATE volumes SET status = 'available' WHERE id = %s", key)
                self.direct.attach(key, instance)
        self.write("snapshots", {key: self.snapshot_columns(fields) for key, fields in (snapshots or {}).items()}, {
            "status": "available", "progress": "100%", "volume_size": 50, "use_quota": 1, "volume_id": None,
            "display_name": None, "created_at": str(now())[:19], "volume_type_id": self.kept()["volume_type_id"]})
        for key in remove:
            self.rows("UPDATE snapshots SET deleted = 1, deleted_at = NOW(), status = 'deleted' WHERE id = %s", key)
        self.rows("UPDATE quota_usages SET in_use = -1 WHERE project_id = %s", self.project)

    def kept(self):
        """What is the same in every volume that this cloud has."""
        if not hasattr(self, "_kept"):
            kind = self.rows("SELECT id FROM volume_types WHERE name = 'file' AND deleted = 0")[0][0]
            service = self.rows("SELECT uuid FROM services WHERE topic = 'cinder-volume' AND deleted = 0")[0][0]
            self._kept = {"volume_type_id": kind, "service_uuid": service}
        return self._kept

    def write(self, table, records, usual):
        there = set()
        if records:
            places = ", ".join(["%s"] * len(records))
            there = {row[0] for row in self.rows(f"SELECT id FROM {table} WHERE id IN ({places})", *records)}
        for key in there:
            if records[key]:
                changed = ", ".join(f"{column} = %s" for column in records[key])
                self.rows(f"UPDATE {table} SET {changed}, updated_at = NOW() WHERE id = %s", *records[key].values(), key)
        new = [{**usual, **columns, "id": key, "project_id": self.project, "user_id": self.user_id, "deleted": 0}
               for key, columns in records.items() if key not in there]
        if new:
            columns = list(new[0])
            self.rows(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})",
                      *[[record[column] for column in columns] for record in new])

    def add_disk(self, **fields):
        record = self.disk_record(**fields)
        self.patch(disks={record["DiskId"]: record})
        return record["DiskId"]

    def add_spare_disks(self, count):
        records = [self.disk_record() for _ in range(count)]
        self.patch(disks={record["DiskId"]: record for record in records})
        self.spare_disks += [record["DiskId"] for record in records]

    def add_snapshot(self, disk, name, **fields):
        record = self.snapshot_record(disk, name, **fields)
        self.patch(snapshots={record["SnapshotId"]: record})
        return record["SnapshotId"]

    def stop(self):
        self.proxy.close()
        self.door.close()
        if self.connection is not None:
            self.connection.close()
        return []

    def start(self):
        raise CannotHave("a cloud that a test starts by itself")


def when_settled(session, kind, identifier, state, seconds=15):
    """For tests that ask the cloud itself."""
    wait_until(lambda: session.state(kind, identifier) == state, seconds, f"{kind} {identifier} {state}")
