# SPDX-License-Identifier: Apache-2.0
"""EVS of the simulator: the same account behind the door of Huawei Cloud and Open Telekom Cloud."""
import calendar
import json
import time
import uuid as uuids

import pytest

import evs

DISK = evs.uuid("disk-omp7wl2m")
ATTACHED = evs.uuid("disk-7m2x9ufb")
SNAPSHOT = evs.uuid("snap-0jfkjwl1")
NOWHERE = "00000000-0000-4000-8000-000000000000"
NATIVE, CINDER = "/cloudsnapshots", "/snapshots"


@pytest.fixture
def door(client):
    return evs.Door(client)


def status_of(door, snapshot):
    code, answer = door.call("GET", f"{NATIVE}/{snapshot}")
    return answer["snapshot"]["status"] if code == 200 else code


def disk_status(door, disk=DISK):
    return door.ask(f"/cloudvolumes/{disk}")["volume"]["status"]


def create(door, disk=DISK, name="made", path=NATIVE, **members):
    return door.call("POST", path, {"snapshot": {"volume_id": disk, "name": name, **members}})


def made(door, **members):
    """A new snapshot that is available."""
    code, answer = create(door, **members)
    assert code == 202, answer
    door.client.wait_for(lambda: status_of(door, answer["snapshot"]["id"]) == "available")
    return answer["snapshot"]["id"]


def drop(door, snapshot):
    assert door.call("DELETE", f"{NATIVE}/{snapshot}") == (202, None)
    door.client.wait_for(lambda: status_of(door, snapshot) == 404)


# --- records -----------------------------------------------------------------------------


def test_both_doors_show_the_same(client, door):
    disks = client.call("DescribeDisks", {"Limit": 100})["DiskSet"]
    volumes = door.ask("/cloudvolumes/detail")["volumes"]
    assert [(evs.uuid(disk["DiskId"]), disk["DiskName"], disk["DiskSize"], disk["Placement"]["Zone"],
             {"ATTACHED": "in-use", "UNATTACHED": "available"}[disk["DiskState"]], disk["InstanceIdList"])
            for disk in disks] == \
        [(volume["id"], volume["name"], volume["size"], volume["availability_zone"], volume["status"],
          [each["server_id"] for each in volume["attachments"]]) for volume in volumes]
    snapshots = client.call("DescribeSnapshots", {"Limit": 100})["SnapshotSet"]
    assert [(evs.uuid(one["SnapshotId"]), one["SnapshotName"], one["DiskSize"]) for one in snapshots] == \
        [(one["id"], one["name"], one["size"]) for one in door.ask("/cloudsnapshots/detail")["snapshots"]]
    for one, other in zip(snapshots, door.ask("/cloudsnapshots/detail")["snapshots"]):
        beijing = calendar.timegm(time.strptime(one["CreateTime"], "%Y-%m-%d %H:%M:%S")) - 8 * 3600
        assert other["created_at"] == time.strftime("%Y-%m-%dT%H:%M:%S.000000", time.gmtime(beijing))


def test_ids_are_uuids(door):
    for record in door.ask("/cloudvolumes/detail")["volumes"] + door.ask("/cloudsnapshots/detail")["snapshots"]:
        assert uuids.UUID(record["id"]).version == 4 and str(uuids.UUID(record["id"])) == record["id"]


SNAPSHOT_MEMBERS = {"id", "name", "description", "volume_id", "status", "size", "created_at", "updated_at", "metadata"}
LONG = SNAPSHOT_MEMBERS | {"os-extended-snapshot-attributes:project_id", "os-extended-snapshot-attributes:progress"}


@pytest.mark.parametrize("base, path, outer, members", [
    ("/v2", "/cloudsnapshots/detail", {"snapshots", "snapshots_links", "count"}, LONG),
    ("/v3", "/snapshots/detail", {"snapshots"}, LONG), ("/v3", "/snapshots", {"snapshots"}, SNAPSHOT_MEMBERS),
    ("/v2", "/snapshots/detail", {"snapshots"}, LONG)])
def test_the_shapes_of_lists(client, base, path, outer, members):
    answer = evs.Door(client, base).ask(path)
    assert set(answer) == outer and answer.get("snapshots_links") is None
    assert all(set(record) - {"service_type"} == members for record in answer["snapshots"])


