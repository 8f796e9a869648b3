# SPDX-License-Identifier: Apache-2.0
"""The first command that anybody runs."""
import os
import subprocess

from console import CBSFS, REPOSITORY
from surroundings import unmount


def test_the_first_commands_are_run(tmp_path):
    """contrib/demo, with the build that the other tests have."""
    directory = tmp_path / "cbs-demo"
    environment = {**os.environ, "HOME": str(tmp_path), "CBSFS_BUILD": os.path.dirname(os.path.abspath(CBSFS))}
    try:
        result = subprocess.run([os.path.join(REPOSITORY, "contrib", "demo"), directory], env=environment, timeout=300,
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "ROLLBACKING" in result.stdout and "before-migration" in result.stdout
        assert os.path.ismount(directory)
    finally:
        unmount(str(tmp_path))
