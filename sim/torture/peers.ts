// What Pawl is compared with, in the terms of the torture: node-oidc-provider and the pattern that tutorials teach.
// Their programs are in bench/peers. Neither has attempts, confirms or cookies, so the jar is a store of one token, as
// in an application that uses them; the answer that lands last wins there too.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { peersFolder } from "../../bench/peers/install.ts";
import { seedPath } from "../../bench/peers/serve.ts";
import { startServer } from "../program.ts";
import type { Dialect, Operation, Reply, Verdict } from "./dialect.ts";

const clientId = "bench";

type Requests = Pick<Dialect, "call">;

function peer(name: string, title: string, requests: Requests): Dialect {
  return {
    name,
    title,
    transports: ["body"],
    hasConfirm: false,
    isRefusalFinal: false,
    accessPath: undefined,
    launch: (folder, port) =>
      startServer(folder, [join(peersFolder, `${name}.ts`), join(folder, `${name}.db`)], {
        NODE_ENV: "production",
        PEER_PORT: String(port),
        PEER_SECRET: "only for this comparison",
      }),
    enter: () => [{ method: "GET", path: `${seedPath}?clients=1`, headers: {}, body: "" }],
    tokenIn({ refresh_token: token, tokens }) {
      if (typeof token === "string") return token;
      return Array.isArray(tokens) && typeof tokens[0] === "string" ? tokens[0] : undefined;
    },
    ...requests,
    verdict: read,
    label: (token) => createHash("sha256").update(token).digest("hex").slice(0, 6),
  };
}

function read(operation: Operation, { status, json }: Reply): Verdict {
  if (status === 200) return { kind: operation === "refresh" ? "stored" : "done" };
  if (status === 400 || status === 401) {
    return { kind: "over", code: String(json.error), ends: false, reuse: false };
  }
  if (status >= 500) return { kind: "busy" };
  return { kind: "strange", why: `${status} to ${operation}` };
}

/** node-oidc-provider: rotation on, a used token revokes its grant. */
export const oidcDialect: Dialect = peer("oidc", "node-oidc-provider 9", {
  call(operation, token = "") {
    const parameters =
      operation === "refresh" ? { grant_type: "refresh_token", refresh_token: token } : { token: token };
    return {
      path: operation === "refresh" ? "/token" : "/token/revocation",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ client_id: clientId, ...parameters }).toString(),
    };
  },
});

/** The tutorial: the row of a token is deleted on use. */
export const tutorialDialect: Dialect = peer("tutorial", "tutorial (Express, jsonwebtoken)", {
  call: (operation, token = "") => ({
    path: operation === "refresh" ? "/refresh" : "/logout",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ refresh_token: token }),
  }),
});
