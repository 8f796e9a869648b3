// SPDX-License-Identifier: Apache-2.0
// The SDK of the legacy API v2, unchanged, against the simulator that CBSFS_SIM names.
"use strict";

const assert = require("node:assert/strict");
const { after, before, describe, test } = require("node:test");
const QcloudApi = require("qcloudapi-sdk");
const { start, until } = require("./simulator.js");

const DISK = "disk-omp7wl2m";
const ATTACHED = "disk-7m2x9ufb";
let simulator;

before(async () => {
  simulator = await start();
});

after(() => simulator.end());

for (const method of ["POST", "GET"]) {
  for (const signatureMethod of ["sha1", "sha256"]) {
    describe(`${method} ${signatureMethod}`, () => {
      const call = (Action, parameters = {}) =>
        new Promise((resolve, reject) => {
          const api = new QcloudApi({
            SecretId: "AKIDSIMULATOR",
            SecretKey: "simulator",
            Region: "gz",
            method,
            signatureMethod,
          });
          const where = { host: `127.0.0.1:${simulator.port}`, protocol: "http", method, signatureMethod };
          api.request({ Action, ...parameters }, where, (error, body) => (error ? reject(error) : resolve(body)));
        });
      const snapshot = async (id) =>
        (await call("DescribeSnapshots", { snapshotIds: [id] })).snapshotSet[0];
      let id;

      test("lists disks", async () => {
        const { code, totalCount, storageSet } = await call("DescribeCbsStorages", { limit: 100 });
        assert.equal(code, 0);
        assert.equal(totalCount, storageSet.length);
        assert.ok(storageSet.some((disk) => disk.storageId === DISK && disk.storageName === "pg-data"));
      });

      test("lists the snapshots of one disk", async () => {
        const all = await call("DescribeSnapshots", { limit: 100 });
        const some = await call("DescribeSnapshots", { limit: 100, storageIds: [DISK] });
        assert.ok(some.totalCount > 0 && some.totalCount < all.totalCount);
        assert.ok(some.snapshotSet.every((record) => record.storageId === DISK));
      });

      test("creates a snapshot that settles", async () => {
        const made = await call("CreateSnapshot", { storageId: DISK, snapshotName: "每日 50% a/b+c" });
        assert.equal(made.code, 0);
        id = made.snapshotId;
        assert.equal((await snapshot(id)).snapshotName, "每日 50% a/b+c");
        await until(async () => (await snapshot(id)).snapshotStatus === "normal", "normal");
      });

      test("renames it, rolls back to it, deletes it", async () => {
        assert.equal((await call("ModifySnapshot", { snapshotId: id, snapshotName: "renamed" })).code, 0);
        assert.equal((await snapshot(id)).snapshotName, "renamed");
        assert.equal((await call("ApplySnapshot", { snapshotId: id, storageId: DISK })).code, 0);
        assert.equal((await snapshot(id)).snapshotStatus, "rollbacking");
        await until(async () => (await snapshot(id)).snapshotStatus === "normal", "the end of it");
        assert.equal((await call("DeleteSnapshot", { snapshotIds: [id] })).detail[id].code, 0);
        assert.equal(await snapshot(id), undefined);
      });

      test("hands the API's refusals over", async () => {
        const of = await call("DescribeSnapshots", { storageIds: [ATTACHED] });
        const { code } = await call("ApplySnapshot",
          { snapshotId: of.snapshotSet[0].snapshotId, storageId: ATTACHED });
        assert.equal(code, 16005);
        assert.equal((await call("DescribeNothing")).code, 4000);
      });
    });
  }
}