def test_short_lists_of_disks(client):
    records = evs.Door(client, "/v3").ask("/volumes")["volumes"]
    assert len(records) == 4 and all(set(record) == {"id", "name", "links"} for record in records)


def pages(door, path, limit, step):
    """All pages of a list, asked for by `step`, "marker" or "offset"."""
    found, key = [], path.split("/")[1].removeprefix("cloud")
    while True:
        last = {"marker": found[-1]["id"] if found else "", "offset": len(found)}[step]
        answer = door.ask(f"{path}?limit={limit}" + (f"&{step}={last}" if found else ""))
        if not answer[key]:
            return found
        found += answer[key]


@pytest.mark.parametrize("step", ["marker", "offset"])
@pytest.mark.parametrize("base, path", [("/v2", "/cloudsnapshots/detail"), ("/v3", "/snapshots/detail"),
                                        ("/v2", "/cloudvolumes/detail"), ("/v3", "/volumes")])
def test_pages(client, base, path, step):
    door = evs.Door(client, base)
    everything = door.ask(path)
    assert pages(door, path, 3, step) == everything[path.split("/")[1].removeprefix("cloud")]


def test_the_next_page_has_a_link_that_leads_nowhere(client):
    answer = evs.Door(client, "/v3").ask("/snapshots/detail?limit=2")
    [link] = answer["snapshots_links"]
    assert link["rel"] == "next" and link["href"].startswith("http://volume.localdomain.com:8776/v2/")
    assert link["href"].endswith("&marker=" + answer["snapshots"][-1]["id"])


def test_filters(door):
    everything = door.ask("/cloudsnapshots/detail")["snapshots"]
    for name, value in (("volume_id", DISK), ("name", "nightly"), ("status", "available"), ("status", "nothing")):
        answer = door.ask(f"/cloudsnapshots/detail?limit=1&{name}={value}")
        wanted = [record for record in everything if record[name] == value]
        assert answer["count"] == len(wanted) and answer["snapshots"] == wanted[:1]
    assert len(door.ask("/cloudvolumes/detail?status=in-use")["volumes"]) == 1


@pytest.mark.parametrize("query, code", [("limit=0", "EVS.1023"), ("limit=1001", "EVS.1023"), ("limit=-1", "EVS.1023"),
                                         ("limit=many", "EVS.1023"), ("offset=-1", "EVS.1023"),
                                         (f"marker={NOWHERE}", "EVS.1024"), ("marker=x", "EVS.1024")])
def test_pages_that_are_none(client, query, code):
    for base, path, kind in (("/v2", "/cloudsnapshots/detail", "error"), ("/v2", "/cloudvolumes/detail", "error"),
                             ("/v3", "/snapshots/detail", "badRequest")):
        status, answer = evs.Door(client, base).call("GET", f"{path}?{query}")
        assert (status, answer[kind]["code"]) == (400, code)


def test_many_pages(new):
    client = new("--disks", "3", "--snapshots", "700", "--rate", "0")
    door = evs.Door(client)
    first = door.ask("/cloudsnapshots/detail")
    assert first["count"] == 2100 and len(first["snapshots"]) == 1000
    assert len({record["id"] for record in pages(door, "/cloudsnapshots/detail", 1000, "marker")}) == 2100
    disk = door.ask("/cloudvolumes/detail")["volumes"][1]["id"]
    assert door.ask(f"/cloudsnapshots/detail?volume_id={disk}")["count"] == 700


# --- changes -----------------------------------------------------------------------------


@pytest.mark.parametrize("base, path", [("/v2", NATIVE), ("/v2", CINDER), ("/v3", CINDER)])
def test_the_life_of_a_snapshot(client, base, path):
    own, door = evs.Door(client), evs.Door(client, base)
    code, answer = door.call("POST", path, {"snapshot": {"volume_id": DISK, "name": " 每日 50% a/b ", "description": "d",
                                                         "metadata": {"k": "v"}}})
    record = answer["snapshot"]
    assert (code, record["status"], record["name"]) == (202, "creating", "每日 50% a/b")
    assert (record["description"], record["metadata"], record["updated_at"]) == ("d", {"k": "v"}, None)
    snapshot = record["id"]
    client.wait_for(lambda: status_of(own, snapshot) == "available")
    code, answer = door.call("PUT", f"{path}/{snapshot}", {"snapshot": {"name": "new", "description": "other"}})
    assert (code, answer["snapshot"]["name"], answer["snapshot"]["description"]) == (200, "new", "other")
    assert door.ask(f"{path}/{snapshot}")["snapshot"] == answer["snapshot"] and answer["snapshot"]["updated_at"]
    assert door.call("DELETE", f"{path}/{snapshot}") == (202, None)
    assert status_of(own, snapshot) == "deleting"
    client.wait_for(lambda: status_of(own, snapshot) == 404)
    assert snapshot not in [each["id"] for each in own.ask("/cloudsnapshots/detail")["snapshots"]]


