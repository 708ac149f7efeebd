// Checks the abstraction that every result of the explorer rests on: two states of one canonical name must go on alike.
// For a sample of the states that a search merges, every move is made from both, and the sets of what happened (move,
// answer, name of the state after it) must be the same. Owns the comparison and its sample; knows no rule.

import { canonical } from "./canonical.ts";
import { standingOf } from "./lineage.ts";
import type { Move, Stage, Step } from "./moves.ts";
import { make, movesIn } from "./moves.ts";
import { begin } from "./search.ts";
import type { Server } from "./server.ts";
import type { Scenario, World } from "./world.ts";

/** How much is compared. */
export interface Sample {
  readonly statesMax: number;
  /** One merge in this many is looked at. */
  readonly every: number;
}

/** What a comparison found. */
export interface Compared {
  readonly states: number;
  /** Merges that were looked at. */
  readonly merges: number;
  /** What the first of two states can do that the other cannot, and the other way round; of the first such merge. */
  readonly difference: readonly string[];
  readonly differing: number;
  /** States in which the jar or a thief holds a token of a line that current does not belong to. */
  readonly foreign: number;
}

/** A move without positions, which may differ between two states that are the same. */
function labelOf(scenario: Scenario, move: Move): string {
  switch (move.kind) {
    case "send":
      return `send ${move.operation} ${scenario.lanes[move.lane]}`;
    case "round":
      return `round ${move.operation} ${scenario.lanes[move.lane]} ${move.lost}`;
    case "thief":
      return `thief ${move.operation} ${move.lane}`;
    case "wait":
      return `wait ${move.milliseconds}`;
    default:
      return move.kind;
  }
}

/** Everything that can happen next. */
async function successors(stage: Stage, world: World): Promise<ReadonlySet<string>> {
  const all = new Set<string>();
  for (const move of movesIn(stage, world)) {
    const { reply, violation, world: next }: Step = await make(stage, world, move);
    const answer = `${reply?.code ?? ""} ${violation?.invariant ?? ""}`;
    all.add(`${labelOf(stage.scenario, move)} -> ${answer} -> ${canonical(stage.lineage, next, stage.scenario)}`);
  }
  return all;
}

function hasForeign({ lineage }: Stage, { jar, record, flights, thief }: World): boolean {
  const held = [jar, ...flights.flatMap(({ token, gives }) => [token, gives ?? jar]), ...(thief?.tokens ?? [])];
  return held.some((token) => standingOf(lineage, record, token).standing === "foreign");
}

/** Searches `scenario` and compares what it merges. */
export async function compareMerged(server: Server, scenario: Scenario, sample: Sample): Promise<Compared> {
  const { stage, world: start } = await begin(server, scenario);
  const kept = new Map<string, World>([[canonical(stage.lineage, start, scenario), start]]);
  const queue: World[] = [start];
  let met = 0;
  let merges = 0;
  let differing = 0;
  let foreign = 0;
  let difference: readonly string[] = [];
  for (const from of queue) {
    if (kept.size >= sample.statesMax) break;
    for (const move of movesIn(stage, from)) {
      const { world } = await make(stage, from, move);
      const name = canonical(stage.lineage, world, scenario);
      const first = kept.get(name);
      if (first === undefined) {
        kept.set(name, world);
        queue.push(world);
        if (hasForeign(stage, world)) foreign += 1;
        continue;
      }
      met += 1;
      if (met % sample.every !== 0) continue;
      merges += 1;
      const [ours, others] = [await successors(stage, first), await successors(stage, world)];
      const apart = [
        ...[...ours].filter((each) => !others.has(each)),
        "and the other:",
        ...[...others].filter((each) => !ours.has(each)),
      ];
      if (apart.length === 1) continue;
      differing += 1;
      if (difference.length === 0) difference = [name, ...apart];
    }
  }
  return { states: kept.size, merges, difference, differing, foreign };
}
