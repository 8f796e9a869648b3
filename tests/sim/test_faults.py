# SPDX-License-Identifier: Apache-2.0
"""The fault script: what goes wrong looks as it should, and was carried out or not as it should."""

import http.client
import json
import socket
import time

import pytest
from tc3 import ApiError, Simulator

DISK = "disk-omp7wl2m"
LOST = (http.client.RemoteDisconnected, ConnectionResetError)


@pytest.fixture
def client(new):
    return new("--rate", 0, "--create-time", 0)


def create(client, name="new", **keywords):
    return client.exchange("CreateSnapshot", {"DiskId": DISK, "SnapshotName": name}, **keywords)


def names(client):
    return [r["SnapshotName"] for r in
            client.call("DescribeSnapshots", {"Limit": 100})["SnapshotSet"]]


def executed(client):
    return client.stats()["changes"].get("CreateSnapshot", 0)


@pytest.mark.parametrize("kind, done", [("drop-before", 0), ("drop-after", 1)])
def test_a_dropped_connection(client, kind, done):
    client.faults({"action": "CreateSnapshot", "kind": kind})
    with pytest.raises(LOST):
        create(client)
    assert executed(client) == done and names(client).count("new") == done
    assert client.stats()["requests"]["CreateSnapshot"] == 1
    assert create(client)[0] == 200, "once only"


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("fault, status, content_type, expected", [
    ({"kind": "status"}, 502, "text/html", b"<html>"),
    ({"kind": "status", "status": 503}, 503, "text/html", b"<html>"),
    ({"kind": "html"}, 200, "text/html", b"<html>"),
    ({"kind": "malformed"}, 200, "application/json", b"{"),
    ({"kind": "envelope"}, 200, "application/json", b'"code":4104'),
])
def test_answers_that_are_not_the_apis(client, after, fault, status, content_type, expected):
    client.faults({"action": "CreateSnapshot", "after": after, **fault})
    answer = create(client)
    assert (answer[0], answer[1]["Content-Type"]) == (status, content_type)
    assert expected in answer[2] and b"RequestId" not in answer[2]
    if fault["kind"] == "malformed":
        with pytest.raises(ValueError):
            json.loads(answer[2])
    assert executed(client) == after


@pytest.mark.parametrize("fault, code", [
    ({"kind": "error", "code": "ResourceBusy", "message": "later"}, "ResourceBusy"),
    ({"kind": "error", "code": "ResourceBusy", "message": "later", "after": True}, "ResourceBusy"),
    ({"kind": "error"}, "InternalError"),
    ({"kind": "throttle"}, "RequestLimitExceeded"),
    ({"kind": "expired-token"}, "AuthFailure.TokenFailure"),
])
def test_refusals(client, fault, code):
    client.faults({"action": "CreateSnapshot", **fault})
    with pytest.raises(ApiError) as refused:
        client.answer(create(client)[2])
    assert refused.value.code == code
    assert refused.value.message.startswith(fault.get("message", ""))
    assert executed(client) == fault.get("after", False)
    assert client.stats()["errors"] == {code: 1}


def test_a_truncated_answer(client):
    client.faults({"action": "CreateSnapshot", "kind": "truncate"})
    with pytest.raises(http.client.IncompleteRead) as cut:
        create(client)
    assert cut.value.partial.startswith(b'{"Response":') and cut.value.expected > 0
    assert abs(len(cut.value.partial) - cut.value.expected) <= 1, "half of it"
    assert executed(client) == 1


def test_a_delay_holds_only_its_own_request(client):
    client.faults({"action": "DescribeSnapshots", "kind": "delay", "ms": 700})
    slow = socket.create_connection(("127.0.0.1", client.port), timeout=20)
    payload = b'{"Limit":100}'
    headers = client.headers("DescribeSnapshots", payload)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    began = time.monotonic()
    slow.sendall(f"POST / HTTP/1.1\r\n{head}Content-Length: {len(payload)}\r\n\r\n".encode() + payload)
    client.wait_for(lambda: client.stats()["requests"].get("DescribeSnapshots"))
    create(client)
    assert time.monotonic() - began < 0.7
    text = b""
    while not text.endswith(b"}}"):
        text += slow.recv(65536)
    slow.close()
    assert time.monotonic() - began >= 0.7
    # What is read late is what was true when it was asked.
    shown = json.loads(text.partition(b"\r\n\r\n")[2])["Response"]["SnapshotSet"]
    assert "new" not in [record["SnapshotName"] for record in shown] and "new" in names(client)


