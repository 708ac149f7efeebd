// Proves the rules about documents: dead links, dead anchors, options and codes that only one side knows.
// A rule that finds nothing here would find nothing in docs/ either.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { anchorOf, checkLinks, compareNames, describedIn } from "./documents.ts";

const pages = [
  { path: "README.md", text: "# Pawl\n\n## Two words, `three`!\n\n## Same\n\n## Same\n" },
  { path: "docs/walk.md", text: "# A walk\n" },
];
const existing = new Set(["README.md", "docs/walk.md", "docs/new.md", "docs/picture.png"]);

function linksOf(text: string): string[] {
  return checkLinks([...pages, { path: "docs/new.md", text }], (path) => existing.has(path));
}

describe("links", () => {
  test("to files and headings that exist", () => {
    const good = [
      "[walk](walk.md) [top](../README.md) ![picture](picture.png) [out](https://example.com/x)",
      "[heading](../README.md#two-words-three) [second](../README.md#same-1) [own](#here)",
      "",
      "# Here",
      "`[code](nowhere.md)`",
      "```",
      "[block](nowhere.md)",
      "```",
    ];
    assert.deepEqual(linksOf(good.join("\n")), []);
  });
  test("to nowhere", () => {
    for (const link of ["[a](gone.md)", "![a](gone.png)", "[a](../walk.md)", '[a](gone.md "title")', "[a]: gone.md"]) {
      assert.match(
        linksOf(`# New\n\n${link}\n`).join(),
        /^docs\/new\.md:3 links to [^,]*: there is no such file$/,
        link,
      );
    }
    for (const link of ["[a](walk.md#away)", "[a](#away)", "[a](../README.md#same-2)"]) {
      assert.match(
        linksOf(`# New\n\n${link}\n`).join(),
        /^docs\/new\.md:3 links to [^,]*: there is no such heading$/,
        link,
      );
    }
  });
  test("anchors as GitHub makes them", () => {
    assert.equal(anchorOf("What it costs, and `why`"), "what-it-costs-and-why");
    assert.equal(anchorOf("I1–I6 [x](y.md)"), "i1i6-x");
  });
});

describe("names", () => {
  test("of the first column, in backticks", () => {
    const table = "| variable | default |\n|---|---|\n| `PORT`, `HOST` | `4000` |\n| plain | `PAWL_X` |\n";
    assert.deepEqual([...describedIn(table)], ["PORT", "HOST"]);
  });
  test("that one side has and the other has not", () => {
    assert.deepEqual(compareNames(["a", "b"], ["b", "c"], "docs/new.md", "option"), [
      "docs/new.md:1 does not describe option a",
      "docs/new.md:1 describes c, no option",
    ]);
    assert.deepEqual(compareNames(["a"], ["a"], "docs/new.md", "option"), []);
  });
});
