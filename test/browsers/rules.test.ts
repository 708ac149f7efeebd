// The table of docs/reference/browsers.md that says which rule of the client was seen to hold where: one line for each test
// of the client in this folder, because a test that fails in one browser fails here. PAWL_TEST_UPDATE=1 writes it.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { engines } from "./engines.ts";

const page = join(import.meta.dirname, "../../docs/reference/browsers.md");
const begin = "<!-- rules of the client: written by PAWL_TEST_UPDATE=1 node --test test/browsers/rules.test.ts -->";
const end = "<!-- end of rules of the client -->";

/** Test files, and whether all engines run them. */
const files = [
  { name: "client-tabs.test.ts", isEverywhere: true },
  { name: "client-faults.test.ts", isEverywhere: true },
  { name: "platform.test.ts", isEverywhere: true },
  { name: "example.test.ts", isEverywhere: true },
  { name: "frozen.test.ts", isEverywhere: false },
] as const;
const named = /^\s*(?:test|it)\(\s*(?:"([^"]+)"|`([^`]+)`)/gm;
/** What the names of the tests have in braces. */
const values: Readonly<Record<string, string>> = {
  manyTabs: "20",
  reloadsOfStorm: "15",
  what: "ten years wrong",
  engine: "a browser",
};

function table(): string {
  const rows = files.flatMap(({ name, isEverywhere }) => {
    const text = readFileSync(join(import.meta.dirname, name), "utf8");
    const cells = isEverywhere ? "yes | yes | yes" : "yes | cannot be done by a test | cannot be done by a test";
    return [...text.matchAll(named)].map(([, plain, template = ""]) => {
      const title = plain ?? template.replace(/\$\{(\w+)\}/g, (_, word: string) => values[word] ?? assert.fail(word));
      return `| ${title} | ${cells} |`;
    });
  });
  assert.ok(rows.length > 25, "the names were found");
  return ["| Test | Chromium | Firefox | WebKitGTK |", "|---|---|---|---|", ...rows].join("\n");
}

test("docs/reference/browsers.md lists every rule that is tested in browsers", () => {
  const text = readFileSync(page, "utf8");
  const [before, rest] = text.split(begin);
  const [was, after] = (rest ?? "").split(end);
  assert.ok(after !== undefined, `the page has ${begin}`);
  const isUpdate = process.env.PAWL_TEST_UPDATE === "1";
  assert.ok(!isUpdate || engines.every(({ skip }) => skip === false), "a yes needs all engines");
  if (isUpdate) writeFileSync(page, `${before}${begin}\n\n${table()}\n\n${end}${after}`);
  else assert.equal(was?.trim(), table());
});
