// The stage of the engine's tests about time and failure: one engine with a clock moved by hand, times that are easy to
// reckon with, and the ways to sign in, refresh and look at what is stored.

import assert from "node:assert/strict";
import type { SessionEvent } from "../../src/core/events.ts";
import type { Store } from "../../src/core/ports.ts";
import type { SessionRecord } from "../../src/core/record.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import type { Grant, Sessions, SessionsOptions } from "../../src/engine/types.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import type { SimulatedPlatform } from "../../src/testing/simulated.ts";
import { createSimulatedPlatform } from "../../src/testing/simulated.ts";

/** Milliseconds, under the default policy. */
export const second = 1000;
export const grace: number = 30 * second;
export const zone: number = 2 * grace;
export const day: number = 86_400 * second;
export const year: number = 365 * day;

/** An engine with what a test holds in its hands. */
export interface Stage {
  readonly platform: SimulatedPlatform;
  readonly sessions: Sessions;
  readonly events: SessionEvent[];
  signIn(subject?: string): Promise<Grant>;
  /** Refreshes; `attempt` is a number of its own kind, or none. */
  refresh(token: string, attempt?: number): Promise<Grant>;
  confirm(token: string): Promise<void>;
  /** The record of a session, read past every fault. */
  stored(sid: string): Promise<SessionRecord>;
  /** Another engine on the same store and clock, with some options changed. */
  reopen(changed: Partial<SessionsOptions>): Promise<Stage>;
}

/** An attempt key of this number. */
export function key(attempt: number): string {
  return `attempt-number-${String(attempt).padStart(5, "0")}`;
}

/** The refresh token of a grant that has one. */
export function tokenOf(grant: Grant): string {
  assert.ok(grant.refreshToken, `${grant.outcome} gave no refresh token`);
  return grant.refreshToken;
}

/**
 * Opens an engine. Equal options give equal tokens. `below` is the store to look at when `store` may fail. Background
 * tasks run only on request: a leap over a month would be a million of them.
 */
export async function openStage(
  options: Partial<SessionsOptions> = {},
  below: Store = options.store ?? memoryStore(),
  background: "with background tasks" | "alone" = "alone",
): Promise<Stage> {
  const simulated = createSimulatedPlatform({ timers: "simulated" });
  const still = { ...simulated, scheduler: { ...simulated.scheduler, every: () => () => {} } };
  const own: SimulatedPlatform = background === "alone" ? still : simulated;
  const platform = (options.platform as SimulatedPlatform | undefined) ?? own;
  const sessions = await createSessions({ algorithm: "EdDSA", ...options, platform, store: options.store ?? below });
  const events: SessionEvent[] = [];
  sessions.subscribe((event) => events.push(event));
  return {
    platform,
    sessions,
    events,
    signIn: (subject = "u") => sessions.issue({ subject, transport: "body" }),
    refresh: (refreshToken, attempt) =>
      sessions.refresh(attempt === undefined ? { refreshToken } : { refreshToken, attempt: key(attempt) }),
    confirm: (refreshToken) => sessions.confirm({ refreshToken }),
    async stored(sid) {
      const record = await below.read(sid);
      assert.ok(record);
      return record;
    },
    reopen: (changed) => openStage({ ...options, ...changed, platform }, below, background),
  };
}
