// SPDX-License-Identifier: Apache-2.0
// usage: node sdk.js PORT DISK
//
// The snapshots of a disk through the official SDK, of which only the client of CBS is loaded: the least that a script can do.
"use strict";

const { Client } = require("tencentcloud-sdk-nodejs/tencentcloud/services/cbs/v20170312/cbs_client.js");

async function main([port, disk]) {
  const client = new Client({
    credential: { secretId: process.env.CBSFS_SIM_SECRET_ID, secretKey: process.env.CBSFS_SIM_SECRET_KEY },
    region: "ap-guangzhou",
    profile: { httpProfile: { protocol: "http://", endpoint: `127.0.0.1:${port}` } },
  });
  const records = [];
  for (;;) {
    const page = await client.DescribeSnapshots({
      Filters: [{ Name: "disk-id", Values: [disk] }], Order: "ASC", Offset: records.length, Limit: 100,
    });
    records.push(...page.SnapshotSet);
    if (page.SnapshotSet.length === 0 || records.length >= page.TotalCount) break;
  }
  console.log(JSON.stringify(records.map((record) => record.SnapshotName)));
}

main(process.argv.slice(2));
