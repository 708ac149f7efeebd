// Register, sign in, change the password, prove again who one is: the calls that take a password. They exist only with
// accounts. Owns the order issue -> still valid? -> answer, which undoes a sign-in that raced a password change.

import { PawlError } from "../core/errors.ts";
import type { Authenticated, Grant, IssueInput } from "../engine/types.ts";
import type { Accounts, User } from "./accounts.ts";
import { bearerToken } from "./bearer.ts";
import type { Call, Endpoint, Parts } from "./endpoint.ts";
import { json, sessionResponse } from "./endpoint.ts";
import type { Outgoing } from "./exchange.ts";
import { optionalString, requiredString, transportIn } from "./json-body.ts";
import { demandLimit } from "./limits.ts";
import { addressKey } from "./proxy.ts";

/** The endpoints; none without accounts. */
export function signInEndpoints(parts: Parts): readonly Endpoint[] {
  const { accounts } = parts;
  if (accounts === undefined) return [];
  const post = { method: "POST", gate: "page", body: "json-always" } as const;
  return [
    { ...post, path: "/auth/register", work: (call) => register(parts, accounts, call) },
    { ...post, path: "/auth/login", work: (call) => login(parts, accounts, call) },
    { ...post, path: "/auth/password", work: (call) => changePassword(parts, accounts, call) },
    {
      ...post,
      path: "/auth/reauthenticate",
      gate: "none",
      body: "json",
      work: (call) => reauthenticate(parts, accounts, call),
    },
  ];
}

async function register(parts: Parts, accounts: Accounts, call: Call): Promise<Outgoing> {
  const email = requiredString(call.body, "email");
  const password = requiredString(call.body, "password");
  const name = optionalString(call.body, "name");
  const transport = transportIn(call.body) ?? "cookie";
  if (parts.registration === "closed") throw new PawlError("registration_closed");
  if (call.client !== undefined) demandLimit(parts.limits, "register_address", addressKey(call.client));
  const input = { ...call.origin, email, password, deadlineAt: call.deadlineAt };
  const user = await accounts.register(name === undefined ? input : { ...input, name });
  const grant = await signIn(parts, accounts, user, { ...call.origin, subject: user.id, transport });
  return sessionResponse(parts, grant, user, transport, 201);
}

async function login(parts: Parts, accounts: Accounts, call: Call): Promise<Outgoing> {
  const email = requiredString(call.body, "email");
  const password = requiredString(call.body, "password");
  const transport = transportIn(call.body) ?? "cookie";
  if (call.client !== undefined) demandLimit(parts.limits, "login_address", addressKey(call.client));
  const user = await accounts.verify({ ...call.origin, email, password });
  await accounts.finishEnding?.(user.id, parts.sessions);
  const grant = await signIn(parts, accounts, user, { ...call.origin, subject: user.id, transport });
  return sessionResponse(parts, grant, user, transport);
}

/** Every earlier session of the user ends, this one included; the answer is a new one (CONTRACT section 4). */
async function changePassword(parts: Parts, accounts: Accounts, call: Call): Promise<Outgoing> {
  const currentPassword = requiredString(call.body, "current_password");
  const newPassword = requiredString(call.body, "new_password");
  const wanted = transportIn(call.body);
  const { subject, record } = await authenticated(parts, call);
  const user = await accounts.changePassword({ ...call.origin, subject, currentPassword, newPassword });
  await parts.sessions.revokeAll(subject, "password_change");
  await accounts.finishEnding?.(subject, parts.sessions);
  const transport = wanted ?? record.transport;
  const { label, clientId } = record;
  const grant = await signIn(parts, accounts, user, { ...call.origin, subject, transport, label, clientId });
  return sessionResponse(parts, grant, user, transport);
}

async function reauthenticate(parts: Parts, accounts: Accounts, call: Call): Promise<Outgoing> {
  const password = requiredString(call.body, "password");
  const { subject, sid } = await authenticated(parts, call);
  await accounts.verifySubject({ ...call.origin, subject, password });
  const grant = await parts.sessions.reauthenticate(sid);
  return json(parts, 200, {
    access_token: grant.accessToken,
    token_type: "Bearer",
    expires_in: grant.expiresIn,
    session: parts.sessions.view(grant.record),
  });
}

/** Issues a session, then looks again: a password changed or a user disabled meanwhile undoes it. */
async function signIn(parts: Parts, accounts: Accounts, user: User, input: IssueInput): Promise<Grant> {
  const grant = await parts.sessions.issue(input);
  if (await accounts.stillValid(user)) return grant;
  await parts.sessions.revoke(grant.record.sid, "revoked");
  throw new PawlError("invalid_credentials");
}

/**
 * The session of the request's access token.
 * @throws PawlError `invalid_token`; `insufficient_scope` for the token of a registered client, which was granted scopes
 * of the application and not the account.
 */
export async function authenticated(parts: Parts, call: Call): Promise<Authenticated> {
  const found = await parts.sessions.authenticate(bearerToken(call.incoming.header("authorization")));
  if (found.record.delegation !== undefined) throw new PawlError("insufficient_scope");
  return found;
}
