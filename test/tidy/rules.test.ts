// Proves every rule of the tidy test with a planted violation: a temporary tree that is clean, one file changed, and the
// rule names that file. A rule that finds nothing here would find nothing in src/ either.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import { checkCycles, checkLayers } from "./layers.ts";
import {
  checkEscapes,
  checkHeaders,
  checkMachineTraces,
  checkMarks,
  checkNames,
  checkPlatformCalls,
  checkSizes,
} from "./rules.ts";
import type { SourceFile, Violation } from "./tree.ts";
import { readTree } from "./tree.ts";

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const header = "// Owns something.\n// Must not do anything else.\n";
const clean: Readonly<Record<string, string>> = {
  "src/core/access-token.ts": `${header}import { hash } from "node:crypto";\nexport const made: string = hash("md5", "");\n`,
  "src/core/decide.ts": `${header}export const one: number = 1;\n`,
  "src/platform/node.ts": `${header}export const now = (): number => Date.now();\n`,
  "src/engine/create-sessions.ts": `${header}import { now } from "../platform/node.ts";\nexport const start: number = now();\n`,
  "src/http/handler.ts": `${header}export const at: Date = new Date(1000);\n`,
  "src/server/server.ts": `${header}import { at } from "../http/handler.ts";\nexport const same: Date = at;\n`,
  "src/client/index.ts": `${header}import type { Grant } from "../engine/types.ts";\nexport type Mine = Grant;\nsetTimeout(() => {}, 1);\n`,
  "src/engine/types.ts": `${header}export type Grant = string;\n`,
};

