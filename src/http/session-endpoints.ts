// What a signed-in person sees and ends: this session, all of their sessions, one of them. An access token
// authenticates each call, and the session behind it is read, so a revoked one is refused at once.

import { PawlError } from "../core/errors.ts";
import type { Call, Endpoint, Parts } from "./endpoint.ts";
import { empty, json, userOf } from "./endpoint.ts";
import type { Outgoing } from "./exchange.ts";
import { authenticated } from "./sign-in-endpoints.ts";

/** The endpoints. */
export function sessionEndpoints(parts: Parts): readonly Endpoint[] {
  const bearer = { gate: "none", body: "none" } as const;
  return [
    { ...bearer, method: "GET", path: "/auth/session", work: (call) => showSession(parts, call) },
    { ...bearer, method: "GET", path: "/auth/sessions", work: (call) => listSessions(parts, call) },
    { ...bearer, method: "DELETE", path: "/auth/sessions", work: (call) => endSessions(parts, call) },
    { ...bearer, method: "DELETE", path: "/auth/sessions/{id}", work: (call) => endSession(parts, call) },
  ];
}

async function showSession(parts: Parts, call: Call): Promise<Outgoing> {
  const { subject, record } = await authenticated(parts, call);
  return json(parts, 200, { session: parts.sessions.view(record), user: await userOf(parts, subject) });
}

async function listSessions(parts: Parts, call: Call): Promise<Outgoing> {
  const { subject, sid } = await authenticated(parts, call);
  const records = await parts.sessions.list(subject);
  const sessions = records.map((record) => {
    const view = parts.sessions.view(record);
    return record.sid === sid ? { ...view, current: true } : view;
  });
  return json(parts, 200, { sessions });
}

async function endSessions(parts: Parts, call: Call): Promise<Outgoing> {
  const except = new URLSearchParams(call.incoming.query).getAll("except");
  if (except.length > 1 || (except.length === 1 && except[0] !== "current")) {
    throw new PawlError("invalid_request", "except must be current", { field: "except" });
  }
  const { subject, sid } = await authenticated(parts, call);
  const revoked = await parts.sessions.revokeAll(subject, "revoked", except.length === 1 ? sid : undefined);
  return json(parts, 200, { revoked });
}

async function endSession(parts: Parts, call: Call): Promise<Outgoing> {
  const { subject } = await authenticated(parts, call);
  // Somebody else's session and one that never was give the same answer.
  if (!(await parts.sessions.revoke(call.parameter, "revoked", subject))) throw new PawlError("not_found");
  return empty(parts, 204);
}
