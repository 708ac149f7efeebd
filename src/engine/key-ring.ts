// The signing keys of access tokens: made on first start, sealed in the store (AES-256-GCM under a key of PAWL_SECRET),
// published before they sign, kept until the last token they signed has expired. States follow from times alone
// (published -> active -> retiring -> removed), so no node has to do anything for a key to change state.

import { PawlError } from "../core/errors.ts";
import { accessTtlSecondsMax } from "../core/policy.ts";
import type { Platform, Store, StoredDocument } from "../core/ports.ts";
import type { SecretRing } from "../core/secret-keys.ts";
import type { Algorithm, PublicJwk, SigningKey, VerificationKey } from "../core/signature.ts";
import { createSigningKey, createVerificationKey } from "../core/signature.ts";
import { type Sealed, seal, unseal } from "./sealed.ts";
import type { KeyView } from "./types.ts";

/** How long others may cache the JWKS, in seconds; a key is published for at least this long before it signs. */
export const jwksMaxAgeSeconds = 300;
/**
 * How long a key stays published after another one took over: the longest access-token lifetime any policy allows, and
 * the difference of clocks. Not this process's own lifetime: another one may sign longer tokens.
 */
const keepSeconds = accessTtlSecondsMax + 60;
/** How long a key signs before the next one takes over by itself, when nothing else is asked for: 90 days. */
const rotationSecondsDefault = 90 * 86_400;
const rotationSecondsMin = 86_400;
const rotationSecondsMax = 400 * 86_400;
const documentKey = "signing-keys";
const writeRoundsMax = 16;
const keysMax = 16;

interface StoredKey extends Sealed {
  readonly alg: Algorithm;
  readonly createdAt: number;
  /** Milliseconds: from when it signs (until a later key does). */
  readonly activeAt: number;
  readonly jwk: PublicJwk;
}

interface LoadedKey extends StoredKey {
  /** `undefined` when it is sealed under a secret that this process does not have: others may sign with it. */
  readonly signing: SigningKey | undefined;
  readonly verification: VerificationKey;
  /** Milliseconds: from when it is removed. */
  readonly lapsesAt: number;
}

/** The key ring of one process. */
export interface KeyRing {
  /** The key that signs now. */
  signing(): SigningKey;
  verification(kid: string): VerificationKey | undefined;
  jwks(): { readonly keys: readonly PublicJwk[] };
  views(): readonly KeyView[];
  /** Publishes a new key, which signs after {@link jwksMaxAgeSeconds}. @throws PawlError `invalid_request` when too many wait. */
  rotate(): Promise<KeyView>;
  /** The same when the newest key has signed for as long as the schedule says; of many nodes one does it. */
  rotateIfDue(): Promise<void>;
  /** Removes a key at once. Resolves false when there is no such key. */
  revoke(kid: string): Promise<boolean>;
  /** Reads what other processes changed. */
  reload(): Promise<void>;
}

interface KeyRingInput {
  readonly store: Store;
  readonly platform: Platform;
  readonly secrets: SecretRing;
  /** `undefined`: that of the newest key, ES256 when there is none. */
  readonly algorithm: Algorithm | undefined;
  /** How long a key signs; 0: until somebody rotates by hand. */
  readonly rotationSeconds: number;
}

/** Returns the schedule. @throws PawlError `invalid_option` */
export function checkKeyRotation(seconds: number = rotationSecondsDefault): number {
  const isInRange = seconds >= rotationSecondsMin && seconds <= rotationSecondsMax;
  if (Number.isInteger(seconds) && (seconds === 0 || isInRange)) return seconds;
  const accepted = `keyRotationSeconds must be 0 or a whole number from ${rotationSecondsMin} to ${rotationSecondsMax}`;
  throw new PawlError("invalid_option", accepted, { field: "keyRotationSeconds" });
}