@pytest.mark.parametrize("base, path", [("/v2", "/cloudsnapshots"), ("/v2", "/os-vendor-snapshots"),
                                        ("/v3", "/os-vendor-snapshots")])
def test_any_snapshot_can_be_rolled_back_to(client, base, path):
    door, own = evs.Door(client, base), evs.Door(client)
    body = {"rollback": {"volume_id": DISK, "name": "pg-data"}}
    assert door.call("POST", f"{path}/{SNAPSHOT}/rollback", body) == (202, {"rollback": {"volume_id": DISK}})
    assert (disk_status(own), status_of(own, SNAPSHOT)) == ("rollbacking", "rollbacking")
    client.wait_for(lambda: (disk_status(own), status_of(own, SNAPSHOT)) == ("available", "available"))


def test_a_region_without_the_newer_way_back(new):
    door = evs.Door(new("--no-cloudsnapshots-rollback", "--rollback-time", "0.1"))
    body = {"rollback": {"volume_id": DISK}}
    status, answer = door.call("POST", f"/cloudsnapshots/{SNAPSHOT}/rollback", body)
    assert (status, answer["error_code"]) == (404, "APIGW.0101")
    door.base = "/v3"
    assert door.call("POST", f"/os-vendor-snapshots/{SNAPSHOT}/rollback", body)[0] == 202


ROLL = f"/cloudsnapshots/{SNAPSHOT}/rollback"


@pytest.mark.parametrize("method, path, body, status, code", [
    ("GET", f"/cloudsnapshots/{NOWHERE}", None, 404, "EVS.5404"),
    ("GET", "/cloudsnapshots/nonsense", None, 404, "EVS.5404"),
    ("GET", f"/cloudvolumes/{NOWHERE}", None, 404, "EVS.5404"),
    ("PUT", f"/cloudsnapshots/{NOWHERE}", {"snapshot": {"name": "x"}}, 404, "EVS.5404"),
    ("DELETE", f"/cloudsnapshots/{NOWHERE}", None, 404, "EVS.5404"),
    ("POST", f"/cloudsnapshots/{NOWHERE}/rollback", {"rollback": {"volume_id": DISK}}, 404, "EVS.5404"),
    ("POST", ROLL, {"rollback": {"volume_id": NOWHERE}}, 404, "EVS.5404"),
    ("POST", ROLL, {"rollback": {"volume_id": ATTACHED}}, 400, "EVS.2045"),
    ("POST", NATIVE, {"snapshot": {"volume_id": NOWHERE, "name": "x"}}, 404, "EVS.5404"),
    ("POST", NATIVE, {"snapshot": {"name": "x"}}, 400, "EVS.5400"),
    ("POST", NATIVE, {"snapshot": {"volume_id": DISK, "name": "每" * 65}}, 400, "EVS.5400"),
    ("POST", NATIVE, {"snapshot": {"volume_id": DISK, "name": 7}}, 400, "EVS.5400"),
    ("POST", NATIVE, {"snapshot": {"volume_id": DISK, "name": "autobk_snapshot_1"}}, 400, "EVS.5400"),
    ("POST", NATIVE, {"nothing": {}}, 400, "EVS.5400"), ("POST", NATIVE, None, 400, "EVS.5400"),
    ("PUT", f"/cloudsnapshots/{SNAPSHOT}", {"snapshot": {}}, 400, "EVS.5400"),
    ("PUT", f"/cloudsnapshots/{SNAPSHOT}", {"snapshot": {"name": "x" * 65}}, 400, "EVS.5400"),
])
def test_refusals(door, method, path, body, status, code):
    got, answer = door.call(method, path, body)
    assert (got, answer) == (status, {"error": {"code": code, "message": answer["error"]["message"]}})


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/nonesuch", 404), ("PATCH", f"/cloudsnapshots/{SNAPSHOT}", 404), ("POST", "/cloudvolumes/detail", 404),
    ("GET", "/cloudsnapshots/detail/more", 404), ("GET", "", 404)])
