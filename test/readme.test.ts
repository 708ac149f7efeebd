// The program in README.md runs and does what the page says, against the built package of this checkout.
// What a stranger gets from npm is test/pack.test.ts.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runReadmeProgram } from "./package/readme-program.ts";

test("the program in README.md signs in, refreshes and signs out", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "pawl-readme-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(join(import.meta.dirname, ".."), join(folder, "node_modules", "pawl"), "dir");
  await runReadmeProgram(folder, process.execPath);
});
