// An API that uses every guard, compiled under the frameworks' own types and the strictest settings: tools/interop/guards.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { installInterop, interopFolder } from "../../tools/interop/install.ts";

const run = promisify(execFile);
const compiler = join(import.meta.dirname, "../../node_modules/typescript/bin/tsc");
const folder = join(interopFolder, "guards");

/** What the compiler says of a project; empty when it has nothing to say. */
async function compile(project: string): Promise<string> {
  const compiling = run(process.execPath, [compiler, "-p", project]);
  return (await compiling.catch((failure: { stdout: string }) => failure)).stdout;
}

before(() => void installInterop());

test("the guards fit Express, Fastify, Hono and node:http by their own types", async () => {
  assert.equal(await compile(join(folder, "tsconfig.json")), "");
});

test("a guard in the place of another framework's does not compile", async (t) => {
  const elsewhere = mkdtempSync(join(tmpdir(), "pawl-types-"));
  t.after(() => rmSync(elsewhere, { recursive: true, force: true }));
  const routes = readFileSync(join(folder, "routes.ts"), "utf8");
  const mixedUp = routes.replace("= honoGuards(verifier)", "= expressGuards(verifier)");
  assert.notEqual(mixedUp, routes);
  writeFileSync(join(elsewhere, "routes.ts"), mixedUp);
  writeFileSync(join(elsewhere, "package.json"), '{ "type": "module" }');
  symlinkSync(join(interopFolder, "node_modules"), join(elsewhere, "node_modules"));
  const project = { extends: join(folder, "tsconfig.json"), files: ["routes.ts"] };
  writeFileSync(join(elsewhere, "tsconfig.json"), JSON.stringify(project));
  const said = await compile(join(elsewhere, "tsconfig.json"));
  assert.match(said, /routes\.ts\(\d+,\d+\): error TS2769/);
  assert.doesNotMatch(said, /TS2307/);
});
