# SPDX-License-Identifier: Apache-2.0
"""`.cbsfs/metrics`: Prometheus's text format 0.0.4, read by a parser that takes nothing else."""
import errno
import os
import re

import pytest

from commands import assert_done, assert_refused, finish, run, shell, start, wait_until
from harness import REPOSITORY

SIMULATOR = ("--create-time", "1", "--rollback-time", "1")
OPTIONS = ("ttl=1", "timeout=4")

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|$)')
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? ([+-]?(?:[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|Inf)|NaN)")
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}


def labels(text):
    """The pairs of what stands between braces; every character of it is accounted for."""
    found, at = [], 0
    while at < len(text):
        match = LABEL.match(text, at)
        assert match, f"no label at {text[at:]!r}"
        found.append((match[1], match[2]))
        at = match.end()
    assert not text.endswith(",") and len(dict(found)) == len(found), text
    return tuple(sorted(found))


def parse(text):
    """{name: {labels: value}} of a page, which must be as the format wants it."""
    assert text.endswith("\n") and "\r" not in text
    samples, types, family, kind = {}, {}, None, None
    lines = iter(text[:-1].split("\n"))
    for line in lines:
        if line.startswith("#"):
            helped = re.fullmatch(rf"# HELP ({NAME}) (\S.*)", line)
            assert helped, line
            family = helped[1]
            typed = re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|histogram)", next(lines))
            assert typed and typed[1] == family, line
            assert family not in types, f"{family} stands in two places"
            kind = types[family] = typed[2]
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample, line
        name, pairs, value = sample[1], labels(sample[2] or ""), float(sample[3])
        assert name in [family + suffix for suffix in SUFFIXES[kind]], f"{name} below {family}"
        assert pairs not in samples.setdefault(name, {}), f"twice: {line}"
        samples[name][pairs] = value
    check_names(types)
    check_histograms(samples, types)
    return samples, types


def check_names(types):
    for name, kind in types.items():
        assert name.startswith("cbsfs_") and (kind == "counter") == name.endswith("_total"), name
        assert not re.search("millis|_ms$|minutes|kilo", name), name


def check_histograms(samples, types):
    for family in (name for name, kind in types.items() if kind == "histogram"):
        series = {}
        for pairs, value in samples.get(f"{family}_bucket", {}).items():
            others = tuple(pair for pair in pairs if pair[0] != "le")
            series.setdefault(others, []).append((float(dict(pairs)["le"].replace("+Inf", "inf")), value))
        for others, buckets in series.items():
            assert buckets == sorted(buckets) and [value for _, value in buckets] == \
                sorted(value for _, value in buckets), "buckets count up"
            assert buckets[-1][0] == float("inf")
            assert buckets[-1][1] == samples[f"{family}_count"][others]
            assert samples[f"{family}_sum"][others] >= 0


def metrics(mount):
    return parse(mount.read(mount.path(".cbsfs", "metrics")))


def value(mount, name, **wanted):
    """The sum of the samples with these labels."""
    samples = metrics(mount)[0].get(name, {})
    return sum(number for pairs, number in samples.items() if wanted.items() <= dict(pairs).items())


def test_the_parser_takes_nothing_else():
    good = '# HELP cbsfs_a_total Text.\n# TYPE cbsfs_a_total counter\ncbsfs_a_total{x="\\"\\\\\\n"} 1\n'
    assert parse(good)[0] == {"cbsfs_a_total": {(("x", '\\"\\\\\\n'),): 1.0}}
    for bad in (good[:-1], good.replace("counter", "number"), good.replace(' 1', '  1'), good.replace(' 1', ' 0x1'),
                good.replace('\\n"', '\\t"'), good.replace('x="', 'x=\'"'), good.replace('x="', '9="'),
                good + good, good + 'cbsfs_b_total 1\n', good + good.splitlines()[2] + "\n", good + "\n",
                good.replace('"}', '",}'), good.replace("# HELP cbsfs_a_total Text.\n", "")):
        with pytest.raises(AssertionError):
            parse(bad)


