// The version check that every script runs first: one clear line and exit 1 where Node is too old, silence elsewhere.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "../..");
const check = (...required: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [join(root, "tools/check-node.mjs"), ...required], { encoding: "utf8" });

test("too old: one line, exit 1", () => {
  const { status, stdout, stderr } = check("99");
  assert.equal(status, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /^[^\n]*99[^\n]*\n$/);
});

test("new enough: silence, exit 0", () => {
  assert.deepEqual(
    ["22.13", "24"].map((version) => check(version)).map(({ status, stdout, stderr }) => [status, stdout, stderr]),
    [
      [0, "", ""],
      [0, "", ""],
    ],
  );
});

test("every script of package.json begins with it", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  for (const [name, script] of Object.entries(scripts)) {
    assert.match(script, /^node tools\/check-node\.mjs (?:22\.13|24)(?: built)? && /, name);
  }
});
