// The composition of the engine: options in, `Sessions` out. Opens the store, its clock, the secrets and the key ring,
// and runs the two background tasks (purge, reload of the key ring). Owns no rule.

import { PawlError } from "../core/errors.ts";
import type { SessionEvent } from "../core/events.ts";
import { createPolicy } from "../core/policy.ts";
import type { Store } from "../core/ports.ts";
import { isSid } from "../core/record.ts";
import { nodePlatform } from "../platform/node.ts";
import { openAccessLifetime } from "./access-lifetime.ts";
import { bumpClaims } from "./claims.ts";
import type { Context } from "./context.ts";
import { logout, revoke, revokeAll } from "./ending.ts";
import { authenticate, inspect, revokeToken } from "./inspection.ts";
import { checkKeyRotation, openKeyRing } from "./key-ring.ts";
import { createRevocationFeed, entriesLapsedAt } from "./revocation-feed.ts";
import { confirm, refresh } from "./rotation.ts";
import { createForeignSecrets, openSecrets } from "./secrets.ts";
import { issue, reauthenticate } from "./signing-in.ts";
import { openStoreClock } from "./store-clock.ts";
import type { Sessions, SessionsOptions } from "./types.ts";
import { isLive, overSince, storyOf, viewOf } from "./views.ts";

const defaultIssuer = "http://localhost:4000";
const reloadMilliseconds = 2_000;
const purgeMilliseconds = 60_000;
/** Steps of one sweep; what is beyond waits a minute. */
const purgeStepsMax = 1000;
/** Rows one purge step looks at. */
const purgeRowsMax = 1000;
const keepSecondsDefault = 604_800;
const listMax = 1000;
const feedEntriesMax = 10_000;

/**
 * Opens the store and builds the session engine.
 *
 * @throws PawlError `invalid_option` (an option out of bounds), `store_incompatible` (not our file, newer schema,
 * sessions under a secret that is not given), `store_unavailable`.
 * @example
 * const sessions = await createSessions({ store: sqliteStore("./app.db"), issuer: "http://localhost:3000" });
 */
export async function createSessions(options: SessionsOptions): Promise<Sessions> {
  const policy = createPolicy(options);
  const local = options.platform ?? nodePlatform;
  const issuer = options.issuer ?? defaultIssuer;
  const { algorithm } = options;
  if (algorithm !== undefined && !["ES256", "EdDSA", "RS256"].includes(algorithm)) {
    throw new PawlError("invalid_option", "algorithm must be ES256, EdDSA or RS256", { field: "algorithm" });
  }
  const rotationSeconds = checkKeyRotation(options.keyRotationSeconds);
  const { store } = options;
  await store.open();
  const clock = await openStoreClock(store, local);
  try {
    const platform = clock === undefined ? local : { ...local, clock };
    const secret = options.secret ?? (await embeddedSecret(store, platform.entropy));
    const { ring: secrets, reload: reloadSecrets } = await openSecrets(store, platform.clock, policy, secret);
    const keyRing = await openKeyRing({ store, platform, secrets, algorithm, rotationSeconds });
    const accessLifetime = await openAccessLifetime(store, platform.clock, policy);
    const foreignSecrets = createForeignSecrets(store, platform);
    const listeners = new Set<(event: SessionEvent) => void>();
    const emit = (event: SessionEvent): void => {
      for (const listener of listeners) {
        try {
          listener(event);
        } catch {
          // A subscriber's failure is the subscriber's: the session's state is durable already.
        }
      }
    };
    const audience = options.audience ?? issuer;
    const { claims } = options;
    if (claims !== undefined && typeof claims !== "function") {
      throw new PawlError("invalid_option", "claims must be a function", { field: "claims" });
    }
    const context = {
      store,
      platform,
      policy,
      secrets,
      reloadSecrets,
      foreignSecrets,
      beginning: new Set<string>(),
      keyRing,
      accessLifetime,
      issuer,
      audience,
      claims,
      emit,
    };
    return build(context, listeners, () => clock?.stop());
  } catch (error) {
    clock?.stop();
    await store.close();
    throw error;
  }
}

