// What an endpoint is: a method, a path, what is checked before its work, and the work. Owns the shapes that the
// endpoint files share and the making of answers; the order of the checks is handler.ts.

import type { Transport } from "../core/record.ts";
import type { Grant, Origin, Sessions } from "../engine/types.ts";
import type { Accounts, User } from "./accounts.ts";
import type { CookiePolicy } from "./cookies.ts";
import type { Incoming, Outgoing } from "./exchange.ts";
import type { BaseHeaders } from "./headers.ts";
import type { JsonObject } from "./json-body.ts";
import type { RateLimits } from "./limits.ts";
import type { Clients } from "./oauth-clients.ts";
import type { Gate } from "./origins.ts";

/** A request that passed every check. */
export interface Call {
  readonly incoming: Incoming;
  /** The members of the body; empty when there was none. */
  readonly body: JsonObject;
  /** The body's `refresh_token`, if it is a string: then cookies are neither read nor written. */
  readonly bodyToken: string | undefined;
  /** The last segment of a path that ends in `{…}`. */
  readonly parameter: string;
  /** The client's address, forwarding headers of trusted proxies considered. */
  readonly client: string | undefined;
  /** Address and user agent, as sessions remember them. */
  readonly origin: Origin;
  /** Milliseconds: nothing is committed or handed out after this instant. */
  readonly deadlineAt: number;
}

/** One method of one path. */
export interface Endpoint {
  readonly method: "GET" | "POST" | "DELETE";
  /** A path, or one that ends in a `{name}` segment. */
  readonly path: string;
  readonly gate: Gate;
  /**
   * `none`: a body is read only to bound it. `json`: none or JSON. `json-always`: the content type is demanded.
   * `form`: an OAuth endpoint: form-encoded, errors of RFC 6749, any origin, no credentials of a browser.
   */
  readonly body: "none" | "json" | "json-always" | "form";
  work(call: Call): Promise<Outgoing> | Outgoing;
}

/** What the endpoints of one handler share. */
export interface Parts {
  readonly sessions: Sessions;
  readonly accounts: Accounts | undefined;
  readonly registration: "open" | "closed";
  readonly feedToken: string | undefined;
  readonly feedListenersMax: number;
  readonly limits: RateLimits | undefined;
  readonly cookies: CookiePolicy;
  readonly headers: BaseHeaders;
  /** The clients of the OAuth endpoints. */
  readonly clients: Clients;
}

/** A JSON answer below `/auth`. */
export function json(parts: Parts, status: number, value: unknown): Outgoing {
  return { status, headers: [...parts.headers.auth], body: JSON.stringify(value) };
}

/** An answer without a body below `/auth`. */
export function empty(parts: Parts, status: number): Outgoing {
  return { status, headers: [...parts.headers.empty], body: undefined };
}

/** The user as clients see it; an application without accounts knows the id only. */
export async function userOf(parts: Parts, subject: string): Promise<User> {
  return (await parts.accounts?.find(subject)) ?? { id: subject, email: null, name: null };
}

/**
 * The session response (CONTRACT section 2). With `cookie` the refresh token is in `Set-Cookie` only, with `body` in
 * the JSON only; after a settle there is none, and the client keeps the one it has.
 */
export function sessionResponse(parts: Parts, grant: Grant, user: User, transport: Transport, status = 200): Outgoing {
  const { refreshToken } = grant;
  const headers = [...parts.headers.auth];
  if (transport === "cookie" && refreshToken !== undefined) {
    headers.push("set-cookie", parts.cookies.set(refreshToken, grant.refreshTokenTimeout));
  }
  const body = JSON.stringify({
    access_token: grant.accessToken,
    token_type: "Bearer",
    expires_in: grant.expiresIn,
    refresh_token: transport === "body" ? refreshToken : undefined,
    refresh_token_timeout: grant.refreshTokenTimeout,
    request_timeout: parts.sessions.policy.graceSeconds,
    authorization_expires_in: grant.authorizationExpiresIn,
    session: parts.sessions.view(grant.record),
    user: { id: user.id, email: user.email, name: user.name },
  });
  return { status, headers, body };
}
