// SPDX-License-Identifier: Apache-2.0
// usage: node sdk.js MODE PORT VERB [ARGUMENT]...
//
// One call to the simulator through the official SDK; prints what it says as JSON, or
// {"code": ..., "message": ...} and exit status 1.
//
// MODE is how the SDK is led to 127.0.0.1:PORT:
//   virtual-host  it believes to speak with cbs.tencentcloudapi.com; only its sockets are redirected
//   host-port     the endpoint is 127.0.0.1:PORT
// Either may have the suffix -get: parameters in the query string instead of a JSON body.
//
// VERB: list-disks, list-snapshots [DISK], create DISK NAME, rename ID NAME, apply DISK ID, delete ID
"use strict";

const http = require("node:http");
const net = require("node:net");
const sdk = require("tencentcloud-sdk-nodejs");

const clients = { cbs: sdk.cbs.v20170312.Client, region: sdk.region.v20220627.Client };

class RedirectingAgent extends http.Agent {
  constructor(port) {
    super();
    this.simulatorPort = port;
  }

  createConnection(options, callback) {
    return net.createConnection({ host: "127.0.0.1", port: this.simulatorPort }, callback);
  }
}

// `product` is cbs or region; `region` is where.
function connect(mode, port, product = "cbs", region = undefined) {
  const [way, get] = mode.split(/(-get)$/);
  const httpProfile = { protocol: "http://", reqMethod: get ? "GET" : "POST", reqTimeout: 20 };
  if (way === "virtual-host") httpProfile.agent = new RedirectingAgent(port);
  else if (way === "host-port") httpProfile.endpoint = `127.0.0.1:${port}`;
  else throw new Error(`no such mode: ${mode}`);
  return new clients[product]({
    credential: {
      secretId: process.env.CBSFS_SIM_SECRET_ID || "AKIDSIMULATOR",
      secretKey: process.env.CBSFS_SIM_SECRET_KEY || "simulator",
    },
    region: region || process.env.TENCENTCLOUD_REGION || "ap-guangzhou",
    profile: { httpProfile },
  });
}

// Every page of a listing, oldest first, so that what is created meanwhile shifts nothing.
async function listAll(list, set, parameters) {
  const records = [];
  for (;;) {
    const page = await list({ ...parameters, Order: "ASC", Offset: records.length, Limit: 100 });
    records.push(...page[set]);
    if (page[set].length === 0 || records.length >= page.TotalCount) return records;
  }
}

const verbs = {
  "list-disks": (client) => listAll((page) => client.DescribeDisks(page), "DiskSet", {}),
  "list-snapshots": (client, disk) =>
    listAll((page) => client.DescribeSnapshots(page), "SnapshotSet",
      disk ? { Filters: [{ Name: "disk-id", Values: [disk] }] } : {}),
  create: (client, disk, name) => client.CreateSnapshot({ DiskId: disk, SnapshotName: name }),
  rename: (client, id, name) =>
    client.ModifySnapshotAttribute({ SnapshotId: id, SnapshotName: name }),
  apply: (client, disk, id) => client.ApplySnapshot({ DiskId: disk, SnapshotId: id }),
  delete: (client, id) => client.DeleteSnapshots({ SnapshotIds: [id] }),
};

async function main([mode, port, verb, ...words]) {
  if (!verbs[verb]) {
    console.error("usage: node sdk.js MODE PORT VERB [ARGUMENT]...");
    return 2;
  }
  try {
    console.log(JSON.stringify(await verbs[verb](connect(mode, Number(port)), ...words)));
    return 0;
  } catch (error) {
    console.log(JSON.stringify({ code: error.code || "", message: error.message }));
    return 1;
  }
}

module.exports = { connect, verbs };

if (require.main === module) main(process.argv.slice(2)).then((status) => (process.exitCode = status));
