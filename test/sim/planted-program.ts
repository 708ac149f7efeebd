// A copy of the built program with one fault in it, for tests that show that a fault is found. Changes nothing in dist/.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../../sim/program.ts";

const root = join(import.meta.dirname, "../..");

/** What is changed: the first match of `from` in a file of dist/. */
export interface Plant {
  readonly file: string;
  readonly from: RegExp;
  readonly to: string;
  /** A second change that belongs to it. */
  readonly more?: Plant;
}

/** Makes the copy, gives its main file to `use`, and removes it. */
export async function withPlanted<Result>(plant: Plant, use: (main: string) => Promise<Result>): Promise<Result> {
  const folder = temporaryFolder();
  try {
    const copy = join(folder.path, "copy");
    mkdirSync(copy);
    cpSync(join(root, "dist"), join(copy, "dist"), { recursive: true });
    cpSync(join(root, "package.json"), join(copy, "package.json"));
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"), "dir");
    for (const { file, from, to } of [plant, plant.more].filter((each) => each !== undefined)) {
      const changed = join(copy, "dist", file);
      const source = readFileSync(changed, "utf8");
      assert.match(source, from, "nothing to patch");
      writeFileSync(changed, source.replace(from, to));
    }
    return await use(join(copy, "dist/cli/main.js"));
  } finally {
    folder.remove();
  }
}
