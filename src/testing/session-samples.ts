// Session records for suites: a plain one as a sign-in makes it, its successors, and one with every field in use. Values
// come from seeded entropy, so a failing run repeats. Owns no assertion.

import type { Entropy } from "../core/ports.ts";
import type { SessionRecord } from "../core/record.ts";
import { createSimulatedPlatform } from "./simulated.ts";

/** Makes records. */
export interface Samples {
  /** A new session, one second younger than the one made before. */
  record(changes?: Partial<SessionRecord>): SessionRecord;
  /** The same session after one more refresh: version, generation, hashes and times move on. */
  refreshed(record: SessionRecord, changes?: Partial<SessionRecord>): SessionRecord;
  /** A session with every optional field set and every list full. */
  full(): SessionRecord;
  /** The same session, ended by a logout. */
  ended(record: SessionRecord): SessionRecord;
}

const noHash = new Uint8Array(32);
const userAgent =
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";

/** Creates a source of records. Equal seeds give equal records. */
export function createSamples(seed = 1): Samples {
  const { clock, entropy } = createSimulatedPlatform({ seed });
  const record: Samples["record"] = (changes = {}) => {
    clock.advance(1000);
    return sampleRecord(entropy, clock.now(), changes);
  };
  const refreshed: Samples["refreshed"] = (before, changes = {}) => {
    const at = before.lastSeenAt + 900_000 + (entropy.bytes(1)[0] as number);
    return { ...refreshedAt(before, at, entropy.bytes(32)), ...changes };
  };
  return { record, refreshed, full: () => fullRecord(entropy, record()), ended };
}

function sampleRecord(entropy: Entropy, now: number, changes: Partial<SessionRecord>): SessionRecord {
  const sid = Buffer.from(entropy.bytes(16));
  sid.writeUIntBE(now, 0, 6);
  const seconds = Math.floor(now / 1000);
  return {
    sid: sid.toString("base64url"),
    subject: Buffer.from(entropy.bytes(12)).toString("base64url"),
    version: 1,
    createdAt: now,
    expiresAt: seconds + 2_592_000,
    lastSeenAt: now,
    authTime: seconds,
    amr: ["pwd"],
    clientId: "first-party",
    transport: "cookie",
    userAgent,
    ip: `203.0.113.${entropy.bytes(1)[0]}`,
    label: "",
    generation: 0,
    currentHash: entropy.bytes(32),
    currentExpiresAt: seconds + 604_800,
    currentKeyId: 1,
    previousHash: noHash,
    olderHash: noHash,
    currentAgainAt: undefined,
    handOut: undefined,
    serverAttempt: undefined,
    retiredAt: [],
    ended: undefined,
    history: [],
    ...changes,
  };
}

function refreshedAt(before: SessionRecord, at: number, hash: Uint8Array): SessionRecord {
  const expiresAt = Math.floor(at / 1000) + 604_800;
  return {
    ...before,
    version: before.version + 1,
    lastSeenAt: at,
    generation: before.generation + 1,
    currentHash: hash,
    currentExpiresAt: before.handOut?.expiresAt ?? before.currentExpiresAt,
    previousHash: before.currentHash,
    olderHash: before.previousHash,
    handOut: { count: 1, firstAt: at, lastAt: at, expiresAt, keyId: 1, crowdedBursts: 0, arrived: "no" },
    retiredAt: [at, ...before.retiredAt].slice(0, 16),
  };
}

function fullRecord(entropy: Entropy, before: SessionRecord): SessionRecord {
  const at = before.createdAt + 50_000_000;
  const seconds = Math.floor(at / 1000);
  return {
    ...before,
    subject: "üser:42 / ☃ \u{1f40c}",
    lastSeenAt: at,
    amr: ["pwd", "otp", "mfa", "hwk", "swk", "face", "üñï", ""],
    clientId: "https://client.example/é",
    transport: "body",
    userAgent: "\u{1f98a} browser/1.0\t\0".repeat(12),
    ip: "2001:db8:85a3::8a2e:370:7334",
    label: "Ana’s laptop",
    generation: 4_294_967_295,
    currentHash: entropy.bytes(32),
    currentKeyId: 255,
    previousHash: entropy.bytes(32),
    olderHash: entropy.bytes(32),
    currentAgainAt: at - 33,
    handOut: {
      count: 2,
      firstAt: at - 70_000,
      lastAt: at,
      expiresAt: seconds + 9,
      keyId: 254,
      crowdedBursts: 2,
      arrived: "earlier",
    },
    serverAttempt: {
      value: entropy.bytes(16),
      firstUsedAt: at - 10,
      generation: 4_294_967_295,
      isShared: true,
      sharedBefore: 2,
    },
    retiredAt: Array.from({ length: 16 }, (_, back) => at - back * 901_234),
    ended: { at: at + 1, reason: "refresh_token_reused" },
    history: Array.from({ length: 8 }, (_, step) => ({
      at: before.createdAt + step * 86_400_000,
      type: step % 2 === 0 ? "store_rolled_back" : "something_new",
      detail: step === 0 ? "" : `a used refresh token came back: generation ${step}, current 3 — “quoted”`,
    })),
  };
}

function ended(before: SessionRecord): SessionRecord {
  return { ...before, version: before.version + 1, ended: { at: before.lastSeenAt, reason: "logout" } };
}
