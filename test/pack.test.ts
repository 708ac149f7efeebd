// What a stranger gets: the package as npm packs it, installed into an empty project without a network, used under
// Node.js 24 and 22. The package is packed from dist/ as `npm test` built it.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { npm } from "../tools/install-packages.ts";
import { installRuntimes, runtimes, runtimesMissing } from "../tools/runtimes/install.ts";
import { runReadmeProgram } from "./package/readme-program.ts";

const root = join(import.meta.dirname, "..");
const run = promisify(execFile);
/** Entry points that are for whoever has the optional peer React; its types need csstype's. */
const reactEntries = ["./react"];
const reactPackages = ["react", "@types/react", "csstype"];

const compilerOptions = [
  ...["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--module", "nodenext", "--target", "es2023"],
  ...["--types", "node", "--typeRoots", join(root, "node_modules/@types")],
];

/** Makes an empty project in which only `archives` are installed, without a network. */
function createProject(folder: string, archives: readonly string[]): void {
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), '{ "name": "empty", "private": true, "type": "module" }\n');
  npm(folder, "install", "--offline", "--no-audit", "--no-fund", "--prefix", folder, ...archives);
}

/** A strict project accepts the types of these imports. */
async function assertCompiles(project: string, names: readonly string[]): Promise<void> {
  const lines = names.map((name, at) => `import * as entry${at} from ${JSON.stringify(name)};\nvoid entry${at};\n`);
  writeFileSync(join(project, "entries.ts"), lines.join(""));
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const words = [compiler, ...compilerOptions, join(project, "entries.ts")];
  await run(process.execPath, words, { cwd: project }).catch(({ stdout }) => assert.fail(stdout));
}

/** Imports all of them in one process; resolves what it printed to stderr, empty when all loaded. */
async function load(project: string, names: readonly string[]): Promise<string> {
  const loads = names.map((name) => `await import(${JSON.stringify(name)});`).join("\n");
  const loading = run(process.execPath, ["--input-type=module", "--eval", loads], { cwd: project });
  return (await loading.catch((failure: { stderr: string }) => failure)).stderr;
}

describe("the package", () => {
  const folder = mkdtempSync(join(tmpdir(), "pawl-pack-"));
  const project = join(folder, "project");
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const entries = Object.keys(manifest.exports).filter((entry) => entry !== "./package.json");
  const needReact = reactEntries.map((entry) => join("pawl", entry));
  const names = entries.map((entry) => join("pawl", entry)).filter((name) => !needReact.includes(name));
  let packed: readonly string[] = [];
  let archive = "";

  before(() => {
    // --ignore-scripts: `prepare` would rebuild dist/ under the feet of the tests that run at the same time.
    const [report] = JSON.parse(npm(root, "pack", "--ignore-scripts", "--json", "--pack-destination", folder));
    packed = report.files.map((file: { path: string }) => file.path);
    archive = join(folder, report.filename);
    createProject(project, [archive]);
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
    await assertCompiles(project, names);
    assert.equal(await load(project, names), "");
  });

  test("pawl/react loads next to React, and says without it what is missing", async () => {
    for (const name of needReact) assert.match(await load(project, [name]), /Cannot find package 'react'/);
    const beside = join(folder, "with-react");
    const pack = (name: string): string => {
      const from = join(root, "node_modules", name);
      const [report] = JSON.parse(npm(folder, "pack", "--ignore-scripts", "--json", from));
      return join(folder, report.filename);
    };
    createProject(beside, [archive, ...reactPackages.map(pack)]);
    await assertCompiles(beside, needReact);
    assert.equal(await load(beside, needReact), "");
  });

  test("the command runs", async () => {
    const { stdout } = await run(process.execPath, [join(project, "node_modules/.bin/pawl"), "version"], {
      cwd: project,
    });
    assert.ok(stdout.includes(manifest.version), stdout);
  });

  test("the program in README.md runs under this Node.js", () => runReadmeProgram(project, process.execPath));

  test("the program in README.md runs under Node.js 22", { skip: runtimesMissing }, async () => {
    installRuntimes();
    assert.match((await run(runtimes.node22, ["--version"])).stdout, /^v22\./);
    await runReadmeProgram(project, runtimes.node22);
  });
});