def test_paths_that_are_none(door, method, path, status):
    got, answer = door.call(method, path)
    assert (got, answer["error_code"]) == (status, "APIGW.0101")


def test_refusals_in_the_words_of_cinder(client):
    door = evs.Door(client, "/v3")
    assert door.call("GET", f"/snapshots/{NOWHERE}") == (
        404, {"itemNotFound": {"code": 404, "message": f"Snapshot {NOWHERE} could not be found."}})
    status, answer = door.call("POST", "/snapshots", {"snapshot": {"name": "x"}})
    assert status == 400 and answer["badRequest"]["code"] == "EVS.5400"


@pytest.mark.parametrize("fields, status, code", [
    ({"SnapshotState": "CREATING"}, 400, "EVS.1047"), ({"SnapshotState": "ROLLBACKING"}, 400, "EVS.1047"),
    ({"evs": {"status": "backing-up"}}, 400, "EVS.1047"), ({"evs": {"status": "deleting"}}, 400, "EVS.1047"),
    ({"SnapshotState": "ERROR_DELETING"}, 500, "EVS.2019"), ({"evs": {"status": "error"}}, 202, None),
    ({"SnapshotState": "NORMAL"}, 202, None)])
def test_what_can_be_deleted(client, door, fields, status, code):
    snapshot = evs.uuid("snap-todelete")
    client.patch(snapshots={snapshot: {"DiskId": DISK, **fields}})
    got, answer = door.call("DELETE", f"/cloudsnapshots/{snapshot}")
    assert got == status and (code is None or answer["error"]["code"] == code)
    client.patch(remove=[snapshot])


@pytest.mark.parametrize("snapshot, disk, status, code", [
    ({"SnapshotState": "CREATING"}, {}, 400, "EVS.2043"), ({"evs": {"status": "error"}}, {}, 400, "EVS.2043"),
    ({}, {"DiskState": "ATTACHED"}, 400, "EVS.5400"), ({}, {"evs": {"status": "extending"}}, 400, "EVS.5400"),
    ({}, {"DiskState": "ERROR_ROLLBACKING"}, 202, None), ({}, {"DiskState": "UNATTACHED"}, 202, None)])
def test_what_can_be_rolled_back(client, door, snapshot, disk, status, code):
    its, where = evs.uuid("snap-toapply0"), evs.uuid("disk-toapply0")
    client.patch(disks={where: disk}, snapshots={its: {"DiskId": where, **snapshot}})
    got, answer = door.call("POST", f"/cloudsnapshots/{its}/rollback", {"rollback": {"volume_id": where}})
    assert got == status and (code is None or answer["error"]["code"] == code)
    client.wait_for(lambda: status != 202 or disk_status(door, where) == "available")
    client.patch(remove=[its, where])


def test_snapshots_of_a_disk_in_use_and_of_a_busy_one(client, door):
    where = evs.uuid("disk-tosnap00")
    client.patch(disks={where: {"Attached": True}})
    drop(door, made(door, disk=where))
    client.patch(disks={where: {"evs": {"status": "attaching"}}})
    assert create(door, where)[0] == 400
    drop(door, made(door, disk=where, force=True))
    client.patch(remove=[where])


def test_seven_snapshots_a_disk(new):
    client = new("--create-time", "0", "--rate", "0")
    door, disk = evs.Door(client), evs.uuid("disk-e3h8q1zt")
    assert [create(door, disk)[0] for _ in range(7)] == [202] * 7
    status, answer = create(door, disk)
    assert (status, answer["error"]["code"]) == (413, "EVS.5413")
    door.base = "/v3"
    status, answer = create(door, disk, path=CINDER)
    assert status == 413 and answer["overLimit"]["code"] == 413 and answer["overLimit"]["retryAfter"] == "0"
    door.base = "/v2"
    client.faults({"action": "CreateSnapshot", "kind": "error", "code": "EVS.1034", "status": 400, "message": "quota"})
    status, answer = create(door, disk)
    assert (status, answer["error"]["code"]) == (400, "EVS.1034") and answer["error"]["message"].startswith("quota")
    assert client.stats()["changes"] == {"CreateSnapshot": 7}


