// `npm run explore`: searches every interleaving of a scenario, up to a depth, on the real engine, and tells the shortest
// trace to anything that breaks an invariant of CONTRACT section 4. Exit codes: 0 nothing found, 1 a violation, 2 usage.
// Owns the command line and the report; the search is explorer/'s.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { doorsAbout, doorsLengthDefault, doorsName, exploreDoors } from "./explorer/doors.ts";
import { playTrace } from "./explorer/play.ts";
import { scenarios, statesDefault } from "./explorer/scenarios.ts";
import type { Found } from "./explorer/search.ts";
import { explore } from "./explorer/search.ts";
import { createServer } from "./explorer/server.ts";
import { tell } from "./explorer/story.ts";
import type { Trace } from "./explorer/traces.ts";
import { scenarioOf, traces } from "./explorer/traces.ts";

const usage = `Usage: npm run explore -- [options]

  --depth <moves>     how deep, 1 to 1000 (default: until --states is reached)
  --states <number>   distinct states per scenario, 1 to 20,000,000 (default: 40,000 for most; with --depth: 20,000,000)
  --only <name>       one scenario; may be repeated
  --parallel <number> processes, 1 to 64 (default 2)
  --trace <name>      one named trace instead of a search; "all" plays every one
  --json              one JSON line per scenario
  --list              the scenarios, and what each explores`;

const depthLimit = 1000;
const statesLimit = 20_000_000;
const processesLimit = 64;
/** Sequences at the door are played, not merged: one more move takes seven times as long. */
const doorsLengthMax = 7;

interface Options {
  readonly depthMax: number;
  /** `undefined`: as each scenario says. */
  readonly statesMax: number | undefined;
  readonly chosen: readonly string[];
  readonly doorsLength: number;
  readonly parallel: number;
  readonly json: boolean;
  /** Named traces to play before the search; with `--trace` nothing else is done. */
  readonly traces: readonly Trace[];
}

/** What is told about one scenario. */
interface Report extends Omit<Found, "trace"> {
  readonly seconds: number;
  /** The trace to the violation, in words. */
  readonly story: readonly string[];
}

/** A mistake in the options; its message is for the person who made it. */
class UsageError extends Error {}

function whole(name: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > max) {
    throw new UsageError(`--${name} must be a whole number from 1 to ${max}`);
  }
  return value;
}

const names: readonly string[] = [...scenarios.map((each) => each.name), doorsName];

function chosenBy(wanted: readonly string[]): readonly string[] {
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`--only ${JSON.stringify(unknown)} is no scenario; there are: ${names.join(", ")}`);
  }
  return wanted.length === 0 ? names : names.filter((name) => wanted.includes(name));
}

function tracesBy(wanted: string | undefined): readonly Trace[] {
  if (wanted === undefined) return [];
  const found = wanted === "all" ? traces : traces.filter((each) => each.name === wanted);
  if (found.length > 0) return found;
  const known = traces.map((each) => each.name).join(", ");
  throw new UsageError(`--trace ${JSON.stringify(wanted)} is no trace; there are: ${known}`);
}

function readOptions(): Options | "help" | "list" {
  const options = {
    depth: { type: "string" },
    states: { type: "string" },
    only: { type: "string", multiple: true },
    parallel: { type: "string" },
    trace: { type: "string" },
    json: { type: "boolean" },
    list: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  } as const;
  let values: ReturnType<typeof parseArgs<{ options: typeof options }>>["values"];
  try {
    ({ values } = parseArgs({ options }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (values.help) return "help";
  if (values.list) return "list";
  const depth = whole("depth", values.depth, depthLimit);
  const states = whole("states", values.states, statesLimit);
  return {
    depthMax: depth ?? depthLimit,
    statesMax: states ?? (depth === undefined ? undefined : statesLimit),
    chosen: values.trace === undefined ? chosenBy(values.only ?? []) : [],
    traces: tracesBy(values.trace ?? (values.only === undefined ? "all" : undefined)),
    doorsLength: Math.min(depth ?? doorsLengthDefault, doorsLengthMax),
    parallel: whole("parallel", values.parallel, processesLimit) ?? 2,
    json: values.json ?? false,
  };
}

async function reportOn(name: string, options: Options): Promise<Report> {
  const startedAt = performance.now();
  const seconds = (): number => Math.round((performance.now() - startedAt) / 100) / 10;
  const scenario = scenarios.find((each) => each.name === name);
  if (scenario === undefined) return { ...(await exploreDoors(options.doorsLength)), seconds: seconds() };
  const server = await createServer();
  const bounds = { depthMax: options.depthMax, statesMax: options.statesMax ?? scenario.states };
  const { trace, ...found } = await explore(server, scenario, bounds);
  const story = found.violation === undefined ? [] : await tell(server, scenario, trace);
  return { ...found, seconds: seconds(), story };
}

/** One scenario in a process of its own. */
function inProcess(name: string, options: Options): Promise<Report> {
  const depth = name === doorsName ? options.doorsLength : options.depthMax;
  const states = options.statesMax ?? scenarios.find((each) => each.name === name)?.states ?? statesDefault;
  const own = ["--only", name, "--depth", String(depth), "--states", String(states), "--json"];
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...own], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (piece: string) => {
      text += piece;
    });
    child.on("error", reject);
    child.on("close", () => {
      try {
        resolve(JSON.parse(text) as Report);
      } catch {
        reject(new Error(`exploring ${name} ended without a result`));
      }
    });
  });
}

