// The HTTP layer: routes a request, runs the checks in the order of CONTRACT section 2 (404, 405, 413, gate, 415, 400,
// then the work) and turns every failure into a problem document. Composes the endpoint files; owns no rule of its own.
// `exchange` is what adapters call; `fetch` wraps it for WHATWG platforms.

import type { ErrorCode } from "../core/errors.ts";
import { PawlError } from "../core/errors.ts";
import { jwksMaxAgeSeconds } from "../engine/key-ring.ts";
import type { Grant, Sessions } from "../engine/types.ts";
import type { Accounts, User } from "./accounts.ts";
import { createCookiePolicy } from "./cookies.ts";
import type { Call, Endpoint, Parts } from "./endpoint.ts";
import { sessionResponse } from "./endpoint.ts";
import type { Incoming, Outgoing, Peer } from "./exchange.ts";
import { BodyTooLarge, bodyBytesMax, RequestAborted } from "./exchange.ts";
import { incomingFrom, responseFrom } from "./fetch.ts";
import { createBaseHeaders } from "./headers.ts";
import { emptyBody, isJsonType, parseJsonObject } from "./json-body.ts";
import type { RateLimits } from "./limits.ts";
import type { Log, LogEntry } from "./log.ts";
import { failureDetail, knownMethod } from "./log.ts";
import type { ClientOptions } from "./oauth-clients.ts";
import { createClients } from "./oauth-clients.ts";
import { delegationEndpoints } from "./oauth-delegation.ts";
import { oauthEndpoints } from "./oauth-endpoints.ts";
import { oauthProblem } from "./oauth-errors.ts";
import { parseForm } from "./oauth-form.ts";
import type { OriginPolicy } from "./origins.ts";
import { createOriginPolicy, publicPreflight } from "./origins.ts";
import { createLoopbackRedirect } from "./page-redirect.ts";
import { asPawlError, problem } from "./problem.ts";
import type { TrustProxy } from "./proxy.ts";
import { createClientAddress } from "./proxy.ts";
import { wellKnownEndpoints } from "./public-endpoints.ts";
import { feedEndpoints, feedListenersMaxDefault } from "./revocation-endpoints.ts";
import { rotationEndpoints } from "./rotation-endpoints.ts";
import type { Route } from "./router.ts";
import { createRouter } from "./router.ts";
import { sessionEndpoints } from "./session-endpoints.ts";
import { signInEndpoints } from "./sign-in-endpoints.ts";

/** Options of {@link createHandler}. Only `sessions` is required. */
export interface HandlerOptions {
  readonly sessions: Sessions;
  /** Without it register, login, password and reauthenticate are 404: the application signs people in itself. */
  readonly accounts?: Accounts | undefined;
  /** Clients of the OAuth endpoints, at most 1,000, beside those that are kept in the store. Default none. */
  readonly clients?: readonly ClientOptions[] | undefined;
  /** Origins whose pages may call, exact, at most 64. Default: the issuer's origin. */
  readonly origins?: readonly string[] | undefined;
  /** Default `open`. `closed`: register answers 403 `registration_closed`. */
  readonly registration?: "open" | "closed" | undefined;
  /** Bearer token of the revocation feed. Default none: only direct loopback peers are served there. */
  readonly feedToken?: string | undefined;
  /** Open streams of the revocation feed; more are refused with 503. Whole number from 1, default 5,000. */
  readonly feedListenersMax?: number | undefined;
  /** Proxies whose forwarding headers are believed. Default none. */
  readonly trustProxy?: TrustProxy | undefined;
  /** Default none. See `createRateLimits`. */
  readonly rateLimits?: RateLimits | undefined;
  /** More endpoints, with the same checks (`gate`, `body`) before their work. Paths must not be taken. */
  readonly extraEndpoints?: readonly Endpoint[] | undefined;
  /** Asked for every path that is no endpoint, before 404: pages, health, metrics. */
  readonly extraRoutes?: ((incoming: Incoming) => Outgoing | undefined | Promise<Outgoing | undefined>) | undefined;
  /** Receives one entry a request. Default none. */
  readonly log?: Log | undefined;
}

/** The HTTP layer of one deployment. */
export interface Handler {
  /** Answers a request; never rejects. `peer` says where it came from, for limits and the session's `ip`. */
  fetch(request: Request, peer?: Peer): Promise<Response>;
  /** The same on plain values, for adapters; never rejects. A HEAD request's body is the adapter's to drop. */
  exchange(incoming: Incoming): Promise<Outgoing>;
  /** The 503 for a request that `exchange` has not answered in time; what still comes of that must then be dropped. */
  tooLate(incoming: Incoming): Outgoing;
  /**
   * The answer of an application's own sign-in route: JSON and, with the cookie transport, `Set-Cookie`.
   * @example
   * const grant = await sessions.issue({ subject: user.id });
   * return handler.signedIn(grant, { id: user.id, email: user.email, name: null });
   */
  signedIn(grant: Grant, user?: User): Response;
  /** The same as plain values. */
  signedInParts(grant: Grant, user?: User): Outgoing;
  readonly sessions: Sessions;
  /** The name of the refresh cookie. */
  readonly cookieName: string;
}

