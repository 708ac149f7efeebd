// How soon `pawl serve` is ready and how much memory it holds when idle, beside a Node that does nothing: so the share
// of Pawl can be told from that of the runtime. Starts alternate between a fresh folder (first start: secret, database
// and signing key are made), an existing one, and bare Node.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { pawlProgram } from "./contestants/contestant.ts";
import { end, nextLine, residentMegabytes, start } from "./processes.ts";
import type { Spread } from "./statistics.ts";
import { spreadOf } from "./statistics.ts";

/** How often and how long. */
export interface StartupPlan {
  readonly starts: number;
  readonly idleSeconds: number;
}

/** Milliseconds from spawn to the ready line, and MB (10^6 bytes) of resident memory after the idle time. */
export interface StartupResult {
  readonly firstStartMilliseconds: Spread;
  readonly laterStartMilliseconds: Spread;
  readonly bareNodeMilliseconds: Spread;
  readonly idleMegabytes: number;
  readonly bareNodeIdleMegabytes: number;
}

const serve = [pawlProgram, "serve", "--port", "0", "--store", "sqlite:./pawl.db"];
const environment = { PAWL_LOG: "error", NODE_ENV: "production" };

async function timeToLine(nodeArguments: readonly string[], cwd: string): Promise<number> {
  const before = performance.now();
  const child = start(nodeArguments, { role: "unpinned", cwd, environment });
  try {
    await nextLine(child, "the starting process");
    return performance.now() - before;
  } finally {
    await end(child);
  }
}

async function idleMemory(nodeArguments: readonly string[], cwd: string, seconds: number): Promise<number> {
  const child = start(nodeArguments, { role: "unpinned", cwd, environment });
  try {
    await nextLine(child, "the idle process");
    await wait(seconds * 1000);
    return residentMegabytes(child.pid as number);
  } finally {
    await end(child);
  }
}

/** Measures in `folder`. */
export async function benchStartup(plan: StartupPlan, folder: string): Promise<StartupResult> {
  const idle = join(folder, "idle.mjs");
  writeFileSync(idle, 'process.stdout.write("ready\\n"); setInterval(() => {}, 1_000_000);\n');
  const used = join(folder, "start-used");
  mkdirSync(used);
  await timeToLine(serve, used);
  const first: number[] = [];
  const later: number[] = [];
  const bare: number[] = [];
  for (let index = 0; index < plan.starts; index++) {
    const fresh = join(folder, `start-${index}`);
    mkdirSync(fresh);
    first.push(await timeToLine(serve, fresh));
    later.push(await timeToLine(serve, used));
    bare.push(await timeToLine([idle], folder));
  }
  return {
    firstStartMilliseconds: spreadOf(first),
    laterStartMilliseconds: spreadOf(later),
    bareNodeMilliseconds: spreadOf(bare),
    idleMegabytes: await idleMemory(serve, used, plan.idleSeconds),
    bareNodeIdleMegabytes: await idleMemory([idle], folder, plan.idleSeconds),
  };
}
