// A machine that cannot hash passwords: the server says so instead of starting. The program runs in a process whose Node
// has no argon2 and whose resolver does not find the package.

import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { requireImplementation } from "../../../src/server/accounts/password-hash.ts";
import { pawl, serve, temporaryFolder } from "../program.ts";

const noBuiltin = `import crypto from "node:crypto";
Object.defineProperty(crypto, "argon2", { value: undefined });
`;
const noPackage = `import { registerHooks } from "node:module";
registerHooks({
  resolve(name, context, next) {
    if (name.startsWith("@node-rs/")) throw Object.assign(new Error("not found"), { code: "ERR_MODULE_NOT_FOUND" });
    return next(name, context);
  },
});
`;

function without(code: string): Record<string, string> {
  const file = join(temporaryFolder(), "without.mjs");
  writeFileSync(file, code);
  return { NODE_OPTIONS: `--import ${pathToFileURL(file).href}` };
}

test("this machine has an implementation", () => requireImplementation());

test("without any implementation the server refuses to start and leaves nothing behind", async () => {
  const folder = temporaryFolder();
  const environment = without(noBuiltin + noPackage);
  const { code, out, errors } = await pawl(["serve", "--port", "0"], { folder, environment });
  assert.deepEqual([code, out], [2, ""], errors);
  assert.match(errors, /^pawl: [^\n]*npm install @node-rs\/argon2[^\n]*\n$/);
  assert.deepEqual(readdirSync(folder), []);
});

test("either one is enough", async () => {
  for (const code of [noBuiltin, noPackage]) {
    const server = await serve(["--store", "memory:"], { environment: without(code) });
    assert.equal((await server.stop()).code, 0);
  }
});
