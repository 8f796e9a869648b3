# SPDX-License-Identifier: Apache-2.0
"""The tester's side door, the command line, and what a bad client can do."""

import json
import os
import signal
import socket
import subprocess
import time

import pytest
from tc3 import ApiError, Simulator

DISK = "disk-omp7wl2m"
BINARY = os.environ.get("CBSFS_SIM", "build/cbsfs-sim")


def run(*arguments):
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=20)


# --- stats, log, patch --------------------------------------------------------------------------


def test_stats_count_what_came_in_and_what_was_done(new):
    client = new("--create-time", 0)
    assert client.stats() == {"requests": {}, "errors": {}, "peak_per_second": {}, "changes": {},
                              "faults": {}, "regions": {}, "late": 0, "disks": 4, "snapshots": 11}
    client.call("CreateSnapshot", {"DiskId": DISK})
    for action in ("CreateSnapshot", "NoSuchAction"):
        with pytest.raises(ApiError):
            client.call(action)
    assert client.stats() == {
        "requests": {"CreateSnapshot": 2, "(unknown)": 1},
        "errors": {"MissingParameter": 1, "InvalidAction": 1},
        "peak_per_second": {"CreateSnapshot": 2, "(unknown)": 1},
        "changes": {"CreateSnapshot": 1}, "faults": {}, "late": 0, "disks": 4, "snapshots": 12,
        "regions": {"ap-guangzhou": {"requests": {"CreateSnapshot": 2, "(unknown)": 1},
                                     "peak_per_second": {"CreateSnapshot": 2, "(unknown)": 1},
                                     "changes": {"CreateSnapshot": 1}}}}
    client.control("DELETE", "stats")
    assert client.stats()["requests"] == {} and client.stats()["snapshots"] == 12
    assert client.control("GET", "log") == []


def test_the_log(new):
    client = new()
    client.call("DescribeDisks", {"Limit": 3})
    client.faults({"action": "DescribeSnapshots", "kind": "html"})
    client.exchange("DescribeSnapshots", {"Limit": 4})
    with pytest.raises(ApiError):
        client.call("ApplySnapshot", {"SnapshotId": "snap-nosuch00", "DiskId": DISK})
    entries = client.control("GET", "log")
    assert [(entry["action"], entry["params"], entry["code"]) for entry in entries] == [
        ("DescribeDisks", {"Limit": 3}, ""),
        ("DescribeSnapshots", None, "fault:html"),
        ("ApplySnapshot", {"SnapshotId": "snap-nosuch00", "DiskId": DISK}, "InvalidSnapshotId.NotFound")]
    assert all(abs(entry["t"] - time.time()) < 30 for entry in entries)


def test_the_log_is_bounded(new):
    client = new("--rate", 0)
    for limit in range(1, 1011):
        client.exchange("DescribeDisks", {"Limit": limit % 100 + 1})
    entries = client.control("GET", "log")
    assert len(entries) == 1000 and entries[-1]["params"] == {"Limit": 1010 % 100 + 1}


def test_patched_members_are_shown_verbatim(new):
    client = new("--rate", 0)
    odd = {"SnapshotName": "a/b\n", "Percent": None, "SnapshotState": "NEW_STATE", "Extra": [1, {"a": 2.5}],
           "TimeStartShare": {"__absent__": True}, "CreateTime": "2020-01-02 03:04:05"}
    client.patch(snapshots={"snap-0jfkjwl1": odd}, disks={DISK: {"DiskName": "", "Placement": None}})

    def first():
        return client.call("DescribeSnapshots", {"Order": "ASC", "Limit": 1})["SnapshotSet"][0]

    record = first()
    assert record["SnapshotId"] == "snap-0jfkjwl1", "sorted by the patched time"
    assert {name: record[name] for name in odd if name != "TimeStartShare"} == {
        name: value for name, value in odd.items() if name != "TimeStartShare"}
    assert "TimeStartShare" not in record
    (disk,) = client.call("DescribeDisks", {"DiskIds": [DISK]})["DiskSet"]
    assert (disk["DiskName"], disk["Placement"]) == ("", None)
    client.patch(snapshots={"snap-0jfkjwl1": {"SnapshotState": {"__default__": True}}})
    assert first()["SnapshotState"] == "NORMAL"


def test_a_patch_makes_and_removes_records(new):
    client = new("--rate", 0)

    def count():
        (disk,) = client.call("DescribeDisks", {"DiskIds": ["disk-made0000"]})["DiskSet"]
        return disk["SnapshotCount"]

    client.patch(snapshots={"snap-made0000": {"DiskId": "disk-made0000"}})
    client.patch(disks={"disk-made0000": {"DiskSize": 33}},
                 snapshots={"snap-made0001": {"DiskId": "disk-made0000"}})
    (record,) = client.call("DescribeSnapshots", {"SnapshotIds": ["snap-made0001"]})["SnapshotSet"]
    assert (record["SnapshotState"], record["DiskSize"], record["SnapshotName"]) == (
        "NORMAL", 33, "snap-made0001")
    assert count() == 2
    client.patch(snapshots={"snap-made0000": {"DiskId": DISK}})
    assert count() == 1
    client.patch(remove=["snap-made0001", "disk-nosuch00"])
    assert count() == 0
    client.patch(remove=["disk-made0000"])
    assert client.stats()["disks"] == 4 and client.stats()["snapshots"] == 12


