// The torture on every database: one run on one of them, and the table of all with one, two and five nodes. Owns the file of
// results and the block of docs/reference/stores.md that is rendered from it.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Machine, readMachine } from "../../bench/machine.ts";
import { blockNamed, replaceBlock, tableFrom } from "./page.ts";
import { pawlDialect } from "./pawl.ts";
import { figuresOf, jsonOf, summaryOf } from "./report.ts";
import { type RunOptions, type RunResult, torture } from "./run.ts";
import { openDatabase, storeKinds } from "./stores.ts";

const root = join(import.meta.dirname, "../..");
/** Where `--docs` puts the results. */
export const storesResultsPath: string = join(root, "sim/results/stores.json");
export const storesPagePath: string = join(root, "docs/reference/stores.md");
export const storesBlockName = "torture";
/** How many processes share the database. */
const nodeCounts = [1, 2, 5] as const;

type Options = Omit<RunOptions, "dialect">;

/** A run on one database. */
export interface StoreRun extends RunResult {
  /** Product and version of the database. */
  readonly database: string;
  readonly nodes: number;
}

/** Results of all, with what a figure cannot do without. */
export interface StoresTable {
  readonly machine: Machine;
  readonly date: string;
  readonly command: string;
  readonly runs: readonly Omit<StoreRun, "violations">[];
}

/** Runs the torture once, on the database that `store` names (see openDatabase). */
export async function tortureOn(store: string, options: Options): Promise<StoreRun> {
  const database = await openDatabase(store);
  try {
    const result = await torture({ ...options, dialect: pawlDialect(undefined, database) });
    return { ...result, database: database.title, nodes: options.nodes ?? 1 };
  } finally {
    await database.close();
  }
}

/** Runs every database with every count of nodes, stores the table and resolves the exit code. */
export async function tortureStores(options: Options, say: (progress: string) => void): Promise<number> {
  const runs: StoreRun[] = [];
  for (const store of storeKinds) {
    for (const nodes of nodeCounts) {
      const run = await tortureOn(store, { ...options, nodes });
      say(`${run.database}, ${nodes === 1 ? "1 node" : `${nodes} nodes`}\n${figuresOf(run)}`);
      if (run.violations.length > 0) process.stderr.write(summaryOf(run));
      runs.push(run);
    }
  }
  const table: StoresTable = {
    machine: readMachine(),
    date: new Date().toISOString(),
    command: `npm run torture -- --docs --seed ${options.seed} --minutes ${options.seconds / 60} --grace ${options.graceSeconds} --slots ${options.slots}`,
    runs: runs.map(({ violations, ...run }) => run),
  };
  process.stdout.write(`${storesTableOf(table.runs)}\n`);
  if (runs.some(({ violations }) => violations.length > 0)) return 1;
  mkdirSync(dirname(storesResultsPath), { recursive: true });
  writeFileSync(storesResultsPath, jsonOf(table));
  replaceBlock(storesPagePath, storesBlockName, storesBlockOf(table));
  return 0;
}

const head = [
  "database",
  "nodes",
  "sessions",
  "refreshes",
  "faults",
  "kill -9",
  "honest sessions ended",
  "sign-outs that did not hold",
  "thefts",
  "thief out",
];

/** One line a run. */
export function storesTableOf(runs: StoresTable["runs"]): string {
  const rows = runs.map(({ database, nodes, counts, faults, kills, lost, resurrected }) => [
    database,
    ...[
      nodes,
      counts.sessions,
      counts.refreshes,
      Object.values(faults).reduce((sum, count) => sum + count, 0),
      kills,
      lost,
      resurrected,
      counts.thefts,
      counts.thefts - counts.inside,
    ].map(String),
  ]);
  return tableFrom(head, rows);
}

/** What docs/reference/stores.md shows of the results. */
export function storesBlockOf({ machine, date, command, runs }: StoresTable): string {
  const [first] = runs as [StoresTable["runs"][number], ...StoresTable["runs"]];
  const circumstances = [
    `${Math.round(first.seconds)} s each at a grace of ${first.graceSeconds} s. ${machine.cpu}, ${machine.cores} cores,`,
    `Node.js ${machine.node}; ${date.slice(0, 10)}; \`${command}\`.`,
  ].join("\n");
  return blockNamed(storesBlockName, [storesTableOf(runs), circumstances]);
}
