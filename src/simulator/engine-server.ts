// The real engine as a rule set: createSessions over a memory store that can fail (testing/faulty-store.ts) and lose its
// newest write (testing/failover-store.ts), with a clock and randomness that a seed repeats.
// Owns the translation of grants and errors into answers; no rule of rotation is restated here.

import { PawlError } from "../core/errors.ts";
import type { RotationMode } from "../core/policy.ts";
import type { Store } from "../core/ports.ts";
import { createSessions } from "../engine/create-sessions.ts";
import type { Grant, Sessions, SessionsOptions } from "../engine/types.ts";
import { memoryStore } from "../stores/memory.ts";
import { createFailoverStore } from "../testing/failover-store.ts";
import { createFaultyStore } from "../testing/faulty-store.ts";
import type { SimulatedPlatform } from "../testing/simulated.ts";
import { createSimulatedPlatform } from "../testing/simulated.ts";
import { graceMilliseconds } from "./faults.ts";
import type { Answer, RuleServer } from "./rule-server.ts";
import { idleMilliseconds, sessionMilliseconds } from "./rule-server.ts";

/** The instant of the engine's clock at which simulations begin: 2026-01-01T00:00:00Z. */
const epoch = 1_767_225_600_000;
const subject = "user";

/** Starts the real engine under `rotation`; with another grace than the network keeps, promises are void. */
export async function openEngine(
  rotation: RotationMode,
  at: number,
  seed: number,
  graceSeconds: number = graceMilliseconds / 1000,
): Promise<RuleServer> {
  const simulated = createSimulatedPlatform({ startAt: epoch + at, seed });
  const replicated = await createFailoverStore(async () => memoryStore());
  const store = createFaultyStore(replicated);
  const secret = Buffer.from(simulated.entropy.bytes(32)).toString("base64url");
  const start = (): Promise<Sessions> => startEngine(store, simulated, { rotation, graceSeconds, secret });
  let sessions = await start();
  let offset = 0;
  let movedAt = at;
  /** Writes before the present instant. */
  let writesBefore = 0;
  const setClock = (now: number): void => {
    if (now !== movedAt) writesBefore = replicated.writes;
    movedAt = now;
    simulated.clock.set(epoch + now + offset);
  };
  const answering = async (now: number, work: () => Promise<Answer>): Promise<Answer> => {
    setClock(now);
    try {
      return await work();
    } catch (error) {
      return refusal(error);
    }
  };
  return {
    signIn: async (now) => {
      setClock(now);
      const grant = await sessions.issue({ subject });
      const endsAt = now + grant.authorizationExpiresIn * 1000;
      return { token: grant.refreshToken as string, expiresAt: expiryOf(grant, now), endsAt };
    },
    refresh: (now, refreshToken, attempt) =>
      answering(now, async () => {
        const grant = await sessions.refresh(attempt === undefined ? { refreshToken } : { refreshToken, attempt });
        return { status: 200, token: grant.refreshToken, expiresAt: expiryOf(grant, now) };
      }),
    confirm: (now, refreshToken) =>
      answering(now, async () => {
        await sessions.confirm({ refreshToken });
        return { status: 204 };
      }),
    logout: async (now, refreshToken) => {
      await answering(now, async () => {
        await sessions.logout({ refreshToken });
        return { status: 204 };
      });
    },
    stepClock: (milliseconds) => {
      offset += milliseconds;
    },
    failCommits: (how) => {
      const kind = how === "before" ? "throw before" : "throw after";
      store.play(how && (({ method }) => (method === "commit" ? { kind } : undefined)));
    },
    restart: async (now) => {
      setClock(now);
      sessions = await start();
    },
    loseLastWrite: async () => {
      if (replicated.writes === writesBefore) return false;
      await replicated.failOver(1);
      return true;
    },
  };
}

function startEngine(
  store: Store,
  simulated: SimulatedPlatform,
  options: Pick<SessionsOptions, "rotation" | "graceSeconds" | "secret">,
): Promise<Sessions> {
  // The background tasks (purge, reload of keys) would run on the machine's time and have nothing to do here.
  const scheduler = { ...simulated.scheduler, every: () => () => {} };
  return createSessions({
    ...options,
    store,
    platform: { ...simulated, scheduler },
    idleTtlSeconds: idleMilliseconds / 1000,
    sessionTtlSeconds: sessionMilliseconds / 1000,
  });
}

function expiryOf(grant: Grant, now: number): number {
  return now + grant.refreshTokenTimeout * 1000;
}

function refusal(error: unknown): Answer {
  if (!(error instanceof PawlError)) throw error;
  if (error.code === "refresh_token_superseded") return { status: 409 };
  if (error.terminal) return { status: 401, code: error.code, isAlarm: error.code === "refresh_token_reused" };
  if (error.code === "store_unavailable") return { status: 503 };
  throw error;
}
