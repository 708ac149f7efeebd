// The stage of the session suite: an engine on the store under test, with a clock that the test moves and a gate that
// makes requests meet. Owns no promise; session-suite.ts and its parts do.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { SessionEvent } from "../core/events.ts";
import type { Store } from "../core/ports.ts";
import type { SessionRecord } from "../core/record.ts";
import { createSessions } from "../engine/create-sessions.ts";
import type { Grant, Sessions, SessionsOptions } from "../engine/types.ts";
import type { ArrivalGate } from "./arrival-gate.ts";
import type { SimulatedPlatform } from "./simulated.ts";
import { createSimulatedPlatform } from "./simulated.ts";

/** Milliseconds after which late answers are over, under the default policy: twice the grace (CONTRACT section 4). */
export const softZone = 60_000;

/** An engine on a store, with what a test holds in its hands. */
export interface Scene {
  readonly sessions: Sessions;
  /** The store itself, behind the gate. */
  readonly store: Store;
  readonly platform: SimulatedPlatform;
  /** What subscribers were told, in order. */
  readonly events: SessionEvent[];
  /** While set, whoever has read a session waits here. */
  gate: ArrivalGate | undefined;
  /** Signs in; resolves the grant and its refresh token. */
  signIn(subject?: string): Promise<{ grant: Grant; token: string }>;
  /** Refreshes and expects a new token. */
  rotate(refreshToken: string, attempt: string): Promise<string>;
  /** The stored record of a session. */
  stored(sid: string): Promise<SessionRecord>;
}

/** Opens an engine on a store. */
export type OpenScene = (t: TestContext, options?: Partial<SessionsOptions>) => Promise<Scene>;

/** An attempt key (`Idempotency-Key`) with this name. */
export function attempt(name: string | number): string {
  return `attempt-of-the-suite-${name}`;
}

/** Opens an engine on `store`, with a simulated platform; it is closed when the test ends. */
export async function openScene(t: TestContext, store: Store, options: Partial<SessionsOptions>): Promise<Scene> {
  const platform = (options.platform as SimulatedPlatform | undefined) ?? createSimulatedPlatform();
  const events: SessionEvent[] = [];
  const read: Store["read"] = async (sid) => {
    const record = await store.read(sid);
    await scene.gate?.arrive();
    return record;
  };
  const secret = store.embeddedSecret ? {} : { secret: Buffer.alloc(32, 42).toString("base64url") };
  // Without the store's own clock: the test moves the time, and nothing may correct it.
  const { now: _itsOwn, ...timeless } = store;
  const sessions = await createSessions({ ...secret, ...options, platform, store: { ...timeless, read } });
  t.after(() => sessions.close());
  sessions.subscribe((event) => events.push(event));
  const signIn: Scene["signIn"] = async (subject = "ana") => {
    const grant = await sessions.issue({ subject });
    return { grant, token: tokenOf(grant) };
  };
  const rotate: Scene["rotate"] = async (refreshToken, key) => {
    const grant = await sessions.refresh({ refreshToken, attempt: key });
    assert.equal(grant.outcome, "rotated");
    return tokenOf(grant);
  };
  const stored: Scene["stored"] = async (sid) => {
    const record = await store.read(sid);
    assert.ok(record);
    return record;
  };
  const scene: Scene = { sessions, store, platform, events, gate: undefined, signIn, rotate, stored };
  return scene;
}

/** The refresh token of a grant that has one. */
export function tokenOf(grant: Grant): string {
  assert.ok(grant.refreshToken, `the outcome ${grant.outcome} gave no refresh token`);
  return grant.refreshToken;
}
