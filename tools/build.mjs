// Builds dist/: compiles src/ with the TypeScript compiler and copies what it does not (pages, styles, pictures).
// Builds next to dist/ and swaps at the end, so that a failed build leaves the old one and a running server never
// sees half of a new one. Plain JavaScript: it runs before anything is compiled.

import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));
const dist = join(root, "dist");
/** On the same file system as dist/, and ignored by git. */
const workshop = join(root, "node_modules", `.build-${process.pid}`);
const fresh = join(workshop, "fresh");
const copied = /\.(?:html|css|svg)$/;

function compile() {
  const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  const options = ["-p", join(root, "tsconfig.build.json"), "--outDir", fresh, "--noEmitOnError"];
  const { status, error } = spawnSync(process.execPath, [compiler, ...options], { stdio: "inherit", cwd: root });
  if (error) throw error;
  return status === 0;
}

function copyPages() {
  const from = join(root, "src", "console");
  const to = join(fresh, "console");
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) if (copied.test(name)) copyFileSync(join(from, name), join(to, name));
}

function swap() {
  if (existsSync(dist)) renameSync(dist, join(workshop, "stale"));
  renameSync(fresh, dist);
}

mkdirSync(fresh, { recursive: true });
try {
  if (compile()) {
    copyPages();
    const command = join(fresh, "cli", "main.js");
    if (existsSync(command)) chmodSync(command, 0o755);
    swap();
  } else {
    process.exitCode = 1;
  }
} finally {
  rmSync(workshop, { recursive: true, force: true });
}
