// Scopes (RFC 6749 section 3.3): their form, their bounds, and what of a grant a request may have.
// Knows no client: what one may be granted at all is the registry's.

import { PawlError } from "../core/errors.ts";
import type { SessionRecord } from "../core/record.ts";

/** The most scopes of one grant. */
export const scopesMax = 32;
/** The longest scope of one grant, spaces included: what a record keeps. */
export const scopeCharactersMax = 255;

/** True for one scope-token. */
export function isScopeToken(text: unknown): text is string {
  return typeof text === "string" && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(text);
}

/**
 * The scopes of a request parameter, each once.
 * @throws PawlError `invalid_scope`.
 */
export function parseScope(text: string): readonly string[] {
  const scopes = [...new Set(text.split(" "))];
  if (text.length > scopeCharactersMax || scopes.length > scopesMax || !scopes.every(isScopeToken)) {
    throw new PawlError("invalid_scope", "The scope is malformed.", { field: "scope" });
  }
  return scopes;
}

/**
 * What of its grant the next access token gets; `undefined` = all. The grant itself stays as it is (RFC 6749 section 6).
 * @throws PawlError `invalid_scope` for more than was granted.
 */
export function narrowed({ delegation }: SessionRecord, wanted: string | undefined): string | undefined {
  if (wanted === undefined) return undefined;
  const granted = (delegation?.scope ?? "").split(" ");
  const scopes = parseScope(wanted);
  if (!scopes.every((scope) => granted.includes(scope))) {
    throw new PawlError("invalid_scope", "The scope is wider than what was granted.", { field: "scope" });
  }
  return scopes.join(" ");
}
