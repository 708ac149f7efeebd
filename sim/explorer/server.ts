// The server of the explored world: the real engine over the real memory store, made to go on from any state. A call
// takes the records as they are, gives them to a fresh memory store, sets clock and entropy, and runs the engine; what
// the engine read and what it committed can be held apart, so that others act in between.
// Owns that plumbing and the check that a refusal is durable before it is told (I6). No rule.

import { PawlError } from "../../src/core/errors.ts";
import type { RotationMode } from "../../src/core/policy.ts";
import type { Store } from "../../src/core/ports.ts";
import type { SessionRecord } from "../../src/core/record.ts";
import type { RefreshToken } from "../../src/core/refresh-token.ts";
import { parseRefreshToken } from "../../src/core/refresh-token.ts";
import type { SecretRing } from "../../src/core/secret-keys.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import { openSecrets } from "../../src/engine/secrets.ts";
import type { Sessions } from "../../src/engine/types.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { createSimulatedPlatform } from "../../src/testing/simulated.ts";
import { graceSeconds } from "./world.ts";

/** What a presented token got. */
export interface Reply {
  /** The record after the call, as it is in the store. */
  readonly record: SessionRecord;
  /** Committed changes. */
  readonly writes: number;
  /** The outcome of the grant, `confirmed`, or the code of the refusal. */
  readonly code: string;
  readonly terminal: boolean;
  /** The refresh token handed out. */
  readonly token: string | undefined;
  /** True when the answer was given while its consequence was not yet in the store (I6). */
  readonly toldEarly: boolean;
  /** `iat` of the access token (seconds). */
  readonly issuedAt: number | undefined;
}

/** One call. */
export interface Presented {
  readonly mode: RotationMode;
  readonly record: SessionRecord;
  /** Milliseconds: the clock while the engine works. */
  readonly at: number;
  readonly operation: "refresh" | "confirm";
  readonly token: string;
  readonly key: string | undefined;
  /** The request's deadline (milliseconds). */
  readonly deadlineAt: number;
  /** A record read earlier: the engine's first read gives this one, at this time. */
  readonly stale?: { readonly record: SessionRecord; readonly readAt: number };
}

/** The engine in both modes. */
export interface Server {
  /** A new session at `at`: its record and its first token. */
  signIn(at: number): Promise<{ readonly record: SessionRecord; readonly token: string }>;
  present(call: Presented): Promise<Reply>;
  /** Ends the session as its owner does from another device. */
  revoke(record: SessionRecord, at: number): Promise<SessionRecord>;
  /** Takes a token apart; throws for one that the server did not make. */
  open(token: string): RefreshToken;
  readonly secrets: SecretRing;
}

/** Microtasks that a refusal gets to overtake its own write; an honest one waits for the store. */
const overtakingTurns = 8;
const lifetimes = { idleTtlSeconds: 34_560_000, sessionTtlSeconds: 315_360_000, graceSeconds };

interface Forked {
  store: Store;
  stale: SessionRecord | undefined;
  onStale: () => void;
  onCommit: () => Promise<void>;
  writes: number;
}

/** The store as the engine sees it: sessions live in whatever memory store the call began with, documents stay. */
function forkingStore(documents: Store, forked: Forked): Store {
  return {
    ...documents,
    insert: (record) => forked.store.insert(record),
    listBySubject: (subject, limit) => forked.store.listBySubject(subject, limit),
    read: async (sid) => {
      const stale = forked.stale;
      if (stale === undefined) return await forked.store.read(sid);
      forked.stale = undefined;
      await Promise.resolve();
      return stale;
    },
    commit: async (next, expectedVersion, revocation) => {
      await forked.onCommit();
      const done = await forked.store.commit(next, expectedVersion, revocation);
      if (done) forked.writes += 1;
      else forked.onStale();
      return done;
    },
  };
}

/** Runs one call and says how it went. */
async function answerOf(
  engine: Sessions,
  call: Presented,
): Promise<Pick<Reply, "code" | "terminal" | "token" | "issuedAt">> {
  const { deadlineAt, key } = call;
  const input = { refreshToken: call.token, deadlineAt, ...(key === undefined ? {} : { attempt: key }) };
  const nothing = { terminal: false, token: undefined, issuedAt: undefined };
  try {
    if (call.operation === "confirm") {
      await engine.confirm(input);
      return { ...nothing, code: "confirmed" };
    }
    const { outcome, refreshToken, accessToken } = await engine.refresh(input);
    const claims = JSON.parse(Buffer.from(accessToken.split(".")[1] as string, "base64url").toString());
    return { ...nothing, code: outcome, token: refreshToken, issuedAt: (claims as { iat: number }).iat };
  } catch (error) {
    if (!(error instanceof PawlError)) throw error;
    return { ...nothing, code: error.code, terminal: error.terminal };
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
}

/** Creates the server. */
export async function createServer(): Promise<Server> {
  const simulated = createSimulatedPlatform();
  // Nothing runs by itself: every step is a move of the explorer.
  const platform = { ...simulated, scheduler: { ...simulated.scheduler, every: () => () => {} } };
  const forked: Forked = {
    store: memoryStore(),
    stale: undefined,
    onStale: () => {},
    onCommit: async () => {},
    writes: 0,
  };
  const store = forkingStore(memoryStore(), forked);
  const secret = Buffer.alloc(32, 7).toString("base64url");
  const create = (rotation: RotationMode): Promise<Sessions> =>
    createSessions({ store, platform, secret, rotation, ...lifetimes });
  const engines = { "two-phase": await create("two-phase"), strict: await create("strict") };
  const { ring: secrets } = await openSecrets(store, platform.clock, engines["two-phase"].policy, secret);
  const stored = async (sid: string): Promise<SessionRecord> => (await forked.store.read(sid)) as SessionRecord;

  const begin = async (at: number, record?: SessionRecord): Promise<void> => {
    simulated.clock.set(at);
    forked.store = memoryStore();
    forked.stale = undefined;
    forked.writes = 0;
    forked.onStale = () => {};
    forked.onCommit = async () => {};
    if (record !== undefined) await forked.store.insert(record);
  };

  return {
    secrets,
    open: (token) => parseRefreshToken(token, secrets),
    async signIn(at) {
      await begin(at);
      const grant = await engines["two-phase"].issue({ subject: "owner", transport: "cookie" });
      return { record: await stored(grant.record.sid), token: grant.refreshToken as string };
    },
    async revoke(record, at) {
      await begin(at, record);
      await engines["two-phase"].revoke(record.sid, "revoked");
      return await stored(record.sid);
    },
    async present(call) {
      await begin(call.stale?.readAt ?? call.at, call.record);
      forked.stale = call.stale?.record;
      // After a lost race the engine reads again, now.
      forked.onStale = () => simulated.clock.set(call.at);
      let told = false;
      let toldEarly = false;
      forked.onCommit = async () => {
        simulated.clock.set(call.at);
        await turns(overtakingTurns);
        if (told) toldEarly = true;
      };
      const answer = await answerOf(engines[call.mode], call);
      told = true;
      // A write that was started and not awaited still reaches the store, after the answer.
      await turns(2 * overtakingTurns);
      return { ...answer, record: await stored(call.record.sid), writes: forked.writes, toldEarly };
    },
  };
}
