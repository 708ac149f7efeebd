// Installs the other runtimes that tests run under, and says where their programs are. Owns the reason for a skip: there
// are binaries for linux-x64 with glibc only.
// Plain npm packages with a binary inside; nothing is downloaded by a script.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { installPackages } from "../install-packages.ts";

const isHere = process.platform === "linux" && process.arch === "x64" && existsSync("/lib64/ld-linux-x86-64.so.2");

/** Why the other runtimes cannot run here; `false` where they can. In CI it is a failure, not a skip. */
export const runtimesMissing: string | false =
  isHere || process.env.CI === "true" ? false : "tools/runtimes is for linux-x64 with glibc";

const inside = (...path: readonly string[]): string => join(import.meta.dirname, "node_modules", ...path);

/** The programs. They are there once {@link installRuntimes} has returned. */
export const runtimes: Readonly<Record<"node22" | "bun" | "deno" | "workerd", string>> = {
  node22: inside("node22", "bin", "node"),
  bun: inside("bun", "bin", "bun"),
  deno: inside("deno", "deno"),
  workerd: inside("workerd", "bin", "workerd"),
};

/** Makes sure that the programs are there. */
export function installRuntimes(): void {
  installPackages(import.meta.dirname, () => undefined);
}