def test_the_quota_can_be_another(new):
    door = evs.Door(new("--quota", "1", "--create-time", "0"))
    assert [create(door, evs.uuid("disk-e3h8q1zt"))[0] for _ in range(2)] == [202, 413]


# --- faults, counters, patches -----------------------------------------------------------


def test_what_begins_may_fail(client, door):
    client.faults({"action": "CreateSnapshot", "kind": "fail"})
    code, answer = create(door)
    snapshot = answer["snapshot"]["id"]
    assert (code, answer["snapshot"]["status"]) == (202, "creating")
    client.wait_for(lambda: status_of(door, snapshot) == "error")
    client.faults({"action": "DeleteSnapshot", "kind": "fail"})
    assert door.call("DELETE", f"{NATIVE}/{snapshot}")[0] == 202
    assert status_of(door, snapshot) == "deleting"
    client.wait_for(lambda: status_of(door, snapshot) == "error_deleting")
    assert door.call("DELETE", f"{NATIVE}/{snapshot}")[1]["error"]["code"] == "EVS.2019"
    client.patch(snapshots={snapshot: {"SnapshotState": "NORMAL"}})
    client.faults({"action": "RollbackSnapshot", "kind": "fail"})
    assert door.call("POST", f"{NATIVE}/{SNAPSHOT}/rollback", {"rollback": {"volume_id": DISK}})[0] == 202
    client.wait_for(lambda: disk_status(door) == "error_rollbacking")
    assert door.call("POST", f"{NATIVE}/{SNAPSHOT}/rollback", {"rollback": {"volume_id": DISK}})[0] == 202
    client.wait_for(lambda: disk_status(door) == "available")
    drop(door, snapshot)


def test_a_patch_keeps_what_was_to_be_deleted(new):
    client = new("--delete-time", "0.3", "--create-time", "0")
    door = evs.Door(client)
    snapshot = made(door)
    assert door.call("DELETE", f"{NATIVE}/{snapshot}")[0] == 202
    client.patch(snapshots={snapshot: {"evs": {"status": "error_deleting"}}})
    time.sleep(0.4)  # longer than it would have taken
    assert status_of(door, snapshot) == "error_deleting"
    client.patch(snapshots={snapshot: {"evs": {}}})
    assert status_of(door, snapshot) == 404


def test_a_deletion_that_hangs_for_ever_shows_so(new):
    door = evs.Door(new("--delete-time", "86400", "--create-time", "0"))
    snapshot = made(door)
    assert door.call("DELETE", f"{NATIVE}/{snapshot}")[0] == 202
    assert status_of(door, snapshot) == "deleting"
    assert door.client.stats()["changes"] == {"CreateSnapshot": 1, "DeleteSnapshot": 1}
    assert door.client.stats()["late"] == 0


@pytest.mark.parametrize("fault, status, members", [
    ({"kind": "throttle"}, 429, {"error_code": "APIGW.0308"}),
    ({"kind": "expired-token"}, 401, {"error_code": "APIGW.0301"}),
    ({"kind": "error", "code": "APIGW.0303"}, 401, {"error_code": "APIGW.0303"}),
    ({"kind": "error", "code": "EVS.1027"}, 403, {"error": {"code": "EVS.1027", "message": "m"}}),
    ({"kind": "error", "code": "EVS.5409"}, 409, {"error": {"code": "EVS.5409", "message": "m"}}),
    ({"kind": "error", "code": "EVS.9999", "status": 418}, 418, {"error": {"code": "EVS.9999", "message": "m"}}),
    ({"kind": "error"}, 500, {"error": {"code": "EVS.5500", "message": "m"}}),
    ({"kind": "edit", "edits": {"/count": 7}}, 200, {"count": 7}),
])
def test_faults(client, door, fault, status, members):
    client.faults({"action": "ListSnapshots", "message": "m", **fault})
    got, answer = door.call("GET", "/cloudsnapshots/detail")
    if "error" in answer and "message" in answer["error"]:
        answer["error"]["message"] = answer["error"]["message"].split(" (")[0]
    assert got == status and {key: answer[key] for key in members} == members
    assert door.call("GET", "/cloudsnapshots/detail")[0] == 200


