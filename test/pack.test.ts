// What a stranger gets: the package as npm packs it, installed into an empty project without a network, used under
// Node.js 24 and 22. The package is packed from dist/ as `npm test` built it.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { runReadmeProgram } from "./package/readme-program.ts";

const root = join(import.meta.dirname, "..");
const nodes = join(root, "tools/nodes");
const node22 = join(nodes, "node_modules/node22/bin/node");
const run = promisify(execFile);

/** Runs npm as a person would in `folder`: without what an outer `npm test` put into the environment. */
async function npm(folder: string, ...words: string[]): Promise<string> {
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(package|lifecycle|command|config_local_prefix)/.test(name)),
  );
  const script = process.env.npm_execpath;
  const [command, first] = script === undefined ? ["npm", []] : [process.execPath, [script]];
  const { stdout } = await run(command, [...first, ...words], { cwd: folder, env: environment });
  return stdout;
}

describe("the package", () => {
  const folder = mkdtempSync(join(tmpdir(), "pawl-pack-"));
  const project = join(folder, "project");
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const entries = Object.keys(manifest.exports).filter((entry) => entry !== "./package.json");
  const names = entries.map((entry) => join("pawl", entry));
  let packed: readonly string[] = [];

  before(async () => {
    // --ignore-scripts: `prepare` would rebuild dist/ under the feet of the tests that run at the same time.
    const [report] = JSON.parse(await npm(root, "pack", "--ignore-scripts", "--json", "--pack-destination", folder));
    packed = report.files.map((file: { path: string }) => file.path);
    mkdirSync(project);
    writeFileSync(join(project, "package.json"), '{ "name": "empty", "private": true, "type": "module" }\n');
    const archive = join(folder, report.filename);
    await npm(project, "install", "--offline", "--no-audit", "--no-fund", "--prefix", project, archive);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("holds the program and its documents, no sources, no tests, no secrets", () => {
    for (const path of ["dist/index.js", "dist/cli/main.js", "dist/console/index.html", "README.md", "LICENSE"]) {
      assert.ok(packed.includes(path), path);
    }
    const strange = packed.filter((path) => !/^(dist|docs)\/|^[A-Z]+(\.md)?$|^package\.json$/.test(path));
    assert.deepEqual(strange, []);
    assert.deepEqual(
      packed.filter((path) => /\.db|\.secret|\.env|(?<!\.d)\.ts$/.test(path)),
      [],
    );
  });

  test("brings no other package along", () => {
    assert.deepEqual(
      readdirSync(join(project, "node_modules")).filter((name) => !name.startsWith(".")),
      ["pawl"],
    );
  });

  test("every entry point has types that a strict project accepts, and loads", async () => {
    const lines = names.map((name, at) => `import * as entry${at} from ${JSON.stringify(name)};\nvoid entry${at};\n`);
    writeFileSync(join(project, "entries.ts"), lines.join(""));
    const options = [
      "--noEmit",
      "--strict",
      "--exactOptionalPropertyTypes",
      "--module",
      "nodenext",
      "--target",
      "es2023",
    ];
    const types = ["--types", "node", "--typeRoots", join(root, "node_modules/@types")];
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    const compiled = run(process.execPath, [compiler, ...options, ...types, join(project, "entries.ts")], {
      cwd: project,
    });
    await assert.doesNotReject(compiled.catch(({ stdout }) => Promise.reject(new Error(stdout))));
    const loads = names.map((name) => `await import(${JSON.stringify(name)});`).join("\n");
    await run(process.execPath, ["--input-type=module", "--eval", loads], { cwd: project });
  });

  test("the command runs", async () => {
    const { stdout } = await run(process.execPath, [join(project, "node_modules/.bin/pawl"), "version"], {
      cwd: project,
    });
    assert.ok(stdout.includes(manifest.version), stdout);
  });

  test("the program in README.md runs under this Node.js", () => runReadmeProgram(project, process.execPath));

  const foreign = process.platform === "linux" && process.arch === "x64" ? false : "tools/nodes is for linux-x64";
  test("the program in README.md runs under Node.js 22", { skip: foreign }, async () => {
    if (!existsSync(node22)) await npm(nodes, "ci", "--no-audit", "--no-fund", "--prefix", nodes);
    assert.match((await run(node22, ["--version"])).stdout, /^v22\./);
    await runReadmeProgram(project, node22);
  });
});
