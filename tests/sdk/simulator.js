// SPDX-License-Identifier: Apache-2.0
// A simulator of a test's own, started from CBSFS_SIM; or the one at SIM_PORT if that is set.
"use strict";

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const { once } = require("node:events");
const { setTimeout: sleep } = require("node:timers/promises");

// The port stands in the line that the simulator greets with.
function greeted(process) {
  return new Promise((resolve, reject) => {
    let greeting = "";
    process.once("error", reject);
    process.once("exit", (status) => reject(new Error(`the simulator ended with ${status}`)));
    process.stdout.on("data", (text) => {
      greeting += text;
      const found = /listening on http:\/\/127\.0\.0\.1:(\d+)\n/.exec(greeting);
      if (found) resolve(Number(found[1]));
    });
  });
}

// {port, end()}
async function start() {
  if (process.env.SIM_PORT) return { port: Number(process.env.SIM_PORT), end: async () => {} };
  const binary = process.env.CBSFS_SIM || "../../build/cbsfs-sim";
  // No rate limit: the SDKs do not try again, and the tests are faster than 20 a second.
  const options = ["--rate", "0", "--create-time", "0.3", "--rollback-time", "0.3", "--copy-time", "0.3"];
  const simulator = spawn(binary, options, { stdio: ["ignore", "pipe", "inherit"] });
  const port = await greeted(simulator);
  const end = async () => {
    const ended = once(simulator, "exit");
    simulator.kill();
    await ended;
  };
  return { port, end };
}

async function until(condition, what) {
  for (const end = Date.now() + 20000; Date.now() < end; await sleep(100)) {
    if (await condition()) return;
  }
  assert.fail(`still waiting for ${what}`);
}

// What the simulator is told besides the API: POST /_sim/NAME.
async function control(port, name, body) {
  const answer = await fetch(`http://127.0.0.1:${port}/_sim/${name}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  assert.equal(answer.status, 200);
}

module.exports = { control, start, until };
