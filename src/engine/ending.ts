// Ending sessions: logout, revoke, revoke all, the session limit. Each ending and its entry in the revocation feed are
// one atomic store call; whoever loses a race reads again. A revocation wins over every refresh in flight, because a
// refresh commits against the version it read (invariant I5).

import { endSession } from "../core/decide.ts";
import type { SessionEnd } from "../core/events.ts";
import type { Revocation } from "../core/ports.ts";
import type { SessionRecord } from "../core/record.ts";
import { parseRefreshToken } from "../core/refresh-token.ts";
import type { Context } from "./context.ts";
import { cannotAnswer, commitRoundsMax, tell } from "./context.ts";
import { isLive } from "./views.ts";

/** How many sessions of a subject one store call lists; more take more rounds. */
const sessionsPerRound = 1000;
const roundsMax = 1000;

/** The feed entry for a session that ends now; it lives one access-token lifetime. */
export function revocationOf(context: Context, record: SessionRecord, now: number): Revocation {
  const seconds = Math.ceil(now / 1000);
  return { sid: record.sid, notBefore: seconds, exp: seconds + context.policy.accessTtlSeconds };
}

/** Ends one session. Resolves false when it is unknown, already over, or not `subject`'s. */
export async function revoke(context: Context, sid: string, reason: SessionEnd, subject?: string): Promise<boolean> {
  for (let round = 0; round < commitRoundsMax; round += 1) {
    const record = await context.store.read(sid);
    const now = context.platform.clock.now();
    if (record === undefined || !isLive(record, now)) return false;
    if (subject !== undefined && record.subject !== subject) return false;
    const next = endSession(record, reason, now);
    if (await context.store.commit(next, record.version, revocationOf(context, record, now))) {
      tell(context, next, now, "session_revoked", { reason });
      return true;
    }
  }
  throw cannotAnswer("Too many requests change this session at once; retry.");
}

/** Ends every live session of a subject but `except`. Resolves how many. */
export async function revokeAll(
  context: Context,
  subject: string,
  reason: SessionEnd,
  except?: string,
): Promise<number> {
  let ended = 0;
  for (let round = 0; round < roundsMax; round += 1) {
    const now = context.platform.clock.now();
    const listed = await context.store.listBySubject(subject, sessionsPerRound);
    const targets = listed.filter((record) => record.sid !== except && isLive(record, now));
    const results = await Promise.all(targets.map((record) => revoke(context, record.sid, reason)));
    ended += results.filter(Boolean).length;
    if (targets.length === 0) return ended;
  }
  throw cannotAnswer("Sessions of this subject keep appearing; retry.");
}

/** Ends the least recently used sessions beyond the limit; `newest` stays. */
export async function enforceLimit(context: Context, newest: SessionRecord): Promise<void> {
  const listed = await context.store.listBySubject(newest.subject, sessionsPerRound);
  const excess = listed.length - context.policy.sessionsMax;
  if (excess <= 0) return;
  const byUse = listed.filter((record) => record.sid !== newest.sid).sort((a, b) => a.lastSeenAt - b.lastSeenAt);
  // Expired rows that were not purged yet are the least recently used ones; only live ones count against the limit.
  const now = context.platform.clock.now();
  const live = byUse.filter((record) => isLive(record, now));
  const surplus = live.length + 1 - context.policy.sessionsMax;
  await Promise.all(live.slice(0, Math.max(0, surplus)).map((record) => revoke(context, record.sid, "session_limit")));
}

/** Ends the session of an authentic, unexpired refresh token of any generation (CONTRACT section 4). Idempotent. */
export async function logout(
  context: Context,
  input: { readonly refreshToken: string; readonly sid?: string },
): Promise<"ended" | "already" | "unknown" | "mismatch"> {
  const token = parseRefreshToken(input.refreshToken, context.secrets);
  if (input.sid !== undefined && input.sid !== token.sid) return "mismatch";
  if (context.platform.clock.now() >= token.expiresAt * 1000) return "unknown";
  return (await revoke(context, token.sid, "logout")) ? "ended" : "already";
}
