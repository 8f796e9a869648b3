// SPDX-License-Identifier: Apache-2.0
// EVS through the core of the official SDK, unchanged, against the simulator that CBSFS_SIM names.  The
// package for EVS itself is not in the registry; what it would do is the few calls below.
"use strict";

const assert = require("node:assert/strict");
const { after, before, describe, test } = require("node:test");
const { ClientBuilder } = require("@huaweicloud/huaweicloud-sdk-core/ClientBuilder");
const { BasicCredentials, Region } = require("@huaweicloud/huaweicloud-sdk-core");
const { start, until } = require("./simulator.js");

const REGION = "ap-guangzhou";
const DISK = "6469736b-6f6d-4000-8000-7037776c326d"; // disk-omp7wl2m
const ATTACHED = "6469736b-376d-4000-8000-327839756662"; // disk-7m2x9ufb
let simulator;
let client;

// One request, as the SDK's own packages hand it to the core; without `data` there is no body.
const send = (method, url, { data, query } = {}) =>
  client.sendRequest({
    method,
    url: `/v2/{project_id}${url}`,
    contentType: "application/json;charset=UTF-8",
    queryParams: query || {},
    pathParams: {},
    headers: {},
    data: data || {},
  });

before(async () => {
  simulator = await start();
  const endpoint = `http://127.0.0.1:${simulator.port}`;
  // Without a project: the core asks the identity service for the one that is called like the region.
  const credentials = new BasicCredentials()
    .withAk("AKIDSIMULATOR")
    .withSk("simulator")
    .withIamEndpoint(endpoint);
  client = new ClientBuilder((core) => core)
    .withCredential(credentials)
    .withRegion(new Region(REGION, [endpoint]))
    .build();
});

after(() => simulator.end());

describe("EVS", () => {
  const snapshot = async (id) => (await send("GET", `/cloudsnapshots/${id}`)).snapshot;
  const disk = async (id) => (await send("GET", `/cloudvolumes/${id}`)).volume;
  const refused = (statusCode, errorCode) => (error) => {
    assert.equal(error.httpStatusCode, statusCode);
    assert.equal(error.errorCode, errorCode);
    return true;
  };
  let id;

  test("lists disks", async () => {
    const { count, volumes } = await send("GET", "/cloudvolumes/detail", { query: { limit: 1000 } });
    assert.equal(count, volumes.length);
    assert.ok(volumes.some((volume) => volume.id === DISK && volume.name === "pg-data"));
  });

  test("lists snapshots in pages, and those of one disk", async () => {
    const all = await send("GET", "/cloudsnapshots/detail");
    const page = await send("GET", "/cloudsnapshots/detail", { query: { offset: 2, limit: 2 } });
    assert.deepEqual(page.snapshots, all.snapshots.slice(2, 4));
    const some = await send("GET", "/cloudsnapshots/detail", { query: { volume_id: DISK, name: "nightly" } });
    assert.equal(some.count, 2);
    assert.ok(some.snapshots.every((record) => record.volume_id === DISK));
    assert.deepEqual((await send("GET", "/cloudsnapshots/detail", { query: { name: "每日 50% a/b+c" } })).snapshots, []);
  });

  test("creates a snapshot that settles", async () => {
    const data = { snapshot: { volume_id: DISK, name: "每日 50% a/b+c" } };
    ({ snapshot: { id } } = await send("POST", "/cloudsnapshots", { data }));
    assert.equal((await snapshot(id)).name, "每日 50% a/b+c");
    await until(async () => (await snapshot(id)).status === "available", "available");
    const { count } = await send("GET", "/cloudsnapshots/detail", { query: { name: "每日 50% a/b+c" } });
    assert.equal(count, 1);
  });

  test("renames it and rolls back to it", async () => {
    await send("PUT", `/cloudsnapshots/${id}`, { data: { snapshot: { name: "renamed" } } });
    assert.equal((await snapshot(id)).name, "renamed");
    const data = { rollback: { volume_id: DISK } };
    assert.deepEqual((await send("POST", `/cloudsnapshots/${id}/rollback`, { data })).rollback, { volume_id: DISK });
    assert.equal((await disk(DISK)).status, "rollbacking");
    await until(async () => (await disk(DISK)).status === "available", "the end of it");
  });

  test("deletes it", async () => {
    assert.equal((await send("DELETE", `/cloudsnapshots/${id}`)).httpStatusCode, 202);
    assert.equal((await snapshot(id)).status, "deleting");
    await until(() => snapshot(id).then(() => false, refused(404, "EVS.5404")), "its end");
  });

  test("hands the refusals over", async () => {
    const { snapshots } = await send("GET", "/cloudsnapshots/detail", { query: { volume_id: ATTACHED } });
    const data = { rollback: { volume_id: ATTACHED } };
    await assert.rejects(send("POST", `/cloudsnapshots/${snapshots[0].id}/rollback`, { data }), refused(400, "EVS.5400"));
    await assert.rejects(send("GET", "/cloudsnapshots/detail", { query: { limit: 0 } }), refused(400, "EVS.1023"));
    await assert.rejects(send("GET", "/nonesuch"), refused(404, "APIGW.0101"));
  });

  test("is not let in with another key", async () => {
    const right = client;
    const credentials = new BasicCredentials().withAk("AKIDSIMULATOR").withSk("wrong").withProjectId("0");
    client = new ClientBuilder((core) => core)
      .withCredential(credentials)
      .withEndpoint(`http://127.0.0.1:${simulator.port}`)
      .build();
    await assert.rejects(send("GET", "/cloudvolumes/detail"), refused(401, "APIGW.0301"));
    client = right;
  });
});
