// Guards of an API's routes, for plain fetch handlers, node:http, Express, Fastify and Hono: a token, scopes, a recent sign-in.
// Owns how each framework is spoken to; what is refused, and how, is decide.ts's business. Types are structural.

import { PawlError } from "../core/errors.ts";
import type { Access, Verifier } from "./create-verifier.ts";
import { checkNeed, type Decision, decide, type Need, type Refusal } from "./decide.ts";

/** What {@link Guards.requireRecentAuth} asks for: one of the two at least. */
export type RecentAuth = Pick<Need, "maxAgeSeconds" | "acr">;

/** Makes guards in the shape of one framework. */
export interface Guards<Guard> {
  /** A good access token, of a session that goes on; otherwise 401 `invalid_token`. */
  requireSession(): Guard;
  /** That, and every one of these scopes (a list, or one text with spaces); otherwise 403 `insufficient_scope`. */
  requireScope(scope: string | readonly string[]): Guard;
  /** That, and a recent or a strong enough sign-in; otherwise 401 `insufficient_user_authentication` (RFC 9470). */
  requireRecentAuth(recent: RecentAuth): Guard;
}

/** Judges the Authorization headers of one request by one need. */
type Judge = (headers: readonly string[]) => Promise<Decision>;

function guardsOf<Guard>(verifier: Verifier, make: (judge: Judge) => Guard): Guards<Guard> {
  const guard = (need: Need): Guard => make((headers) => decide(verifier, headers, need));
  return {
    requireSession: () => guard({}),
    requireScope: (scope) => guard(checkNeed({ scopes: typeof scope === "string" ? scope.split(" ") : scope })),
    requireRecentAuth(recent) {
      if (recent.maxAgeSeconds !== undefined || recent.acr !== undefined) return guard(checkNeed(recent));
      throw new PawlError("invalid_option", "maxAgeSeconds or acr must say how recent or how strong", {
        field: "recent",
      });
    },
  };
}

const accesses = new WeakMap<object, Access>();

/**
 * The claims of the token that a guard let in, by the object that the framework gave to the guard (Express and Fastify: the
 * request; Hono: the context).
 * @throws Error when no guard let this request in
 */
export function accessOf(request: object): Access {
  const access = accesses.get(request);
  if (access === undefined) throw new Error("no guard of pawl/verifier let this request in");
  return access;
}

function responseOf({ status, headers, body }: Refusal): Response {
  return new Response(body, { status, headers: headers.map(([name, value]): [string, string] => [name, value]) });
}

/** Several headers of one name arrive here as one, joined by a comma, which no token has. */
function headersOf(value: string | null | undefined): readonly string[] {
  return value === null || value === undefined ? [] : [value];
}

/** Resolves the claims, or the answer that says no. */
export type FetchGuard = (request: Request) => Promise<Access | Response>;

/**
 * Guards for handlers of the form `(request: Request) => Response`.
 * @example
 * const mayRead = fetchGuards(verifier).requireScope("orders:read");
 * const access = await mayRead(request);
 * if (access instanceof Response) return access;
 */
export function fetchGuards(verifier: Verifier): Guards<FetchGuard> {
  return guardsOf(verifier, (judge) => async (request) => {
    const decision = await judge(headersOf(request.headers.get("authorization")));
    return "refusal" in decision ? responseOf(decision.refusal) : decision.access;
  });
}

/** The part of `IncomingMessage` that is read. */
export interface NodeRequest {
  readonly rawHeaders: readonly string[];
}

/** The part of `ServerResponse` that is written. */
export interface NodeResponse {
  readonly headersSent: boolean;
  writeHead(status: number, headers: Record<string, string>): unknown;
  end(body: string): unknown;
}

/** Resolves the claims; `undefined` when it has answered no. */
export type NodeGuard = (request: NodeRequest, response: NodeResponse) => Promise<Access | undefined>;

/** node:http keeps the first of two headers; what came is in the raw ones. */
function rawAuthorizations({ rawHeaders }: NodeRequest): readonly string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === "authorization");
}

function sendRefusal(response: NodeResponse, { status, headers, body }: Refusal): void {
  // Somebody else has answered meanwhile, a timeout for example.
  if (response.headersSent) return;
  response.writeHead(status, Object.fromEntries(headers));
  response.end(body);
}

/**
 * Guards for node:http.
 * @example
 * const access = await nodeGuards(verifier).requireSession()(request, response);
 * if (access === undefined) return;
 */
export function nodeGuards(verifier: Verifier): Guards<NodeGuard> {
  return guardsOf(verifier, (judge) => async (request, response) => {
    const decision = await judge(rawAuthorizations(request));
    if ("access" in decision) return decision.access;
    sendRefusal(response, decision.refusal);
    return undefined;
  });
}

/** Middleware of Express 4 and 5 and of everything that speaks like them. */
export type ExpressGuard = (request: NodeRequest, response: NodeResponse, next: (error?: unknown) => void) => void;

/**
 * Middleware for Express; the claims are at {@link accessOf}`(request)`.
 * @example
 * app.get("/orders", expressGuards(verifier).requireScope("orders:read"), (request, response) => {
 *   response.json(ordersOf(accessOf(request).sub));
 * });
 */
export function expressGuards(verifier: Verifier): Guards<ExpressGuard> {
  return guardsOf(verifier, (judge) => (request, response, next) => {
    const pass = async (): Promise<void> => {
      const decision = await judge(rawAuthorizations(request));
      if ("refusal" in decision) return sendRefusal(response, decision.refusal);
      accesses.set(request, decision.access);
      next();
    };
    pass().catch(next);
  });
}

/** The part of a Fastify reply that is written. */
export interface FastifyReply {
  code(status: number): FastifyReply;
  headers(headers: Record<string, string>): FastifyReply;
  send(body: string): FastifyReply;
}

/** A hook of Fastify: `onRequest` or `preHandler`. */
export type FastifyGuard = (request: { readonly raw: NodeRequest }, reply: FastifyReply) => Promise<unknown>;

/**
 * Hooks for Fastify; the claims are at {@link accessOf}`(request)`.
 * @example
 * app.get("/orders", { onRequest: fastifyGuards(verifier).requireSession() }, async (request) => accessOf(request).sub);
 */
export function fastifyGuards(verifier: Verifier): Guards<FastifyGuard> {
  return guardsOf(verifier, (judge) => async (request, reply) => {
    const decision = await judge(rawAuthorizations(request.raw));
    if ("access" in decision) {
      accesses.set(request, decision.access);
      return undefined;
    }
    const { status, headers, body } = decision.refusal;
    return reply.code(status).headers(Object.fromEntries(headers)).send(body);
  });
}

/** The part of a context of Hono that is read. */
export interface HonoContext {
  readonly req: { header(name: string): string | undefined };
}

/** Middleware of Hono. */
export type HonoGuard = (context: HonoContext, next: () => Promise<void>) => Promise<Response | undefined>;

/**
 * Middleware for Hono; the claims are at {@link accessOf}`(context)`.
 * @example
 * app.get("/orders", honoGuards(verifier).requireSession(), (context) => context.text(accessOf(context).sub));
 */
export function honoGuards(verifier: Verifier): Guards<HonoGuard> {
  return guardsOf(verifier, (judge) => async (context, next) => {
    const decision = await judge(headersOf(context.req.header("authorization")));
    if ("refusal" in decision) return responseOf(decision.refusal);
    accesses.set(context, decision.access);
    await next();
    return undefined;
  });
}
