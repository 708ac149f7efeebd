// The stage of the core tests: a policy, two secrets, and a played-out session whose tokens the test holds.
// decide() is pure, so a scene is a record, the tokens that were handed out, and a time.

import type { Decision } from "../../src/core/decide.ts";
import { decide, isAttempt } from "../../src/core/decide.ts";
import type { Policy } from "../../src/core/policy.ts";
import { createPolicy } from "../../src/core/policy.ts";
import type { SessionRecord } from "../../src/core/record.ts";
import type { RefreshToken } from "../../src/core/refresh-token.ts";
import { noHash, tokenHash } from "../../src/core/refresh-token.ts";
import type { SecretRing } from "../../src/core/secret-keys.ts";
import { createSecretRing, deriveSecretKeys } from "../../src/core/secret-keys.ts";

export const startAt = 1_700_000_000_000;
export const grace = 30_000;
export const softZone: number = 2 * grace;
export const sid: string = Buffer.alloc(16, 7).toString("base64url");

const oldKeys = deriveSecretKeys(1, Buffer.alloc(32, 1));
const newKeys = deriveSecretKeys(2, Buffer.alloc(32, 2));
/** One secret; and the same one after a newer was added; and only the newer. */
export const ring: SecretRing = createSecretRing([oldKeys]);
export const rotatedRing: SecretRing = createSecretRing([newKeys, oldKeys]);
export const newOnlyRing: SecretRing = createSecretRing([newKeys]);

export const keyA = "client-attempt-aaaaaaa";
export const keyB = "client-attempt-bbbbbbb";
export const keyC = "client-attempt-ccccccc";

/** A scene in progress. */
export interface Scene {
  record: SessionRecord;
  now: number;
  policy: Policy;
  ring: SecretRing;
  first: RefreshToken;
  draws: number;
}

export function newScene(options: Parameters<typeof createPolicy>[0] = {}): Scene {
  const policy = createPolicy(options);
  const seconds = startAt / 1000;
  const expiresAt = seconds + policy.sessionTtlSeconds;
  const first: RefreshToken = {
    keyId: 1,
    sid,
    generation: 0,
    expiresAt: Math.min(seconds + policy.idleTtlSeconds, expiresAt),
    secret: Buffer.alloc(32, 9),
    links: [new Uint8Array(16), new Uint8Array(16)],
  };
  const record: SessionRecord = {
    sid,
    subject: "user",
    version: 1,
    createdAt: startAt,
    expiresAt,
    lastSeenAt: startAt,
    authTime: seconds,
    amr: ["pwd"],
    clientId: "first-party",
    transport: "body",
    userAgent: "",
    ip: "",
    label: "",
    generation: 0,
    currentHash: tokenHash(first.secret),
    currentExpiresAt: first.expiresAt,
    currentKeyId: 1,
    previousHash: noHash,
    olderHash: noHash,
    currentAgainAt: undefined,
    handOut: undefined,
    serverAttempt: undefined,
    retiredAt: [],
    ended: undefined,
    history: [],
  };
  return { record, now: startAt, policy, ring, first, draws: 0 };
}

/** What the rules say now, without committing. */
export function ask(
  scene: Scene,
  token: RefreshToken,
  attempt?: string,
  operation: "refresh" | "confirm" = "refresh",
): Decision {
  if (attempt !== undefined && !isAttempt(attempt)) throw new Error("bad attempt in a test");
  scene.draws += 1;
  const freshAttempt = Buffer.alloc(16, scene.draws);
  return decide(scene.record, { operation, token, attempt, freshAttempt }, scene.now, scene.policy, scene.ring);
}

/** Asks, and commits what the decision changes, as the engine does. */
export function play(
  scene: Scene,
  token: RefreshToken,
  attempt?: string,
  operation: "refresh" | "confirm" = "refresh",
): Decision {
  const decision = ask(scene, token, attempt, operation);
  if ("next" in decision && decision.next !== undefined) {
    if (decision.next.version !== scene.record.version + 1) throw new Error("a change must raise the version by one");
    scene.record = decision.next;
  }
  return decision;
}

/** Plays a refresh that must hand out a token. */
export function refresh(scene: Scene, token: RefreshToken, attempt?: string): RefreshToken {
  const decision = play(scene, token, attempt);
  if (decision.outcome !== "rotate") throw new Error(`expected rotate, got ${decision.outcome}`);
  return decision.token;
}

/** Plays a confirm that must confirm. */
export function confirm(scene: Scene, token: RefreshToken): void {
  const decision = play(scene, token, undefined, "confirm");
  if (decision.outcome !== "confirm") throw new Error(`expected confirm, got ${decision.outcome}`);
}

/** Rotates and confirms `count` times, `step` milliseconds apart; the tokens, oldest first. */
export function advance(scene: Scene, token: RefreshToken, count: number, step: number): RefreshToken[] {
  const tokens = [token];
  for (let turn = 0; turn < count; turn += 1) {
    scene.now += step;
    const successor = refresh(scene, tokens.at(-1) as RefreshToken, keyA);
    confirm(scene, successor);
    tokens.push(successor);
  }
  return tokens;
}
