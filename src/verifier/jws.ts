// The compact serialization of a JWS (RFC 7515 section 7.1), checked strictly: form, header, key, signature. Says nothing
// about what is signed. Runs wherever WebCrypto does; no I/O.

import type { Compact } from "../core/compact.ts";
import { readCompact, refuseToken } from "../core/compact.ts";
import type { Jwk, JwsAlgorithm } from "./algorithms.ts";
import { checkOf } from "./algorithms.ts";

/** Keys that one set may have; larger sets are refused. */
export const keysMax = 64;

/** A set of keys (RFC 7517 section 5). */
export interface JwkSet {
  readonly keys: readonly Jwk[];
}

/** What was signed, once it is known to be. */
export interface VerifiedJws {
  readonly header: ReadonlyMap<string, unknown>;
  readonly payload: Uint8Array<ArrayBuffer>;
}

const what = "signature";

function refuse(why: string): never {
  return refuseToken(what, why);
}

/** The one key that a header may mean: by its `kid`, or the only one there is (RFC 7515 section 4.1.4). */
function keyFor(keys: Jwk | JwkSet, kid: string | undefined): Jwk {
  if (!("keys" in keys)) {
    const own = (keys as Jwk).kid;
    return kid === undefined || own === undefined || own === kid ? (keys as Jwk) : refuse("its key is unknown");
  }
  const set = keys.keys as readonly Jwk[];
  if (!Array.isArray(set) || set.length > keysMax) return refuse("its key is unknown");
  // A set is public or secret; one that is both invites to check a MAC with a public key (RFC 8725 section 3.1).
  if (set.some((jwk) => jwk.kty === "oct") && set.some((jwk) => jwk.kty !== "oct")) refuse("its key is unknown");
  const named = kid === undefined ? set : set.filter((jwk) => jwk.kid === kid);
  // Two keys of one name: nobody can say which was meant.
  if (named.length !== 1) return refuse("its key is unknown");
  return named[0] as Jwk;
}

/**
 * Checks a compact JWS of at most 8192 characters.
 * @param compact Header, payload and signature in canonical base64url.
 * @param keys One JWK, or a set of at most 64 in which `kid` names exactly one.
 * @param options `algorithms` that are accepted; the key must be one for the algorithm that the header names.
 * @throws PawlError `invalid_token` for everything else: malformed, padded or doubled parts, `crit` or `b64` in the header
 *   (RFC 7515 section 4.1.11: no extension is known here), a `kid` that is no text, a key that is not for it, a wrong signature.
 */
export async function verifyJws(
  compact: string,
  keys: Jwk | JwkSet,
  options: { readonly algorithms: readonly JwsAlgorithm[] },
): Promise<VerifiedJws> {
  const parts = readCompact(compact, what);
  await checkSignature(parts, keyFor(keys, parts.kid), options.algorithms, what);
  return { header: parts.header, payload: parts.payload };
}

/**
 * Resolves when `jwk` is a key for the algorithm that the header names, and the signature is good.
 * @param subject what a refusal calls it
 * @throws PawlError `invalid_token`
 */
export async function checkSignature(
  { header, signed, signature }: Compact,
  jwk: Jwk,
  algorithms: readonly string[],
  subject: string,
): Promise<void> {
  const alg = header.get("alg");
  if (typeof alg !== "string" || !algorithms.includes(alg)) {
    return refuseToken(subject, "its algorithm is not accepted");
  }
  const check = (await checkOf(jwk, alg)) ?? refuseToken(subject, "its algorithm is not that of its key");
  const data = new TextEncoder().encode(signed);
  if (!(await check(data, signature))) refuseToken(subject, "its signature is wrong");
}
