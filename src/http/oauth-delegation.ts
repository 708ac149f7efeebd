// `POST /auth/sessions`: a signed-in person gives a registered client (a native app, a command line) its first tokens,
// without the password grant. Wants the access token of a first-party session, so no page can forge it, and a recent
// sign-in, so that a stolen access token cannot be made into a lasting session.

import { PawlError } from "../core/errors.ts";
import { parseScope } from "../engine/scopes.ts";
import type { Call, Endpoint, Parts } from "./endpoint.ts";
import { json } from "./endpoint.ts";
import type { Outgoing } from "./exchange.ts";
import { optionalString, requiredString } from "./json-body.ts";
import { grantable, tokenResponse } from "./oauth-endpoints.ts";
import { authenticated } from "./sign-in-endpoints.ts";

/** How long ago the person may have signed in, in seconds. */
export const recentSecondsMax = 300;
const labelCharactersMax = 64;

/** The endpoint. */
export function delegationEndpoints(parts: Parts): readonly Endpoint[] {
  const work = (call: Call): Promise<Outgoing> => delegate(parts, call);
  return [{ method: "POST", path: "/auth/sessions", gate: "page", body: "json-always", work }];
}

async function delegate(parts: Parts, call: Call): Promise<Outgoing> {
  const { sessions, accounts, clients } = parts;
  const clientId = requiredString(call.body, "client_id");
  const scope = optionalString(call.body, "scope");
  const label = optionalString(call.body, "label")?.slice(0, labelCharactersMax) ?? "";
  const { subject, record } = await authenticated(parts, call);
  const age = Math.floor(sessions.platform.clock.now() / 1000) - record.authTime;
  if (age > recentSecondsMax) {
    throw new PawlError("reauthentication_required", `This needs a sign-in within the last ${recentSecondsMax} s.`);
  }
  const client = await clients.find(clientId);
  if (client === undefined || !client.selfService) {
    throw new PawlError("invalid_request", "client_id must name a client that people may give tokens to", {
      field: "client_id",
    });
  }
  const scopes = grantable(client, scope === undefined ? undefined : parseScope(scope));
  const user = await accounts?.find(subject);
  const grant = await sessions.issue({
    ...call.origin,
    subject,
    transport: "body",
    // The same sign-in, seen from another program: nobody proved more than before.
    // By a clock that may have been set back since.
    authTime: Math.min(record.authTime, Math.floor(sessions.platform.clock.now() / 1000)),
    amr: record.amr,
    ...(record.acr !== undefined && { acr: record.acr }),
    label,
    clientId,
    delegation: client.audience === undefined ? { scopes } : { scopes, audience: client.audience },
  });
  // The giver may have been signed out, or the account disabled, while this was going on.
  const giver = await sessions.authenticate(bearerOf(call)).catch(() => undefined);
  const isValid = accounts === undefined || (user !== undefined && (await accounts.stillValid(user)));
  if (giver === undefined || !isValid) {
    await sessions.revoke(grant.record.sid, "revoked");
    throw new PawlError("invalid_token");
  }
  return json(parts, 201, { ...tokenResponse(grant), session: sessions.view(grant.record) });
}

function bearerOf(call: Call): string {
  return (call.incoming.header("authorization") ?? "").replace(/^bearer +/i, "");
}
