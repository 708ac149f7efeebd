// Breadth-first search over the states of a scenario: shortest traces first, like states once. Says how far it got and
// whether that was all there is. Owns the search and its bounds; knows no move and no rule.

import { hash } from "node:crypto";
import { canonical } from "./canonical.ts";
import { judge } from "./judge.ts";
import { createLineage } from "./lineage.ts";
import type { Move, Stage } from "./moves.ts";
import { make, movesIn } from "./moves.ts";
import type { Server } from "./server.ts";
import type { Scenario, Violation, World } from "./world.ts";

/** How far a search goes; whatever is reached first ends it, and the report says which. */
export interface Bounds {
  /** Moves from the start. */
  readonly depthMax: number;
  readonly statesMax: number;
}

/** What a search found. */
export interface Found {
  readonly scenario: string;
  readonly states: number;
  readonly transitions: number;
  /** Questions that the engine was really asked. */
  readonly calls: number;
  /** Every trace of up to this many moves was explored. */
  readonly depth: number;
  /** Why it ended: there is nothing more, a bound, or a violation. */
  readonly end: "exhausted" | "depth" | "states" | "violation";
  readonly violation: Violation | undefined;
  /** The shortest trace to it. */
  readonly trace: readonly Move[];
}

interface Node {
  world: World | undefined;
  readonly parent: number;
  readonly move: Move | undefined;
  readonly depth: number;
}

const startAt = 1_767_225_600_000;

/** The stage and the first state of a scenario: signed in, nothing under way. */
export async function begin(
  server: Server,
  scenario: Scenario,
): Promise<{ stage: Stage; world: World; first: string }> {
  const lineage = createLineage(server.open);
  const { record, token } = await server.signIn(startAt);
  lineage.note(token, undefined, "sign-in", startAt);
  const world: World = {
    at: startAt,
    mode: "two-phase",
    record,
    before: undefined,
    jar: token,
    keys: scenario.lanes.map(() => undefined),
    flights: [],
    thief: undefined,
    left: scenario.budget,
  };
  return { stage: { server, lineage, scenario, replies: new Map(), asked: 0 }, world, first: token };
}

function traceTo(nodes: readonly Node[], last: number): Move[] {
  const moves: Move[] = [];
  for (let at = last; at >= 0; ) {
    const { parent, move } = nodes[at] as Node;
    if (move !== undefined) moves.push(move);
    at = parent;
  }
  return moves.reverse();
}

/** Explores `scenario` within `bounds`. */
export async function explore(server: Server, scenario: Scenario, bounds: Bounds): Promise<Found> {
  const { stage, world, first } = await begin(server, scenario);
  const seen = new Set<string>();
  const nodes: Node[] = [{ world, parent: -1, move: undefined, depth: 0 }];
  seen.add(nameOf(stage, world));
  let transitions = 0;
  const found = (depth: number, end: Found["end"], violation?: Violation, trace: readonly Move[] = []): Found => {
    const { name } = scenario;
    const calls = stage.asked;
    return { scenario: name, states: seen.size, transitions, calls, depth, end, violation, trace };
  };
  for (let position = 0; position < nodes.length; position += 1) {
    const node = nodes[position] as Node;
    const from = node.world as World;
    if (node.depth >= bounds.depthMax) return found(node.depth, "depth");
    for (const move of movesIn(stage, from)) {
      transitions += 1;
      const step = await make(stage, from, move);
      const child: Node = { world: step.world, parent: position, move, depth: node.depth + 1 };
      if (step.violation !== undefined) {
        return found(child.depth, "violation", step.violation, [...traceTo(nodes, position), move]);
      }
      const name = nameOf(stage, step.world);
      if (seen.has(name)) continue;
      seen.add(name);
      const violation = judge(stage, step.world, first);
      if (violation !== undefined) {
        return found(child.depth, "violation", violation, [...traceTo(nodes, position), move]);
      }
      nodes.push(child);
    }
    // A state that was gone on from is only needed for its place in a trace.
    node.world = undefined;
    if (seen.size >= bounds.statesMax) return found(node.depth, "states");
  }
  return found((nodes.at(-1) as Node).depth, "exhausted");
}

function nameOf(stage: Stage, world: World): string {
  const text = canonical(stage.lineage, world, stage.scenario);
  return text.length <= 24 ? text : hash("sha256", text, "binary").slice(0, 16);
}
