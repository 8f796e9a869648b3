# SPDX-License-Identifier: Apache-2.0
"""A person with Thunar, the file manager of Xfce: it deletes the files of a directory before the directory.

The screenshots go to $CBSFS_SCREENSHOTS if that is set.
"""
import pytest

import manager_cases
from commands import wait_until
from desktop import Thunar
from manager_cases import at_a_desk

pytestmark = [pytest.mark.limit(120), pytest.mark.only("tencent"), pytest.mark.without_valgrind("a person's patience")]


def test_browse_and_read(own):
    manager_cases.browse_and_read(own, Thunar)


def test_a_new_folder(own):
    manager_cases.make_and_watch(own, Thunar)


def test_a_refused_folder(own):
    manager_cases.refused_by_quota(own, Thunar)


def test_rename(own):
    with at_a_desk(own, "allow_delete") as desk:
        window = desk.open_snapshots(Thunar)
        with desk.paying(ModifySnapshotAttribute=1):
            manager_cases.rename(desk, window)


def test_deleting_file_by_file_loses_nothing(own):
    """It removes what is in a snapshot's directory first; that is refused, and told, and the snapshot stays."""
    with at_a_desk(own, "allow_delete") as desk:
        window = desk.open_snapshots(Thunar)
        with desk.paying():
            window.select("nightly")
            window.leave_search()
            window.command("shift+Delete")
            wait_until(lambda: "EPERM" in desk.mount.read(desk.mount.disk(manager_cases.DISK, "error")), 10)
            window.screen.settle(window.still_for)
            window.photograph("thunar-not-deleted")
            # Skip All, as somebody may who wants to be rid of the question: the directory itself is refused then.
            window.click_first_button("Attention")
            window.wait_for("snapshots")
            assert desk.names() == manager_cases.NAMES


def test_a_rollback_in_a_text_editor(own):
    """The dry run is what it opens; saved with a blank more it is refused, with another text that means it, it is done."""
    with at_a_desk(own, simulator=("--rollback-time", "60")) as desk:
        window = desk.open(Thunar, "disks", manager_cases.DISK, "snapshots", "before-upgrade")
        with desk.paying():
            window.select("rollback")
            window.dialog("Return")
            window.photograph("thunar-dry-run")
            window.screen.keys("key", "space")
            window.dialog("ctrl+s")
            window.photograph("thunar-dry-run-refused")
            assert "EINVAL" in desk.mount.read(desk.mount.disk(manager_cases.DISK, "error"))
            # The file that the editor would rather have written first is nobody's business.
            assert "goutputstream" not in desk.mount.read(desk.mount.path(".cbsfs", "errors"))
            window.screen.keys("key", "Escape")
            wait_until(lambda: len(window.screen.titles()) == 2, 20, "the end of the dialog")
        with desk.paying(ApplySnapshot=1):
            window.screen.keys("key", "ctrl+a")
            window.screen.keys("type", "--delay", "20", "yes")
            window.screen.keys("key", "ctrl+s")
            wait_until(lambda: desk.status("before-upgrade").startswith("ROLLBACKING "), 10)
            window.screen.settle(window.still_for)
            window.photograph("thunar-rolling-back")
            assert len(window.screen.titles()) == 2, "the editor has nothing to complain of"
