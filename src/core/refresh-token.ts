// The refresh token: its byte layout, its text form, how a successor is derived and how it proves its descent
// (CONTRACT section 3). Pure functions; owns no rule about when a token is good (that is decide.ts).
//
//   pawl_rt_ + base64url( version(1) key id(1) session id(16) generation(4) expires at(5) secret(32) links(16+16) mac(16) )

import { timingSafeEqual } from "node:crypto";
import { PawlError } from "./errors.ts";
import { sha256 } from "./hmac.ts";
import type { SecretKeys, SecretRing } from "./secret-keys.ts";

/** What every refresh token starts with; secret scanners look for it. */
export const refreshTokenPrefix = "pawl_rt_";
/** Characters of a whole token. */
export const refreshTokenCharacters = 151;
/** Stands for the hash of a token that does not exist. */
export const noHash: Uint8Array = new Uint8Array(32);

const tokenBytes = 107;
const macAt = 91;
const tokenVersion = 1;
const drawnByServer = Buffer.from("s");

/** A refresh token, taken apart. */
export interface RefreshToken {
  readonly keyId: number;
  /** 22 base64url characters. */
  readonly sid: string;
  readonly generation: number;
  /** Seconds. */
  readonly expiresAt: number;
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /** 16 bytes each: descent from the predecessor and from the one before it. */
  readonly links: readonly [Uint8Array, Uint8Array];
}

/** The attempt a successor belongs to: who drew it and what it is. */
export type Attempt =
  | { readonly drawnBy: "client"; readonly value: string }
  | { readonly drawnBy: "server"; readonly value: Uint8Array };

/** True when two byte strings are equal; takes the same time for all of one length. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** SHA-256 of a token's secret: the only thing a store ever holds of it. */
export function tokenHash(secret: Uint8Array): Uint8Array {
  return sha256(secret);
}

/** The proof that the token with `ownHash` descends from the one with `ancestorHash` (16 bytes). */
export function linkOf(keys: SecretKeys, ancestorHash: Uint8Array, ownHash: Uint8Array): Uint8Array {
  return keys.link.of(ancestorHash, ownHash).subarray(0, 16);
}

/** The secret of the successor that `attempt` gets from the token with `secret`. */
export function successorSecret(keys: SecretKeys, secret: Uint8Array, attempt: Attempt): Uint8Array {
  // The prefix keeps the two kinds apart: no client can name an attempt that the server drew.
  return attempt.drawnBy === "client"
    ? keys.successor.of(secret, Buffer.from(`c${attempt.value}`, "latin1"))
    : keys.successor.of(secret, drawnByServer, attempt.value);
}

/** The text form of a token, under the MAC of the secret named by its key id. */
export function encodeRefreshToken(token: RefreshToken, keys: SecretKeys): string {
  const bytes = Buffer.allocUnsafe(tokenBytes);
  bytes[0] = tokenVersion;
  bytes[1] = token.keyId;
  bytes.write(token.sid, 2, 16, "base64url");
  bytes.writeUInt32BE(token.generation, 18);
  bytes.writeUIntBE(token.expiresAt, 22, 5);
  bytes.set(token.secret, 27);
  bytes.set(token.links[0], 59);
  bytes.set(token.links[1], 75);
  bytes.set(keys.mac.of(bytes.subarray(0, macAt)).subarray(0, 16), macAt);
  return refreshTokenPrefix + bytes.toString("base64url");
}

/** The bytes of a text that has the form of a token; its MAC is not looked at. */
function bytesOf(text: string): Buffer | undefined {
  if (typeof text !== "string" || text.length !== refreshTokenCharacters || !text.startsWith(refreshTokenPrefix)) {
    return undefined;
  }
  const encoded = text.slice(refreshTokenPrefix.length);
  const bytes = Buffer.from(encoded, "base64url");
  // Canonical only: exactly one text stands for one token, so no character can be changed unnoticed.
  const isCanonical = bytes.length === tokenBytes && bytes.toString("base64url") === encoded;
  return isCanonical && bytes[0] === tokenVersion ? bytes : undefined;
}

/** The key id that a text claims, which anybody may have written; `undefined` when it has not the form of a token. */
export function keyIdOf(text: string): number | undefined {
  return bytesOf(text)?.[1];
}

/**
 * Takes a token apart after checking its form and its MAC. Asks no store, checks no expiry.
 * @throws PawlError `refresh_token_invalid` for anything that this deployment did not make.
 */
export function parseRefreshToken(text: string, ring: SecretRing): RefreshToken {
  const invalid = (): PawlError => new PawlError("refresh_token_invalid");
  const bytes = bytesOf(text);
  const keys = bytes && ring.byId(bytes[1] as number);
  if (bytes === undefined || keys === undefined) throw invalid();
  if (!timingSafeEqual(keys.mac.of(bytes.subarray(0, macAt)).subarray(0, 16), bytes.subarray(macAt))) {
    throw invalid();
  }
  return {
    keyId: keys.keyId,
    sid: bytes.toString("base64url", 2, 18),
    generation: bytes.readUInt32BE(18),
    expiresAt: bytes.readUIntBE(22, 5),
    secret: bytes.subarray(27, 59),
    links: [bytes.subarray(59, 75), bytes.subarray(75, macAt)],
  };
}
