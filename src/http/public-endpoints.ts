// What anybody may read, from any origin, without credentials: the public signing keys (RFC 7517) and the metadata
// (RFC 8414).

import type { Endpoint, Parts } from "./endpoint.ts";
import type { Outgoing } from "./exchange.ts";

/** Where the keys are. */
export const jwksPath = "/.well-known/jwks.json";
/** Where the metadata is. */
export const metadataPath = "/.well-known/oauth-authorization-server";

/** The OAuth endpoints. */
export const tokenPath = "/oauth/token";
export const revokePath = "/oauth/revoke";
export const introspectPath = "/oauth/introspect";

const algorithms = ["ES256", "EdDSA", "RS256"];
const confidential = ["client_secret_basic", "client_secret_post", "private_key_jwt"];

/** What exists, and nothing else (RFC 8414 section 2). Not OpenID Connect: there are no ID tokens. */
function metadataOf(issuer: string): string {
  const at = (path: string): string => `${issuer.replace(/\/$/, "")}${path}`;
  return JSON.stringify({
    issuer,
    token_endpoint: at(tokenPath),
    revocation_endpoint: at(revokePath),
    introspection_endpoint: at(introspectPath),
    jwks_uri: at(jwksPath),
    // There is no authorization endpoint; the list is required all the same.
    response_types_supported: [],
    grant_types_supported: ["refresh_token"],
    token_endpoint_auth_methods_supported: ["none", ...confidential],
    token_endpoint_auth_signing_alg_values_supported: algorithms,
    revocation_endpoint_auth_methods_supported: ["none", ...confidential],
    revocation_endpoint_auth_signing_alg_values_supported: algorithms,
    introspection_endpoint_auth_methods_supported: confidential,
    introspection_endpoint_auth_signing_alg_values_supported: algorithms,
    refresh_token_expiration_types_supported: ["authorization", "credential"],
  });
}

/** The endpoints below `/.well-known`. */
export function wellKnownEndpoints(parts: Parts): readonly Endpoint[] {
  const { sessions, headers } = parts;
  const get = { method: "GET", gate: "none", body: "none" } as const;
  const metadata = metadataOf(sessions.issuer);
  const answer = (body: string): Outgoing => ({ status: 200, headers: [...headers.public], body });
  return [
    { ...get, path: jwksPath, work: () => answer(JSON.stringify(sessions.jwks())) },
    { ...get, path: metadataPath, work: () => answer(metadata) },
  ];
}
