// The Authorization header (RFC 6750 section 2.1, RFC 9110 section 11.4): exactly one, the scheme in any case, one
// token68. A query parameter or a cookie is never read as an access token. Owns parsing, not checking.

import { timingSafeEqual } from "node:crypto";
import { PawlError } from "../core/errors.ts";
import { CredentialsMissing } from "./problem.ts";

const bearerShape = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;
const tokenCharactersMax = 8192;

/**
 * The bearer token of a request.
 * @throws CredentialsMissing when there is no header, no token in it, or one of another scheme.
 * @throws PawlError `invalid_request` when it is malformed or came twice (RFC 6750 section 3.1).
 */
export function bearerToken(header: string | undefined): string {
  if (header === undefined || /^bearer *$/i.test(header)) throw new CredentialsMissing();
  const token = bearerShape.exec(header)?.[1];
  if (token !== undefined && token.length <= tokenCharactersMax) return token;
  if (!/^bearer(?![A-Za-z0-9!#$%&'*+.^_`|~-])/i.test(header)) throw new CredentialsMissing();
  throw new PawlError("invalid_request", "The Authorization header is malformed.", { field: "Authorization" });
}

/** True when a configured token was presented; takes the same time for every token of one length. */
export function isSameToken(presented: string, configured: string): boolean {
  const a = Buffer.from(presented);
  const b = Buffer.from(configured);
  return a.length === b.length && timingSafeEqual(a, b);
}
