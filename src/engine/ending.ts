// Ending sessions: logout, revoke, revoke all, the session limit. Each ending and its entry in the revocation feed are
// one atomic store call; whoever loses a race reads again. A revocation wins over every refresh in flight, because a
// refresh commits against the version it read (invariant I5).

import { endSession } from "../core/decide.ts";
import type { SessionEnd } from "../core/events.ts";
import type { Revocation } from "../core/ports.ts";
import type { SessionRecord } from "../core/record.ts";
import type { Context } from "./context.ts";
import { cannotAnswer, commitRoundsMax, tell } from "./context.ts";
import { readPresented } from "./presented-token.ts";
import { isLive } from "./views.ts";

/** How many sessions of a subject one store call lists; more take more rounds. */
const sessionsPerRound = 1000;
const roundsMax = 1000;

/** The feed entry for a session that ends now; it lives as long as access tokens of it may. */
export function revocationOf(context: Context, record: SessionRecord, now: number): Revocation {
  // The first second in which no token of the session can have been issued any more. Where a clock was set back, or that
  // of another process is ahead, tokens are dated later than now; the record knows the latest of those that were
  // committed. One that only settles leaves no trace: it may be dated in that second by a process whose clock is up to a
  // second ahead, and still expires with the entry (store-clock.ts keeps clocks closer than that).
  const latest = Math.max(now, record.lastSeenAt, record.authTime * 1000);
  const seconds = Math.floor(latest / 1000) + 1;
  return { sid: record.sid, notBefore: seconds, exp: seconds + context.accessLifetime.longest() };
}

/** Ends one session. Resolves false when it is unknown, already over, or not `subject`'s. */
export async function revoke(context: Context, sid: string, reason: SessionEnd, subject?: string): Promise<boolean> {
  for (let round = 0; round < commitRoundsMax; round += 1) {
    const record = await context.store.read(sid);
    if (record === undefined || !isLive(record, context.platform.clock.now())) return false;
    if (subject !== undefined && record.subject !== subject) return false;
    if (await end(context, record, reason)) return true;
  }
  throw cannotAnswer("Too many requests change this session at once; retry.");
}

/** Ends the session as it was read; false when somebody changed it meanwhile. */
async function end(context: Context, record: SessionRecord, reason: SessionEnd): Promise<boolean> {
  const now = context.platform.clock.now();
  const next = endSession(record, reason, now);
  if (!(await context.store.commit(next, record.version, revocationOf(context, record, now)))) return false;
  tell(context, next, now, "session_revoked", { reason });
  return true;
}

/** Ends every session of a subject but `except` and those created at `createdBefore` or later. Resolves how many lived. */
export async function revokeAll(
  context: Context,
  subject: string,
  reason: SessionEnd,
  except?: string,
  createdBefore: number = Number.POSITIVE_INFINITY,
): Promise<number> {
  let ended = 0;
  for (let round = 0; round < roundsMax; round += 1) {
    const now = context.platform.clock.now();
    const listed = await context.store.listBySubject(subject, sessionsPerRound);
    // Expired rows are ended too: they leave the list then, so that older ones behind them come into view.
    const targets = listed.filter((record) => record.sid !== except && record.createdAt < createdBefore);
    if (targets.length === 0) return ended;
    const results = await Promise.all(targets.map((record) => end(context, record, reason)));
    ended += targets.filter((record, index) => results[index] === true && isLive(record, now)).length;
  }
  throw cannotAnswer("Sessions of this subject keep appearing; retry.");
}

/** Ends the least recently used sessions beyond the limit; of several sign-ins at once all choose the same ones. */
export async function enforceLimit(context: Context, subject: string): Promise<void> {
  const { sessionsMax } = context.policy;
  for (let round = 0; round < roundsMax; round += 1) {
    const found = await context.store.listBySubject(subject, sessionsMax + sessionsPerRound);
    // What only begins counts once it has begun: should that fail, nobody was to lose a session for it.
    const listed = found.filter(({ sid }) => !context.beginning.has(sid));
    if (listed.length <= sessionsMax) return;
    const byUse = listed.sort(
      (a, b) => a.lastSeenAt - b.lastSeenAt || a.createdAt - b.createdAt || (a.sid < b.sid ? -1 : 1),
    );
    const surplus = byUse.slice(0, listed.length - sessionsMax);
    await Promise.all(surplus.map((record) => end(context, record, "session_limit")));
  }
  throw cannotAnswer("Sessions of this subject keep appearing; retry.");
}

/** Ends the session of an authentic, unexpired refresh token of any generation (CONTRACT section 4). Idempotent. */
export async function logout(
  context: Context,
  input: { readonly refreshToken: string; readonly sid?: string },
): Promise<"ended" | "already" | "unknown" | "mismatch"> {
  const token = await readPresented(context, input.refreshToken);
  if (input.sid !== undefined && input.sid !== token.sid) return "mismatch";
  if (context.platform.clock.now() >= token.expiresAt * 1000) return "unknown";
  return (await revoke(context, token.sid, "logout")) ? "ended" : "already";
}
