// SPDX-License-Identifier: Apache-2.0
// The official SDK uses every action that is about more than making, applying and deleting a
// snapshot; against the simulator as in sdk.test.js.
"use strict";

const assert = require("node:assert/strict");
const { after, before, describe, test } = require("node:test");
const { connect } = require("./sdk.js");
const { control, start, until } = require("./simulator.js");

const DISK = "disk-omp7wl2m";
const ATTACHED = "disk-7m2x9ufb";
const SNAPSHOT = "snap-0jfkjwl1";
const ACCOUNT = "100001122000";
let simulator;

before(async () => {
  simulator = await start();
  await control(simulator.port, "patch", {
    disks: { [DISK]: { Attached: true, DiskState: "ATTACHED", InstanceId: "ins-5r8t2w0y" } },
  });
});

after(() => simulator.end());

for (const mode of ["virtual-host", "host-port", "virtual-host-get"]) {
  describe(mode, () => {
    const client = (product, region) => connect(mode, simulator.port, product, region);
    const snapshot = async (id, region) => {
      const found = await client("cbs", region).DescribeSnapshots({ SnapshotIds: [id] });
      return found.SnapshotSet[0];
    };

    test("tells the regions", async () => {
      const found = await client("region").DescribeRegions({ Product: "cbs" });
      assert.equal(found.TotalCount, found.RegionSet.length);
      assert.ok(found.RegionSet.some((region) => region.Region === "ap-beijing"));
    });

    test("keeps a snapshot until a day, and for good", async () => {
      const day = new Date(Date.now() + 3 * 86400000).toISOString().replace(/\..*/, "+00:00");
      await client().ModifySnapshotAttribute({
        SnapshotId: SNAPSHOT, IsPermanent: false, Deadline: day,
      });
      const { DeadlineTime } = await snapshot(SNAPSHOT);
      assert.equal(Date.parse(`${DeadlineTime.replace(" ", "T")}+08:00`), Date.parse(day));
      await client().ModifySnapshotAttribute({ SnapshotId: SNAPSHOT, IsPermanent: true });
      assert.equal((await snapshot(SNAPSHOT)).DeadlineTime, "");
    });

    test("shares a snapshot, and no longer", async () => {
      const change = { SnapshotIds: [SNAPSHOT], AccountIds: [ACCOUNT] };
      await client().ModifySnapshotsSharePermission({ ...change, Permission: "SHARE" });
      const shared = await client().DescribeSnapshotSharePermission({ SnapshotId: SNAPSHOT });
      assert.deepEqual(shared.SharePermissionSet.map((share) => share.AccountId), [ACCOUNT]);
      await assert.rejects(client().DeleteSnapshots({ SnapshotIds: [SNAPSHOT] }), {
        code: "UnsupportedOperation.SnapHasShared",
      });
      await client().ModifySnapshotsSharePermission({ ...change, Permission: "CANCEL" });
      assert.equal((await snapshot(SNAPSHOT)).ShareReference, 0);
    });

    test("copies a snapshot to another region", async () => {
      const { SnapshotCopyResultSet: results } = await client().CopySnapshotCrossRegions({
        SnapshotId: SNAPSHOT, DestinationRegions: ["ap-beijing", "ap-nowhere"],
      });
      assert.deepEqual(results.map((result) => result.Code), ["Success", "InvalidParameterValue"]);
      const id = results[0].SnapshotId;
      await until(async () => (await snapshot(id, "ap-beijing")).SnapshotState === "NORMAL", "it");
      await client("cbs", "ap-beijing").DeleteSnapshots({ SnapshotIds: [id] });
    });

    test("makes one disk of a snapshot, however often it asks", async () => {
      const order = {
        Placement: { Zone: "ap-guangzhou-6" }, DiskChargeType: "POSTPAID_BY_HOUR",
        DiskType: "CLOUD_SSD", DiskCount: 1, SnapshotId: SNAPSHOT, DiskSize: 50,
        ClientToken: `order-${mode}`,
      };
      const { DiskIdSet: made } = await client().CreateDisks(order);
      assert.deepEqual((await client().CreateDisks(order)).DiskIdSet, made);
      await assert.rejects(client().CreateDisks({ ...order, DiskSize: 60 }), {
        code: "InvalidParameter.InvalidClientToken",
      });
      const { DiskSet } = await client().DescribeDisks({ DiskIds: made });
      assert.equal(DiskSet[0].DiskState, "UNATTACHED");
    });

    test("makes, applies and deletes a group", async () => {
      const { SnapshotGroupId: id } = await client().CreateSnapshotGroup({
        DiskIds: [DISK, ATTACHED], SnapshotGroupName: `all ${mode}`,
      });
      const Filters = [{ Name: "snapshot-group-id", Values: [id] }];
      const group = async () => {
        const found = await client().DescribeSnapshotGroups({ Filters, Limit: 100 });
        return found.SnapshotGroupSet[0];
      };
      await until(async () => (await group()).SnapshotGroupState === "NORMAL", "the group");
      const members = (await group()).SnapshotIdSet;
      const { SnapshotSet } = await client().DescribeSnapshots({ SnapshotIds: members });
      await client().ApplySnapshotGroup({
        SnapshotGroupId: id, AutoStopInstance: true, AutoStartInstance: true,
        ApplyDisks: SnapshotSet.map(({ SnapshotId, DiskId }) => ({ SnapshotId, DiskId })),
      });
      assert.equal((await group()).SnapshotGroupState, "ROLLBACKING");
      await until(async () => (await group()).SnapshotGroupState === "NORMAL", "the rollback");
      await client().DeleteSnapshotGroup({ SnapshotGroupId: id });
      assert.equal(await group(), undefined);
      assert.equal(await snapshot(members[0]), undefined);
    });

    test("tells the policies", async () => {
      const found = await client().DescribeAutoSnapshotPolicies({ Limit: 100 });
      const nightly = found.AutoSnapshotPolicySet.find(
        (policy) => policy.AutoSnapshotPolicyName === "nightly-7d");
      assert.deepEqual(nightly.DiskIdSet, [DISK]);
    });
  });
}
