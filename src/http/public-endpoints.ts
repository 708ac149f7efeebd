// What anybody may read, from any origin, without credentials: the public signing keys (RFC 7517) and the metadata
// (RFC 8414).

import type { Endpoint, Parts } from "./endpoint.ts";
import type { Outgoing } from "./exchange.ts";

/** Where the keys are. */
export const jwksPath = "/.well-known/jwks.json";
/** Where the metadata is. */
export const metadataPath = "/.well-known/oauth-authorization-server";

/** The endpoints below `/.well-known`. */
export function wellKnownEndpoints(parts: Parts): readonly Endpoint[] {
  const { sessions, headers } = parts;
  const get = { method: "GET", gate: "none", body: "none" } as const;
  const metadata = JSON.stringify({
    issuer: sessions.issuer,
    jwks_uri: `${sessions.issuer.replace(/\/$/, "")}${jwksPath}`,
    // There is no authorization endpoint; RFC 8414 section 2 wants the lists all the same, and an absent list of grant
    // types would mean authorization_code and implicit.
    response_types_supported: [],
    grant_types_supported: [],
  });
  const answer = (body: string): Outgoing => ({ status: 200, headers: [...headers.public], body });
  return [
    { ...get, path: jwksPath, work: () => answer(JSON.stringify(sessions.jwks())) },
    { ...get, path: metadataPath, work: () => answer(metadata) },
  ];
}
