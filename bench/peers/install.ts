// Installs what Pawl is compared with (`npm ci` in this folder) where it is missing or another version than the
// lockfile's. Owns no server: those are the programs beside it, started as processes of their own.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where the peers' programs live. */
export const peersFolder: string = import.meta.dirname;

/** npm as a person would run it here: without what an outer `npm run` put into the environment. */
function npm(...words: readonly string[]): void {
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(package|lifecycle|command|config_local_prefix)/.test(name)),
  );
  const script = process.env.npm_execpath;
  const [command, first] = script === undefined ? ["npm", []] : [process.execPath, [script]];
  const { status, error, stderr } = spawnSync(command, [...first, ...words], {
    cwd: peersFolder,
    env: environment,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`npm ${words[0]} failed in bench/peers: ${stderr}`, { cause: error });
}

/**
 * Makes sure that the packages are there.
 * @param say hears of an installation before it starts
 * @returns name and version of each
 */
export function installPeers(say: (progress: string) => void): Record<string, string> {
  const { dependencies } = JSON.parse(readFileSync(join(peersFolder, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  const installed = (name: string): string | undefined => {
    const file = join(peersFolder, "node_modules", name, "package.json");
    return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version : undefined;
  };
  if (Object.entries(dependencies).some(([name, version]) => installed(name) !== version)) {
    say("installing what Pawl is compared with (npm ci in bench/peers/)");
    npm("ci", "--no-audit", "--no-fund", "--prefix", peersFolder);
  }
  return dependencies;
}
