// `pawl simulate`: simulated people, networks, crashes and thieves against Pawl's rules and those of others; a table, a
// report, or the story of one user. Needs no server, no store and no configuration, and writes nothing but `--out`.
// Owns the flags; what is simulated and what the figures mean is the business of simulator/.

import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { nodePlatform } from "../platform/node.ts";
import type { FaultLevel } from "../simulator/faults.ts";
import { faultLevels } from "../simulator/faults.ts";
import { narrate, narrateFailure } from "../simulator/narrate.ts";
import { reportPage } from "../simulator/report-page.ts";
import type { RuleSet } from "../simulator/rule-server.ts";
import { ruleSets, twoPhase } from "../simulator/rule-sets.ts";
import type { Outcome, Simulation } from "../simulator/simulate.ts";
import {
  failuresOf,
  levelsDefault,
  replayCommand,
  simulate as runSimulation,
  simulationBounds,
} from "../simulator/simulate.ts";
import { notesOf, tableOf } from "../simulator/table.ts";
import { liveStory } from "../simulator/user-story.ts";
import { UsageError } from "./arguments.ts";
import type { Invocation } from "./commands.ts";
import { textFlag } from "./layout.ts";
import { complain, print, printJson, type Terminal } from "./terminal.ts";
import { packageVersion } from "./version.ts";

const storyLinesShown = 40;
const failuresShown = 5;

/** `pawl simulate [options]` */
export async function simulate(invocation: Invocation): Promise<number> {
  const { terminal, flags, json } = invocation;
  const simulation = readSimulation(flags);
  if (flags.story !== undefined) return await tellStory(terminal, simulation, flags);
  const { clock } = nodePlatform;
  const startedAt = clock.now();
  const outcome = await runSimulation(simulation);
  const seconds = (clock.now() - startedAt) / 1000;
  if (json) printJson(terminal, outcome);
  else print(terminal, `${tableOf(outcome)}\n\n${notesOf(outcome, seconds)}`);
  const out = textFlag(flags, "out");
  if (out !== undefined) await writeReport(terminal, outcome, out, json);
  return outcome.failures_total === 0 ? 0 : await complainOf(terminal, simulation, outcome);
}

function readSimulation(flags: Invocation["flags"]): Simulation {
  const users = readNumber(flags, "users");
  const user = textFlag(flags, "user");
  const common = { seed: readNumber(flags, "seed"), users, days: readNumber(flags, "days") };
  const levels = readNames<FaultLevel>(flags, "faults", faultLevels, (name) => name) ?? levelsDefault;
  const rules = readNames<RuleSet>(flags, "only", ruleSets, (each) => each.name) ?? ruleSets;
  return { ...common, levels, rules, ...(user === undefined ? {} : { user: readNumber(flags, "user", "users") }) };
}

function readNumber(
  flags: Invocation["flags"],
  flag: string,
  bound: keyof typeof simulationBounds = flag as keyof typeof simulationBounds,
): number {
  const { fallback, min, max } = simulationBounds[bound];
  const text = textFlag(flags, flag);
  if (text === undefined) return fallback;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`--${flag} takes a whole number from ${min} to ${max}`);
}

/** The members of `all` that a comma-separated flag names, in the order of `all`. */
function readNames<Item>(
  flags: Invocation["flags"],
  flag: string,
  all: readonly Item[],
  nameOf: (item: Item) => string,
): readonly Item[] | undefined {
  const text = textFlag(flags, flag);
  if (text === undefined) return undefined;
  const names = text.split(",").map((name) => name.trim());
  const known = all.map(nameOf);
  if (names.every((name) => known.includes(name))) return all.filter((item) => names.includes(nameOf(item)));
  throw new UsageError(`--${flag} takes one or more of ${known.join(", ")}, separated by commas`);
}

async function tellStory(terminal: Terminal, simulation: Simulation, flags: Invocation["flags"]): Promise<number> {
  const { user, seed, days } = simulation;
  if (user === undefined) throw new UsageError("--story needs --user <n>: whose story?");
  const rules = flags.only === undefined ? [twoPhase] : simulation.rules;
  const levels: readonly FaultLevel[] = flags.faults === undefined ? ["high"] : simulation.levels;
  const [ruleSet, level] = [rules[0] as RuleSet, levels[0] as FaultLevel];
  if (rules.length !== 1) throw new UsageError("--story takes one rule set: --only <name>");
  if (levels.length !== 1) throw new UsageError("--story takes one level: --faults <level>");
  const world = await liveStory({ ruleSet, level, seed, user, days, isTold: true });
  print(terminal, narrate(world).join("\n"));
  return failuresOf(world, ruleSet, level).length === 0 ? 0 : 1;
}

async function complainOf(terminal: Terminal, simulation: Simulation, outcome: Outcome): Promise<number> {
  const { failures, failures_total } = outcome;
  complain(terminal, `FAILED: ${failures_total} promises of Pawl's two-phase rules were not kept`);
  for (const failure of failures.slice(0, failuresShown)) {
    complain(terminal, `user ${failure.user}, faults ${failure.faults}: ${failure.what}`);
    complain(terminal, `  replay: ${replayCommand(simulation, failure)}`);
  }
  const [first] = failures;
  const ruleSet = ruleSets.find(({ name }) => name === first?.rules);
  if (first === undefined || ruleSet === undefined) return 1;
  const { seed, days } = simulation;
  const world = await liveStory({ ruleSet, level: first.faults, seed, user: first.user, days, isTold: true });
  terminal.errors.write(`\n${narrateFailure(world, storyLinesShown).join("\n")}\n`);
  return 1;
}

async function writeReport(terminal: Terminal, outcome: Outcome, out: string, json: boolean): Promise<void> {
  const folder = resolve(terminal.directory, out);
  await mkdir(folder, { recursive: true });
  const about = {
    version: packageVersion(),
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
  };
  await writeFile(join(folder, "simulation.html"), reportPage(outcome, about));
  await writeFile(join(folder, "simulation.json"), `${JSON.stringify(outcome, null, 2)}\n`);
  const words = `report: ${join(out, "simulation.html")}, ${join(out, "simulation.json")}`;
  if (json) terminal.errors.write(`${words}\n`);
  else print(terminal, `\n${words}`);
}