def test_a_patch_overrides_what_is_under_way(new):
    client = new("--create-time", 60)
    snapshot = client.call("CreateSnapshot", {"DiskId": DISK})["SnapshotId"]
    for fields in ({"Percent": 66}, {"SnapshotState": "NORMAL", "Percent": 100}):
        client.patch(snapshots={snapshot: fields})
        (record,) = client.call("DescribeSnapshots", {"SnapshotIds": [snapshot]})["SnapshotSet"]
        assert {name: record[name] for name in fields} == fields
    client.call("DeleteSnapshots", {"SnapshotIds": [snapshot]})


@pytest.mark.parametrize("method, name, body, status", [
    ("POST", "patch", b"[]", 400),
    ("POST", "patch", b'{"disks": {"disk-x": 1}}', 400),
    ("POST", "patch", b'{"disks": {"' + b"x" * 40 + b'": {}}}', 400),
    ("POST", "faults", b"no", 400),
    ("GET", "faults", None, 404),
    ("GET", "nothing", None, 404),
    ("GET", "", None, 404),
])
def test_control_requests_that_make_no_sense(client, method, name, body, status):
    answer = client.send(method, "/_sim/" + name, body)
    assert answer[0] == status and json.loads(answer[2])["error"]


# --- bad clients --------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [
    b"\0\1\2\3", b"GET\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /" + b"x" * 400000 + b" HTTP/1.1\r\n\r\n",
    b"GET /?" + b"%" * 1000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /_sim/stats?%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nAuthorization: " + b"/" * 5000 + b"\r\nHost: x\r\n\r\n",
], ids=range(10))
def test_garbage_does_no_harm(client, text):
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as connection:
        try:
            connection.sendall(text)
            connection.settimeout(0.2)
            connection.recv(65536)
        except (ConnectionResetError, BrokenPipeError, TimeoutError):
            pass  # it may answer, hang up or wait for more
    assert client.stats()


def test_clients_that_leave_in_the_middle(new):
    client = new("--latency", 100, "--rate", 0)
    client.faults({"action": "DescribeDisks", "kind": "slow-body", "ms": 1, "times": 20},
                  {"action": "*", "kind": "delay", "ms": 50, "times": 0})
    headers = client.headers("DescribeDisks", b"{}")
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    for _ in range(30):
        connection = socket.create_connection(("127.0.0.1", client.port))
        connection.sendall(f"POST / HTTP/1.1\r\n{head}Content-Length: 2\r\n\r\n{{}}".encode())
        connection.close()
    client.wait_for(lambda: client.stats()["requests"].get("DescribeDisks") == 30)
    assert client.call("DescribeSnapshots")["TotalCount"] == 11


# --- the command line ---------------------------------------------------------------------------


def test_help_and_version():
    result = run("--help")
    assert result.returncode == 0 and result.stdout.startswith("usage: cbsfs-sim") and not result.stderr
    for option in ("port", "port-file", "disks", "snapshots", "seed", "region", "rate", "quota", "latency",
                   "create-time", "rollback-time", "copy-time", "delete-time", "token", "fault-file"):
        assert f"--{option} " in result.stdout
    result = run("--version")
    assert result.returncode == 0 and result.stdout.startswith("cbsfs-sim ")


@pytest.mark.parametrize("arguments", [
    ["--nonsense"], ["extra"], ["--port"], ["--port", "x"], ["--port", "65536"], ["--disks", "-1"],
    ["--disks", "1e3"], ["--snapshots", "5"], ["--disks", "10000", "--snapshots", "101"],
    ["--create-time", "x"], ["--create-time", "-1"], ["--create-time", "nan"], ["--region", ""],
    ["--fault-file", "/nonexistent/faults"], ["--port-file", "/nonexistent/port"],
])
def test_a_command_line_that_makes_no_sense(arguments):
    result = run(*arguments)
    assert result.returncode == 1 and "cbsfs-sim: " in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_port_that_is_taken(client):
    result = run("--port", client.port)
    assert result.returncode == 1 and "cannot listen" in result.stderr and "in use" in result.stderr


def test_a_chosen_port_and_its_file(tmp_path):
    port = 16000 + os.getpid() % 16000  # the kernel gives it to nobody by itself
    simulator = Simulator("--port", port)
    with simulator as client:
        assert client.port == port and client.stats()
        assert simulator.greeting == f"cbsfs-sim: listening on http://127.0.0.1:{port}\n"
        assert os.listdir(simulator.directory.name) == ["port"]


def test_only_loopback_is_listened_on(client):
    port = f"{client.port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        listening = [line.split()[1] for line in table if line.split()[3] == "0A"]
    assert [address for address in listening if address.endswith(":" + port)] == [f"0100007F:{port}"]
    with open("/proc/net/tcp6", encoding="ascii") as table:
        assert not any(line.split()[1].endswith(":" + port) and line.split()[3] == "0A" for line in table)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once(number):
    simulator = Simulator("--latency", 60000)
    client = simulator.__enter__()
    with pytest.raises(TimeoutError):
        client.exchange("DescribeDisks", timeout=0.2)
    began = time.monotonic()
    simulator.process.send_signal(number)
    assert simulator.process.wait(20) == 0
    assert time.monotonic() - began < 5
    assert simulator.stop() == (0, "")
