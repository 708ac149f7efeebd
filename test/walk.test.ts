// tools/walk.sh, the walk with curl of docs/walk.md, against the real server: two-phase and strict. The script itself
// asserts every answer.

import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { startProgram, temporaryFolder } from "./end-to-end/program.ts";

const script = join(import.meta.dirname, "../tools/walk.sh");
const missing = ["bash", "curl"].filter((name) => spawnSync(name, ["--version"]).status !== 0);
const skip = missing.length > 0 && process.env.CI !== "true" ? `${missing.join(" and ")} not installed` : false;

async function walk(t: TestContext, rotation: string): Promise<string> {
  const folder = temporaryFolder();
  const program = await startProgram(folder.path, { arguments: ["--rotation", rotation, "--grace", "1s"] });
  t.after(async () => {
    await program.stop();
    folder.remove();
  });
  const { stdout } = await promisify(execFile)("bash", [script, program.origin, rotation]);
  return stdout;
}

describe("the walk with curl", { concurrency: true, skip }, () => {
  test("two-phase: no verdict within the soft zone, caught after it", async (t) => {
    const printed = await walk(t, "two-phase");
    assert.match(
      printed,
      /409 refresh_token_superseded[\s\S]*401 refresh_token_reused[\s\S]*every answer was the expected one/,
    );
    // Tokens are secrets: 12 characters of the start and 4 of the end are shown, no more.
    assert.doesNotMatch(printed, /pawl_rt_[\w-]{5}/);
  });
  test("strict: caught at once", async (t) => {
    assert.match(await walk(t, "strict"), /401 refresh_token_reused[\s\S]*every answer was the expected one/);
  });
});
