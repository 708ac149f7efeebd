// What the parts of the engine share: the ports, the policy, the keys, and how events reach subscribers.
// Owns no rule and no state of its own; create-sessions.ts builds it once.

import { PawlError } from "../core/errors.ts";
import type { SessionEvent } from "../core/events.ts";
import type { Policy } from "../core/policy.ts";
import type { Platform, Store } from "../core/ports.ts";
import type { SessionRecord } from "../core/record.ts";
import type { SecretRing } from "../core/secret-keys.ts";
import type { AccessLifetime } from "./access-lifetime.ts";
import type { KeyRing } from "./key-ring.ts";
import type { ForeignSecrets, OpenedSecrets } from "./secrets.ts";
import type { SessionsOptions } from "./types.ts";

/** How often a lost compare-and-set is read and decided again before the request is answered with 503. */
export const commitRoundsMax = 100;

/** Shared by the parts of one engine. */
export interface Context {
  readonly store: Store;
  readonly platform: Platform;
  readonly policy: Policy;
  readonly secrets: SecretRing;
  /** Keeps the store's list of secrets true while this process runs. */
  readonly reloadSecrets: OpenedSecrets["reload"];
  readonly foreignSecrets: ForeignSecrets;
  readonly keyRing: KeyRing;
  readonly accessLifetime: AccessLifetime;
  readonly issuer: string;
  readonly audience: string;
  readonly claims: SessionsOptions["claims"];
  /** Ids of sessions that begin in this process: in the store, but nobody has a token of them yet, or ever will. */
  readonly beginning: Set<string>;
  readonly emit: (event: SessionEvent) => void;
}

/** Tells subscribers; only after what it tells is durable. */
export function tell(
  context: Context,
  record: SessionRecord,
  at: number,
  type: SessionEvent["type"],
  more: Pick<SessionEvent, "reason" | "detail"> = {},
): void {
  context.emit({ type, sid: record.sid, sub: record.subject, at, ...more });
}

/** The answer when nobody may be told a verdict: too much contention, or the request took too long. */
export function cannotAnswer(why: string): PawlError {
  return new PawlError("store_unavailable", why, { retryAfterSeconds: 1 });
}
