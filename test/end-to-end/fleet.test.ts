// examples/fleet as its README says: three real nodes behind a real HAProxy, killed one by one.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { ownServerMissing, postgresServer } from "../services/postgres.ts";

const root = join(import.meta.dirname, "../..");
const isThere = spawnSync("haproxy", ["-v"]).error === undefined;
const skip = isThere ? ownServerMissing(18) : "needs haproxy";
const server = postgresServer(18);

it("the fleet on Postgres keeps a person signed in while its nodes are killed", { skip }, async (test) => {
  const folder = mkdtempSync(join(tmpdir(), "pawl-fleet-example-"));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules/pawl"), "dir");
  for (const name of ["fleet.mjs", "haproxy.cfg", "package.json"]) {
    copyFileSync(join(root, "examples/fleet", name), join(folder, name));
  }
  const env = { PATH: process.env.PATH, PAWL_STORE: await server.url() };
  const child = spawn(process.execPath, ["fleet.mjs"], { cwd: folder, env });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (printed += text));
  const [code] = await once(child, "close");
  assert.equal(code, 0, printed);
  assert.match(printed, /^three nodes \(postgres\) behind http:\/\/localhost:\d+\n(kill -9 of (one|two|three)\n){3}/m);
  for (const name of ["one", "two", "three"]) {
    assert.match(printed, new RegExp(`^answers: .*\\b${name} [1-9]`, "m"), "every node answered");
  }
  assert.match(printed, /then: signed-in\n$/);
});