/**
 * Creates the HTTP layer.
 * @throws PawlError `invalid_option` (origins, trustProxy, a path that is taken).
 * @example
 * const handler = createHandler({ sessions });
 * createServer(nodeListener(handler)).listen(3000);
 */
export function createHandler(options: HandlerOptions): Handler {
  const { sessions } = options;
  const parts: Parts = {
    sessions,
    accounts: options.accounts,
    registration: options.registration ?? "open",
    feedToken: options.feedToken,
    feedListenersMax: options.feedListenersMax ?? feedListenersMaxDefault,
    limits: options.rateLimits,
    cookies: createCookiePolicy(sessions.issuer),
    headers: createBaseHeaders(sessions.issuer, jwksMaxAgeSeconds),
    clients: createClients(options.clients ?? [], sessions.store, sessions.platform.clock),
  };
  const { exchange, tooLate } = createExchange(options, parts);
  const signedInParts = (grant: Grant, user?: User): Outgoing => {
    const { subject, transport } = grant.record;
    return sessionResponse(parts, grant, user ?? { id: subject, email: null, name: null }, transport);
  };
  return {
    exchange,
    tooLate,
    fetch: async (request, peer = {}) => responseFrom(await exchange(incomingFrom(request, peer)), request.method),
    signedInParts,
    signedIn: (grant, user) => responseFrom(signedInParts(grant, user), "POST"),
    sessions,
    cookieName: parts.cookies.name,
  };
}

function createExchange(options: HandlerOptions, parts: Parts): Pick<Handler, "exchange" | "tooLate"> {
  const { sessions, log } = options;
  const { clock } = sessions.platform;
  const origins = createOriginPolicy(options.origins ?? [new URL(sessions.issuer).origin]);
  const clientAddress = createClientAddress(options.trustProxy);
  const find = createRouter(
    [
      ...rotationEndpoints(parts),
      ...signInEndpoints(parts),
      ...sessionEndpoints(parts),
      ...delegationEndpoints(parts),
      ...feedEndpoints(parts),
      ...(options.extraEndpoints ?? []),
    ],
    [...wellKnownEndpoints(parts), ...oauthEndpoints(parts)],
  );
  const elsewhere = createElsewhere(options);
  const perform = createChecks(sessions, origins, clientAddress);
  const answerOn = (route: Route, parameter: string, incoming: Incoming): Promise<Outgoing> => {
    const endpoint = route.endpointFor(incoming.method);
    if (endpoint !== undefined) return perform(endpoint, parameter, incoming);
    if (incoming.method !== "OPTIONS") throw new PawlError("method_not_allowed");
    return Promise.resolve(answerOptions(route, incoming, origins, parts));
  };
  const decorated = (answer: Outgoing, found: ReturnType<typeof find>, incoming: Incoming): Outgoing => {
    if (found !== undefined && !found.route.isPublic) origins.decorate(incoming, answer);
    return answer;
  };
  const tooLate: Handler["tooLate"] = (incoming) => {
    const found = find(incoming.path);
    return decorated(refusal(tookTooLong(), parts, found?.route), found, incoming);
  };
  const exchange: Handler["exchange"] = async (incoming) => {
    const startedAt = log === undefined ? 0 : clock.now();
    const found = find(incoming.path);
    let answer: Outgoing;
    let failure: unknown;
    try {
      answer = found === undefined ? await elsewhere(incoming) : await answerOn(found.route, found.parameter, incoming);
    } catch (error) {
      failure = error;
      answer = refusal(error, parts, found?.route);
    }
    decorated(answer, found, incoming);
    if (log !== undefined) {
      const route = found?.route.pattern ?? "other";
      const durationMilliseconds = clock.now() - startedAt;
      tell(log, incoming, answer.status, failure, { route, durationMilliseconds, client: clientAddress(incoming) });
    }
    return answer;
  };
  return { exchange, tooLate };
}

/** Everything that is no endpoint: pages of the server, or nothing. */
function createElsewhere(options: HandlerOptions): Handler["exchange"] {
  const { extraRoutes } = options;
  const redirect = createLoopbackRedirect(options.sessions.issuer);
  return async (incoming) => {
    if (extraRoutes === undefined) throw new PawlError("not_found");
    const answer = redirect(incoming) ?? (await extraRoutes(incoming));
    if (answer === undefined) throw new PawlError("not_found");
    return answer;
  };
}

