// The single steps of a refresh and of an access-token check, in one process: what each costs and that the faster of two
// ways is still the faster one. Variants of a group take turns in short slices, so that noise hurts all alike.

import {
  createHmac,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  hash,
  randomBytes,
  sign,
  verify,
} from "node:crypto";
import { hash as argon2 } from "@node-rs/argon2";
import type { AccessClaims } from "../src/core/access-token.ts";
import { checkAccessToken, issueAccessToken } from "../src/core/access-token.ts";
import type { Presentation } from "../src/core/decide.ts";
import { decide } from "../src/core/decide.ts";
import { createPolicy } from "../src/core/policy.ts";
import type { SessionRecord } from "../src/core/record.ts";
import type { RefreshToken } from "../src/core/refresh-token.ts";
import { encodeRefreshToken, noHash, parseRefreshToken, tokenHash } from "../src/core/refresh-token.ts";
import { createSecretRing, deriveSecretKeys } from "../src/core/secret-keys.ts";
import { createSigningKey, createVerificationKey, derToJose, joseToDer } from "../src/core/signature.ts";
import { unpackRecord } from "../src/stores/record-codec.ts";
import { packRecord } from "../src/stores/record-packing.ts";
import type { Spread } from "./statistics.ts";
import { spreadOf } from "./statistics.ts";

/** How long to measure. */
export interface MicroPlan {
  readonly rounds: number;
  readonly sliceMilliseconds: number;
}

/** One line: operations per second on one core, and the ratio to the first line of its group. */
export interface MicroRow {
  readonly group: string;
  readonly title: string;
  readonly perSecond: Spread;
  readonly ratioToFirst: Spread;
}

interface Variant {
  readonly title: string;
  readonly run: () => unknown;
}

/** What the last operation gave; kept so that nothing measured can be optimised away. */
let kept: unknown;

function rateOf(run: () => unknown, milliseconds: number): number {
  const from = performance.now();
  const until = from + milliseconds;
  let done = 0;
  let now = from;
  while (now < until) {
    for (let index = 0; index < 16; index++) kept = run();
    done += 16;
    now = performance.now();
  }
  return (done / (now - from)) * 1000;
}

function compare(group: string, variants: readonly Variant[], plan: MicroPlan): MicroRow[] {
  const rates = variants.map(() => [] as number[]);
  for (let round = 0; round <= plan.rounds; round++) {
    variants.forEach(({ run }, index) => {
      const rate = rateOf(run, plan.sliceMilliseconds);
      // The first round warms up.
      if (round > 0) rates[index]?.push(rate);
    });
  }
  const first = rates[0] as number[];
  return variants.map(({ title }, index) => ({
    group,
    title,
    perSecond: spreadOf(rates[index] as number[]),
    ratioToFirst: spreadOf((rates[index] as number[]).map((rate, round) => rate / (first[round] as number))),
  }));
}

const issuer = "http://localhost:4000";
const now = Date.UTC(2026, 0, 15);
const nowSeconds = now / 1000;

function accessTokens(plan: MicroPlan): MicroRow[] {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = createSigningKey(privateKey.export({ type: "pkcs8", format: "der" }));
  const checking = createVerificationKey(key.jwk);
  const claims: AccessClaims = {
    iss: issuer,
    sub: "bench-subject-00000000",
    aud: issuer,
    client_id: "first-party",
    exp: nowSeconds + 900,
    iat: nowSeconds,
    jti: "AAAAAAAAAAAAAAAAAAAAAA",
    sid: "AAAAAAAAAAAAAAAAAAAAAA",
    auth_time: nowSeconds,
    amr: ["pwd"],
  };
  const token = issueAccessToken(claims, key);
  const input = Buffer.from(token.slice(0, token.lastIndexOf(".")));
  const publicKey = createPublicKey(privateKey.export({ type: "pkcs8", format: "pem" }));
  const p1363 = sign("sha256", input, { key: privateKey, dsaEncoding: "ieee-p1363" });
  const expected = { issuer, audience: issuer, keyFor: () => checking, nowSeconds, leewaySeconds: 0 };
  return [
    ...compare(
      "ES256 sign",
      [
        { title: "ieee-p1363", run: () => sign("sha256", input, { key: privateKey, dsaEncoding: "ieee-p1363" }) },
        { title: "DER and conversion (ours)", run: () => derToJose(sign("sha256", input, privateKey)) },
        { title: "whole access token", run: () => issueAccessToken(claims, key) },
      ],
      plan,
    ),
    ...compare(
      "ES256 verify",
      [
        {
          title: "ieee-p1363",
          run: () => verify("sha256", input, { key: publicKey, dsaEncoding: "ieee-p1363" }, p1363),
        },
        { title: "conversion and DER (ours)", run: () => verify("sha256", input, publicKey, joseToDer(p1363)) },
        { title: "whole access-token check", run: () => checkAccessToken(token, expected) },
      ],
      plan,
    ),
  ];
}

