// The table of docs/reference/stores.md says which suites run on which store: each cell names a file that really runs that suite, and
// no file that runs one is left out. Runs no suite itself.

import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "../..");
const calls = ["storeSuite(", "sessionSuite(", "differentialSuite(", "httpSuite("];
const page = readFileSync(join(root, "docs/reference/stores.md"), "utf8");
const rows = page
  .slice(page.indexOf("## What runs on which"), page.indexOf("## Torture"))
  .split("\n")
  .filter((line) => line.startsWith("| ") && !line.startsWith("| store"));

/** The path that a cell links to, below the root. */
function pathIn(cell: string): string | undefined {
  return /\]\(\.\.\/\.\.\/(.+?)\)/.exec(cell)?.[1];
}

test("every cell names a file that runs the suite", () => {
  assert.ok(rows.length >= 12);
  for (const row of rows) {
    const cells = row.split("|").slice(2, -1);
    for (const [index, cell] of cells.entries()) {
      const path = pathIn(cell);
      if (path === undefined) continue;
      assert.ok(existsSync(join(root, path)), path);
      assert.ok(
        readFileSync(join(root, path), "utf8").includes(calls[index] as string),
        `${path} runs no ${calls[index]}`,
      );
    }
  }
});

test("every file that runs a suite on a store is named", () => {
  const named = new Set(rows.flatMap((row) => row.split("|").map(pathIn)));
  for (const path of globSync("test/stores/*.test.ts", { cwd: root })) {
    const text = readFileSync(join(root, path), "utf8");
    if (calls.some((call) => text.includes(call))) assert.ok(named.has(path), `${path} is in no row`);
  }
});
