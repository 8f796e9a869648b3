# SPDX-License-Identifier: Apache-2.0
"""contrib/bench: measures what docs/performance.md tells, each row against its goal, in one run.

A word is a group of rows, the key of a row (which brings its group), or `quick`: everything that needs nothing
installed, on small accounts, only to see that it works.
"""
import argparse
import os
import platform
import signal
import sys
import time
import traceback

from place import NotHere, Place
from table import BY_KEY, GOALS, GROUPS, Table
import faraway
import growth
import peers
import plot
import quiet
import warm

MEASURES = {
    "warm": warm.measure_warm,
    "listing": warm.measure_listing,
    "find": warm.measure_find,
    "cold": faraway.measure_cold,
    "growth": growth.measure_growth,
    "start": faraway.measure_start,
    "waiting": quiet.measure_waiting,
    "single": quiet.measure_single,
    "idle": quiet.measure_idle,
    "clients": peers.measure_clients,
    "cinder": peers.measure_cinder,
    "remotes": peers.measure_remotes,
    "refresh": growth.measure_refresh,
    "scale": growth.measure_scale,
}
NOT_QUICK = ("clients", "cinder", "remotes")  # need what has to be installed


def chosen_groups(words):
    """In the order of the table."""
    wanted = set()
    for word in words:
        if word in BY_KEY:
            wanted.add(BY_KEY[word].group)
        elif word in GROUPS:
            wanted.add(word)
        elif word != "quick":
            sys.exit(f"contrib/bench: {word}: neither a group nor a row; contrib/bench --list shows them")
    if not wanted:
        wanted = set(GROUPS) - set(NOT_QUICK if "quick" in words else ())
    return [group for group in GROUPS if group in wanted and group in MEASURES]


def show_goals():
    for goal in GOALS:
        print(f"{goal.group:10} {goal.key:18} {'≤' if goal.most else '≥'} {goal.bound:.4g}{goal.unit:5} {goal.work}"
              + (f"; against {goal.against}" if goal.against != "–" else ""))


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    kernel = platform.release().partition("-")[0]
    return f"{len(models) or os.cpu_count()} × {models[0] if models else platform.machine()}, Linux {kernel}"


def heading(about):
    return f"{about['machine']}, {about['date']}" + (", quick: not for comparison" if about["quick"] else "")


def leave_rest(table, group, reason):
    """Rows that the group did not come to; returns them."""
    rest = [goal.key for goal in GOALS if goal.group == group and goal.key not in table.rows]
    for key in rest:
        table.leave(key, reason)
    return rest


def measure(table, place, groups):
    """Returns the groups that failed."""
    failed = []
    for group in groups:
        began = time.monotonic()
        try:
            MEASURES[group](place, table)
        except NotHere as reason:
            leave_rest(table, group, str(reason))
        except Exception as reason:  # pylint: disable=broad-except
            # What goes wrong in one group must not take the others' figures away.
            traceback.print_exc()
            failed.append(group)
            leave_rest(table, group, f"failed ({type(reason).__name__})")
        else:
            if leave_rest(table, group, "forgotten"):
                failed.append(group)
        print(f"        {group} took {time.monotonic() - began:.0f} s", flush=True)
    return failed


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def write_table(path, text):
    """Over the whole file, or between the marks of one that has them, such as docs/performance.md."""
    begin, end = "<!-- contrib/bench -->\n", "<!-- end of contrib/bench -->\n"
    old = ""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            old = file.read()
    before, found, rest = old.partition(begin)
    write(path, before + begin + text + end + rest.partition(end)[2] if found and end in rest else text)


def main():
    parser = argparse.ArgumentParser(prog="contrib/bench", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="GROUP|ROW|quick")
    parser.add_argument("--list", action="store_true", help="show the rows, their groups and goals")
    parser.add_argument("--json", metavar="FILE", help="write the figures there")
    parser.add_argument("--hour", action="store_true", help="have nobody look for an hour, instead of a sample")
    parser.add_argument("--plot", metavar="FILE", help="draw the growth curves there, a PNG")
    parser.add_argument("--markdown", metavar="FILE", help="write the table there, in docs/performance.md between its marks")
    given = parser.parse_args()
    if given.list:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        show_goals()
        return 0
    if not os.path.exists("/dev/fuse"):
        sys.exit("contrib/bench: /dev/fuse is not there (in a container: --device /dev/fuse --cap-add SYS_ADMIN)")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    groups = chosen_groups(given.words)
    table = Table()
    about = {"machine": machine(), "date": time.strftime("%Y-%m-%d"), "quick": "quick" in given.words}
    print(heading(about))
    began = time.monotonic()
    place = Place(about["quick"], given.hour)
    problems = []
    try:
        problems += [f"{group} failed" for group in measure(table, place, groups)]
    finally:
        # The end is not interrupted a second time.
        for word in (signal.SIGINT, signal.SIGTERM):
            signal.signal(word, signal.SIG_IGN)
        problems += place.close()
        about["seconds"] = round(time.monotonic() - began)
        if given.json:
            write(given.json, table.json(**about))
        if given.markdown:
            write_table(given.markdown, f"{heading(about)}\n\n{table.markdown()}\n{table.closing()}, in {about['seconds']} s.\n")
        if given.plot and table.curves and not plot.draw(table.curves, given.plot, f"{about['machine']}, {about['date']}"):
            problems.append("no plot without python3-matplotlib")
    print(f"\n{table.markdown()}\n{table.closing()}, in {about['seconds']} s")
    for problem in problems:
        print(f"contrib/bench: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
