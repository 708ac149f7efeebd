// What verifiers read: the public signing keys (RFC 7517), the metadata (RFC 8414) and the revocation feed. Keys and
// metadata are for anybody, from any origin, without credentials; the feed is for those who hold its token.

import { PawlError } from "../core/errors.ts";
import { bearerToken, isSameToken } from "./bearer.ts";
import type { Call, Endpoint, Parts } from "./endpoint.ts";
import { json } from "./endpoint.ts";
import type { Outgoing } from "./exchange.ts";
import { CredentialsMissing } from "./problem.ts";
import { isDirectLocal } from "./proxy.ts";

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

/** The revocation feed, read by polling. */
export function feedEndpoints(parts: Parts): readonly Endpoint[] {
  return [
    { method: "GET", path: "/auth/revocations", gate: "none", body: "none", work: (call) => revocations(parts, call) },
  ];
}

async function revocations(parts: Parts, call: Call): Promise<Outgoing> {
  demandFeedAccess(parts, call);
  const after = new URLSearchParams(call.incoming.query).getAll("after");
  if (after.length > 1) throw new PawlError("invalid_request", "after came twice", { field: "after" });
  // An empty cursor is what a verifier sends that has none yet.
  const page = await parts.sessions.revocations(after[0] || undefined);
  return json(parts, 200, {
    cursor: page.cursor,
    revocations: page.revocations.map(({ sid, sub, notBefore, exp }) => ({ sid, sub, not_before: notBefore, exp })),
  });
}

function demandFeedAccess(parts: Parts, call: Call): void {
  const { feedToken } = parts;
  if (feedToken !== undefined) {
    const presented = bearerToken(call.incoming.header("authorization"));
    if (!isSameToken(presented, feedToken)) throw new PawlError("invalid_token", "The feed token is wrong.");
    return;
  }
  if (!isDirectLocal(call.incoming, parts.sessions.issuer)) throw new CredentialsMissing();
}
