// `pawl version`, for people and for scripts.
// Owns no number: the version is that of package.json, wherever this file was built to.

import { readFileSync } from "node:fs";
import type { Invocation } from "./commands.ts";
import { print, printJson } from "./terminal.ts";

/** The version of this package. */
export function packageVersion(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/** `pawl version [--json]`. */
export async function version({ terminal, json }: Invocation): Promise<number> {
  if (json) printJson(terminal, { version: packageVersion(), node: process.versions.node });
  else print(terminal, `pawl ${packageVersion()}`);
  return 0;
}