/** Opens the ring: makes the first key on an empty store, re-seals under a new secret, drops what is over. */
export async function openKeyRing(input: KeyRingInput): Promise<KeyRing> {
  let loaded: readonly LoadedKey[] = [];
  /** The keys as they were stored the last time. */
  let remembered: readonly StoredKey[] = [];
  const cache = new Map<string, LoadedKey>();
  const take = (stored: readonly StoredKey[]): void => {
    // A key that was opened once stays open, although another process may have sealed it under a newer secret.
    const opened = stored.map((key) => ({ ...(cache.get(key.kid) ?? load(key, input.secrets)), ...key }));
    opened.sort((a, b) => b.activeAt - a.activeAt);
    loaded = opened.map((key, index) => ({ ...key, lapsesAt: lapseOf(opened[index - 1]) }));
    cache.clear();
    for (const key of loaded) cache.set(key.kid, key);
    remembered = stored;
  };
  const change = async (edit: (keys: readonly StoredKey[]) => Promise<StoredKey[] | undefined>): Promise<void> => {
    for (let round = 0; round < writeRoundsMax; round += 1) {
      const document = await input.store.readDocument(documentKey);
      const before = parse(document);
      const after = await edit(before);
      const value = JSON.stringify(after);
      const expectedVersion = document?.version ?? 0;
      if (after === undefined || (await input.store.writeDocuments([{ key: documentKey, expectedVersion, value }]))) {
        return take(after ?? before);
      }
    }
    throw new PawlError("store_unavailable", "The signing keys are being changed by others; retry.");
  };
  await change((keys) => bringUpToDate(keys, input));
  const now = (): number => input.platform.clock.now();
  const present = (): LoadedKey[] => loaded.filter((key) => now() < key.lapsesAt);
  const canSign = ({ kid, ...key }: StoredKey): boolean =>
    cache.get(kid)?.signing !== undefined || unsealWith({ kid, ...key }, input.secrets) !== undefined;
  /** True when the newest key signs, and has done so for as long as it should. */
  const isDue = (keys: readonly StoredKey[]): boolean => {
    const newest = Math.max(...keys.map(({ activeAt }) => activeAt));
    return input.rotationSeconds > 0 && now() >= newest + input.rotationSeconds * 1000;
  };
  return {
    signing: () => activeKey(loaded, now()).signing as SigningKey,
    verification: (kid) => {
      const key = cache.get(kid);
      return key !== undefined && now() < key.lapsesAt ? key.verification : undefined;
    },
    jwks: () => ({ keys: present().map((key) => key.jwk) }),
    views: () => present().map((key) => viewOf(key, activeKey(loaded, now()), now())),
    rotate: async () => {
      await change((keys) => withNext(keys, input));
      const newest = loaded[0] as LoadedKey;
      return viewOf(newest, activeKey(loaded, now()), now());
    },
    rotateIfDue: async () => {
      if (isDue(loaded)) await change(async (keys) => (isDue(keys) ? await withNext(keys, input) : undefined));
    },
    revoke: async (kid) => {
      let isKnown = false;
      await change(async (keys) => {
        const needed = stillNeeded(keys, now());
        isKnown = needed.some((key) => key.kid === kid);
        return isKnown ? await withoutKey(needed, kid, input) : undefined;
      });
      return isKnown;
    },
    reload: async () => {
      const stored = parse(await input.store.readDocument(documentKey));
      if (stored.some((key) => canSign(key))) return take(stored);
      // The database lost them, or is another one: what this process still knows goes back.
      await change((keys) => bringUpToDate(keys.length === 0 ? remembered : keys, input, keys));
    },
  };
}

/** Everything that is sealed in a store. */
export async function sealedIn(store: Store): Promise<readonly Sealed[]> {
  return parse(await store.readDocument(documentKey));
}

function parse(document: StoredDocument | undefined): StoredKey[] {
  return document === undefined ? [] : (JSON.parse(document.value) as StoredKey[]);
}

/** Of the keys we can sign with, the one with the latest activation that has come; before any has, the earliest. */
function activeKey(keys: readonly LoadedKey[], now: number): LoadedKey {
  const ours = keys.filter((key) => key.signing !== undefined);
  const active = ours.find((key) => key.activeAt <= now) ?? ours.at(-1);
  if (active === undefined)
    throw new PawlError("store_incompatible", "The store holds no signing key that can be opened.");
  return active;
}

function viewOf(key: StoredKey, active: StoredKey, now: number): KeyView {
  const state = key.kid === active.kid ? "active" : key.activeAt > now ? "published" : "retiring";
  return { kid: key.kid, alg: key.alg, state, createdAt: Math.floor(key.createdAt / 1000) };
}

/** When a key that `successor` follows is removed. */
function lapseOf(successor: StoredKey | undefined): number {
  return successor === undefined ? Number.POSITIVE_INFINITY : successor.activeAt + keepSeconds * 1000;
}

function algorithmFor(keys: readonly StoredKey[], input: KeyRingInput): Algorithm {
  return input.algorithm ?? keys.at(-1)?.alg ?? "ES256";
}

