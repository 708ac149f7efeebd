// `npm run bench`: builds, installs what Pawl is compared with, measures, prints the table and writes
// results/latest.json. Options: `--quick` (a few seconds a part, for trying out) and `--only refresh,size,startup,micro`;
// with either of them nothing is written, since the file stands for a whole run.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readMachine } from "./machine.ts";
import { installPeers } from "./peers/install.ts";
import { canPin } from "./processes.ts";
import type { Circumstances, Results } from "./report.ts";

const parts = ["refresh", "size", "startup", "micro"] as const;
type Part = (typeof parts)[number];

const here = import.meta.dirname;
const root = join(here, "..");
/** statfs(2): the type of a file system that lives in memory. */
const tmpfsMagic = 0x01021994;

function say(progress: string): void {
  process.stderr.write(`${progress}\n`);
}

function runOrStop(command: string, commandArguments: readonly string[], cwd: string): void {
  const { status, error } = spawnSync(command, commandArguments, { cwd, stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error(`${command} ${commandArguments[0]} failed`, { cause: error });
}

/** A folder on a real disk: a database in memory would make every durable write free. */
function workFolder(): string {
  const inMemory = process.platform === "linux" && statfsSync(tmpdir()).type === tmpfsMagic;
  const base = inMemory ? join(here, "data") : tmpdir();
  mkdirSync(base, { recursive: true });
  return mkdtempSync(join(base, "pawl-bench-"));
}

function circumstances(packages: Record<string, string>, loadBefore: number): Circumstances {
  return {
    date: new Date().toISOString(),
    command: ["node bench/run.ts", ...process.argv.slice(2)].join(" "),
    ...readMachine(),
    packages,
    pinned: canPin,
    loadBefore,
  };
}

function readOptions(): { quick: boolean; chosen: readonly Part[] } {
  const { values } = parseArgs({ options: { quick: { type: "boolean", default: false }, only: { type: "string" } } });
  const chosen = values.only === undefined ? parts : values.only.split(",");
  for (const part of chosen) {
    if (!(parts as readonly string[]).includes(part)) throw new Error(`--only takes ${parts.join(", ")}, not ${part}`);
  }
  return { quick: values.quick, chosen: chosen as readonly Part[] };
}

async function measure(
  chosen: readonly Part[],
  quick: boolean,
  folder: string,
): Promise<Omit<Results, "circumstances">> {
  const takes = (part: Part): boolean => chosen.includes(part);
  const results: { -readonly [Name in Exclude<keyof Results, "circumstances">]?: NonNullable<Results[Name]> } = {};
  if (takes("refresh")) {
    const { benchRefresh } = await import("./refresh.ts");
    const plan = quick ? { rounds: 2, secondsPerRound: 1 } : { rounds: 9, secondsPerRound: 3 };
    results.refresh = await benchRefresh({ clients: 64, warmupSeconds: 0.5, ...plan }, folder, say);
  }
  if (takes("startup")) {
    say("start and memory");
    const { benchStartup } = await import("./startup.ts");
    results.startup = await benchStartup({ starts: quick ? 3 : 15, idleSeconds: 5 }, folder);
  }
  if (takes("size")) {
    const { benchSize } = await import("./size.ts");
    // A few refreshes each, and as many as fill every list of a row.
    const plans = [
      { sessions: quick ? 2_000 : 20_000, refreshes: 4 },
      { sessions: quick ? 2_000 : 5_000, refreshes: 20 },
    ];
    const sizes = [];
    for (const plan of plans) {
      say(`size of ${plan.sessions} sessions after ${plan.refreshes} refreshes each`);
      sizes.push(await benchSize(plan, folder));
    }
    results.size = sizes;
  }
  if (takes("micro")) {
    say("single steps");
    const { benchMicro } = await import("./micro.ts");
    results.micro = await benchMicro({ rounds: quick ? 3 : 9, sliceMilliseconds: quick ? 50 : 200 });
  }
  return results;
}

async function main(): Promise<void> {
  const { quick, chosen } = readOptions();
  const loadBefore = loadavg()[0] as number;
  const packages = installPeers(say);
  say("building");
  runOrStop(process.execPath, [join("tools", "build.mjs")], root);
  const folder = workFolder();
  try {
    const measured = await measure(chosen, quick, folder);
    const { reportText } = await import("./report.ts");
    const results: Results = { circumstances: circumstances(packages, loadBefore), ...measured };
    process.stdout.write(`${reportText(results)}\n`);
    if (quick || chosen.length < parts.length) return;
    mkdirSync(join(here, "results"), { recursive: true });
    writeFileSync(join(here, "results", "latest.json"), `${JSON.stringify(results, null, 2)}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
