// The diagrams of docs/concepts/rotation/ are what the engine does now, and the page that shows them shows all of them.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { endWords } from "../../tools/diagrams/words.ts";
import { diagramsPath, rotationDiagrams } from "../../tools/write-rotation-diagrams.ts";

const root = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");
const diagrams = await rotationDiagrams();
const page = read(`${diagramsPath}.md`);

describe("diagrams of rotation", () => {
  test("the folder holds what npm run diagrams writes, and nothing else", () => {
    assert.deepEqual(readdirSync(new URL(diagramsPath, root)).sort(), diagrams.map(({ file }) => file).sort());
    for (const { file, svg } of diagrams) {
      assert.equal(read(`${diagramsPath}/${file}`), svg, `${file} differs: run npm run diagrams`);
    }
  });
  test("drawing again gives the same bytes", async () => {
    const again = await rotationDiagrams();
    assert.deepEqual(
      again.map(({ svg }) => svg),
      diagrams.map(({ svg }) => svg),
    );
  });
  test("the page names every trace drawn, and shows its picture with words for those who do not see it", () => {
    for (const { trace, file } of diagrams) {
      assert.ok(page.toLowerCase().includes(trace.name.toLowerCase()), trace.name);
      const [, words] = page.match(new RegExp(`!\\[([^\\]]+)\\]\\(rotation/${file.replace(".", "\\.")}\\)`)) ?? [];
      assert.ok(words !== undefined && words.length > 10, `${file} is not shown`);
    }
  });
  test("every picture that the page shows exists", () => {
    const files = new Set(diagrams.map(({ file }) => file));
    const shown = [...page.matchAll(/\]\(rotation\/([^)]+)\)/g)].map(([, file]) => file as string);
    assert.equal(shown.length, files.size);
    for (const file of shown) assert.ok(files.has(file), file);
  });
  for (const { trace, story, svg } of diagrams) {
    test(`${trace.name}: the story ends as the trace says`, () => {
      assert.equal(story.end, trace.end);
      assert.ok(svg.includes(`>${endWords[trace.end]}<`));
    });
    test(`${trace.name}: the picture needs nothing else and tells itself`, () => {
      assert.match(
        svg,
        /^<svg [^>]*role="img" aria-labelledby="title desc">\n<title id="title">[^<]+<\/title>\n<desc /,
      );
      assert.match(svg, /prefers-color-scheme: dark/);
      assert.doesNotMatch(svg, /NaN|undefined|href|url\(|<script|<image/);
      const [, width] = svg.match(/ width="(\d+)"/) ?? [];
      assert.ok(Number(width) <= 760);
    });
  }
});
