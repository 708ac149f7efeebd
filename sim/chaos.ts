// `npm run chaos`: real nodes on a real Postgres or Redis, people who use them, and one fault after the other. Owns the options,
// the exit code and the stored results; sim/chaos/ does the work. Speaks only to this machine, and damages only what it started.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { readMachine } from "../bench/machine.ts";
import type { FaultsTable } from "./chaos/report.ts";
import { faultsBlockName, faultsBlockOf, faultsTableOf, linesOf } from "./chaos/report.ts";
import type { ChaosResult } from "./chaos/run.ts";
import { chaos } from "./chaos/run.ts";
import { scenarios } from "./chaos/scenarios.ts";
import { replaceBlock } from "./torture/page.ts";
import { jsonOf } from "./torture/report.ts";

const root = join(import.meta.dirname, "..");
export const faultsResultsPath: string = join(root, "sim/results/faults.json");
export const faultsPagePath: string = join(root, "docs/reference/faults.md");
const names = [...new Set(scenarios.map(({ name }) => name))];

const usage = `usage: npm run chaos -- [options]

  --only NAME     one fault: ${names.slice(0, 5).join(", ")},
                  ${names.slice(5).join(", ")}
  --store S       postgres or redis alone; default both. Each is started for the run, in a temporary folder
  --seconds N     how long people use it before, during and after the fault; default 4, at most 600
  --people N      how many; default 18, 12 to 200
  --docs          stores sim/results/faults.json and the table in docs/reference/faults.md; all faults only
  --json          the results as JSON on stdout

exit code: 0 everything held, 1 something did not, 2 wrong usage
`;

class UsageError extends Error {}

function whole(name: string, text: string | undefined, fallback: number, least: number, most: number): number {
  const value = text === undefined ? fallback : Number(text);
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new UsageError(`--${name} takes a whole number from ${least} to ${most}`);
  }
  return value;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      store: { type: "string" },
      seconds: { type: "string" },
      people: { type: "string" },
      docs: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const { only, store, docs, json } = values;
  if (only !== undefined && !names.includes(only)) throw new UsageError(`--only takes one of ${names.join(", ")}`);
  if (store !== undefined && store !== "postgres" && store !== "redis") {
    throw new UsageError("--store takes postgres or redis");
  }
  if (docs && (only ?? store) !== undefined) throw new UsageError("--docs runs all of them");
  const seconds = whole("seconds", values.seconds, 4, 1, 600);
  const people = whole("people", values.people, 18, 12, 200);
  const wanted = scenarios.filter((each) => (only ?? each.name) === each.name && (store ?? each.store) === each.store);
  if (wanted.length === 0) throw new UsageError(`${only} is not a fault of ${store}`);
  const results: ChaosResult[] = [];
  for (const scenario of wanted) {
    const result = await chaos(scenario, { people, seconds });
    results.push(result);
    process.stderr.write(linesOf(result));
  }
  const hasHeld = results.every(({ violations }) => violations.length === 0);
  process.stdout.write(json ? jsonOf(results) : `\n${faultsTableOf(results)}\n`);
  if (docs && hasHeld) {
    const command = `npm run chaos -- --docs --seconds ${seconds} --people ${people}`;
    const runs = results.map(({ violations, ...run }) => run);
    const table: FaultsTable = { machine: readMachine(), date: new Date().toISOString(), command, runs };
    mkdirSync(dirname(faultsResultsPath), { recursive: true });
    writeFileSync(faultsResultsPath, jsonOf(table));
    replaceBlock(faultsPagePath, faultsBlockName, faultsBlockOf(table));
  }
  return hasHeld ? 0 : 1;
}

if (import.meta.main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    const isUsage =
      error instanceof UsageError || (error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS") === true;
    process.stderr.write(`chaos: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = isUsage ? 2 : 1;
  }
}
