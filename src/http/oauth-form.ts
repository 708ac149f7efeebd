// Form-encoded requests of the OAuth endpoints (RFC 6749 section 3.2): parameters once each, in the body only. An empty
// one counts as absent, an unknown one is ignored.

import { isUtf8 } from "node:buffer";
import type { Incoming } from "./exchange.ts";
import type { JsonObject } from "./json-body.ts";
import { OAuthError } from "./oauth-errors.ts";

const formType = /^application\/x-www-form-urlencoded\s*(?:;\s*charset="?utf-8"?\s*)?;?$/i;
/** Parameters of one request. */
const parametersMax = 64;

/**
 * The parameters of a request, as own members of a plain object without a prototype.
 * @throws OAuthError `invalid_request`.
 */
export function parseForm(bytes: Uint8Array, incoming: Incoming): JsonObject {
  // Credentials in a URL end in logs and histories: what is there is refused, not ignored (RFC 6749 section 2.3.1).
  if (incoming.query !== "") refuse("Parameters belong into the body.");
  if (!formType.test((incoming.header("content-type") ?? "").trim())) {
    refuse("The body must be application/x-www-form-urlencoded.");
  }
  if (!isUtf8(bytes)) refuse("The body must be UTF-8.");
  const form = Object.create(null) as Record<string, string>;
  const seen = new Set<string>();
  for (const [name, value] of new URLSearchParams(Buffer.from(bytes).toString("utf8"))) {
    if (seen.has(name)) refuse("A parameter came twice.");
    seen.add(name);
    if (seen.size > parametersMax) refuse("There are too many parameters.");
    if (value !== "") form[name] = value;
  }
  return form;
}

function refuse(why: string): never {
  throw new OAuthError("invalid_request", why);
}
