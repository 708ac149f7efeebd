// The access token: a JWT in the profile of RFC 9068, `typ: at+jwt`. Issues it and checks it, strictly:
// canonical base64url, the algorithm from the key, exact types. Knows no store and no refresh token.

import type { AccessClaims, ClaimsExpectation } from "./access-claims.ts";
import { checkAccessClaims, isAccessHeader } from "./access-claims.ts";
import { readCompact, refuseToken } from "./compact.ts";
import type { SigningKey, VerificationKey } from "./signature.ts";

export type { AccessClaims } from "./access-claims.ts";

/** What a token is checked against. */
export interface AccessExpectation extends ClaimsExpectation {
  /** The trusted key with this id. */
  keyFor(kid: string): VerificationKey | undefined;
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

const what = "access token";

/**
 * Checks form, header, signature and claims (RFC 9068 section 4, RFC 8725).
 * @throws PawlError `invalid_token`; the detail never repeats anything out of the token.
 */
export function checkAccessToken(text: string, expected: AccessExpectation): AccessClaims {
  const token = readCompact(text, what);
  if (!isAccessHeader(token)) refuseToken(what, "its type is not at+jwt");
  const key = token.kid === undefined ? undefined : expected.keyFor(token.kid);
  if (key === undefined) return refuseToken(what, "its key is unknown");
  if (token.header.get("alg") !== key.alg) refuseToken(what, "its algorithm is not that of its key");
  if (!key.verify(token.signed, token.signature)) refuseToken(what, "its signature is wrong");
  return checkAccessClaims(token.payload, expected);
}
