// The access token: a JWT in the profile of RFC 9068, `typ: at+jwt`. Issues it and checks it, strictly:
// canonical base64url, the algorithm from the key, exact types. Knows no store and no refresh token; the verifier builds on it.

import { PawlError } from "./errors.ts";
import type { SigningKey, VerificationKey } from "./signature.ts";

/** Longest access token that is looked at, in characters. */
export const accessTokenCharactersMax = 8192;

/** How far in the future `iat` may lie: clocks of two machines differ, and one clock may be set back a little. */
const futureSecondsMax = 60;

/** The claims of an access token (CONTRACT section 3); instants in seconds. */
export interface AccessClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string;
  readonly client_id: string;
  readonly exp: number;
  readonly iat: number;
  readonly jti: string;
  readonly sid: string;
  readonly auth_time: number;
  readonly amr: readonly string[];
  readonly acr?: string;
  readonly scope?: string;
}

/** What a token is checked against. */
export interface AccessExpectation {
  readonly issuer: string;
  /** `undefined` accepts any: for the issuer, which made tokens for several. */
  readonly audience: string | undefined;
  /** The trusted key with this id. */
  keyFor(kid: string): VerificationKey | undefined;
  /** Seconds since the epoch. */
  readonly nowSeconds: number;
  /** How far another machine's clock may be off, in seconds: 0 on the issuer's own machine, at most 60. */
  readonly leewaySeconds: number;
}

function encode(text: string): string {
  return Buffer.from(text).toString("base64url");
}

/** The encoded header of each key, made once. */
const headers = new WeakMap<SigningKey, string>();

function headerFor(key: SigningKey): string {
  let header = headers.get(key);
  if (header === undefined) {
    header = encode(JSON.stringify({ typ: "at+jwt", alg: key.alg, kid: key.kid }));
    headers.set(key, header);
  }
  return header;
}

/** Signs `claims` with `key`. */
export function issueAccessToken(claims: AccessClaims, key: SigningKey): string {
  const header = headerFor(key);
  const body = `${header}.${encode(JSON.stringify(claims))}`;
  return `${body}.${Buffer.from(key.sign(body)).toString("base64url")}`;
}

function refuse(why: string): never {
  throw new PawlError("invalid_token", `The access token is not acceptable: ${why}.`);
}

/** Decodes canonical base64url: of all texts that decode to the same bytes only one is accepted. */
function decode(text: string): Buffer {
  const bytes = Buffer.from(text, "base64url");
  if (text === "" || bytes.toString("base64url") !== text) refuse("it is malformed");
  return bytes;
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeObject(text: string): Map<string, unknown> {
  try {
    const value: unknown = JSON.parse(strictUtf8.decode(decode(text)));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return new Map(Object.entries(value));
  } catch {
    // Falls through: every way of being malformed gets the same answer.
  }
  return refuse("it is malformed");
}

/**
 * Checks form, header, signature and claims (RFC 9068 section 4, RFC 8725).
 * @throws PawlError `invalid_token`; the detail never repeats anything out of the token.
 */
export function checkAccessToken(text: string, expected: AccessExpectation): AccessClaims {
  if (text.length > accessTokenCharactersMax) refuse("it is too long");
  const parts = text.split(".");
  if (parts.length !== 3) refuse("it is malformed");
  const [header64, claims64, signature64] = parts as [string, string, string];
  const header = decodeObject(header64);
  const typ = header.get("typ");
  if (typ !== "at+jwt" && typ !== "application/at+jwt") refuse("its type is not at+jwt");
  if (header.has("crit") || header.has("b64")) refuse("it asks for an unknown extension");
  const kid = header.get("kid");
  const key = typeof kid === "string" ? expected.keyFor(kid) : undefined;
  if (key === undefined) return refuse("its key is unknown");
  if (header.get("alg") !== key.alg) refuse("its algorithm is not that of its key");
  if (!key.verify(`${header64}.${claims64}`, decode(signature64))) refuse("its signature is wrong");
  return checkClaims(decodeObject(claims64), expected);
}

const stringClaims = ["iss", "sub", "aud", "client_id", "jti", "sid"];
const instantClaims = ["exp", "iat", "auth_time"];

function checkClaims(claims: Map<string, unknown>, expected: AccessExpectation): AccessClaims {
  for (const name of stringClaims) {
    const value = claims.get(name);
    if (typeof value !== "string" || value === "") refuse(`its ${name} is missing or no text`);
  }
  for (const name of instantClaims) {
    if (!Number.isSafeInteger(claims.get(name))) refuse(`its ${name} is missing or no whole number`);
  }
  const amr = claims.get("amr");
  if (!Array.isArray(amr) || !amr.every((name) => typeof name === "string")) refuse("its amr is no list of names");
  const scope = claims.get("scope");
  if (scope !== undefined && typeof scope !== "string") refuse("its scope is no text");
  const checked = Object.fromEntries(claims) as unknown as AccessClaims;
  if (checked.iss !== expected.issuer) refuse("its issuer is another one");
  if (expected.audience !== undefined && checked.aud !== expected.audience) refuse("it is meant for another audience");
  if (expected.nowSeconds >= checked.exp + expected.leewaySeconds) refuse("it has expired");
  if (checked.iat > expected.nowSeconds + futureSecondsMax) refuse("it is from the future");
  return checked;
}