async function makeKey(input: KeyRingInput, algorithm: Algorithm, activeAt: number): Promise<StoredKey> {
  const pkcs8 = await input.platform.entropy.signingKey(algorithm);
  const { kid, alg, jwk } = createSigningKey(pkcs8);
  return { kid, alg, jwk, createdAt: input.platform.clock.now(), activeAt, ...sealFor(pkcs8, kid, input) };
}

function sealFor(pkcs8: Uint8Array, kid: string, { secrets, platform }: KeyRingInput): Omit<Sealed, "kid"> {
  return seal(pkcs8, kid, secrets.newest, platform.entropy);
}

/** The private key of a stored one, or `undefined` when its secret is not given or does not fit. */
function unsealWith(key: Sealed, secrets: SecretRing): Uint8Array | undefined {
  const secret = secrets.byId(key.keyId);
  return secret && unseal(key, secret);
}

function load(key: StoredKey, secrets: SecretRing): Omit<LoadedKey, "lapsesAt"> {
  const pkcs8 = unsealWith(key, secrets);
  const signing = pkcs8 === undefined ? undefined : createSigningKey(pkcs8);
  return { ...key, signing, verification: createVerificationKey(key.jwk) };
}

/** Keys that sign, will sign, or signed a token that may still live; in order of activation. */
function stillNeeded(keys: readonly StoredKey[], now: number): StoredKey[] {
  const byActivation = [...keys].sort((a, b) => a.activeAt - b.activeAt);
  return byActivation.filter((_, index) => now < lapseOf(byActivation[index + 1]));
}

/**
 * The keys without a revoked one. Who signs next is, where possible, a key that verifiers know: an older one until a new
 * one has been published for long enough, else the one that is waiting, else a new one at once.
 */
async function withoutKey(keys: readonly StoredKey[], kid: string, input: KeyRingInput): Promise<StoredKey[]> {
  const now = input.platform.clock.now();
  const left = keys.filter((key) => key.kid !== kid);
  const ours = left.filter((key) => unsealWith(key, input.secrets) !== undefined);
  const waiting = ours.find((key) => key.activeAt > now);
  const algorithm = algorithmFor(keys, input);
  if (ours.some((key) => key.activeAt <= now)) {
    const revokedIsOlder = ours.some((key) => key.activeAt <= now && key.activeAt > activeAtOf(keys, kid));
    if (waiting !== undefined || revokedIsOlder) return left;
    return [...left, await makeKey(input, algorithm, now + jwksMaxAgeSeconds * 1000)];
  }
  if (waiting === undefined) return [...left, await makeKey(input, algorithm, now)];
  return left.map((key) => (key === waiting ? { ...key, activeAt: now } : key));
}

/** The keys that are needed, and one more, which signs once it has been published for long enough. */
async function withNext(keys: readonly StoredKey[], input: KeyRingInput): Promise<StoredKey[]> {
  const now = input.platform.clock.now();
  const needed = stillNeeded(keys, now);
  if (needed.length < keysMax) {
    return [...needed, await makeKey(input, algorithmFor(needed, input), now + jwksMaxAgeSeconds * 1000)];
  }
  throw new PawlError("invalid_request", `At most ${keysMax} signing keys are kept; an older one goes within a day.`);
}

function activeAtOf(keys: readonly StoredKey[], kid: string): number {
  return keys.find((key) => key.kid === kid)?.activeAt ?? Number.POSITIVE_INFINITY;
}

/** What the stored keys should be for a process to go on; `undefined` when they already are, as `stored`. */
async function bringUpToDate(
  keys: readonly StoredKey[],
  input: KeyRingInput,
  stored: readonly StoredKey[] = keys,
): Promise<StoredKey[] | undefined> {
  const now = input.platform.clock.now();
  const needed = stillNeeded(keys, now).map((key): StoredKey => {
    const pkcs8 = key.keyId === input.secrets.newest.keyId ? undefined : unsealWith(key, input.secrets);
    return pkcs8 === undefined ? key : { ...key, ...sealFor(pkcs8, key.kid, input) };
  });
  // A key we cannot open belongs to processes with another secret: it stays published, and we sign with one of our own.
  const newest = needed.findLast((key) => unsealWith(key, input.secrets) !== undefined);
  const algorithm = algorithmFor(needed, input);
  if (newest === undefined) needed.push(await makeKey(input, algorithm, now));
  else if (newest.alg !== algorithm) needed.push(await makeKey(input, algorithm, now + jwksMaxAgeSeconds * 1000));
  const unchanged = needed.length === stored.length && needed.every((key) => stored.includes(key));
  return unchanged ? undefined : needed;
}