/** Writes the clean tree with `changes` and reads it back, as the real test reads the checkout. */
function plant(changes: Readonly<Record<string, string>> = {}): readonly SourceFile[] {
  const folder = mkdtempSync(join(tmpdir(), "pawl-tidy-"));
  folders.push(folder);
  for (const [path, text] of Object.entries({ ...clean, ...changes })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return readTree(folder);
}

/** Asserts that `rule` finds nothing in the clean tree and exactly one thing, at `place`, once `text` is planted. */
function catches(rule: (files: readonly SourceFile[]) => Violation[], path: string, text: string, place: string): void {
  assert.deepEqual(rule(plant()), []);
  const found = rule(plant({ [path]: text }));
  assert.equal(found.length, 1, found.join("\n"));
  assert.ok(found[0]?.startsWith(place), found[0]);
}

describe("import rules", () => {
  const forbidden: readonly (readonly [string, string])[] = [
    ["core/new.ts", `import { start } from "../engine/create-sessions.ts";\nexport const a = start;`],
    ["core/new.ts", `import { readFileSync } from "node:fs";\nexport const a = readFileSync;`],
    ["core/new.ts", `import type { Grant } from "../engine/types.ts";\nexport type A = Grant;`],
    ["engine/new.ts", `export { at } from "../http/handler.ts";`],
    ["engine/new.ts", `import { now } from "../platform/node.ts";\nexport const a = now;`],
    ["http/new.ts", `export * from "../server/server.ts";`],
    ["stores/new.ts", `import { start } from "../engine/create-sessions.ts";\nexport const a = start;`],
    ["stores/new.ts", `export const driver = async () => await import("pg");`],
    ["adapters/new.ts", `import "../server/server.ts";`],
    ["verifier/new.ts", `import { one } from "../core/decide.ts";\nexport const a = one;`],
    ["client/new.ts", `import { start } from "../engine/create-sessions.ts";\nexport const a = start;`],
    ["client/new.ts", `import { type Grant } from "../engine/types.ts";\nexport type A = Grant;`],
    ["client/new.ts", `import { join } from "node:path";\nexport const a = join;`],
    ["client/new.ts", `export const load = () => import("../engine/create-sessions.ts");`],
    ["client/new.ts", `import { useState } from "react";\nexport const a = useState;`],
    ["react/new.ts", `import { one } from "../client/index.ts";\nexport const a = one;`],
    ["react/new.ts", `import { createRoot } from "react-dom/client";\nexport const a = createRoot;`],
    ["react/new.ts", `import { join } from "node:path";\nexport const a = join;`],
    ["testing/new.ts", `export { same } from "../server/server.ts";`],
    ["index.ts", `export { same } from "./server/server.ts";`],
    ["core/new.ts", `export { one } from "./missing.ts";`],
  ];
  for (const [path, text] of forbidden) {
    test(`${path}: ${text.split("\n")[0]}`, () => {
      catches(checkLayers, `src/${path}`, `${header}${text}\n`, `src/${path}:3`);
    });
  }
  test("a folder that no rule knows", () => {
    catches(checkLayers, "src/helpers/new.ts", header, "src/helpers/new.ts:1");
  });
  test("what looks like an import in a comment or a string is none", () => {
    const text = `${header}/* import "../server/server.ts"; */\nexport const a = 'import "../server/server.ts"';\n`;
    assert.deepEqual(checkLayers(plant({ "src/core/new.ts": text })), []);
  });
  test("circles, through three files and of types alike", () => {
    assert.deepEqual(checkCycles(plant()), []);
    const found = checkCycles(
      plant({
        "src/core/a.ts": `${header}import { b } from "./b.ts";\nexport const a = b;\n`,
        "src/core/b.ts": `${header}import type { C } from "./c.ts";\nexport const b: C = 1;\n`,
        "src/core/c.ts": `${header}import { a } from "./a.ts";\nexport type C = typeof a;\n`,
      }),
    );
    assert.deepEqual(found, [
      "src/core/a.ts:1 imports itself in a circle: src/core/a.ts -> src/core/b.ts -> src/core/c.ts -> src/core/a.ts",
    ]);
  });
});

describe("clock, randomness and timers", () => {
  const calls = [
    "Date.now()",
    "new Date()",
    "new Date ( )",
    "new Date",
    "Date()",
    "Math.random()",
    'require("node:crypto").randomBytes(16)',
    "randomFillSync(pool)",
    "crypto.getRandomValues(pool)",
    "crypto.randomUUID()",
    "setTimeout(run, 1)",
    "setInterval(run, 1)",
    "setImmediate(run)",
    "performance.now()",
    "process.hrtime.bigint()",
    ["`at $", "{Date.now()} sharp`"].join(""),
  ];
  for (const call of calls) {
    test(call, () => {
      catches(checkPlatformCalls, "src/http/new.ts", `${header}export const a = ${call};\n`, "src/http/new.ts:3");
    });
  }
  test("words in comments, strings and patterns do not count, nor dates of a known instant", () => {
    const text = `${header}// Date.now() is forbidden.\nexport const a = ["setTimeout(", \`Math.random()\`, /Date.now()/, new Date(0)];\n`;
    assert.deepEqual(checkPlatformCalls(plant({ "src/http/new.ts": text })), []);
  });
});

describe("sizes", () => {
  const none = { files: {}, functions: {} };
  const sizes = (files: readonly SourceFile[]): Violation[] => checkSizes(files, none);
  const lines = (count: number): string => "\n".repeat(count);
  test("a file of 401 lines", () => {
    catches(sizes, "src/http/new.ts", header + lines(399), "src/http/new.ts has 401 lines");
  });
  const shapes: Readonly<Record<string, readonly [string, string]>> = {
    declaration: ["export function long(a: number): { readonly b: number } {", "  return { b: a };\n}\n"],
    arrow: ["export const long = (a: number): number => {", "  return a;\n};\n"],
    "arrow without brackets": ["export const long: (a: number) => number = a => {", "  return a;\n};\n"],
    method: ["export class Long { method<T extends {}>(a: T): a is T {", "  return true;\n} }\n"],
  };
  for (const [name, [first, last]] of Object.entries(shapes)) {
    test(`a function of 71 lines: ${name}`, () => {
      // The function spans its first line, the empty ones and the two of its end.
      catches(sizes, "src/http/new.ts", `${header}${first}${lines(69)}${last}`, "src/http/new.ts:3 has 71 lines");
      assert.deepEqual(sizes(plant({ "src/http/new.ts": `${header}${first}${lines(68)}${last}` })), []);
    });
  }
  test("blocks, classes and objects are no functions", () => {
    const text = `${header}if (Math.PI > 3) {${lines(80)}}\nexport class A {${lines(80)}}\nexport const o = {${lines(80)}};\n`;
    assert.deepEqual(sizes(plant({ "src/http/new.ts": text })), []);
  });
  test("a public suite lists tests without end, but each of them is bounded", () => {
    const one = (count: number): string => `  test("a", () => {${lines(count)}  });\n`;
    const suite = (text: string): string => `${header}export function suite(): void {\n${text}}\n`;
    catches(sizes, "src/testing/my-suite.ts", suite(one(70)), "src/testing/my-suite.ts:4 has 71 lines");
    assert.deepEqual(sizes(plant({ "src/testing/my-suite.ts": suite(one(60) + one(60)) })), []);
    assert.equal(sizes(plant({ "src/http/new.ts": suite(one(60) + one(60)) })).length, 1);
  });
  test("the ratchet: a baseline allows what was there, and only that", () => {
    const files = plant({ "src/http/new.ts": header + lines(408) });
    const judged = (allowed: number): Violation[] =>
      checkSizes(files, { files: { "src/http/new.ts": allowed }, functions: {} });
    assert.deepEqual(judged(410), []);
    assert.match(judged(409).join(), /410 lines, at most 409/);
    assert.match(judged(411).join(), /lower it/);
    assert.match(checkSizes(files, { files: {}, functions: { "src/gone.ts": 90 } }).join(), /does not exist/);
  });
});

describe("headers, names, marks, escapes, machines", () => {
  test("a file that does not say what it owns", () => {
    catches(checkHeaders, "src/http/new.ts", "// Owns a bit.\nexport {};\n", "src/http/new.ts:1");
    catches(checkHeaders, "src/cli/new.ts", "#!/usr/bin/env node\n// Owns a bit.\nexport {};\n", "src/cli/new.ts:1");
    catches(checkHeaders, "test/http/new.test.ts", "export {};\n", "test/http/new.test.ts:1");
  });
  test("names that say nothing", () => {
    for (const path of [
      "src/http/utils.ts",
      "src/helpers/cookie.ts",
      "test/common/data.ts",
      "src/http/helper.test.ts",
    ]) {
      catches(checkNames, path, header, path);
    }
  });
  test("marks of unfinished work", () => {
    for (const mark of ["TO" + "DO", "FIX" + "ME"]) {
      catches(checkMarks, "src/http/new.ts", `${header}// ${mark}: later\n`, "src/http/new.ts:3");
    }
  });
  test("ways around the type system", () => {
    for (const text of [
      "export const a: any = 1;",
      "export const a = (1 as any);",
      "export const a: Promise<any> | 1 = 1;",
      "// @ts-ignore",
      "// @ts-expect-error: wrong",
    ]) {
      catches(checkEscapes, "src/http/new.ts", `${header}${text}\n`, "src/http/new.ts:3");
    }
    const innocent = `${header}// takes any: value\nexport const a = "as any";\n`;
    assert.deepEqual(checkEscapes(plant({ "src/http/new.ts": innocent })), []);
  });
  test("traces of one machine", () => {
    for (const text of [
      "see /home/someone/pawl",
      "`/root/.npmrc`",
      "C:\\Users\\someone",
      '"resolved": "https://mirror.example/a.tgz"',
      "registry=http://127.0.0.1:4873",
      "https://registry.example.com/pawl",
    ]) {
      catches(checkMachineTraces, "docs/new.md", `# New\n\n${text}\n`, "docs/new.md:3");
    }
  });
});
