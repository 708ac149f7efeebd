// Refresh, confirm, sign-out: the three calls that a refresh token authenticates, from the cookie or from the body.
// Owns which token counts and what the answer may do to the cookie; the verdict on a token is the engine's.
// No answer of refresh or confirm deletes a cookie: a late verdict on an old token must not remove a fresh sign-in's.

import { PawlError } from "../core/errors.ts";
import { refreshTokenCharacters, refreshTokenPrefix } from "../core/refresh-token.ts";
import { checkAttempt } from "../engine/rotation.ts";
import type { PresentInput } from "../engine/types.ts";
import type { Call, Endpoint, Parts } from "./endpoint.ts";
import { empty, sessionResponse, userOf } from "./endpoint.ts";
import type { Outgoing } from "./exchange.ts";
import { optionalString } from "./json-body.ts";
import { demandLimit } from "./limits.ts";
import { addressKey } from "./proxy.ts";

/** The endpoints. */
export function rotationEndpoints(parts: Parts): readonly Endpoint[] {
  return [
    { method: "POST", path: "/auth/refresh", gate: "cookie", body: "json", work: (call) => refresh(parts, call) },
    { method: "POST", path: "/auth/confirm", gate: "cookie", body: "json", work: (call) => confirm(parts, call) },
    { method: "POST", path: "/auth/logout", gate: "cookie", body: "json", work: (call) => logout(parts, call) },
  ];
}

async function refresh(parts: Parts, call: Call): Promise<Outgoing> {
  checkAttempt(call.incoming.header("idempotency-key"));
  const tokens = presentedTokens(parts, call);
  const transport = call.bodyToken === undefined ? "cookie" : "body";
  demandRefreshLimits(parts, call, tokens[0]);
  const grant = await firstAccepted(tokens, (token) => parts.sessions.refresh(presentInput(call, token)));
  const user = await userOf(parts, grant.record.subject);
  if (parts.sessions.platform.clock.now() >= call.deadlineAt) {
    // An answer later than grace could overwrite a newer token in the jar; a lost one harms nobody (CONTRACT I1).
    throw new PawlError("store_unavailable", "The request took too long; retry.", { retryAfterSeconds: 1 });
  }
  return sessionResponse(parts, grant, user, transport);
}

async function confirm(parts: Parts, call: Call): Promise<Outgoing> {
  checkAttempt(call.incoming.header("idempotency-key"));
  const tokens = presentedTokens(parts, call);
  demandRefreshLimits(parts, call, tokens[0]);
  await firstAccepted(tokens, (token) => parts.sessions.confirm(presentInput(call, token)));
  return empty(parts, 204);
}

async function logout(parts: Parts, call: Call): Promise<Outgoing> {
  const sid = optionalString(call.body, "sid");
  optionalString(call.body, "refresh_token");
  const cookies = call.bodyToken === undefined;
  const tokens = cookies ? parts.cookies.candidates(call.incoming.header("cookie")) : [call.bodyToken as string];
  let spared = false;
  // Every authentic token in the jar ends its session: who signs out wants none of them to work.
  for (const token of tokens) {
    const outcome = await parts.sessions
      .logout(sid === undefined ? { refreshToken: token } : { refreshToken: token, sid })
      .catch(unknownToken);
    if (outcome === "mismatch") spared = true;
  }
  const answer = empty(parts, 204);
  // A token of another session than the one to end: somebody signed in meanwhile, so nothing of theirs is touched.
  if (spared) return answer;
  if (cookies) answer.headers.push("set-cookie", parts.cookies.deletion);
  if (new URLSearchParams(call.incoming.query).get("clear") === "storage") {
    answer.headers.push("clear-site-data", '"storage"');
  }
  return answer;
}

/** A token that is not ours is nothing to sign out of. */
function unknownToken(error: unknown): "unknown" {
  if (error instanceof PawlError && error.code === "refresh_token_invalid") return "unknown";
  throw error;
}

/** The tokens to try: the body's, or those under our cookie name. */
function presentedTokens(parts: Parts, call: Call): readonly string[] {
  if (call.bodyToken !== undefined) return [call.bodyToken];
  // A `refresh_token` that is no string is malformed, not absent.
  optionalString(call.body, "refresh_token");
  const tokens = parts.cookies.candidates(call.incoming.header("cookie"));
  if (tokens.length === 0) throw new PawlError("refresh_token_missing");
  return tokens;
}

export function presentInput(call: Call, refreshToken: string): PresentInput {
  const attempt = call.incoming.header("idempotency-key");
  const { origin, deadlineAt } = call;
  return attempt === undefined
    ? { ...origin, refreshToken, deadlineAt }
    : { ...origin, refreshToken, deadlineAt, attempt };
}

/**
 * The result of the first token that is accepted. With several (somebody planted one) a refusal of one is no verdict on
 * the others; if all are refused, the mildest refusal is the answer.
 */
async function firstAccepted<Result>(
  tokens: readonly string[],
  present: (token: string) => Promise<Result>,
): Promise<Result> {
  if (tokens.length === 1) return await present(tokens[0] as string);
  let refusal: PawlError | undefined;
  for (const token of tokens) {
    try {
      return await present(token);
    } catch (error) {
      if (!(error instanceof PawlError) || severity(error) === 0) throw error;
      if (refusal === undefined || severity(error) < severity(refusal)) refusal = error;
    }
  }
  throw refusal ?? new PawlError("refresh_token_missing");
}

/** 0 = no verdict on a token. A verdict that keeps the session is milder than one that knew it, than "not ours". */
function severity(error: PawlError): number {
  if (error.code === "refresh_token_superseded") return 1;
  if (error.code === "refresh_token_invalid") return 3;
  return error.terminal ? 2 : 0;
}

/** Characters of a token that hold version, key id and session id (18 bytes). */
const sessionPart = { from: refreshTokenPrefix.length, to: refreshTokenPrefix.length + 24 } as const;

/**
 * The session limit counts the token's session and the address together: the MAC is not checked yet, so a stranger who
 * knows a session id must not be able to use up its owner's allowance from elsewhere.
 */
export function demandRefreshLimits(parts: Parts, call: Call, token: string | undefined): void {
  if (parts.limits === undefined) return;
  const address = call.client === undefined ? "" : addressKey(call.client);
  if (address !== "") demandLimit(parts.limits, "refresh_address", address);
  if (token?.length !== refreshTokenCharacters) return;
  demandLimit(parts.limits, "refresh_session", `${token.slice(sessionPart.from, sessionPart.to)} ${address}`);
}
