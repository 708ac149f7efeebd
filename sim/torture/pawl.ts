// Pawl as CONTRACT.md describes it from outside: requests, answers, and what they mean. Looks into the program nowhere;
// only the label in a story reads the public layout of a token. Where the sessions lie is stores.ts's business.

import { createHash } from "node:crypto";
import { startProgram } from "../program.ts";
import type { Call, Dialect, Operation, Reply, Verdict } from "./dialect.ts";
import { sqliteDatabase, type TortureDatabase } from "./stores.ts";

const password = "four unlikely words together";
const json = { "content-type": "application/json" } as const;
/** `pawl_rt_`, then version (1), key id (1), session id (16), generation (4): CONTRACT section 3. */
const tokenStart = "pawl_rt_";
const generationAt = 18;

/** Tokens of both kinds, whole or in part. */
const tokenShapes = [/pawl_rt_[\w-]{8}/, /\beyJ[\w-]{8,}\./];

/** Pawl; `main` is the program to run, the built one by default. */
export function pawlDialect(main?: string, database: TortureDatabase = sqliteDatabase()): Dialect {
  return {
    name: "pawl",
    title: database.kind === "sqlite" ? "Pawl" : `Pawl on ${database.title}`,
    transports: ["cookie", "body"],
    hasConfirm: true,
    isRefusalFinal: true,
    accessPath: "/auth/session",
    launch: (folder, port, graceSeconds, issuer) =>
      startProgram(folder, {
        port,
        ...(main === undefined ? {} : { main }),
        environment: {
          PAWL_RATE_LIMIT: "off",
          PAWL_GRACE: `${graceSeconds}s`,
          PAWL_REGISTRATION: "open",
          PAWL_LOG: "info",
          ...(issuer === undefined ? {} : { PAWL_ISSUER: issuer }),
          ...database.environment(folder),
        },
      }),
    enter(person, transport) {
      const body = JSON.stringify({ email: `${person}@example.test`, password, transport });
      return ["/auth/register", "/auth/login"].map((path) => ({ path, headers: json, body }));
    },
    tokenIn: ({ refresh_token: token }) => (typeof token === "string" ? token : undefined),
    call,
    verdict: read,
    label(token) {
      const generation = Buffer.from(token.slice(tokenStart.length), "base64url").readUInt32BE(generationAt);
      return `g${generation}/${createHash("sha256").update(token).digest("hex").slice(0, 4)}`;
    },
    weigh: (folder) => database.weigh(folder),
    secrets: [...tokenShapes, password, ...database.secrets],
  };
}

function call(operation: Operation, token: string | undefined, key: string | undefined): Call {
  return {
    path: `/auth/${operation}`,
    // The gate: a body with a token needs no header, a cookie does.
    headers: {
      ...json,
      ...(token === undefined ? { "x-pawl": "1" } : {}),
      ...(key === undefined ? {} : { "idempotency-key": key }),
    },
    body: token === undefined ? "{}" : JSON.stringify({ refresh_token: token }),
  };
}

/** Codes after which nothing of the session may ever work again. */
const ending: ReadonlySet<unknown> = new Set(["refresh_token_reused", "session_revoked"]);

function read(operation: Operation, { status, json: answer, setCookies }: Reply): Verdict {
  const deletes = setCookies.some((line) => /max-age=0/i.test(line));
  if (deletes && operation !== "logout")
    return { kind: "strange", why: `an answer to ${operation} deletes the cookie` };
  if (status >= 400 && setCookies.length > 0) return { kind: "strange", why: `a refusal (${status}) sets a cookie` };
  if (status === 200 && operation === "refresh") {
    if (typeof answer.access_token !== "string") return { kind: "strange", why: "200 without an access token" };
    return { kind: setCookies.length > 0 || typeof answer.refresh_token === "string" ? "stored" : "settled" };
  }
  if (status === 204 && operation !== "refresh") return { kind: "done" };
  if (status === 409 && answer.code === "refresh_token_superseded" && answer.terminal === false) {
    return { kind: "superseded" };
  }
  if (status === 503 || status === 408) return { kind: "busy" };
  if (answer.terminal === true) {
    const reuse = answer.code === "refresh_token_reused";
    return { kind: "over", code: String(answer.code), ends: ending.has(answer.code), reuse };
  }
  return { kind: "strange", why: `${status} ${String(answer.code)} to ${operation}` };
}
