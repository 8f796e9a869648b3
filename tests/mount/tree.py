# SPDX-License-Identifier: Apache-2.0
"""The whole of a mount, read by another process at once."""
import json

from commands import assert_done, run

# Files of disks and snapshots that are no single value and no JSON: dry runs, reasons, lists.
MANY_LINES = {"rollback", "error", "copy_to", "new_disk", "tags", "images"}

READ_ALL = """
import json, os, sys
found = {}
for top in sys.argv[1:]:
    for where, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(where, name)
            if os.path.islink(path):
                found[path] = os.readlink(path)
            elif name in files:
                with open(path, "rb") as file:
                    found[path] = file.read().decode(errors="surrogateescape")
            else:
                found[path] = ""
json.dump(found, sys.stdout)
"""


def contents(mount, *places):
    """Every name, every byte of every file and where links lead, as another process sees them."""
    tops = [mount.path(place) for place in places or ("disks", "snapshots")]
    return json.loads(assert_done(run("python3", "-c", READ_ALL, *tops)).out)
