// Bearer tokens of requests to Pawl's own routes: what is missing, what is malformed. A query parameter or a cookie is never
// read as an access token. The form of the header is core/bearer.ts's business.

import { timingSafeEqual } from "node:crypto";
import { readBearer } from "../core/bearer.ts";
import { PawlError } from "../core/errors.ts";
import { CredentialsMissing } from "./problem.ts";

/**
 * The bearer token of a request.
 * @throws CredentialsMissing when there is no header, no token in it, or one of another scheme.
 * @throws PawlError `invalid_request` when it is malformed or came twice (RFC 6750 section 3.1).
 */
export function bearerToken(header: string | undefined): string {
  const bearer = readBearer(header);
  if (bearer.kind === "token") return bearer.token;
  if (bearer.kind === "none") throw new CredentialsMissing();
  throw new PawlError("invalid_request", "The Authorization header is malformed.", { field: "Authorization" });
}

/** True when a configured token was presented; takes the same time for every token of one length. */
export function isSameToken(presented: string, configured: string): boolean {
  const a = Buffer.from(presented);
  const b = Buffer.from(configured);
  return a.length === b.length && timingSafeEqual(a, b);
}