def test_faults_for_one_page_or_one_snapshot(client, door):
    client.faults({"action": "ListSnapshots", "kind": "throttle", "times": 0, "where": {"offset": "2"}},
                  {"action": "DeleteSnapshot", "kind": "throttle", "where": {"snapshot_id": NOWHERE}})
    assert [door.call("GET", f"/cloudsnapshots/detail?offset={offset}")[0] for offset in (1, 2, 3)] == [200, 429, 200]
    assert door.call("DELETE", f"{NATIVE}/{SNAPSHOT[:-1]}0")[0] == 404
    assert door.call("DELETE", f"{NATIVE}/{NOWHERE}")[0] == 429


def test_a_fault_before_and_after(new):
    client = new("--create-time", "0", "--delete-time", "0")
    door = evs.Door(client)
    door.call("GET", "/cloudvolumes/detail")
    client.faults({"action": "CreateSnapshot", "kind": "status", "late": 200, "status": 504})
    status, _, body = client.send("POST", f"/v2/{evs.project()}{NATIVE}",
                                  json.dumps({"snapshot": {"volume_id": DISK, "name": "late"}}), door.headers("", "", b""))
    assert status == 504 and b"html" in body and client.stats()["late"] == 1
    client.wait_for(lambda: client.stats()["changes"] == {"CreateSnapshot": 1})
    assert [one["name"] for one in door.ask("/cloudsnapshots/detail?limit=1")["snapshots"]] == ["late"]


def test_stale_lists(new):
    client = new("--create-time", "0")
    door = evs.Door(client)
    before = door.ask("/cloudsnapshots/detail")
    client.faults({"action": "ListSnapshots", "kind": "stale", "times": 2})
    time.sleep(0.01)  # what comes in the same millisecond belongs to the past
    code, answer = create(door)
    assert code == 202 and door.ask("/cloudsnapshots/detail") == before
    assert door.call("GET", f"{NATIVE}/{answer['snapshot']['id']}")[0] == 404
    assert door.ask("/cloudsnapshots/detail")["count"] == before["count"] + 1


def test_the_rate_and_the_counters(new):
    client = new("--rate", "3")
    door = evs.Door(client)
    codes = [door.call("GET", f"/cloudsnapshots/{SNAPSHOT}")[0] for _ in range(8)]
    assert codes[:3] == [200] * 3 and codes.count(429) >= 1
    assert client.stats()["requests"] == {"CreateToken": 1, "ListSnapshots": 8}
    assert client.stats()["errors"] == {"RequestLimitExceeded": codes.count(429)}
    assert client.control("GET", "log")[-1]["params"] == {"project_id": evs.project(), "snapshot_id": SNAPSHOT}


def test_records_go_by_either_name(client, door):
    client.patch(snapshots={"snap-either00": {"DiskId": DISK, "SnapshotName": "one"},
                            evs.uuid("snap-either01"): {"DiskId": "disk-omp7wl2m", "SnapshotName": "two"}})
    assert [door.ask(f"{NATIVE}/{evs.uuid(own)}")["snapshot"]["volume_id"]
            for own in ("snap-either00", "snap-either01")] == [DISK, DISK]
    found = client.call("DescribeSnapshots", {"SnapshotIds": ["snap-either00", "snap-either01"]})["SnapshotSet"]
    assert {record["DiskId"] for record in found} == {"disk-omp7wl2m"} and not any("evs" in record for record in found)
    client.patch(remove=["snap-either01", evs.uuid("snap-either00")])
    assert client.call("DescribeSnapshots", {"SnapshotIds": ["snap-either00", "snap-either01"]})["TotalCount"] == 0


def test_other_uuids_and_members_of_its_own(client, door):
    snapshot = str(uuids.UUID(int=7 << 60, version=4))
    client.patch(snapshots={snapshot: {"DiskId": DISK, "evs": {
        "status": "backing-up", "metadata": {"__system__enableActive": "true"}, "size": "big", "updated_at": 5,
        "description": {"__absent__": True}}}})
    record = door.ask(f"{NATIVE}/{snapshot}")["snapshot"]
    assert (record["id"], record["status"], record["size"], record["updated_at"]) == (snapshot, "backing-up", "big", 5)
    assert "description" not in record and record["metadata"] == {"__system__enableActive": "true"}
    client.patch(remove=[snapshot])
    assert status_of(door, snapshot) == 404
