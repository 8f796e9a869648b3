# SPDX-License-Identifier: Apache-2.0
"""What is measured, what it has to be, and how that is shown."""
import json
import statistics
from collections import namedtuple

# `bound`: the goal, a number; `most`: whether a result must not be above it (else: not below it); `limit`: what a
# prototype on this kind of machine reached.
Goal = namedtuple("Goal", "key group work against most bound unit limit")


def at_most(key, group, work, against, bound, unit="", limit="–"):
    return Goal(key, group, work, against, True, bound, unit, limit)


def at_least(key, group, work, against, bound, unit="×", limit="–"):
    return Goal(key, group, work, against, False, bound, unit, limit)


GOALS = [
    at_most("requests-stat", "warm", "FUSE requests of a warm `stat`", "–", 0, limit="0"),
    at_most("requests-cat", "warm", "FUSE requests of a warm open+read+close of `status`", "–", 2, limit="2"),
    at_most("requests-getxattr", "warm", "FUSE requests of a `getxattr` after the first", "–", 0, limit="0"),
    at_least("stat-distinct", "warm", "warm `stat`, distinct paths", "tmpfs", 0.80, limit="0.84–0.98"),
    at_least("stat-same", "warm", "warm `stat`, one path", "tmpfs", 0.80, limit="0.84–0.98"),
    at_least("cat", "warm", "warm open+read+close of `status`", "tmpfs", 0.18, limit="0.22"),
    at_most("requests-ls", "listing", "FUSE requests of an entry in a warm `ls -l` of 10,000", "–", 0, limit="0"),
    at_most("requests-first", "listing", "FUSE requests of a first `ls -l` of 10,000, catalogue in memory", "–", 10000 / 150 + 8,
            limit="54"),
    at_least("ls-first", "listing", "first `ls -l` of 10,000, catalogue in memory", "tmpfs", 0.28, limit="0.33"),
    at_least("ls-10000", "listing", "warm `ls -l` of 10,000", "tmpfs", 0.90, limit="0.91–0.98"),
    at_least("ls-100000", "listing", "warm `ls -l` of 100,000", "tmpfs", 0.90, limit="0.91–0.98"),
    at_most("requests-find", "find", "FUSE requests of a warm `find`", "–", 0, limit="0"),
    at_least("find", "find", "warm `find`, 1,000 disks × 100 snapshots", "tmpfs", 0.90, limit="1.17"),
    at_most("waiting", "waiting", "p99 of a `stat` that the daemon answers, 32 readers waiting on a slow API", "nobody waiting", 3, "×",
            "1.4"),
    at_most("cold-time", "cold", "cold listing of 100,000 snapshots and 1,000 disks, 80 ms, 20 calls/s", "pages ÷ 20 s", 1.05, "×",
            "1.026"),
    at_most("cold-refused", "cold", "calls refused meanwhile", "–", 0, limit="0"),
    at_most("cold-peak", "cold", "most calls of one action in any second", "–", 20, limit="20"),
    at_most("cold-first", "cold", "first entries of the wanted disk", "round trips", 2, limit="–"),
    at_most("cold-amid", "cold", "the same for a disk that is wanted amid the listing of all", "round trips", 2, limit="–"),
    at_most("cold-cpu", "cold", "daemon's CPU of the cold listing", "Jansson parsing the same pages", 1.5, "×", "1.2"),
    at_most("cold-connections", "cold", "new connections for the cold listing's pages", "–", 4, limit="2"),
    at_most("memory-slope", "growth", "memory of one more snapshot, from 100,000 to 1,000,000", "–", 200, " B", "141–163"),
    at_most("memory-fixed", "growth", "memory of a mount of nothing", "–", 20, " MiB", "17"),
    at_most("start", "start", "`cbsfs` to usable mount", "round trips", 3),
    at_most("idle-calls", "idle", "API calls with nobody looking, in an hour", "–", 0),
    at_most("idle-wakeups", "idle", "wake-ups a second with nobody looking", "–", 1),
    at_most("single", "single", "API calls of 1,000 `cat status` by 32 readers within the ttl", "–", 1, limit="1"),
    at_least("sdk-cold", "clients", "cold `ls` of one disk, whole process", "official Node SDK", 20, limit="38"),
    at_least("sdk-warm", "clients", "warm `ls` of one disk, whole process", "official Node SDK", 60, limit="62"),
    at_least("cinder-cold", "cinder", "cold `ls` of one disk, whole process", "`cinder snapshot-list`", 20),
    at_least("cinder-warm", "cinder", "warm `ls` of one disk, whole process", "`cinder snapshot-list`", 60),
    at_least("sshfs-cat", "remotes", "warm `cat status`", "sshfs on loopback", 3, limit="4–10"),
    at_least("rclone-cat", "remotes", "warm `cat status`", "rclone on loopback", 3, limit="4–10"),
    at_least("sshfs-ls", "remotes", "first `ls -l` of 10,000", "sshfs on loopback", 5, limit="7"),
    at_least("rclone-ls", "remotes", "first `ls -l` of 10,000", "rclone on loopback", 5, limit="16"),
    at_most("refresh-memory", "refresh", "memory kept by a refresh of 100,000 with nothing changed", "before it", 0, " B"),
    at_most("refresh-requests", "refresh", "FUSE requests of an `ls -l` of 10,000 after it, as in a first one", "–", 10000 / 150 + 8,
            limit="54"),
    at_most("scale-ls", "scale", "warm `ls` of one disk, 10 × the snapshots", "1 ×", 1.5, "×"),
    at_most("scale-lookup", "scale", "look-up of a new name, 10 × the snapshots", "1 ×", 1.5, "×"),
    at_most("scale-mkdir", "scale", "daemon's CPU of a `mkdir`, 10 × the snapshots", "1 ×", 1.5, "×"),
]
BY_KEY = {goal.key: goal for goal in GOALS}
GROUPS = list(dict.fromkeys(goal.group for goal in GOALS))


