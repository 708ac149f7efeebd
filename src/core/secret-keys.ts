// From PAWL_SECRET to one key per purpose (HKDF-SHA-256, RFC 5869), and the set of secrets that are valid right now.
// Owns the labels. A key is used for one purpose only; no key ever leaves the process.

import { hkdfSync } from "node:crypto";
import { PawlError } from "./errors.ts";
import type { Hmac } from "./hmac.ts";
import { createHmac } from "./hmac.ts";

/** The fewest random bytes a secret may have. */
export const secretBytesMin = 32;
const secretBytesMax = 1024;
/** The highest key id: one byte of a refresh token names it. */
export const keyIdMax = 255;
const secretsMax = 8;

/** The keys of one secret, one per purpose. */
export interface SecretKeys {
  /** 1 to 255: names the secret inside refresh tokens and records. */
  readonly keyId: number;
  readonly mac: Hmac;
  readonly successor: Hmac;
  readonly link: Hmac;
  /** Seals signing keys at rest (AES-256-GCM). */
  readonly sealing: Uint8Array;
}

/** The secrets of this process: the newest makes tokens, all of them recognise tokens. */
export interface SecretRing {
  readonly newest: SecretKeys;
  byId(keyId: number): SecretKeys | undefined;
}

function expand(secret: Uint8Array, purpose: string, length = 32): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, new Uint8Array(0), `pawl/v1/${purpose}`, length));
}

/** Derives every key of one secret. */
export function deriveSecretKeys(keyId: number, secret: Uint8Array): SecretKeys {
  return {
    keyId,
    mac: createHmac(expand(secret, "refresh-token-mac")),
    successor: createHmac(expand(secret, "refresh-token-successor")),
    link: createHmac(expand(secret, "refresh-token-link")),
    sealing: expand(secret, "signing-key-sealing"),
  };
}

/** A public fingerprint of a secret: tells secrets apart in the store without revealing anything about them. */
export function secretFingerprint(secret: Uint8Array): string {
  return Buffer.from(expand(secret, "fingerprint", 16)).toString("base64url");
}

/** The key id that a secret has where nobody else has it: 1 to {@link keyIdMax}, the same in every store. */
export function preferredKeyId(fingerprint: string): number {
  return 1 + ((Buffer.from(fingerprint, "base64url")[0] as number) % keyIdMax);
}

/** Builds the ring from derived keys, newest first (at least one). */
export function createSecretRing(keys: readonly [SecretKeys, ...SecretKeys[]]): SecretRing {
  const byId = new Map(keys.map((each) => [each.keyId, each]));
  return { newest: keys[0], byId: (keyId) => byId.get(keyId) };
}

/**
 * Reads the text of `PAWL_SECRET`: base64url secrets of at least 32 bytes, comma-separated, newest first, at most 8.
 * @throws PawlError `invalid_option`; the message never holds the secret.
 */
export function parseSecrets(text: string): readonly [Uint8Array, ...Uint8Array[]] {
  const refuse = (why: string): never => {
    throw new PawlError("invalid_option", `secret ${why}`, { field: "secret" });
  };
  const parts = text.split(",").map((part) => part.trim());
  if (parts.length > secretsMax) refuse(`must be at most ${secretsMax} values`);
  const secrets = parts.map((part) => {
    if (!/^[A-Za-z0-9_-]+$/.test(part)) refuse("must be base64url without padding, comma-separated, newest first");
    const bytes = new Uint8Array(Buffer.from(part, "base64url"));
    if (bytes.length < secretBytesMin || bytes.length > secretBytesMax) {
      refuse(`must be at least ${secretBytesMin} random bytes (${Math.ceil((secretBytesMin * 4) / 3)} characters)`);
    }
    return bytes;
  });
  if (new Set(parts).size !== parts.length) refuse("holds the same value twice");
  return secrets as unknown as readonly [Uint8Array, ...Uint8Array[]];
}
