// Plays a named trace on the real engine, judges every state on the way and says whether it ends as it must.
// Owns that last judgement; changes no state.

import { judge } from "./judge.ts";
import type { Step } from "./moves.ts";
import { make } from "./moves.ts";
import { begin } from "./search.ts";
import type { Server } from "./server.ts";
import type { Trace } from "./traces.ts";
import { scenarioOf } from "./traces.ts";

/** How a trace went. */
export interface Played {
  /** What is wrong, or nothing. */
  readonly wrong: string | undefined;
  /** False when a move could not be made: then what is wrong is the trace, and it shows nothing about the rules. */
  readonly isPlayable: boolean;
  /** Moves that were made: all, unless something went wrong in between. */
  readonly made: number;
}

/** Plays `trace` and judges every state on the way, and the end. */
export async function playTrace(server: Server, trace: Trace): Promise<Played> {
  const { stage, world: start, first } = await begin(server, scenarioOf(trace));
  let world = start;
  let thiefs: Step["reply"];
  for (const [index, move] of trace.moves.entries()) {
    const isThere = !("flight" in move) || world.flights[move.flight] !== undefined;
    const isHis = move.kind !== "thief" || world.thief?.tokens[move.token] !== undefined;
    if (!isThere || !isHis) {
      return { wrong: `move ${index + 1} cannot be made any more`, isPlayable: false, made: index };
    }
    const step = await make(stage, world, move);
    const violation = step.violation ?? judge(stage, step.world, first);
    if (violation !== undefined) {
      return { wrong: `${violation.invariant}: ${violation.what}`, isPlayable: true, made: index + 1 };
    }
    world = step.world;
    if (move.kind === "thief") thiefs = step.reply;
  }
  return {
    wrong: wrongEnd(trace, world.record.ended?.reason, thiefs?.issuedAt !== undefined),
    isPlayable: true,
    made: trace.moves.length,
  };
}

function wrongEnd(trace: Trace, reason: string | undefined, isThiefIn: boolean): string | undefined {
  if (trace.end === "revoked") return reason === "refresh_token_reused" ? undefined : "the thief was not noticed";
  if (reason !== undefined) return `the session was ended: ${reason}`;
  return trace.end === "thief out" && isThiefIn ? "the thief still has access" : undefined;
}
