// What operators and their machines ask the running server: is the process alive, does the store answer, the metrics.
// Owns who may read the metrics (CONTRACT section 1). Answers hold figures only, nothing about anybody.

import { PawlError } from "../core/errors.ts";
import { bearerToken, isSameToken } from "../http/bearer.ts";
import type { Incoming, Outgoing } from "../http/exchange.ts";
import { asPawlError, CredentialsMissing, problem } from "../http/problem.ts";
import { isDirectLocal } from "../http/proxy.ts";

/** What the routes need. */
export interface OperationsOptions {
  readonly issuer: string;
  /** The metrics as text. */
  readonly figures: () => Promise<string>;
  /** Resolves when the store answers. */
  readonly ping: () => Promise<void>;
  /** True once the server was told to stop. */
  readonly stopping: () => boolean;
  readonly adminToken: string | undefined;
}

const shared = ["cache-control", "no-store", "x-content-type-options", "nosniff"] as const;
const problemHeaders = ["content-type", "application/problem+json", ...shared] as const;

/** Serves `/healthz`, `/readyz` and `/metrics`; resolves `undefined` for other paths. */
export function createOperations(options: OperationsOptions): (incoming: Incoming) => Promise<Outgoing | undefined> {
  return async (incoming) => {
    const route = routes[incoming.path];
    if (route === undefined) return undefined;
    if (incoming.method !== "GET" && incoming.method !== "HEAD") {
      const refusal = problem(new PawlError("method_not_allowed"), problemHeaders);
      refusal.headers.push("allow", "GET, HEAD");
      return refusal;
    }
    try {
      const body = await route(options, incoming);
      const type = incoming.path === "/metrics" ? "text/plain; version=0.0.4; charset=utf-8" : "application/json";
      return { status: 200, headers: ["content-type", type, ...shared], body };
    } catch (error) {
      return problem(asPawlError(error), problemHeaders);
    }
  };
}

type Route = (options: OperationsOptions, incoming: Incoming) => Promise<string>;

const routes: Readonly<Record<string, Route | undefined>> = Object.assign(Object.create(null), {
  "/healthz": async () => JSON.stringify({ status: "ok" }),
  "/readyz": async (options: OperationsOptions) => {
    if (options.stopping()) throw new PawlError("store_unavailable", "The server is stopping.");
    await options.ping();
    return JSON.stringify({ status: "ready" });
  },
  "/metrics": async (options: OperationsOptions, incoming: Incoming) => {
    demandOperator(options, incoming);
    return options.figures();
  },
});

/** With a token: who presents it. Without: programs of this machine that speak to us directly. */
function demandOperator({ adminToken, issuer }: OperationsOptions, incoming: Incoming): void {
  if (adminToken === undefined) {
    // Others are not told that there is something here.
    if (!isDirectLocal(incoming, issuer)) throw new PawlError("not_found");
    return;
  }
  const header = incoming.header("authorization");
  if (header === undefined) throw new CredentialsMissing();
  if (!isSameToken(bearerToken(header), adminToken)) throw new PawlError("invalid_token", "The token is not the one.");
}
