// What `pawl/client` and `pawl/react` put into the bundle of a page: how much at most, and nothing of the server, of
// Node or of another package. `npm run size` measures with the same function.

import assert from "node:assert/strict";
import { join, relative, sep } from "node:path";
import { describe, test } from "node:test";
import { type Bundle, measureBundle } from "../../tools/measure-bundle.ts";

const root = join(import.meta.dirname, "../..");
/** Of everything that the entry point exports. */
const clientGzipBytesMax = 4_096;
/** What React's hooks add to it. */
const reactGzipBytesMax = 1_024;

const client = 'export * from "./src/client/index.ts";\n';
const react = 'export * from "./src/react/index.ts";\n';

/** What a bundle for a page must not hold: modules of other layers and packages, imports that are left. */
function foreignIn({ modules, imports, code }: Bundle): string[] {
  const own = (path: string): boolean =>
    path.startsWith(join("src", "client") + sep) || path.startsWith(join("src", "react") + sep);
  return [
    ...modules.map((module) => relative(root, module)).filter((path) => !own(path)),
    ...imports.filter((specifier) => specifier !== "react"),
    ...(/\bnode:\w+/.exec(code) ?? []),
  ];
}

describe("the bundle of a page", () => {
  const bundle = (text: string): Promise<Bundle> => measureBundle({ text, folder: root, external: ["react"] });

  test(`pawl/client is at most ${clientGzipBytesMax} bytes`, async (t) => {
    const { bytes, gzipBytes } = await bundle(client);
    t.diagnostic(`pawl/client: ${bytes} bytes minified, ${gzipBytes} with gzip -9`);
    assert.ok(gzipBytes <= clientGzipBytesMax, `${gzipBytes} bytes, at most ${clientGzipBytesMax}`);
  });

  test(`pawl/react adds at most ${reactGzipBytesMax} bytes`, async (t) => {
    const alone = await bundle(client);
    const { gzipBytes } = await bundle(client + react);
    t.diagnostic(`pawl/react adds ${gzipBytes - alone.gzipBytes} bytes with gzip -9, React not counted`);
    assert.ok(gzipBytes - alone.gzipBytes <= reactGzipBytesMax);
  });

  test("holds nothing but itself", async () => {
    const both = await bundle(client + react);
    assert.deepEqual(foreignIn(both), []);
    assert.ok(both.modules.includes(join(root, "src/client/index.ts")));
    assert.deepEqual(both.imports, ["react"]);
    const alone = await bundle(client);
    assert.deepEqual([foreignIn(alone), alone.imports], [[], []]);
  });

  test("pawl/react does not bring pawl/client along: the application gives it one", async () => {
    const { modules } = await bundle(react);
    assert.deepEqual(
      modules.map((module) => relative(root, module)).filter((path) => !path.startsWith(join("src", "react"))),
      [],
    );
  });

  // Each of these, next to the client, has to be found.
  const planted: readonly (readonly [string, string, string])[] = [
    ["a module of Node", 'export { createHash } from "node:crypto";', "node:crypto"],
    ["one without its prefix", 'export { createHash } from "crypto";', "crypto"],
    ["one that is loaded later", 'export const read = () => import("node:fs");', "node:fs"],
    ["code of the server", 'export { decide } from "./src/core/decide.ts";', join("src", "core", "decide.ts")],
    ["code of which nothing is left", 'import "./src/core/events.ts";', join("src", "core", "events.ts")],
    ["another package", 'export { integer } from "fast-check";', join("node_modules", "fast-check")],
  ];
  for (const [what, text, found] of planted) {
    test(`a planted import is found: ${what}`, async () => {
      const foreign = foreignIn(await bundle(`${client}${text}\n`));
      assert.ok(
        foreign.some((each) => each.startsWith(found)),
        foreign.join(", "),
      );
    });
  }

  test("an import that leads nowhere is an error, not a small bundle", async () => {
    await assert.rejects(bundle('export { lost } from "no-such-package";'), /no-such-package/);
  });
});
