// The Authorization header of bearer tokens (RFC 6750, RFC 9110 section 11.4): exactly one, the scheme in any case, one token68;
// and the form of its challenges. One rule for Pawl's own routes and for guards of other APIs. Checks no token.

import { compactCharactersMax } from "./compact.ts";

const bearerShape = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

/** What a header holds; `none`: nothing that is a bearer token, so the answer names no error (RFC 6750 section 3). */
export type Bearer =
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "none" }
  | { readonly kind: "malformed" };

/** Reads the value of an Authorization header; two headers that were joined by a comma are malformed. */
export function readBearer(header: string | undefined): Bearer {
  if (header === undefined || /^bearer *$/i.test(header)) return { kind: "none" };
  const token = bearerShape.exec(header)?.[1];
  if (token !== undefined && token.length <= compactCharactersMax) return { kind: "token", token };
  return { kind: /^bearer(?![A-Za-z0-9!#$%&'*+.^_`|~-])/i.test(header) ? "malformed" : "none" };
}

/** The characters that RFC 6750 section 3 allows in `error_description` and `scope`. */
export function quotable(text: string): string {
  return text.replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, "'");
}

/** The value of `WWW-Authenticate`: the realm, and what went wrong, if anything. */
export function bearerChallenge(realm: string, parameters: Readonly<Record<string, string>> = {}): string {
  const all = Object.entries({ realm, ...parameters }).map(([name, value]) => `${name}="${quotable(value)}"`);
  return `Bearer ${all.join(", ")}`;
}
