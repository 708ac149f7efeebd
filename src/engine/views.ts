// What others see of a session record: the public view (coarsened times), the state, the story.
// Pure; shows no hash and nothing that tells a thief when the owner was last here.

import { idleExpiresAt, isPastEnd } from "../core/decide.ts";
import type { SessionRecord } from "../core/record.ts";
import type { SessionStory, SessionView } from "./types.ts";

/** Exact times would tell a thief when the owner refreshes, so that he could keep in step; these are coarsened. */
const coarseSeconds = 300;

function coarsened(seconds: number): number {
  return Math.floor(seconds / coarseSeconds) * coarseSeconds;
}

/** The state of a session at `now` (milliseconds). */
export function stateOf(record: SessionRecord, now: number): SessionStory["state"] {
  if (record.ended !== undefined) return "ended";
  if (isPastEnd(record, now)) return "expired";
  return now >= idleExpiresAt(record) * 1000 ? "idle_expired" : "live";
}

/** True while the session can be used. */
export function isLive(record: SessionRecord, now: number): boolean {
  return stateOf(record, now) === "live";
}

/** The instant (milliseconds) at which a session that is not live was over. */
export function overSince(record: SessionRecord): number {
  return record.ended?.at ?? Math.min(record.expiresAt, idleExpiresAt(record)) * 1000;
}

/** What a client sees (CONTRACT section 2). */
export function viewOf(record: SessionRecord): SessionView {
  return {
    id: record.sid,
    created_at: Math.floor(record.createdAt / 1000),
    last_seen_at: coarsened(record.lastSeenAt / 1000),
    idle_expires_at: coarsened(idleExpiresAt(record)),
    expires_at: record.expiresAt,
    user_agent: record.userAgent || null,
    ip: record.ip || null,
    label: record.label || null,
    amr: record.amr,
    auth_time: record.authTime,
    bound: null,
  };
}

/** The story of a session for operators. */
export function storyOf(record: SessionRecord, now: number): SessionStory {
  const state = stateOf(record, now);
  return {
    session: viewOf(record),
    subject: record.subject,
    state,
    reason: record.ended?.reason,
    endedAt: state === "live" ? undefined : overSince(record),
    generation: record.generation,
    history: record.history,
  };
}