/** Plays the named traces; how many ended as they must not. */
async function playTraces(options: Options): Promise<number> {
  const server = await createServer();
  let wrong = 0;
  for (const trace of options.traces) {
    const { wrong: what, isPlayable, made } = await playTrace(server, trace);
    if (what !== undefined) wrong += 1;
    const story =
      what === undefined && options.traces.length > 1
        ? []
        : await tell(server, scenarioOf(trace), trace.moves.slice(0, made));
    if (options.json) {
      const violation = { invariant: "trace", what };
      const found = what === undefined ? {} : isPlayable ? { violation } : { error: what };
      console.log(JSON.stringify({ trace: trace.name, ...found, story }));
    } else if (story.length > 0) {
      console.log(`${trace.name}: ${what ?? `ends as it must, ${trace.end}`}\n${story.join("\n")}\n`);
    }
  }
  if (!options.json) console.log(`${options.traces.length} named traces played, ${wrong} end wrong\n`);
  return wrong;
}

const ends: Readonly<Record<Found["end"], string>> = {
  exhausted: "exhausted: there is nothing more",
  depth: "capped by --depth",
  states: "capped by --states",
  violation: "VIOLATION",
};

function lineOf({ scenario, states, transitions, calls, depth, end, seconds }: Report): string {
  const numbers = [states, transitions, calls, depth].map((each) => each.toLocaleString("en").padStart(11)).join("");
  return `${scenario.padEnd(24)}${numbers}  ${seconds.toFixed(1).padStart(6)}  ${ends[end]}`;
}

const heading = `${"scenario".padEnd(24)}${["states", "moves", "questions", "depth"].map((word) => word.padStart(11)).join("")}  ${"s".padStart(6)}  end`;

async function run(options: Options): Promise<number> {
  const { chosen, json } = options;
  const wrong = options.traces.length === 0 ? 0 : await playTraces(options);
  if (chosen.length === 0) return wrong === 0 ? 0 : 1;
  const alone = chosen.length === 1 || options.parallel === 1;
  if (!json) console.log(heading);
  const reports: Report[] = [];
  const queue = [...chosen];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const report = alone ? await reportOn(next, options) : await inProcess(next, options);
      reports.push(report);
      console.log(json ? JSON.stringify(report) : lineOf(report));
      if (!json && report.violation !== undefined) {
        console.log(`\n${report.violation.invariant}: ${report.violation.what}\n${report.story.join("\n")}\n`);
      }
    }
  };
  await Promise.all(Array.from({ length: alone ? 1 : options.parallel }, worker));
  const sum = (key: "states" | "transitions"): string =>
    reports.reduce((total, each) => total + each[key], 0).toLocaleString("en");
  const violations = reports.filter((each) => each.violation !== undefined).length;
  if (!json)
    console.log(`\n${sum("states")} states, ${sum("transitions")} moves, ${violations} violations of I1 to I6`);
  return violations + wrong === 0 ? 0 : 1;
}

try {
  const options = readOptions();
  if (options === "help") console.log(usage);
  else if (options === "list") {
    const all = [...scenarios, { name: doorsName, about: doorsAbout }];
    for (const { name, about } of all) console.log(`${name.padEnd(24)} ${about}`);
  } else process.exitCode = await run(options);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`explore: ${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