def test_a_slow_body(client):
    client.faults({"action": "CreateSnapshot", "kind": "slow-body", "ms": 5})
    began = time.monotonic()
    status, _, body = create(client)
    assert status == 200 and client.answer(body)["SnapshotId"]
    assert time.monotonic() - began >= 0.005 * (len(body) - 1)


@pytest.mark.parametrize("after", [False, True])
def test_an_answer_that_never_comes(client, after):
    client.faults({"action": "CreateSnapshot", "kind": "hang", "after": after})
    with pytest.raises(TimeoutError):
        create(client, timeout=0.3)
    assert executed(client) == after and names(client)
    # That the simulator still ends at once is seen when the fixture stops it.


@pytest.mark.parametrize("fault", [{"kind": "drop-before"}, {"kind": "hang"}, {"kind": "status"}, {"kind": "error"}],
                         ids=lambda fault: fault["kind"])
def test_a_request_that_is_carried_out_late(client, fault):
    client.faults({"action": "CreateSnapshot", "late": 400, **fault})
    began = time.monotonic()
    try:
        create(client, timeout=0.2)
    except (*LOST, TimeoutError):
        pass
    assert client.stats()["late"] == 1 and executed(client) == 0 and "new" not in names(client)
    client.wait_for(lambda: executed(client))
    assert time.monotonic() - began >= 0.4
    assert names(client).count("new") == 1 and client.stats()["requests"]["CreateSnapshot"] == 1


def test_what_would_be_refused_is_refused_late(client):
    """The preconditions are those of the moment at which it is carried out."""
    (first, *_) = [r["SnapshotId"] for r in client.call("DescribeSnapshots")["SnapshotSet"]
                   if r["SnapshotName"] == "before-upgrade"]
    client.faults({"action": "DeleteSnapshots", "kind": "status", "late": 200},
                  {"action": "CreateSnapshot", "kind": "status", "late": 300})
    client.exchange("DeleteSnapshots", {"SnapshotIds": [first]})
    create(client)
    client.call("DeleteSnapshots", {"SnapshotIds": [first]})
    client.wait_for(lambda: executed(client))
    assert client.stats()["changes"] == {"DeleteSnapshots": 1, "CreateSnapshot": 1}
    assert client.stats()["faults"] == {"status": 2}


def test_the_faults_that_struck_are_counted(client):
    client.faults({"action": "DescribeDisks", "kind": "status", "times": 2, "skip": 1},
                  {"action": "DescribeDisks", "kind": "delay", "times": 0},
                  {"action": "CreateSnapshot", "kind": "hang"})
    for _ in range(4):
        client.exchange("DescribeDisks")
    assert client.stats()["faults"] == {"status": 2, "delay": 2}


def test_skip_times_and_order(client):
    client.faults({"action": "CreateSnapshot", "kind": "error", "code": "First", "skip": 1, "times": 2},
                  {"action": "*", "kind": "error", "code": "Second", "times": 2},
                  {"action": "DeleteSnapshots", "kind": "error", "code": "Third", "times": 0})

    def outcome(action, parameters):
        try:
            client.call(action, parameters)
            return ""
        except ApiError as error:
            return error.code

    codes = [outcome("CreateSnapshot", {"DiskId": DISK}) for _ in range(5)]
    assert codes == ["Second", "First", "First", "Second", ""]
    assert [outcome("DeleteSnapshots", {"SnapshotIds": []}) for _ in range(3)] == ["Third"] * 3
    client.faults()
    assert outcome("DeleteSnapshots", {"SnapshotIds": []}) == "InvalidParameterValue"


def test_a_shifted_clock(client):
    client.faults({"kind": "clock", "seconds": 3600})
    _, headers, body = client.exchange("DescribeDisks")
    assert json.loads(body)["Response"]["Error"]["Code"] == "AuthFailure.SignatureExpire"
    ahead = time.time() + 3600
    parsed = time.mktime(time.strptime(headers["Date"], "%a, %d %b %Y %H:%M:%S GMT")) - time.timezone
    assert abs(parsed - ahead) < 10
    assert client.call("DescribeDisks", timestamp=int(ahead))
    client.faults()
    assert client.call("DescribeDisks")


