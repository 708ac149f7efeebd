// Bytes on disk per session, through the public engine and the SQLite store, on a clock that this file moves: sessions of
// all kinds of clients, refreshed at the pace of real ones, then closed (which checkpoints the log). The whole file
// counts: rows, index, signing keys, empty space in pages.

import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Platform } from "../src/core/ports.ts";
import { createSessions } from "../src/engine/create-sessions.ts";
import type { Sessions } from "../src/engine/types.ts";
import { nodePlatform } from "../src/platform/node.ts";
import { sqliteStore } from "../src/stores/sqlite.ts";
import { agentOf } from "./user-agents.ts";

/** What to measure. */
export interface SizePlan {
  readonly sessions: number;
  readonly refreshes: number;
}

/** One measurement. */
export interface SizeResult extends SizePlan {
  readonly bytesPerSession: number;
  readonly fileBytes: number;
  /** True when only the database file was left after closing, so that nothing is missing from the figure. */
  readonly logIsGone: boolean;
}

const minuteMilliseconds = 60_000;
/** As many operations at once as a busy server has: they share transactions. */
const batch = 256;

/** The machine's platform with a clock that stands still until it is moved. */
function movableClock(): { platform: Platform; advance: (milliseconds: number) => void } {
  let now = nodePlatform.clock.now();
  return {
    platform: { ...nodePlatform, clock: { now: () => now } },
    advance: (milliseconds) => {
      now += milliseconds;
    },
  };
}

/** IPv4 for three of four clients, IPv6 for the others. */
function addressOf(index: number): string {
  const byte = (shift: number): number => (Math.imul(index + 1, 2_654_435_761) >>> shift) & 0xff;
  if (index % 4 !== 3) return `${1 + (byte(24) % 222)}.${byte(16)}.${byte(8)}.${byte(0)}`;
  const group = (shift: number): string => ((byte(shift) << 8) | byte(24 - shift)).toString(16);
  return `2001:db8:${group(0)}:${group(8)}:${group(16)}:${group(24)}:${group(4)}:${group(12)}`;
}

async function inBatches(count: number, work: (index: number) => Promise<void>): Promise<void> {
  for (let from = 0; from < count; from += batch) {
    const size = Math.min(batch, count - from);
    await Promise.all(Array.from({ length: size }, (_, offset) => work(from + offset)));
  }
}

async function fill(sessions: Sessions, plan: SizePlan, advance: (milliseconds: number) => void): Promise<void> {
  const tokens: string[] = new Array(plan.sessions).fill("");
  await inBatches(plan.sessions, async (index) => {
    // A subject as the server's accounts make them: 16 random bytes as base64url; 1.5 sessions each.
    const person = Buffer.alloc(16, `person ${Math.floor(index / 1.5)} `).toString("base64url");
    advance(37);
    const origin = { userAgent: agentOf(index), ip: addressOf(index) };
    const grant = await sessions.issue({ subject: person, transport: index % 4 === 0 ? "body" : "cookie", ...origin });
    tokens[index] = grant.refreshToken as string;
  });
  for (let round = 0; round < plan.refreshes; round++) {
    advance(14 * minuteMilliseconds);
    await inBatches(plan.sessions, async (index) => {
      // Every second client is ours and sends an Idempotency-Key.
      const attempt = index % 2 === 0 ? {} : { attempt: `${index}-${round}-`.padEnd(22, "k") };
      advance(23);
      const origin = { userAgent: agentOf(index), ip: addressOf(index) };
      const grant = await sessions.refresh({ refreshToken: tokens[index] as string, ...attempt, ...origin });
      if (grant.outcome !== "rotated") throw new Error(`a refresh was ${grant.outcome}`);
      tokens[index] = grant.refreshToken as string;
    });
  }
}

/** Fills a database in `folder`, closes it and weighs the file. */
export async function benchSize(plan: SizePlan, folder: string): Promise<SizeResult> {
  const own = join(folder, `size-${plan.sessions}-${plan.refreshes}`);
  mkdirSync(own);
  const file = join(own, "pawl.db");
  const { platform, advance } = movableClock();
  const sessions = await createSessions({ store: sqliteStore(file, { platform }), platform });
  try {
    await fill(sessions, plan, advance);
  } finally {
    await sessions.close();
  }
  const fileBytes = statSync(file).size;
  const logIsGone = !readdirSync(own).some((name) => name.endsWith("-wal") || name.endsWith("-journal"));
  return { ...plan, fileBytes, bytesPerSession: fileBytes / plan.sessions, logIsGone };
}
