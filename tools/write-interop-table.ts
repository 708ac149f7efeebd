// Writes the tables of docs/reference/interop.md from what the tests of test/interop see when they run: one file after the
// other, since they share the page. Owns no row: a test that fails writes nothing true, and fails this command too.
// Usage: npm run interop

import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const millisecondsMax = 600_000;

const files = globSync("test/interop/*.test.ts", { cwd: root }).sort();
const { status } = spawnSync(process.execPath, ["--test", "--test-concurrency=1", ...files], {
  cwd: root,
  // In CI nothing is skipped; a table without the rows of what is not installed would be half a table.
  env: { ...process.env, CI: "true", PAWL_TEST_UPDATE: "1" },
  stdio: "inherit",
  timeout: millisecondsMax,
});
process.exitCode = status ?? 1;
