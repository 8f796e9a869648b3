# SPDX-License-Identifier: Apache-2.0
"""The policies allow what cbsfs sends, each in the file where it belongs, and nothing else."""
import json
import os
import re

import pytest

from harness import REPOSITORY

CAM = os.path.join(REPOSITORY, "contrib", "cam")


def read(*parts):
    with open(os.path.join(REPOSITORY, *parts), encoding="utf-8") as file:
        return file.read()


def verbs():
    """The words of enum cloud_verb, in their order, and the first that changes something."""
    text = read("include", "cbsfs", "cloud.h")
    found = re.findall(r"\b(CLOUD_[A-Z_]+)[,\s]", re.search(r"enum cloud_verb \{(.*?)\n\};", text, re.DOTALL)[1])
    found = [word for word in found if f"case {word}:" in read("src", "cloud", "tencent", "encode.c")]
    first = re.search(r"#define CLOUD_FIRST_CHANGE (\w+)", text)[1]
    return list(dict.fromkeys(found)), first


def actions():
    """{verb: action} of the provider's own table."""
    table = re.search(r"tencent_action\(.*?\n\}", read("src", "cloud", "tencent", "encode.c"), re.DOTALL)[0]
    found = dict(re.findall(r"case (CLOUD_\w+):\s*return \"(\w+)\";", table))
    assert len(found) >= 17
    return found


def allowed(name):
    policy = json.loads(read("contrib", "cam", name))
    assert policy["version"] == "2.0" and {statement["effect"] for statement in policy["statement"]} == {"allow"}
    found = [action for statement in policy["statement"] for action in statement["action"]]
    assert len(found) == len(set(found)), "an action is there twice"
    return set(found)


@pytest.fixture(scope="module")
def wanted():
    order, first = verbs()
    known = actions()
    assert set(order) == set(known)
    service = {"DescribeRegions": "region"}
    named = {verb: f"name/{service.get(action, 'cvm')}:{action}" for verb, action in known.items()}
    looks = {named[verb] for verb in order[:order.index(first)]}
    changes = {named[verb] for verb in order[order.index(first):]}
    costs = {named["CLOUD_CREATE_DISK"]}
    return looks, changes - costs, costs


def test_every_action_is_where_it_belongs(wanted):
    looks, changes, costs = wanted
    assert allowed("read-only.json") == looks
    assert allowed("read-write.json") == looks | changes
    assert allowed("create-disk.json") == costs


def test_what_hands_data_to_others_can_be_left_out():
    statements = json.loads(read("contrib", "cam", "read-write.json"))["statement"]
    assert statements[-1]["action"] == ["name/cvm:CopySnapshotCrossRegions", "name/cvm:ModifySnapshotsSharePermission"]


def test_the_page_names_every_action(wanted):
    page = read("contrib", "cam", "README.md")
    rows = set(re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in page.splitlines()
                                               if re.match(r"\| `[A-Z]", line))))
    assert rows == {action.partition(":")[2] for group in wanted for action in group}


def test_openstack_rules_are_cinders():
    rules = set(re.findall(r'^"((?:volume|group):\w+)"', read("contrib", "openstack", "cinder-policy.yaml"), re.MULTILINE))
    assert rules == set(re.findall(r"`((?:volume|group):\w+)`", read("contrib", "openstack", "roles.md")))
    cinder = pytest.importorskip("cinder.policies", reason="Cinder is not installed (contrib/install-dependencies openstack)")
    assert rules <= {rule.name for rule in cinder.list_rules()}


def test_openstack_defaults_are_cinders():
    """The roles of the page are those that Cinder's own rules ask for."""
    cinder = pytest.importorskip("cinder.policies", reason="Cinder is not installed (contrib/install-dependencies openstack)")
    defaults = {rule.name: rule.check_str for rule in cinder.list_rules()}
    rows = re.findall(r"^\|.*\| (`(?:volume|group):.*?`) \| (\w+) \|$", read("contrib", "openstack", "roles.md"), re.MULTILINE)
    assert len(rows) >= 6
    for names, role in rows:
        for name in re.findall(r"`(.*?)`", names):
            assert defaults[name].endswith(f"project_{role}"), (name, defaults[name])
