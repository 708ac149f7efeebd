// Which secrets this store knows: PAWL_SECRET gives the bytes, the store's document `secrets` gives each its key id and
// tells since when it is no longer the newest. Owns the refusal to start when sessions depend on a secret that is
// missing, and that the document stays true while processes run. The document holds fingerprints only.

import { PawlError } from "../core/errors.ts";
import type { Policy } from "../core/policy.ts";
import type { Clock, Platform, Store } from "../core/ports.ts";
import type { SessionRecord } from "../core/record.ts";
import type { SecretKeys, SecretRing } from "../core/secret-keys.ts";
import {
  createSecretRing,
  deriveSecretKeys,
  keyIdMax,
  parseSecrets,
  preferredKeyId,
  secretFingerprint,
} from "../core/secret-keys.ts";
import { sealedIn } from "./key-ring.ts";
import { unseal } from "./sealed.ts";
import { isLive } from "./views.ts";

const documentKey = "secrets";
const writeRoundsMax = 16;
/** How many rows are looked at to find out whether anybody still depends on a missing secret. */
const dependantRowsMax = 1000;
/** Pages of as many that are looked at when the document is gone. */
const strangerPagesMax = 1_000_000;
/** A process that still makes tokens under an older secret says so this often. */
const renewMilliseconds = 600_000;
/** For so long it may be silent, busy or cut off, and still be believed to make them. */
const silenceMilliseconds = 3 * renewMilliseconds;

interface KnownSecret {
  readonly keyId: number;
  readonly fingerprint: string;
  /** Milliseconds: when it was last seen to make tokens after a newer one had taken over; `null` while it is the newest. */
  readonly supersededAt: number | null;
  /** The longest idle lifetime under which it made tokens: none outlives `supersededAt` plus this. */
  readonly idleTtlSeconds: number;
}

/** The secrets of this process, and its part in the store's document about them. */
export interface OpenedSecrets {
  readonly ring: SecretRing;
  /**
   * Says again what the document has lost (the database was put back, or is another one), and that an older secret is
   * still the one this process makes tokens under.
   */
  reload(): Promise<void>;
}

/**
 * Matches the given secrets with those the store knows, and records a new one.
 * @throws PawlError `store_incompatible` when live sessions were made under a secret that is not given.
 */
export async function openSecrets(store: Store, clock: Clock, policy: Policy, text: string): Promise<OpenedSecrets> {
  const secrets = parseSecrets(text);
  for (let round = 0; round < writeRoundsMax; round += 1) {
    const stored = await store.readDocument(documentKey);
    const known = stored === undefined ? [] : (JSON.parse(stored.value) as KnownSecret[]);
    const given = secrets.map(secretFingerprint);
    const proven = stored === undefined ? await provenIds(store, secrets) : new Map<string, number>();
    const next = await reconcile(store, clock.now(), policy, known, given, proven);
    if (stored === undefined) await refuseStrangers(next, store, clock.now());
    const value = JSON.stringify(next);
    const unchanged = stored !== undefined && stored.value === value;
    if (
      unchanged ||
      (await store.writeDocuments([{ key: documentKey, expectedVersion: stored?.version ?? 0, value }]))
    ) {
      const idOf = new Map(next.map((each) => [each.fingerprint, each.keyId]));
      const keys = secrets.map((secret) => deriveSecretKeys(idOf.get(secretFingerprint(secret)) as number, secret));
      const ring = createSecretRing(keys as unknown as readonly [SecretKeys, ...SecretKeys[]]);
      const own = next.slice(0, secrets.length);
      return { ring, reload: () => sayAgain(store, clock, own) };
    }
  }
  throw new PawlError("store_unavailable", "The list of secrets is being changed by others; retry.");
}

/** One attempt; what another process changed meanwhile is looked at the next time. @param own newest first */
async function sayAgain(store: Store, clock: Clock, own: readonly KnownSecret[]): Promise<void> {
  const stored = await store.readDocument(documentKey);
  const known = stored === undefined ? [] : (JSON.parse(stored.value) as KnownSecret[]);
  const next = withOwn(known, own, clock.now());
  const value = JSON.stringify(next);
  if (value === stored?.value) return;
  await store.writeDocuments([{ key: documentKey, expectedVersion: stored?.version ?? 0, value }]);
}

/** The document as it must be while a process with the secrets `own` runs. */
function withOwn(known: readonly KnownSecret[], own: readonly KnownSecret[], now: number): KnownSecret[] {
  const [newest] = own as readonly [KnownSecret];
  const lost = own.filter(
    ({ fingerprint, keyId }) => !known.some((each) => each.fingerprint === fingerprint || each.keyId === keyId),
  );
  const kept = known.map((each): KnownSecret => {
    if (each.fingerprint !== newest.fingerprint || each.supersededAt === null) return each;
    return now < each.supersededAt + renewMilliseconds ? each : { ...each, supersededAt: now };
  });
  return [...kept, ...lost];
}

/** @throws PawlError `store_incompatible` when the document is gone, and live sessions are of other secrets than `given` */
async function refuseStrangers(given: readonly KnownSecret[], store: Store, now: number): Promise<void> {
  const keyIds = new Set(given.map(({ keyId }) => keyId));
  const isStranger = (record: SessionRecord): boolean =>
    isLive(record, now) && keyIdsOf(record).some((keyId) => !keyIds.has(keyId));
  let after: string | undefined;
  for (let page = 0; page < strangerPagesMax; page += 1) {
    const rows = await store.listAll(after, dependantRowsMax);
    if (rows.some(isStranger)) refuse();
    if (rows.length < dependantRowsMax) return;
    after = rows.at(-1)?.sid;
  }
  refuse();
}

