// The compact serialization of a JWS (RFC 7515 section 7.1), checked strictly: form, header, key, signature. Says nothing
// about what is signed. Runs wherever WebCrypto does; no I/O.

import { accessTokenCharactersMax } from "../core/access-token.ts";
import { PawlError } from "../core/errors.ts";
import type { Jwk, JwsAlgorithm } from "./algorithms.ts";
import { checkOf } from "./algorithms.ts";
import { decodeBase64url } from "./base64url.ts";
import { parseObject } from "./strict-json.ts";

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

function refuse(why: string): never {
  throw new PawlError("invalid_token", `The signature is not acceptable: ${why}.`);
}

function bytesOf(part: string): Uint8Array<ArrayBuffer> {
  return decodeBase64url(part) ?? refuse("it is malformed");
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
  if (typeof compact !== "string" || compact.length > accessTokenCharactersMax)
    return refuse("it is too long or no text");
  const [header64, payload64, signature64, ...more] = compact.split(".");
  if (!header64 || payload64 === undefined || !signature64 || more.length > 0) return refuse("it is malformed");
  const header = parseObject(bytesOf(header64)) ?? refuse("it is malformed");
  if (header.has("crit") || header.has("b64")) refuse("it asks for an unknown extension");
  const kid = header.get("kid");
  if (kid !== undefined && typeof kid !== "string") return refuse("its key is unknown");
  const alg = header.get("alg");
  if (typeof alg !== "string" || !(options.algorithms as readonly string[]).includes(alg)) {
    return refuse("its algorithm is not accepted");
  }
  const jwk = keyFor(keys, kid);
  const check = (await checkOf(jwk, alg)) ?? refuse("its algorithm is not that of its key");
  const payload = bytesOf(payload64);
  const data = new TextEncoder().encode(`${header64}.${payload64}`);
  if (!(await check(data, bytesOf(signature64)))) refuse("its signature is wrong");
  return { header, payload };
}
