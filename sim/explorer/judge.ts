// The invariants of CONTRACT section 4 that a state shows by itself. For I1 it looks ahead: once everything under way is
// gone, the token in the jar must rotate; so a doomed jar is found before anybody presents it.
// Owns those look-aheads; they ask decide() itself and change nothing.

import type { Decision } from "../../src/core/decide.ts";
import { decide } from "../../src/core/decide.ts";
import type { Policy, RotationMode } from "../../src/core/policy.ts";
import { createPolicy } from "../../src/core/policy.ts";
import type { SessionRecord } from "../../src/core/record.ts";
import { retiredTimesMax } from "../../src/core/record.ts";
import type { RefreshToken } from "../../src/core/refresh-token.ts";
import { packRecord } from "../../src/stores/record-packing.ts";
import type { Stage } from "./moves.ts";
import type { Violation, World } from "./world.ts";
import { graceSeconds, zoneMilliseconds } from "./world.ts";

const policies: Readonly<Record<RotationMode, Policy>> = {
  "two-phase": createPolicy({ graceSeconds, rotation: "two-phase" }),
  strict: createPolicy({ graceSeconds, rotation: "strict" }),
};
const freshAttempt = new Uint8Array(16);
const unusedKey = "attempt-of-nobody-0";

/** What a token would get with a new attempt once a soft zone has passed and nothing is under way. */
function later(stage: Stage, world: World, token: RefreshToken): Decision {
  const presented = { operation: "refresh", token, attempt: unusedKey, freshAttempt } as const;
  return decide(world.record, presented, world.at + zoneMilliseconds, policies[world.mode], stage.server.secrets);
}

const judged = new WeakSet<SessionRecord>();

/** Whoever has `PAWL_SECRET` and not the store can make a newer token with a good MAC, but no proof of descent. */
function acceptsForged(stage: Stage, world: World): boolean {
  const { record } = world;
  if (judged.has(record)) return false;
  judged.add(record);
  const { opened } = stage.lineage.known(world.jar);
  const links = [new Uint8Array(16), new Uint8Array(16)] as const;
  return [1, 2].some((ahead) => {
    const forged = { ...opened, generation: record.generation + ahead, secret: new Uint8Array(32), links };
    const { outcome } = later(stage, world, forged);
    return outcome !== "invalid" && outcome !== "reuse";
  });
}

/** Bytes of a row: hashes, bursts, a full list of retirement times and a full history, with names as short as here. */
export const rowBytesMax = 512;

function grows(record: SessionRecord): boolean {
  return record.retiredAt.length > retiredTimesMax || packRecord(record).length > rowBytesMax;
}

/** What is wrong with `world`, or nothing. */
export function judge(stage: Stage, world: World, first: string): Violation | undefined {
  const { record, jar } = world;
  if (grows(record)) return { invariant: "I3", what: "the row grows" };
  if (record.ended !== undefined) return undefined;
  if (acceptsForged(stage, world)) return { invariant: "I4", what: "a token without proof of descent is accepted" };
  if (world.thief === undefined) {
    const { outcome } = later(stage, world, stage.lineage.known(jar).opened);
    if (outcome !== "rotate") {
      return { invariant: "I1", what: `what the jar holds is lost: when all is quiet it gets ${outcome}` };
    }
  }
  // The token of the sign-in stands for every token that was replaced long ago.
  const isReplaced = record.generation > 0 && record.retiredAt.length < retiredTimesMax;
  if (isReplaced && later(stage, world, stage.lineage.known(first).opened).outcome !== "reuse") {
    return { invariant: "I4", what: "the token of the sign-in is not recognised any more" };
  }
  return undefined;
}
