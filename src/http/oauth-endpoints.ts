// The OAuth endpoints (CONTRACT section 5): token (RFC 6749 section 6), revoke (RFC 7009), introspect (RFC 7662). They
// refresh what exists and hand out nothing new: there is no password grant and no authorization endpoint. No cookie is
// read or written, so a page of any origin may call.

import { PawlError } from "../core/errors.ts";
import type { Grant, Inspected } from "../engine/types.ts";
import type { Call, Endpoint, Parts } from "./endpoint.ts";
import type { Outgoing } from "./exchange.ts";
import { authenticatedClient, parameter } from "./oauth-authentication.ts";
import type { Client } from "./oauth-clients.ts";
import { OAuthError } from "./oauth-errors.ts";
import { introspectPath, revokePath, tokenPath } from "./public-endpoints.ts";
import { demandRefreshLimits, presentInput } from "./rotation-endpoints.ts";

/** The endpoints. */
export function oauthEndpoints(parts: Parts): readonly Endpoint[] {
  const post = { method: "POST", gate: "none", body: "form" } as const;
  return [
    { ...post, path: tokenPath, work: (call) => token(parts, call) },
    { ...post, path: revokePath, work: (call) => revoke(parts, call) },
    { ...post, path: introspectPath, work: (call) => introspect(parts, call) },
  ];
}

function answer(parts: Parts, value: unknown, status = 200): Outgoing {
  return { status, headers: [...parts.headers.oauth], body: JSON.stringify(value) };
}

/** What a client gets with its tokens (RFC 6749 section 5.1); after a settle it keeps the refresh token it has. */
export function tokenResponse(grant: Grant): Readonly<Record<string, unknown>> {
  return {
    access_token: grant.accessToken,
    token_type: "Bearer",
    expires_in: grant.expiresIn,
    refresh_token: grant.refreshToken,
    scope: grant.scope,
    refresh_token_timeout: grant.refreshTokenTimeout,
    authorization_expires_in: grant.authorizationExpiresIn,
  };
}

async function token(parts: Parts, call: Call): Promise<Outgoing> {
  const grantType = parameter(call, "grant_type");
  if (grantType === undefined) throw new OAuthError("invalid_request", "grant_type is missing.");
  if (grantType !== "refresh_token") {
    throw new OAuthError("unsupported_grant_type", "Only refresh_token is a grant type here.");
  }
  // Ignored, the client would get a bearer token where it asked for a bound one.
  if (call.incoming.header("dpop") !== undefined) {
    throw new OAuthError("invalid_dpop_proof", "Proofs of possession are not supported.");
  }
  const refreshToken = parameter(call, "refresh_token");
  if (refreshToken === undefined) throw new OAuthError("invalid_request", "refresh_token is missing.");
  demandRefreshLimits(parts, call, refreshToken);
  const { id } = await authenticatedClient(parts, call);
  const scope = parameter(call, "scope");
  const client = scope === undefined ? { id } : { id, scope };
  return answer(parts, tokenResponse(await parts.sessions.refresh({ ...presentInput(call, refreshToken), client })));
}

async function revoke(parts: Parts, call: Call): Promise<Outgoing> {
  const { id } = await authenticatedClient(parts, call);
  const presented = parameter(call, "token");
  if (presented === undefined) throw new OAuthError("invalid_request", "token is missing.");
  // RFC 7009 section 2.1: another client's token is refused, one that is nothing is fine.
  if ((await parts.sessions.revokeToken(presented, id)) === "mismatch") {
    throw new OAuthError("invalid_grant", "The token is another client's.");
  }
  return answer(parts, {});
}

async function introspect(parts: Parts, call: Call): Promise<Outgoing> {
  const client = await authenticatedClient(parts, call);
  if (client.authentication === "none") {
    // Whoever finds a token must not learn here whether it works (RFC 7662 section 4).
    throw new OAuthError("invalid_client", "Only clients that authenticate may introspect.");
  }
  const presented = parameter(call, "token");
  if (presented === undefined) throw new OAuthError("invalid_request", "token is missing.");
  const found = await parts.sessions.inspect(presented);
  return answer(parts, found !== undefined && maySee(client, found) ? describe(parts, found) : { active: false });
}

/** A refresh token is for its own client's eyes, an access token for those of its resource server, too. */
function maySee(client: Client, found: Inspected): boolean {
  if (found.record.clientId === client.id) return true;
  return found.kind === "access" && client.introspects.includes(found.claims.aud);
}

function describe({ sessions }: Parts, found: Inspected): Readonly<Record<string, unknown>> {
  if (found.kind === "access") return { ...found.claims, active: true, token_type: "Bearer" };
  const { clientId, subject, sid, delegation } = found.record;
  return {
    active: true,
    iss: sessions.issuer,
    client_id: clientId,
    sub: subject,
    sid,
    exp: found.expiresAt,
    scope: delegation?.scope || undefined,
  };
}

/** Refuses what no client may be granted. @throws PawlError `invalid_scope`. */
export function grantable(client: Client, wanted: readonly string[] | undefined): readonly string[] {
  const scopes = wanted ?? client.scopes;
  if (scopes.every((scope) => client.scopes.includes(scope))) return scopes;
  throw new PawlError("invalid_scope", "The scope is wider than what this client may be granted.", { field: "scope" });
}