async function embeddedSecret(store: Store, entropy: Context["platform"]["entropy"]): Promise<string> {
  if (store.embeddedSecret === undefined) {
    throw new PawlError("invalid_option", "secret is required with a networked store", { field: "secret" });
  }
  return await store.embeddedSecret(entropy);
}

function build(context: Context, listeners: Set<(event: SessionEvent) => void>, stopClock: () => void): Sessions {
  const { store, platform, keyRing } = context;
  const purge: Sessions["purge"] = (from, keepSeconds = keepSecondsDefault) => {
    const now = platform.clock.now();
    const lapsed = (record: Parameters<typeof isLive>[0]): boolean =>
      !isLive(record, now) && now >= overSince(record) + keepSeconds * 1000;
    return store.purge(lapsed, entriesLapsedAt(now), from, purgeRowsMax);
  };
  const stop = startBackground(context, purge);
  const feed = createRevocationFeed(store, platform);
  listeners.add(({ type }) => {
    if (type === "session_revoked") feed.wake();
  });
  return {
    policy: context.policy,
    issuer: context.issuer,
    audience: context.audience,
    platform,
    store,
    issue: (input) => issue(context, input),
    refresh: (input) => refresh(context, input),
    confirm: (input) => confirm(context, input),
    logout: (input) => logout(context, input),
    authenticate: (accessToken) => authenticate(context, accessToken),
    inspect: (token) => inspect(context, token),
    revokeToken: (token, clientId) => revokeToken(context, token, clientId),
    bumpClaims: async (subject) => {
      const marked = await bumpClaims(context, subject);
      feed.wake();
      return marked;
    },
    list: async (subject) => {
      const now = platform.clock.now();
      const found = await store.listBySubject(subject, listMax);
      return found.filter((record) => isLive(record, now) && !context.beginning.has(record.sid));
    },
    listAll: (after, limit) => store.listAll(after, Math.min(Math.max(1, limit), listMax)),
    story: async (sid) => {
      const record = isSid(sid) ? await store.read(sid) : undefined;
      return record && storyOf(record, platform.clock.now());
    },
    revoke: async (sid, reason, subject) => isSid(sid) && (await revoke(context, sid, reason, subject)),
    revokeAll: (subject, reason, except, createdBefore) => revokeAll(context, subject, reason, except, createdBefore),
    reauthenticate: (sid, amr, acr) => reauthenticate(context, sid, amr, acr),
    revocations: (cursor) => store.revocationsAfter(cursor, entriesLapsedAt(platform.clock.now()), feedEntriesMax),
    followRevocations: (cursor) => feed.follow(cursor),
    revocationFeedState: () => feed.state(),
    jwks: () => keyRing.jwks(),
    keys: () => keyRing.views(),
    rotateKeys: () => keyRing.rotate(),
    revokeKey: (kid) => keyRing.revoke(kid),
    view: viewOf,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    purge,
    ping: () => store.ping(),
    close: async () => {
      stop();
      stopClock();
      feed.close();
      await store.close();
    },
  };
}

/** Purges once a minute, keeps what processes tell each other in the store true, makes the next key when it is time. A failure waits for the next time. */
function startBackground(context: Context, purge: Sessions["purge"]): () => void {
  const { scheduler } = context.platform;
  const ignore = (): void => {};
  let isPurging = false;
  let position: string | undefined;
  /** Steps until the end of the store; what is left after many of them goes on next time. */
  const sweep = async (): Promise<void> => {
    for (let count = 0; count < purgeStepsMax; count += 1) {
      const step = await purge(position);
      position = step.next;
      if (position === undefined) return;
      await new Promise<void>((resolve) => scheduler.soon(resolve));
    }
  };
  const stopPurge = scheduler.every(purgeMilliseconds, () => {
    if (isPurging) return;
    isPurging = true;
    sweep()
      .catch(ignore)
      .finally(() => {
        isPurging = false;
      });
  });
  const stopReload = scheduler.every(reloadMilliseconds, () => {
    context.keyRing
      .reload()
      .then(() => context.keyRing.rotateIfDue())
      .catch(ignore);
    context.accessLifetime.reload().catch(ignore);
    context.reloadSecrets().catch(ignore);
  });
  return () => {
    stopPurge();
    stopReload();
  };
}
