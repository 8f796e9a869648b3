// SPDX-License-Identifier: Apache-2.0
// The official SDK, unchanged, against the simulator: at SIM_PORT if that is set, else one that is
// started from CBSFS_SIM.
"use strict";

const assert = require("node:assert/strict");
const { after, before, describe, test } = require("node:test");
const { connect, verbs } = require("./sdk.js");
const { start, until } = require("./simulator.js");

const DISK = "disk-omp7wl2m";
const ATTACHED = "disk-7m2x9ufb";
let simulator;

before(async () => {
  simulator = await start();
});

after(() => simulator.end());

for (const mode of ["virtual-host", "host-port", "virtual-host-get", "host-port-get"]) {
  describe(mode, () => {
    const call = (verb, ...words) => verbs[verb](connect(mode, simulator.port), ...words);
    const snapshot = async (id) =>
      (await call("list-snapshots", DISK)).find((record) => record.SnapshotId === id);
    let id;

    test("lists disks", async () => {
      const disks = await call("list-disks");
      assert.ok(disks.some((disk) => disk.DiskId === DISK && disk.DiskName === "pg-data"));
    });

    test("lists all snapshots, and those of one disk", async () => {
      const all = await call("list-snapshots");
      const some = await call("list-snapshots", DISK);
      assert.ok(some.length > 0 && some.length < all.length);
      assert.ok(some.every((record) => record.DiskId === DISK));
      assert.ok(all.some((record) => record.SnapshotName === "每日快照"));
    });

    test("creates a snapshot that settles", async () => {
      ({ SnapshotId: id } = await call("create", DISK, "每日 50% a/b+c"));
      assert.match(id, /^snap-[0-9a-z]{8}$/);
      assert.equal((await snapshot(id)).SnapshotName, "每日 50% a/b+c");
      await until(async () => (await snapshot(id)).SnapshotState === "NORMAL", "NORMAL");
    });

    test("renames it", async () => {
      await call("rename", id, "renamed");
      assert.equal((await snapshot(id)).SnapshotName, "renamed");
    });

    test("rolls the disk back to it", async () => {
      await call("apply", DISK, id);
      const disk = (await call("list-disks")).find((record) => record.DiskId === DISK);
      assert.equal(disk.DiskState, "ROLLBACKING");
      await until(async () => (await snapshot(id)).SnapshotState === "NORMAL", "the end of it");
    });

    test("deletes it", async () => {
      await call("delete", id);
      assert.equal(await snapshot(id), undefined);
    });

    test("hands the API's refusals over", async () => {
      await assert.rejects(call("delete", id), { code: "InvalidSnapshotId.NotFound" });
      const [attached] = await call("list-snapshots", ATTACHED);
      await assert.rejects(call("apply", ATTACHED, attached.SnapshotId), {
        code: "InvalidDisk.Busy",
      });
    });
  });
}
