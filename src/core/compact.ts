// The compact serialization of a JWS (RFC 7515 section 7.1), taken apart strictly: the one reader for access tokens, client
// assertions and whatever else is signed. Checks form and header; knows no key and no claim.

import { decodeBase64url } from "./base64url.ts";
import { PawlError } from "./errors.ts";
import { parseObject } from "./strict-json.ts";

/** Longest token that is looked at, in characters. */
export const compactCharactersMax = 8192;

/** What was read; nothing of it is known to be true yet. */
export interface Compact {
  readonly header: ReadonlyMap<string, unknown>;
  readonly kid: string | undefined;
  /** What the signature is of. */
  readonly signed: string;
  readonly payload: Uint8Array<ArrayBuffer>;
  readonly signature: Uint8Array<ArrayBuffer>;
}

/** @throws PawlError `invalid_token`; the detail never repeats anything out of the token. */
export function refuseToken(what: string, why: string): never {
  throw new PawlError("invalid_token", `The ${what} is not acceptable: ${why}.`);
}

/**
 * Reads three parts of canonical base64url, the first of them one JSON object without `crit` or `b64` (RFC 7515 section 4.1.11:
 * no extension is known here), `kid` a string where there is one.
 * @param what what a refusal calls it
 * @throws PawlError `invalid_token`
 */
export function readCompact(text: string, what: string): Compact {
  if (typeof text !== "string" || text.length > compactCharactersMax)
    return refuseToken(what, "it is too long or no text");
  const [header64, payload64, signature64, ...more] = text.split(".");
  if (!header64 || payload64 === undefined || !signature64 || more.length > 0)
    return refuseToken(what, "it is malformed");
  const headerBytes = decodeBase64url(header64);
  const payload = decodeBase64url(payload64);
  const signature = decodeBase64url(signature64);
  const header = headerBytes === undefined ? undefined : parseObject(headerBytes);
  if (header === undefined || payload === undefined || signature === undefined) {
    return refuseToken(what, "it is malformed");
  }
  if (header.has("crit") || header.has("b64")) refuseToken(what, "it asks for an unknown extension");
  const kid = header.get("kid");
  if (kid !== undefined && typeof kid !== "string") return refuseToken(what, "its key is unknown");
  return { header, kid, signed: `${header64}.${payload64}`, payload, signature };
}
