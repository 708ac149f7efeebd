// Installs the private packages of this repository that are not part of the root's (bench/peers, bench/clients,
// tools/interop, tools/runtimes): `npm ci` in their folder, where something is missing or has another version than asked for.
// Owns no package list, and never touches the root's node_modules but for a lock.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

const root = join(import.meta.dirname, "..");
/** An installation that takes longer than this has hung. */
const installMillisecondsMax = 300_000;
const lockPollMilliseconds = 100;

/** Runs npm in `folder` as a person would, without what an outer `npm run` put into the environment; gives its output. */
export function npm(folder: string, ...words: readonly string[]): string {
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(package|lifecycle|command|config_local_prefix)/.test(name)),
  );
  const script = process.env.npm_execpath;
  const [command, first] = script === undefined ? ["npm", []] : [process.execPath, [script]];
  const { status, error, stdout, stderr } = spawnSync(command, [...first, ...words], {
    cwd: folder,
    env: environment,
    encoding: "utf8",
    timeout: installMillisecondsMax,
  });
  if (status !== 0) throw new Error(`npm ${words[0]} failed in ${folder}: ${stderr}`, { cause: error });
  return stdout;
}

/**
 * Makes sure that the dependencies of `folder` are there.
 * @param say hears of an installation before it starts
 * @returns name and version of each
 */
export function installPackages(folder: string, say: (progress: string) => void): Record<string, string> {
  const versions = readVersions(folder);
  if (!isComplete(folder, versions)) {
    const name = relative(root, folder);
    // Test files run in processes of their own, and two of them may miss the same thing.
    withLock(name.replaceAll(/\W/g, "-"), () => {
      if (isComplete(folder, versions)) return;
      say(`installing what is missing (npm ci in ${name}/)`);
      npm(folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder);
    });
  }
  return versions;
}

/** What package.json asks for. An alias (`npm:name@version`) stands for the version behind it. */
function readVersions(folder: string): Record<string, string> {
  const { dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  const exact = (wanted: string): string => wanted.slice(wanted.lastIndexOf("@") + 1);
  return Object.fromEntries(Object.entries(dependencies).map(([name, wanted]) => [name, exact(wanted)]));
}

function isComplete(folder: string, versions: Readonly<Record<string, string>>): boolean {
  return Object.entries(versions).every(([name, version]) => {
    const file = join(folder, "node_modules", name, "package.json");
    return existsSync(file) && (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version === version;
  });
}

/** Runs `task` while no other process holds the lock; one that was left behind by a process that ended is broken. */
function withLock(name: string, task: () => void): void {
  const lock = join(root, "node_modules", `.installing-${name}`);
  const givesUpAt = Date.now() + installMillisecondsMax;
  while (!take(lock)) {
    if (Date.now() > givesUpAt) throw new Error(`another process holds ${lock}`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lockPollMilliseconds);
  }
  try {
    task();
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

/** A folder is made by exactly one process; its file says which. */
function take(lock: string): boolean {
  const owner = join(lock, "owner");
  try {
    mkdirSync(lock);
    writeFileSync(owner, String(process.pid));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  // Not there yet: its maker is about to write it.
  const pid = existsSync(owner) ? Number(readFileSync(owner, "utf8")) : undefined;
  if (pid !== undefined && pid > 0 && !isAlive(pid)) rmSync(lock, { recursive: true, force: true });
  return false;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
