// The refresh cookie: its name, its exact attributes, how it is set, deleted and found (CONTRACT section 2).
// Owns no verdict on a token. A refresh answer never deletes the cookie; only sign-out calls `deletion`.

import { refreshTokenCharacters, refreshTokenPrefix } from "../core/refresh-token.ts";

/** How many cookies of our name are tried before the answer is a refusal. */
export const cookieCandidatesMax = 4;
/** Browsers cap `Max-Age` at 400 days (RFC 6265bis section 5.5). */
const maxAgeSecondsMax = 34_560_000;

/** The refresh cookie of one issuer. */
export interface CookiePolicy {
  readonly name: string;
  /** The `Set-Cookie` value that stores `token` for `maxAgeSeconds`. */
  set(token: string, maxAgeSeconds: number): string;
  /** The `Set-Cookie` value that deletes it: the same attributes, or browsers keep it. */
  readonly deletion: string;
  /**
   * The values under our name in a `Cookie` header, at most {@link cookieCandidatesMax}; those that look like ours
   * first. More than one means that somebody planted one (another path or, on plain http, another port): refusing all
   * would let a planted cookie sign an honest user out, so each is tried (RFC 6265bis section 8.6).
   */
  candidates(header: string | undefined): readonly string[];
}

/**
 * On https `__Host-Http-pawl`: browsers take it only with Secure and HttpOnly, from this host, for every path; no script
 * and no sibling host can plant one. On plain http (loopback only) browsers differ in what they accept, and cookies
 * ignore ports, so the name holds the port.
 */
export function createCookiePolicy(issuer: string): CookiePolicy {
  const url = new URL(issuer);
  const secure = url.protocol === "https:";
  const name = secure ? "__Host-Http-pawl" : `pawl-dev-${url.port || "80"}`;
  const attributes = `; ${secure ? "Secure; " : ""}HttpOnly; SameSite=Strict; Path=/; Max-Age=`;
  const start = `${name}=`;
  return {
    name,
    set: (token, maxAgeSeconds) =>
      start + token + attributes + Math.min(Math.max(0, Math.floor(maxAgeSeconds)), maxAgeSecondsMax),
    deletion: `${start}${attributes}0`,
    candidates: (header) => (header === undefined ? none : candidatesIn(header, start)),
  };
}

const none: readonly string[] = [];

function candidatesIn(header: string, start: string): readonly string[] {
  const first = header.indexOf(start);
  if (first === -1) return none;
  // The usual case: our name once, alone or among others.
  const found = valuesIn(header, start, first);
  if (found.length < 2) return found;
  const distinct = [...new Set(found)];
  const ours = distinct.filter(looksLikeOurs);
  return [...ours, ...distinct.filter((value) => !looksLikeOurs(value))].slice(0, cookieCandidatesMax);
}

/** The non-empty values of every cookie whose name is exactly ours; names are compared with their case. */
function valuesIn(header: string, start: string, first: number): string[] {
  const values: string[] = [];
  for (let at = first; at !== -1; at = header.indexOf(start, at + start.length)) {
    if (!beginsPair(header, at)) continue;
    const end = header.indexOf(";", at);
    const value = header.slice(at + start.length, end === -1 ? undefined : end).trim();
    if (value !== "") values.push(value);
  }
  return values;
}

/** True when nothing but white space lies between `at` and the semicolon (or the start) before it. */
function beginsPair(header: string, at: number): boolean {
  let before = at - 1;
  while (before >= 0 && (header[before] === " " || header[before] === "\t")) before -= 1;
  return before < 0 || header[before] === ";";
}

function looksLikeOurs(value: string): boolean {
  return value.length === refreshTokenCharacters && value.startsWith(refreshTokenPrefix);
}