def test_the_page(mnt, sim, disk):
    mnt.list("disks")
    mnt.snapshots(disk)
    samples, types = metrics(mnt)
    build, = samples["cbsfs_build_info"].items()
    assert build[1] == 1 and dict(build[0])["version"] == mnt.value(mnt.path(".cbsfs", "version"))
    for pairs in samples["cbsfs_api_calls_total"]:
        assert dict(pairs)["region"] == sim.region
    stats = mnt.stats()
    assert value(mnt, "cbsfs_disks") == int(stats["disks"])
    assert value(mnt, "cbsfs_api_calls_total") == int(stats["calls"]) > 0
    assert value(mnt, "cbsfs_api_duration_seconds_count") == int(stats["calls"])
    assert value(mnt, "cbsfs_fuse_requests_total") >= int(stats["requests"])
    assert abs(value(mnt, "cbsfs_memory_bytes") - int(stats["memory"])) < 1 << 20  # 0 where a sanitizer allocates
    assert value(mnt, "cbsfs_fuse_handles") == 1
    assert value(mnt, "cbsfs_api_rate_limit", action="CreateSnapshot") in (20, 0)
    for name in ("cbsfs_api_breaker_open", "cbsfs_cache_stale", "cbsfs_api_credential_refused",
                 "cbsfs_snapshots_in_progress", "cbsfs_jobs"):
        assert value(mnt, name) == 0 and types[name] == "gauge"
    assert 0 <= value(mnt, "cbsfs_cache_age_seconds", of="disks") < 60


def test_each_has_its_row(mnt):
    with open(os.path.join(REPOSITORY, "docs", "semantics.md"), encoding="utf-8") as page:
        told = set(re.findall(r"`(cbsfs_\w+)`", page.read()))
    assert set(metrics(mnt)[1]) == told


def test_counters_only_count_up(mnt, sim, disk):
    def counters():
        samples, types = metrics(mnt)
        return {(name, pairs): number for name, found in samples.items() for pairs, number in found.items()
                if types.get(name) == "counter" or re.search("_(bucket|count|sum)$", name)}

    before = counters()
    accepted = value(mnt, "cbsfs_jobs_total", operation="mkdir", outcome="accepted")
    assert_done(run("mkdir", mnt.snapshot(disk, "counted")))
    assert value(mnt, "cbsfs_snapshots_in_progress") == 1
    assert_refused(run("mkdir", mnt.path("disks", "no")), errno.EPERM)
    mnt.read(mnt.snapshot(disk, "counted", "wait"))
    mnt.refresh()
    mnt.list("disks")
    after = counters()
    assert all(after[key] >= number for key, number in before.items())
    assert value(mnt, "cbsfs_jobs_total", operation="mkdir", outcome="accepted") == accepted + 1
    assert value(mnt, "cbsfs_failures_total", errno="EPERM") >= 1
    assert value(mnt, "cbsfs_events_total", event="snapshot_settled") >= 1
    assert value(mnt, "cbsfs_snapshots_in_progress") == 0


@pytest.mark.only("tencent")
def test_errors_by_what_they_came_to(mnt, sim, disk):
    mnt.snapshots(disk)
    before = value(mnt, "cbsfs_api_errors_total", action="CreateSnapshot", errno="EDQUOT")
    sim.fault("CreateSnapshot", "error", code="InsufficientSnapshotQuota", message="no")
    assert_refused(run("mkdir", mnt.snapshot(disk, "no")), errno.EDQUOT)
    assert value(mnt, "cbsfs_api_errors_total", action="CreateSnapshot", errno="EDQUOT") == before + 1
    assert value(mnt, "cbsfs_jobs_total", operation="mkdir", outcome="failed") >= 1
    throttled = value(mnt, "cbsfs_api_throttled_total")
    sim.fault("DescribeDisks", "throttle", times=2)
    mnt.refresh()
    mnt.list("disks")
    assert value(mnt, "cbsfs_api_throttled_total") == throttled + 2
    assert value(mnt, "cbsfs_api_rate_pace", action="DescribeDisks") < \
        value(mnt, "cbsfs_api_rate_limit", action="DescribeDisks")


@pytest.mark.needs("simulator")
def test_a_cloud_that_is_away(own):
    sim = own.simulator()
    mount = own.mount(sim, "ttl=1", "timeout=6")
    mount.list("disks")
    sim.fault("*", "hang", times=0)
    mount.refresh()
    looking = start("ls", mount.path("disks"))
    wait_until(lambda: value(mount, "cbsfs_fuse_parked") == 1, 5, "the request that waits")
    assert value(mount, "cbsfs_api_in_flight") >= 1
    finish(looking)
    wait_until(lambda: value(mount, "cbsfs_cache_stale") == 1, 10, "stale")
    assert value(mount, "cbsfs_api_errors_total", errno="ETIMEDOUT") >= 1
    sim.faults()


def test_for_the_collector_of_text_files(mnt):
    """What node_exporter reads is a copy that appears whole."""
    copy = os.path.join(mnt.home, "cbsfs.prom")
    assert_done(shell('cat "$1" > "$2.new" && mv "$2.new" "$2"', mnt.path(".cbsfs", "metrics"), copy))
    with open(copy, encoding="utf-8") as file:
        assert parse(file.read())[0]["cbsfs_build_info"]