def test_a_listing_as_of_when_the_script_was_set(client):
    client.answer(create(client, "first")[2])
    client.faults({"action": "DescribeSnapshots", "kind": "stale", "times": 0},
                  {"action": "DescribeDisks", "kind": "stale", "times": 0})
    before = names(client)
    created = client.answer(create(client, "second")[2])["SnapshotId"]
    (first,) = [r["SnapshotId"] for r in client.call("DescribeSnapshots")["SnapshotSet"]
                if r["SnapshotName"] == "first"]
    client.call("ModifySnapshotAttribute", {"SnapshotId": first, "SnapshotName": "renamed"})
    client.call("DeleteSnapshots", {"SnapshotIds": ["snap-0jfkjwl1"]})
    client.patch(remove=["disk-e3h8q1zt"], disks={"disk-new00000": {}})
    assert names(client) == before
    assert client.call("DescribeSnapshots", {"SnapshotIds": [created]})["SnapshotSet"] == []
    assert client.call("DescribeSnapshots", {"SnapshotIds": ["snap-0jfkjwl1"]})["TotalCount"] == 1
    disks = [r["DiskId"] for r in client.call("DescribeDisks")["DiskSet"]]
    assert "disk-e3h8q1zt" in disks and "disk-new00000" not in disks
    client.faults()
    after = names(client)
    assert {"second", "renamed"} <= set(after) and not {"first", "before-upgrade"} & set(after)


def test_a_listing_that_lags(client):
    created = client.answer(create(client)[2])["SnapshotId"]
    client.faults({"action": "*", "kind": "stale", "seconds": 1, "times": 0})
    assert "new" not in names(client)
    client.wait_for(lambda: "new" in names(client))
    client.call("DeleteSnapshots", {"SnapshotIds": [created]})
    assert "new" in names(client)
    client.wait_for(lambda: "new" not in names(client))


def test_a_stale_listing_shows_the_progress_of_then(new):
    client = new("--rate", 0, "--rollback-time", 60)
    client.call("ApplySnapshot", {"DiskId": DISK, "SnapshotId": "snap-0jfkjwl1"})
    client.faults({"action": "DescribeDisks", "kind": "stale", "seconds": 30})
    def state():
        return client.call("DescribeDisks", {"DiskIds": [DISK]})["DiskSet"][0]["DiskState"]
    assert (state(), state()) == ("UNATTACHED", "ROLLBACKING")


@pytest.mark.parametrize("script, reason", [
    ({}, "faults"),
    ({"faults": {}}, "faults"),
    ({"faults": [{"kind": "explode"}]}, "explode"),
    ({"faults": [{"kind": "delay", "millis": 5}]}, "millis"),
    ({"faults": [{"kind": "delay", "ms": -5}]}, "range"),
    ({"faults": [{"kind": "status", "status": 99}]}, "range"),
    ({"faults": [7]}, "kind"),
    ({"faults": [{"kind": "status", "late": -1}]}, "range"),
    ({"faults": [{"kind": "drop-after", "late": 100}]}, "late"),
    ({"faults": [{"kind": "status", "late": 100, "after": True}]}, "late"),
])
def test_a_script_that_makes_no_sense_changes_nothing(client, script, reason):
    client.faults({"action": "*", "kind": "error", "code": "Kept", "times": 0})
    status, _, body = client.send("POST", "/_sim/faults", json.dumps(script).encode())
    assert status == 400 and reason in json.loads(body)["error"]
    with pytest.raises(ApiError, match="Kept"):
        client.call("DescribeDisks")


def test_a_fault_file(tmp_path, new):
    path = tmp_path / "faults.json"
    path.write_text('{"faults": [{"action": "DescribeDisks", "kind": "error", "code": "FromFile"}]}')
    client = new("--fault-file", path)
    with pytest.raises(ApiError, match="FromFile"):
        client.call("DescribeDisks")
    path.write_text('{"faults": [{"kind": "explode"}]}')
    with pytest.raises(RuntimeError, match="explode"):
        Simulator("--fault-file", path)
    path.write_text("{")
    with pytest.raises(RuntimeError, match="faults.json"):
        Simulator("--fault-file", path)