/** A session in its steady state and the token of the generation that was just handed out (row 2, the usual case). */
function steadySession(ring: ReturnType<typeof createSecretRing>): { record: SessionRecord; token: RefreshToken } {
  const policy = createPolicy();
  const secret = randomBytes(32);
  const sid = randomBytes(16).toString("base64url");
  const expiresAt = nowSeconds + policy.idleTtlSeconds;
  const age = 900_000;
  const record: SessionRecord = {
    sid,
    subject: "bench-subject-00000000",
    version: 21,
    createdAt: now - 20 * age,
    expiresAt: nowSeconds + 2_000_000,
    lastSeenAt: now - age,
    authTime: nowSeconds - 18_000,
    amr: ["pwd"],
    clientId: "first-party",
    transport: "body",
    userAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    ip: "192.0.2.1",
    label: "",
    generation: 20,
    currentHash: tokenHash(secret),
    currentExpiresAt: expiresAt,
    currentKeyId: 1,
    previousHash: tokenHash(randomBytes(32)),
    olderHash: tokenHash(randomBytes(32)),
    handOut: undefined,
    serverAttempt: undefined,
    currentAgainAt: undefined,
    retiredAt: Array.from({ length: 16 }, (_, index) => now - (index + 1) * age),
    ended: undefined,
    history: [],
  };
  const current: RefreshToken = {
    keyId: 1,
    sid,
    generation: 20,
    expiresAt,
    secret,
    links: [noHash.subarray(16), noHash.subarray(16)],
  };
  const first: Presentation = {
    operation: "refresh",
    token: current,
    attempt: undefined,
    freshAttempt: randomBytes(16),
  };
  const handedOut = decide(record, first, now - age, policy, ring);
  if (handedOut.outcome !== "rotate") throw new Error(`the first refresh was ${handedOut.outcome}`);
  return { record: handedOut.next, token: handedOut.token };
}

/** HMAC (RFC 2104) by two calls of crypto.hash() over prepared blocks, for a 32-byte key and messages of one length. */
function hmacOfHashes(key: Uint8Array, messageBytes: number): (message: Uint8Array) => Buffer {
  const inner = Buffer.alloc(64 + messageBytes, 0x36);
  const outer = Buffer.alloc(64 + 32, 0x5c);
  key.forEach((byte, index) => {
    inner[index] = 0x36 ^ byte;
    outer[index] = 0x5c ^ byte;
  });
  return (message) => {
    inner.set(message, 64);
    outer.write(hash("sha256", inner, "binary"), 64, "binary");
    return Buffer.from(hash("sha256", outer, "binary"), "binary");
  };
}

function refreshSteps(plan: MicroPlan): MicroRow[] {
  const keys = deriveSecretKeys(1, randomBytes(32));
  const ring = createSecretRing([keys]);
  const policy = createPolicy();
  const { record, token } = steadySession(ring);
  const text = encodeRefreshToken(token, keys);
  const presented: Presentation = { operation: "refresh", token, attempt: undefined, freshAttempt: randomBytes(16) };
  const packed = { sid: record.sid, subject: record.subject, version: record.version, data: packRecord(record) };
  const single = (group: string, run: () => unknown): MicroRow[] => compare(group, [{ title: "ours", run }], plan);
  const outcome = decide(record, presented, now, policy, ring).outcome;
  if (outcome !== "rotate") throw new Error(`the measured decision is ${outcome}`);
  const data = randomBytes(91);
  const rawKey = randomBytes(32);
  const keyObject = createSecretKey(rawKey);
  const twoHashes = hmacOfHashes(rawKey, data.length);
  if (!createHmac("sha256", keyObject).update(data).digest().equals(twoHashes(data))) {
    throw new Error("two hashes are no HMAC");
  }
  return [
    ...compare(
      "HMAC-SHA-256, 91 bytes",
      [
        { title: "key as bytes", run: () => createHmac("sha256", rawKey).update(data).digest() },
        { title: "key as KeyObject", run: () => createHmac("sha256", keyObject).update(data).digest() },
        { title: "two one-shot hashes", run: () => twoHashes(data) },
      ],
      plan,
    ),
    ...single("parse refresh token", () => parseRefreshToken(text, ring)),
    ...single("decide(): confirm and rotate", () => decide(record, presented, now, policy, ring)),
    ...single("encode refresh token", () => encodeRefreshToken(token, keys)),
    ...single("pack record", () => packRecord(record)),
    ...single("unpack record", () => unpackRecord(packed)),
  ];
}

/** One argon2id hash (19 MiB, 2, 1), in milliseconds: alone, and eight at once. */
export interface Argon2Result {
  readonly aloneMilliseconds: Spread;
  readonly eightAtOnceMilliseconds: Spread;
}

async function measureArgon2(rounds: number): Promise<Argon2Result> {
  // RFC 9106 and OWASP's second choice; the parameters of server/accounts.
  const one = (): Promise<string> =>
    argon2("correct horse battery staple", { memoryCost: 19_456, timeCost: 2, parallelism: 1 });
  const time = async (work: () => Promise<unknown>): Promise<number> => {
    const from = performance.now();
    await work();
    return performance.now() - from;
  };
  await one();
  const alone: number[] = [];
  const eight: number[] = [];
  for (let round = 0; round < rounds; round++) {
    alone.push(await time(one));
    eight.push(await time(() => Promise.all(Array.from({ length: 8 }, one))));
  }
  return { aloneMilliseconds: spreadOf(alone), eightAtOnceMilliseconds: spreadOf(eight) };
}

/** Runs all of it. */
export async function benchMicro(plan: MicroPlan): Promise<{ rows: readonly MicroRow[]; argon2: Argon2Result }> {
  const rows = [...accessTokens(plan), ...refreshSteps(plan)];
  if (kept === undefined) throw new Error("nothing was measured");
  return { rows, argon2: await measureArgon2(plan.rounds) };
}
