// `npm run torture`: honest clients and thieves against the real server and its real database, in one process or several,
// through a network that loses, delays, doubles, reorders and cuts, with kill -9 in between. Owns the options and the exit code;
// sim/torture/ does the work. Speaks what CONTRACT promises, and only to this machine.

import { parseArgs } from "node:util";
import { tortureOn, tortureStores } from "./torture/on-stores.ts";
import { jsonOf, summaryOf } from "./torture/report.ts";
import type { RunOptions } from "./torture/run.ts";

const usage = `usage: npm run torture -- [options]

  --seed S      replays the plan of a run: who lives in it, when they act, which request meets which fault.
                (What the machine makes of the plan, the order of answers above all, is its own business.)
  --minutes N   how long the load lasts; default 0.7, fractions are fine
  --grace N     PAWL_GRACE in seconds; default 1 (a busy machine wants 2)
  --slots N     sessions at the same time; default 36, every third is robbed
  --store S     sqlite (the default), postgres, mysql or redis, started for the run in a temporary folder; or the
                postgres://, mysql:// or redis:// URL of a database server that runs already, on this machine only: there it
                makes a schema or tables of its own, or wants an empty database, and leaves nothing
  --nodes N     server processes on the one database, behind a balancer that gives each request to the next; default 1,
                at most 16. A kill -9 hits one of them
  --docs        every store with 1, 2 and 5 nodes: stores sim/results/stores.json and the table in docs/reference/stores.md
  --url BASE    tortures a server that runs already, on this machine only, and kills nothing. Its PAWL_GRACE must be
                that of --grace, and PAWL_RATE_LIMIT off
  --peers       the same seed and faults for node-oidc-provider and the tutorial pattern, side by side
  --write       with --peers: stores sim/results/torture.json and the table in README.md
  --json        the results as JSON on stdout

exit code: 0 no violation, 1 a violation (seed and story are printed), 2 wrong usage
`;

const nodesMax = 16;

class UsageError extends Error {}

function positive(name: string, text: string | undefined, fallback: number, isWhole = false): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!(value > 0) || (isWhole && !Number.isInteger(value))) throw new UsageError(`--${name} takes a number above 0`);
  return value;
}

type Options = Omit<RunOptions, "dialect"> & {
  readonly store: string;
  readonly docs: boolean;
  readonly peers: boolean;
  readonly write: boolean;
  readonly json: boolean;
};

function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      minutes: { type: "string" },
      grace: { type: "string" },
      slots: { type: "string" },
      url: { type: "string" },
      store: { type: "string" },
      nodes: { type: "string" },
      docs: { type: "boolean", default: false },
      peers: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const { peers, write, json, url, docs } = values;
  if (write && !peers) throw new UsageError("--write needs --peers: the table compares");
  if (url !== undefined && peers) throw new UsageError("--url and --peers exclude each other");
  const chosen = values.store !== undefined || values.nodes !== undefined;
  if (chosen && (url !== undefined || peers)) throw new UsageError("--store and --nodes are for servers of the run");
  if (docs && (chosen || url !== undefined || peers)) throw new UsageError("--docs runs all of its own choice");
  const nodes = positive("nodes", values.nodes, 1, true);
  if (nodes > nodesMax) throw new UsageError(`--nodes takes at most ${nodesMax}`);
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
  if (!Number.isInteger(seed)) throw new UsageError("--seed takes a whole number");
  return {
    seed,
    seconds: positive("minutes", values.minutes, 0.7) * 60,
    graceSeconds: positive("grace", values.grace, 1, true),
    slots: positive("slots", values.slots, 36, true),
    store: values.store ?? "sqlite",
    nodes,
    docs,
    peers,
    write,
    json,
    ...(url === undefined ? {} : { url }),
  };
}

function say(progress: string): void {
  process.stderr.write(`${progress}\n`);
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options === undefined) return void process.stdout.write(usage);
  say(`seed ${options.seed}`);
  if (options.peers) {
    const { compare } = await import("./torture/comparison.ts");
    process.exitCode = await compare(options, say);
    return;
  }
  if (options.docs) {
    process.exitCode = await tortureStores(options, say);
    return;
  }
  const result = await tortureOn(options.store, options);
  process.stdout.write(options.json ? jsonOf(result) : summaryOf(result));
  if (result.violations.length > 0) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  const isUsage =
    error instanceof UsageError ||
    error instanceof RangeError ||
    (error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS") === true;
  process.stderr.write(`torture: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = isUsage ? 2 : 1;
}