/** OPTIONS: `Allow`, and CORS for a preflight. */
function answerOptions(route: Route, incoming: Incoming, origins: OriginPolicy, parts: Parts): Outgoing {
  const cors = route.isPublic ? publicPreflight(route.methods) : origins.preflight(incoming, route.methods);
  const headers = route.isPublic ? parts.headers.publicEmpty : parts.headers.empty;
  return { status: 204, headers: [...headers, "allow", route.allow, ...cors], body: undefined };
}

const parsers: Readonly<Record<Endpoint["body"], (bytes: Uint8Array, incoming: Incoming) => Call["body"] | undefined>> =
  {
    none: () => emptyBody,
    json: parseJsonObject,
    "json-always": parseJsonObject,
    form: parseForm,
  };

/** 413, gate, 415, 400, then the work (404 and 405 are known before an endpoint is). */
function createChecks(
  sessions: Sessions,
  origins: OriginPolicy,
  clientAddress: (incoming: Incoming) => string | undefined,
): (endpoint: Endpoint, parameter: string, incoming: Incoming) => Promise<Outgoing> {
  const { clock } = sessions.platform;
  const graceMilliseconds = sessions.policy.graceSeconds * 1000;
  return async (endpoint, parameter, incoming) => {
    const arrivedAt = clock.now();
    const bytes = await incoming.readBody(bodyBytesMax);
    const parsed = parsers[endpoint.body](bytes, incoming);
    const bodyToken = tokenIn(parsed);
    // A refresh token in the body is a credential that no foreign page has: nothing to forge (CONTRACT section 2).
    if (endpoint.gate !== "cookie" || bodyToken === undefined) origins.check(endpoint.gate, incoming);
    if (endpoint.body === "json-always" || (endpoint.body === "json" && bytes.length > 0)) {
      if (!isJsonType(incoming.header("content-type"))) throw new PawlError("unsupported_media_type");
    }
    if (parsed === undefined) throw new PawlError("invalid_request", "The body must be a JSON object in UTF-8.");
    const client = clientAddress(incoming);
    const deadlineAt = incoming.peer.deadlineAt ?? arrivedAt + graceMilliseconds;
    const answer = await endpoint.work({
      incoming,
      body: parsed,
      bodyToken,
      parameter,
      client,
      origin: originOf(incoming.header("user-agent"), client),
      deadlineAt,
    });
    // A cookie that comes later than grace could overwrite a newer one in the jar; a lost answer harms nobody (CONTRACT I1).
    if (clock.now() >= deadlineAt && answer.headers.includes("set-cookie")) throw tookTooLong();
    return answer;
  };
}

function tookTooLong(): PawlError {
  return new PawlError("store_unavailable", "The request took too long; retry.", { retryAfterSeconds: 1 });
}

function originOf(userAgent: string | undefined, ip: string | undefined): Call["origin"] {
  if (userAgent === undefined) return ip === undefined ? {} : { ip };
  return ip === undefined ? { userAgent } : { userAgent, ip };
}

function tokenIn(body: Call["body"] | undefined): string | undefined {
  if (body === undefined || body === emptyBody || !Object.hasOwn(body, "refresh_token")) return undefined;
  const value = body.refresh_token;
  return typeof value === "string" ? value : undefined;
}

/** The problem document of a failure. */
function refusal(failure: unknown, parts: Parts, route: Route | undefined): Outgoing {
  const error = known(failure);
  const headers = parts.headers.problem;
  if (route?.isOAuth) return oauthProblem(error, parts.headers.oauth, route.allow);
  const allow = error.code === "method_not_allowed" && route !== undefined ? ["allow", route.allow] : [];
  return problem(error, allow.length === 0 ? headers : [...headers, ...allow]);
}

function known(failure: unknown): PawlError {
  if (failure instanceof BodyTooLarge) {
    return new PawlError("body_too_large", `The body is longer than ${bodyBytesMax} bytes.`);
  }
  if (failure instanceof RequestAborted) return new PawlError("invalid_request", "The request ended early.");
  return asPawlError(failure);
}

function tell(
  log: Log,
  incoming: Incoming,
  status: number,
  failure: unknown,
  seen: { readonly route: string; readonly durationMilliseconds: number; readonly client: string | undefined },
): void {
  const { client, ...rest } = seen;
  const error = failure === undefined ? undefined : known(failure);
  const code: ErrorCode | undefined = error?.code;
  const cause = code === "internal_error" || code === "store_unavailable" ? (error?.facts.cause ?? failure) : undefined;
  const entry: LogEntry = {
    level: status >= 500 ? "error" : status >= 400 ? "info" : "debug",
    event: status >= 500 ? "failure" : "request",
    method: knownMethod(incoming.method),
    status,
    ...rest,
    ...(code === undefined ? {} : { code }),
    ...(client === undefined ? {} : { client }),
    ...(cause === undefined ? {} : { detail: failureDetail(cause) }),
  };
  try {
    log(entry);
  } catch {
    // A log that fails must not fail the request.
  }
}