def number(value):
    """In as few digits as say something."""
    if value is None:
        return "–"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    size = abs(value)
    return f"{value:,.0f}" if size >= 1000 else f"{value:.1f}" if size >= 20 else f"{value:.2f}" if size >= 0.1 else f"{value:.4f}"


class Spread(namedtuple("Spread", "low middle high")):
    """Median and quartiles of what was measured several times."""

    @classmethod
    def of(cls, values):
        values = sorted(values)
        if len(values) < 2:
            return cls(values[0], values[0], values[0])
        low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(low, middle, high)

    def __str__(self):
        return f"{number(self.middle)} ({number(self.low)}–{number(self.high)})"


class Table:
    """The rows in the order of GOALS, whatever the order they are measured in."""

    def __init__(self, show=print):
        self.rows = {}
        self.curves = {}  # for the plot: {what: {snapshots: value}}
        self.show = show

    def add(self, key, result, note, spread=None):
        """`result`: a number to be held against the goal, rounded to nothing; `note`: what was measured, in words."""
        goal = BY_KEY[key]
        good = result <= goal.bound if goal.most else result >= goal.bound
        self.rows[key] = {"result": result, "spread": list(spread) if spread else None, "measured": note,
                          "verdict": "ok" if good else "MISSED"}
        self.say(goal)

    def leave(self, key, reason):
        """A row that cannot be measured here."""
        self.rows[key] = {"result": None, "spread": None, "measured": f"not measured: {reason}", "verdict": "–"}
        self.say(BY_KEY[key])

    def ratio(self, key, mine, theirs, note=""):
        """Of pairs that were measured side by side: the median of their ratios."""
        ratios = Spread.of([a / b for a, b in zip(mine, theirs)])
        self.add(key, ratios.middle, note, ratios)

    def cells(self, goal):
        row = self.rows[goal.key]
        result = number(row["result"]) + (goal.unit if row["result"] is not None else "")
        if row["spread"] and row["spread"][0] != row["spread"][2]:
            result += f" ({number(row['spread'][0])}–{number(row['spread'][2])})"
        sign = "≤" if goal.most else "≥"
        return [goal.work, row["measured"], goal.against, result, f"{sign} {number(goal.bound)}{goal.unit}", goal.limit, row["verdict"]]

    def say(self, goal):
        work, measured, against, result, bound, _, verdict = self.cells(goal)
        self.show(f"{verdict:6}  {goal.key:18} {result:>24}  goal {bound:10} {work}; {measured}"
                  + (f"; against {against}" if against != "–" else ""), flush=True)

    def measured(self):
        return [goal for goal in GOALS if goal.key in self.rows]

    def markdown(self):
        lines = ["| row | work | measured | against | result (quartiles) | goal | measured limit | |",
                 "| --- | --- | --- | --- | --- | --- | --- | --- |"]
        lines += [f"| `{goal.key}` | " + " | ".join(cell.replace("|", "\\|") for cell in self.cells(goal)) + " |"
                  for goal in self.measured()]
        return "\n".join(lines) + "\n"

    def json(self, **about):
        return json.dumps({**about, "rows": self.rows, "curves": self.curves}, indent=1) + "\n"

    def closing(self):
        verdicts = [row["verdict"] for row in self.rows.values()]
        return f"{verdicts.count('ok')} ok, {verdicts.count('MISSED')} MISSED, {verdicts.count('–')} not measured"