/** The ids that secrets had when the document was still there, as far as something sealed under them is left to prove it. */
async function provenIds(store: Store, secrets: readonly Uint8Array[]): Promise<Map<string, number>> {
  const proven = new Map<string, number>();
  for (const each of await sealedIn(store)) {
    const secret = secrets.find((bytes) => unseal(each, deriveSecretKeys(each.keyId, bytes)) !== undefined);
    if (secret !== undefined) proven.set(secretFingerprint(secret), each.keyId);
  }
  return proven;
}

function refuse(): never {
  throw new PawlError(
    "store_incompatible",
    "The store holds sessions made under a secret that is not given. Give the old secret too, newest first, comma-separated (PAWL_SECRET).",
  );
}

/** At most one reading in this time: tokens that somebody makes up cost no more, and wait for as long. */
const readingMilliseconds = 1_000;

/** Secrets of the store that this process was not given. */
export interface ForeignSecrets {
  /** True when the store knows a secret of this key id. @throws PawlError `store_unavailable`. */
  has(keyId: number): Promise<boolean>;
}

/**
 * Creates the lookup; reads the store only when it is asked. An answer of no comes from a reading that began after the
 * question: a secret is in the store before anything is made under it.
 */
export function createForeignSecrets(store: Store, { clock, scheduler }: Platform): ForeignSecrets {
  let known: ReadonlySet<number> = new Set();
  let next: Promise<ReadonlySet<number>> | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  const read = async (): Promise<ReadonlySet<number>> => {
    const pause = readAt + readingMilliseconds - clock.now();
    // In any case later than now, so that `next` is this reading until it begins.
    await (pause > 0 && pause <= readingMilliseconds ? scheduler.wait(pause) : undefined);
    readAt = clock.now();
    next = undefined;
    known = await knownKeyIds(store);
    return known;
  };
  return {
    has: async (keyId) => {
      if (known.has(keyId)) return true;
      next ??= read();
      return (await next).has(keyId);
    },
  };
}

async function knownKeyIds(store: Store): Promise<ReadonlySet<number>> {
  const stored = await store.readDocument(documentKey);
  const known = stored === undefined ? [] : (JSON.parse(stored.value) as KnownSecret[]);
  return new Set(known.map(({ keyId }) => keyId));
}

async function reconcile(
  store: Store,
  now: number,
  policy: Policy,
  known: readonly KnownSecret[],
  given: readonly string[],
  proven: ReadonlyMap<string, number>,
): Promise<KnownSecret[]> {
  const missing = known.filter((each) => !given.includes(each.fingerprint) && mayHaveTokens(each, now));
  if (missing.length > 0 && (await dependOn(missing, store, now))) refuse();
  const result: KnownSecret[] = [];
  for (const [position, fingerprint] of given.entries()) {
    const before = known.find((each) => each.fingerprint === fingerprint);
    const taken = new Set([...[...known, ...result].map((each) => each.keyId), ...proven.values()]);
    const keyId = before?.keyId ?? proven.get(fingerprint) ?? freeKeyId(fingerprint, taken);
    const supersededAt = position === 0 ? null : (before?.supersededAt ?? now);
    const idleTtlSeconds = Math.max(before?.idleTtlSeconds ?? 0, policy.idleTtlSeconds);
    result.push({ keyId, fingerprint, supersededAt, idleTtlSeconds });
  }
  // A missing one keeps its key id: whoever still runs with it, or comes back with it, must mean the same tokens.
  return [...result, ...missing.map((each) => ({ ...each, supersededAt: each.supersededAt ?? now }))];
}

/** No refresh token outlives the idle lifetime, so a secret that made none for longer than that has no tokens left. */
function mayHaveTokens(secret: KnownSecret, now: number): boolean {
  if (secret.supersededAt === null) return true;
  return secret.supersededAt + silenceMilliseconds + secret.idleTtlSeconds * 1000 > now;
}

/**
 * A key id that nobody has: the one that follows from the secret itself, so that a store which has lost its document, or is
 * another one, gives the secret the same id again; the next one where that is taken.
 */
function freeKeyId(fingerprint: string, taken: ReadonlySet<number>): number {
  const own = preferredKeyId(fingerprint);
  for (let step = 0; step < keyIdMax; step += 1) {
    const candidate = ((own - 1 + step) % keyIdMax) + 1;
    if (!taken.has(candidate)) return candidate;
  }
  throw new PawlError("store_incompatible", "The store knows too many secrets.");
}

/** True when a live session uses one of `secrets`; with more rows than are looked at, the safe answer. */
async function dependOn(secrets: readonly KnownSecret[], store: Store, now: number): Promise<boolean> {
  const rows = await store.listAll(undefined, dependantRowsMax);
  const keyIds = secrets.map((each) => each.keyId);
  const uses = (record: SessionRecord): boolean => keyIdsOf(record).some((keyId) => keyIds.includes(keyId));
  return rows.length === dependantRowsMax || rows.some((record) => isLive(record, now) && uses(record));
}

/** The secrets that the tokens of a session are made under. */
function keyIdsOf({ currentKeyId, handOut }: SessionRecord): number[] {
  return handOut === undefined ? [currentKeyId] : [currentKeyId, handOut.keyId];
}
