// An API that uses every guard, compiled under the frameworks' own types and the strictest settings: tools/interop/guards.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { installInterop, interopFolder } from "../../tools/interop/install.ts";

const run = promisify(execFile);
const compiler = join(import.meta.dirname, "../../node_modules/typescript/bin/tsc");
const folder = join(interopFolder, "guards");

/** What the compiler says of `project`, a file of the folder; empty when it has nothing to say. */
async function compile(project: string): Promise<string> {
  const compiling = run(process.execPath, [compiler, "-p", join(folder, project)]);
  return (await compiling.catch((failure: { stdout: string }) => failure)).stdout;
}

before(() => void installInterop());

test("the guards fit Express, Fastify, Hono and node:http by their own types", async () => {
  assert.equal(await compile("tsconfig.json"), "");
});

test("a guard in the place of another framework's does not compile", async (t) => {
  const wrong = { file: `wrong-${process.pid}.ts`, project: `wrong-${process.pid}.json` };
  t.after(() => {
    for (const name of Object.values(wrong)) rmSync(join(folder, name), { force: true });
  });
  const routes = readFileSync(join(folder, "routes.ts"), "utf8");
  const mixedUp = routes.replace("= honoGuards(verifier)", "= expressGuards(verifier)");
  assert.notEqual(mixedUp, routes);
  writeFileSync(join(folder, wrong.file), mixedUp);
  writeFileSync(join(folder, wrong.project), JSON.stringify({ extends: "./tsconfig.json", files: [wrong.file] }));
  assert.match(await compile(wrong.project), /wrong-\d+\.ts\(\d+,\d+\): error TS2769/);
});
