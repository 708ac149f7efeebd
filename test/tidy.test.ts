// The tidy test: the rules of the house, asserted on the whole checkout. Owns which rule runs on what; the rules
// themselves, and the proof that each catches what it is for, live in test/tidy/.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { commands } from "../src/cli/commands.ts";
import { errorMeanings } from "../src/core/errors.ts";
import { sessionEnds } from "../src/core/events.ts";
import { optionRows } from "../src/server/config.ts";
import { errorReference, errorReferencePath } from "../tools/write-error-reference.ts";
import { checkLinks, compareNames, describedIn } from "./tidy/documents.ts";
import { checkCycles, checkLayers } from "./tidy/layers.ts";
import type { SizeBaseline } from "./tidy/rules.ts";
import {
  checkEscapes,
  checkHeaders,
  checkMachineTraces,
  checkMarks,
  checkNames,
  checkPlatformCalls,
  checkSizes,
} from "./tidy/rules.ts";
import type { Violation } from "./tidy/tree.ts";
import { readTree } from "./tidy/tree.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const files = readTree(root);
const read = (path: string): string => readFileSync(join(root, path), "utf8");

function assertNone(violations: readonly Violation[]): void {
  assert.equal(violations.length, 0, `\n${violations.join("\n")}`);
}

describe("source", () => {
  test("the tree is there: an empty one would keep every rule", () => {
    for (const path of ["src/core/decide.ts", "package.json", "README.md", ".ci/run"]) {
      assert.ok(
        files.some((file) => file.path === path),
        path,
      );
    }
  });
  test("who may import whom", () => assertNone(checkLayers(files)));
  test("no circles of imports", () => assertNone(checkCycles(files)));
  test("clock, randomness and timers only in platform/", () => assertNone(checkPlatformCalls(files)));
  test("files and functions fit their bounds", () => {
    assertNone(checkSizes(files, JSON.parse(read("test/tidy/size-baseline.json")) as SizeBaseline));
  });
  test("files say what they own", () => assertNone(checkHeaders(files)));
  test("names say something", () => assertNone(checkNames(files)));
  test("nothing is left for later", () => assertNone(checkMarks(files)));
  test("no way around the type system", () => assertNone(checkEscapes(files)));
  test("no trace of a machine or a registry", () => assertNone(checkMachineTraces(files)));
});

describe("documents", () => {
  test("links lead somewhere", () => assertNone(checkLinks(files, (path) => existsSync(join(root, path)))));
  test("the page of errors is the one that npm run docs writes", () => {
    assert.equal(read(errorReferencePath), errorReference(), "run npm run docs");
    assertNone(
      compareNames(Object.keys(errorMeanings), describedIn(read(errorReferencePath)), errorReferencePath, "code"),
    );
  });
  test("every option is described, and no other", () => {
    const path = "docs/reference/options.md";
    const section = (title: string): string => read(path).split(`## ${title}\n`)[1]?.split("\n## ")[0] ?? "";
    const described = [...describedIn(section("Server and command line"))];
    assertNone(
      compareNames(
        optionRows.map((row) => row.variable),
        described,
        path,
        "variable",
      ),
    );
    for (const row of optionRows) {
      const line = section("Server and command line")
        .split("\n")
        .find((each) => each.startsWith(`| \`${row.variable}\``));
      if (row.flag !== undefined) assert.ok(line?.includes(`\`--${row.flag}\``), `${path}: flag of ${row.variable}`);
      assert.ok(line?.includes(`\`${row.member}\``), `${path}: member of ${row.variable}`);
      if (row.fallback !== undefined) assert.ok(line?.includes(row.fallback), `${path}: default of ${row.variable}`);
    }
  });
  test("no document or source names a variable that nobody reads", () => {
    const known = new Set(optionRows.map((row) => row.variable));
    // Variables of tests and tools, not of the program.
    const own = /^PAWL_(TEST|BENCH)_/;
    for (const { path, text } of files) {
      if (!path.endsWith(".md") && !path.endsWith(".sh")) continue;
      for (const [name] of text.matchAll(/\bPAWL_[A-Z_]*[A-Z]\b/g)) {
        assert.ok(known.has(name) || own.test(name), `${path} names ${name}`);
      }
    }
  });
  test("every command is described with its usage, and no other", () => {
    const path = "docs/reference/cli.md";
    const names = [...describedIn(read(path))].filter((name) => name.startsWith("pawl ")).map((name) => name.slice(5));
    assertNone(
      compareNames(
        commands.map(({ name }) => name),
        names,
        path,
        "command",
      ),
    );
    for (const { name, usage } of commands) {
      const line = read(path)
        .split("\n")
        .find((each) => each.startsWith(`| \`pawl ${name}\` |`));
      // A table cell needs its bars escaped.
      assert.ok(line?.includes(usage.replaceAll("|", "\\|")), `${path}: usage of ${name} is ${usage}`);
    }
  });
  test("every reason for which a session ends is described", () => {
    const page = read("docs/reference/rotation.md");
    for (const reason of sessionEnds) assert.ok(page.includes(`\`${reason}\``), reason);
  });
});
