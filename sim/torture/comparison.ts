// The comparison: the same seed, plan and faults for Pawl and for what it is compared with, one after the other, as a
// table. Owns the file of results and the block of README.md that is rendered from it; runs nothing itself.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Machine, readMachine } from "../../bench/machine.ts";
import { installPeers } from "../../bench/peers/install.ts";
import { blockNamed, replaceBlock, tableFrom } from "./page.ts";
import { pawlDialect } from "./pawl.ts";
import { oidcDialect, tutorialDialect } from "./peers.ts";
import { jsonOf, summaryOf } from "./report.ts";
import { type RunOptions, type RunResult, torture } from "./run.ts";

const root = join(import.meta.dirname, "../..");
/** Where `--write` puts the results. */
export const resultsPath: string = join(root, "sim/results/torture.json");
export const readmePath: string = join(root, "README.md");

/** Results of all, with what a figure cannot do without. */
export interface Comparison {
  readonly machine: Machine;
  readonly date: string;
  readonly command: string;
  readonly packages: Readonly<Record<string, string>>;
  readonly runs: readonly Omit<RunResult, "violations">[];
}

type Options = Omit<RunOptions, "dialect"> & { readonly write: boolean; readonly json: boolean };

/** Runs all on the same seed, prints the table and resolves the exit code. */
export async function compare(options: Options, say: (progress: string) => void): Promise<number> {
  const packages = installPeers(say);
  const results: RunResult[] = [];
  for (const dialect of [pawlDialect(), oidcDialect, tutorialDialect]) {
    say(`${dialect.title}: ${Math.round(options.seconds)} s`);
    results.push(await torture({ ...options, dialect }));
  }
  const comparison: Comparison = {
    machine: readMachine(),
    date: new Date().toISOString(),
    command: `npm run torture -- --peers --seed ${options.seed} --minutes ${options.seconds / 60}`,
    packages,
    runs: results.map(({ violations, ...result }) => result),
  };
  const [pawl] = results as [RunResult, ...RunResult[]];
  if (options.json) process.stdout.write(jsonOf(comparison));
  else process.stdout.write(`${tableOf(comparison)}\n\n${circumstancesOf(comparison)}\n`);
  if (pawl.violations.length > 0) process.stderr.write(`\n${summaryOf(pawl)}`);
  if (options.write) write(comparison);
  return pawl.violations.length > 0 ? 1 : 0;
}

function write(comparison: Comparison): void {
  mkdirSync(join(resultsPath, ".."), { recursive: true });
  writeFileSync(resultsPath, jsonOf(comparison));
  replaceBlock(readmePath, "torture", blockOf(comparison));
}

/** What README.md shows of a comparison. */
export function blockOf(comparison: Comparison): string {
  return blockNamed("torture", [tableOf(comparison), circumstancesOf(comparison)]);
}

const head = [
  "the same faults, thefts and kill -9",
  "refreshes",
  "honest sessions lost",
  "per 1,000 refreshes",
  "thefts",
  "thief out",
  "thief still in",
  "sign-outs that did not hold",
];

function tableOf({ runs }: Comparison): string {
  const rows = runs.map(({ title, counts, lost, resurrected }) => [
    title,
    String(counts.refreshes),
    String(lost),
    ((lost / Math.max(1, counts.refreshes)) * 1000).toFixed(1),
    String(counts.thefts),
    String(counts.thefts - counts.inside),
    String(counts.inside),
    String(resurrected),
  ]);
  return tableFrom(head, rows);
}

function circumstancesOf({ machine, date, command, packages, runs }: Comparison): string {
  const [first] = runs as [Comparison["runs"][number], ...Comparison["runs"]];
  const faults = runs.map(({ faults: each }) => Object.values(each).reduce((sum, count) => sum + count, 0));
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`);
  return [
    `${Math.round(first.seconds)} s each at a grace of ${first.graceSeconds} s; ${faults.join(", ")} faults and`,
    `${runs.map(({ kills }) => kills).join(", ")} kills, in the order of the rows. ${machine.cpu}, ${machine.cores} cores,`,
    `Node.js ${machine.node}; ${versions.join(", ")}; ${date.slice(0, 10)}; \`${command}\`.`,
  ].join("\n");
}
