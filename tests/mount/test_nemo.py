# SPDX-License-Identifier: Apache-2.0
"""A person with Nemo, the file manager of Cinnamon: it makes an "Untitled Folder" and renames it, and deletes by rmdir.

The screenshots go to $CBSFS_SCREENSHOTS if that is set.
"""
import pytest

import manager_cases
from commands import wait_until
from desktop import Nemo
from manager_cases import at_a_desk

pytestmark = [pytest.mark.limit(120), pytest.mark.only("tencent"), pytest.mark.without_valgrind("a person's patience")]


def test_browse_and_read(own):
    manager_cases.browse_and_read(own, Nemo)


def test_a_new_folder_is_renamed_while_it_is_made(own):
    manager_cases.make_and_watch(own, Nemo)


def test_a_refused_folder(own):
    manager_cases.refused_by_quota(own, Nemo)


def test_rename_and_delete(own):
    with at_a_desk(own, "allow_delete") as desk:
        window = desk.open_snapshots(Nemo)
        with desk.paying(ModifySnapshotAttribute=1, DeleteSnapshots=1):
            manager_cases.rename(desk, window)
            window.select("nightly")
            window.leave_search()
            window.command("shift+Delete")
            wait_until(lambda: desk.names() == ["before-upgrade", "monthly", "snap-k4t7w9ce"], 10)
            window.wait_for("snapshots")
            window.photograph("nemo-deleted")


def test_delete_without_leave(own):
    """Neither the trash nor the deletion that is offered instead takes anything away."""
    with at_a_desk(own) as desk:
        window = desk.open_snapshots(Nemo)
        with desk.paying():
            window.select("nightly")
            window.leave_search()
            window.dialog("Delete")
            window.photograph("nemo-no-trash")
            window.screen.keys("key", "Return")
            wait_until(lambda: "allow_delete" in desk.mount.read(desk.mount.disk(manager_cases.DISK, "error")), 10)
            window.screen.settle(window.still_for)
            window.photograph("nemo-not-deleted")
            assert desk.names() == manager_cases.NAMES
