// What an application and the server do with a handler beyond the endpoints: options, own sign-in, extra routes,
// redirects of pages, the log, late answers, a store that fails.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PawlError } from "../../src/core/errors.ts";
import type { Store } from "../../src/core/ports.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import type { SessionsOptions } from "../../src/engine/types.ts";
import type { Incoming } from "../../src/http/exchange.ts";
import type { Handler, HandlerOptions } from "../../src/http/handler.ts";
import { createHandler } from "../../src/http/handler.ts";
import { createBaseHeaders } from "../../src/http/headers.ts";
import type { LogEntry } from "../../src/http/log.ts";
import { failureDetail } from "../../src/http/log.ts";
import { problem } from "../../src/http/problem.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { createSimulatedPlatform } from "../../src/testing/simulated.ts";

const issuer = "http://localhost:4000";

async function create(
  options: Omit<HandlerOptions, "sessions"> = {},
  more: Partial<SessionsOptions> = {},
): Promise<Handler> {
  const sessions = await createSessions({ store: memoryStore(), issuer, ...more });
  return createHandler({ sessions, ...options });
}

function post(path: string, headers: Record<string, string>, body?: string): Request {
  return new Request(`${issuer}${path}`, { method: "POST", headers, body: body ?? null });
}

describe("own sign-in", () => {
  test("signedIn makes the session response of the grant's transport", async () => {
    const handler = await create();
    const byCookie = handler.signedIn(await handler.sessions.issue({ subject: "u" }));
    assert.equal(byCookie.status, 200);
    assert.equal(byCookie.headers.get("cache-control"), "no-store");
    const [cookie = ""] = byCookie.headers.getSetCookie();
    assert.match(cookie, /^pawl-dev-4000=pawl_rt_[\w-]{143}; HttpOnly; SameSite=Strict; Path=\/; Max-Age=604800$/);
    assert.equal(handler.cookieName, "pawl-dev-4000");
    const shown = (await byCookie.json()) as Record<string, unknown>;
    assert.deepEqual(shown.user, { id: "u", email: null, name: null });
    assert.ok(!("refresh_token" in shown));
    const refreshed = await handler.fetch(
      post("/auth/refresh", { cookie: cookie.split(";")[0] as string, "x-pawl": "1" }),
    );
    assert.equal(refreshed.status, 200);
    const grant = await handler.sessions.issue({ subject: "u", transport: "body" });
    const byBody = handler.signedIn(grant, { id: "u", email: "u@example.test", name: "U" });
    assert.deepEqual(byBody.headers.getSetCookie(), []);
    const told = (await byBody.json()) as Record<string, unknown>;
    assert.equal(told.refresh_token, grant.refreshToken);
    assert.deepEqual(told.user, { id: "u", email: "u@example.test", name: "U" });
  });

  test("a session remembers the client's address, not the proxy's, and the user agent", async () => {
    const handler = await create({ trustProxy: ["10.0.0.0/8"] });
    const { refreshToken } = await handler.sessions.issue({ subject: "u", transport: "body" });
    const headers = { "content-type": "application/json", "x-forwarded-for": "198.51.100.1", "user-agent": "agent/1" };
    const request = post("/auth/refresh", headers, JSON.stringify({ refresh_token: refreshToken }));
    const answer = await handler.fetch(request, { address: "10.0.0.1" });
    const { session } = (await answer.json()) as { session: { ip: string; user_agent: string } };
    assert.deepEqual([session.ip, session.user_agent], ["198.51.100.1", "agent/1"]);
  });
});

test("options that cannot be are refused", async () => {
  for (const origin of [
    "https://app.test/",
    "app.test",
    "null",
    "*",
    "https://*.app.test",
    "HTTPS://app.test",
    "ftp://a.test",
    "",
  ]) {
    await assert.rejects(create({ origins: [origin] }), { code: "invalid_option" }, origin);
  }
  await assert.rejects(create({ origins: Array.from({ length: 65 }, (_, index) => `https://a${index}.test`) }), {
    code: "invalid_option",
  });
  await assert.rejects(create({ trustProxy: ["everybody"] }), { code: "invalid_option" });
  const work = () => ({ status: 200, headers: [], body: undefined });
  const taken = { method: "POST", path: "/auth/refresh", gate: "none", body: "none", work } as const;
  await assert.rejects(create({ extraEndpoints: [taken] }), { code: "invalid_option" });
});

describe("extra endpoints and routes", () => {
  test("an extra endpoint gets the same checks and the parsed body", async () => {
    const work: NonNullable<HandlerOptions["extraEndpoints"]>[number]["work"] = ({ body, client }) => ({
      status: 200,
      headers: ["content-type", "application/json"],
      body: JSON.stringify({ body, client }),
    });
    const handler = await create({
      extraEndpoints: [{ method: "POST", path: "/auth/reset", gate: "page", body: "json-always", work }],
    });
    const json = { "content-type": "application/json" };
    const send = (headers: Record<string, string>, body: string) =>
      handler.fetch(post("/auth/reset", headers, body), { address: "10.0.0.1" });
    assert.equal((await send({ ...json, origin: "https://evil.test" }, "{}")).status, 403);
    assert.equal((await send({ "content-type": "text/plain" }, "{}")).status, 415);
    assert.equal((await send(json, "[]")).status, 400);
    assert.equal((await handler.fetch(new Request(`${issuer}/auth/reset`))).status, 405);
    assert.deepEqual(await (await send(json, '{"a":1}')).json(), { body: { a: 1 }, client: "10.0.0.1" });
  });

  test("extra routes are asked for what is no endpoint, before 404; their failures are problems", async () => {
    const asked: string[] = [];
    const extraRoutes = ({ path }: Incoming) => {
      asked.push(path);
      if (path === "/boom") throw new Error("a secret");
      return path === "/page" ? { status: 200, headers: ["content-type", "text/html"], body: "<p>hi" } : undefined;
    };
    const handler = await create({ extraRoutes });
    const get = (path: string, method = "GET") => handler.fetch(new Request(`${issuer}${path}`, { method }));
    const page = await get("/page?x=1#y");
    assert.deepEqual([page.status, await page.text()], [200, "<p>hi"]);
    assert.equal(await (await get("/page", "HEAD")).text(), "");
    assert.equal((await get("/nothing")).status, 404);
    assert.equal((await get("/auth/session")).status, 401);
    const boom = await get("/boom");
    assert.equal(boom.status, 500);
    assert.ok(!(await boom.text()).includes("secret"));
    assert.deepEqual(asked, ["/page", "/page", "/nothing", "/boom"]);
  });
});

describe("pages under another loopback name", () => {
  const extraRoutes = () => ({ status: 200, headers: [], body: "page" });
  const visit = (handler: Handler, host: string, path = "/", init: RequestInit = {}) =>
    handler.fetch(
      new Request(`${issuer}${path}`, { ...init, headers: { accept: "text/html,*/*", host, ...init.headers } }),
    );

  test("are redirected to the issuer, path and query kept", async () => {
    const handler = await create({ extraRoutes });
    for (const host of [
      "127.0.0.1:4000",
      "[::1]:4000",
      "127.1.2.3:4000",
      "LOCALHOST.localhost:4000",
      "app.localhost:4000",
    ]) {
      const answer = await visit(handler, host, "/reset?a=%20b&c");
      assert.equal(answer.status, 307, host);
      assert.equal(answer.headers.get("location"), `${issuer}/reset?a=%20b&c`);
    }
    const odd = await visit(handler, "127.0.0.1:4000", "//evil.test/x");
    assert.equal(odd.headers.get("location"), `${issuer}//evil.test/x`);
  });

  test("nothing else is", async () => {
    const handler = await create({ extraRoutes });
    const plain = await visit(handler, "127.0.0.1:4000", "/", { headers: { accept: "*/*" } });
    assert.equal(plain.status, 307, "the start page, whatever the visitor accepts");
    for (const host of [
      "localhost:4000",
      "LocalHost:4000",
      "127.0.0.1:4001",
      "127.0.0.1",
      "evil.test:4000",
      "localhost.evil.test:4000",
      "[::2]:4000",
      "",
    ]) {
      assert.equal((await visit(handler, host)).status, 200, host);
    }
    assert.equal((await visit(handler, "127.0.0.1:4000", "/", { method: "POST" })).status, 200);
    assert.equal(
      (await visit(handler, "127.0.0.1:4000", "/healthz", { headers: { accept: "application/json" } })).status,
      200,
    );
    assert.equal((await visit(handler, "127.0.0.1:4000", "/auth/session")).status, 401);
    const secure = await create({ extraRoutes }, { issuer: "https://auth.example.test" });
    assert.equal((await visit(secure, "127.0.0.1")).status, 200);
    assert.equal((await visit(await create(), "127.0.0.1:4000")).status, 404, "without pages there is nothing to open");
  });
});

describe("log", () => {
  test("says route, status and code, and nothing a client wrote", async () => {
    const entries: LogEntry[] = [];
    const handler = await create({ log: (entry) => entries.push(entry), extraRoutes: () => undefined });
    const { refreshToken } = await handler.sessions.issue({ subject: "u", transport: "body" });
    const json = { "content-type": "application/json", "user-agent": "evil\tagent", origin: "https://evil.test" };
    await handler.fetch(post("/auth/refresh", json, JSON.stringify({ refresh_token: refreshToken })), {
      address: "::ffff:10.0.0.1",
    });
    await handler.fetch(post(`/auth/${refreshToken}?${refreshToken}`, json, refreshToken));
    await handler.fetch(new Request(`${issuer}/auth/sessions/${refreshToken}`, { method: "REPORT" }));
    const seen = entries.map(({ level, event, route, method, status, code, client }) => [
      level,
      event,
      route,
      method,
      status,
      code,
      client,
    ]);
    assert.deepEqual(seen, [
      ["debug", "request", "/auth/refresh", "POST", 200, undefined, "10.0.0.1"],
      ["info", "request", "other", "POST", 404, "not_found", undefined],
      ["info", "request", "/auth/sessions/{id}", "other", 405, "method_not_allowed", undefined],
    ]);
    const text = JSON.stringify(entries);
    for (const secret of [refreshToken as string, "pawl_rt_", "evil"]) assert.ok(!text.includes(secret), secret);
  });

  test("failures have a cleaned detail; a log that throws harms nobody", async () => {
    const entries: LogEntry[] = [];
    const handler = await create({
      extraRoutes: () => {
        throw new Error(`line\nbreak pawl_rt_${"A".repeat(143)} eyJhbGciOiJFUzI1NiJ9.eyJhIjoxfQ.sig \u202e`);
      },
      log: (entry) => {
        entries.push(entry);
        throw new Error("disk full");
      },
    });
    assert.equal((await handler.fetch(new Request(`${issuer}/x`))).status, 500);
    const [entry] = entries;
    assert.deepEqual([entry?.level, entry?.event, entry?.code], ["error", "failure", "internal_error"]);
    assert.equal(entry?.detail, "Error: line\\u000abreak [token] [token] \\u202e");
    assert.equal(failureDetail("thrown text"), "string");
    assert.ok(failureDetail(new Error("x".repeat(9999))).length <= 300);
  });
});

describe("when things go wrong", () => {
  /** A memory store whose reads fail when told to. */
  function failingStore(): Store & { fail: boolean } {
    const store = memoryStore();
    const failing = { ...bound(store), fail: false };
    failing.read = (sid) =>
      failing.fail
        ? Promise.reject(new PawlError("store_unavailable", undefined, { cause: new Error("socket gone") }))
        : store.read(sid);
    return failing;
  }

  test("a store that does not answer is 503 with Retry-After, no verdict, no cookie", async () => {
    const store = failingStore();
    const entries: LogEntry[] = [];
    const handler = await create({ log: (entry) => entries.push(entry) }, { store });
    const { refreshToken } = await handler.sessions.issue({ subject: "u" });
    const headers = { cookie: `pawl-dev-4000=${refreshToken}; pawl-dev-4000=junk`, "x-pawl": "1" };
    store.fail = true;
    for (const path of ["/auth/refresh", "/auth/confirm", "/auth/logout"]) {
      const answer = await handler.fetch(post(path, headers));
      assert.equal(answer.status, 503, path);
      assert.equal(answer.headers.get("retry-after"), "1");
      assert.deepEqual(answer.headers.getSetCookie(), []);
      assert.equal(((await answer.json()) as { terminal: boolean }).terminal, false);
    }
    assert.equal(entries[0]?.detail, "Error: socket gone");
    store.fail = false;
    assert.equal((await handler.fetch(post("/auth/refresh", headers))).status, 200);
  });

  test("an answer that comes after grace hands nothing out", async () => {
    const platform = createSimulatedPlatform();
    const find = async () => {
      platform.clock.advance(31_000);
      return undefined;
    };
    const accounts = { find } as unknown as NonNullable<HandlerOptions["accounts"]>;
    const handler = await create({ accounts }, { platform });
    const { refreshToken } = await handler.sessions.issue({ subject: "u" });
    const late = await handler.fetch(post("/auth/refresh", { cookie: `pawl-dev-4000=${refreshToken}`, "x-pawl": "1" }));
    assert.equal(late.status, 503);
    assert.deepEqual(late.headers.getSetCookie(), []);
  });

  test("a deadline that the adapter names counts", async () => {
    const handler = await create();
    const { refreshToken } = await handler.sessions.issue({ subject: "u" });
    const request = post("/auth/refresh", { cookie: `pawl-dev-4000=${refreshToken}`, "x-pawl": "1" });
    const late = await handler.fetch(request, { deadlineAt: handler.sessions.platform.clock.now() - 1 });
    assert.equal(late.status, 503);
  });

  test("operators' errors stay inside; step-up has its challenge; odd texts fit the grammar", () => {
    const headers = createBaseHeaders(issuer, 1).problem;
    const shown = JSON.parse(
      problem(new PawlError("store_incompatible", "schema 9 of /var/db"), headers).body as string,
    );
    assert.equal(shown.code, "store_incompatible");
    assert.ok(!JSON.stringify(shown).includes("schema"));
    const stepUp = problem(new PawlError("reauthentication_required"), headers);
    assert.equal(stepUp.status, 403);
    assert.match(
      stepUp.headers[stepUp.headers.indexOf("www-authenticate") + 1] as string,
      /error="insufficient_user_authentication"/,
    );
    const odd = problem(new PawlError("invalid_token", 'quote " backslash \\ line\r\nä'), headers);
    const challenge = odd.headers[odd.headers.indexOf("www-authenticate") + 1] as string;
    assert.match(challenge, /error_description="[\x20\x21\x23-\x5b\x5d-\x7e]*"$/);
  });

  test("a body that breaks off is 400, a body without end is 413", async () => {
    const handler = await create();
    const json = { "content-type": "application/json" };
    const stream = (source: UnderlyingDefaultSource<Uint8Array>) =>
      new Request(`${issuer}/auth/refresh`, {
        method: "POST",
        headers: json,
        body: new ReadableStream(source),
        duplex: "half",
      } as RequestInit);
    const broken = stream({ pull: (controller) => controller.error(new Error("gone")) });
    assert.equal((await handler.fetch(broken)).status, 400);
    let chunks = 0;
    const endless = stream({
      pull: (controller) => {
        chunks += 1;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    assert.equal((await handler.fetch(endless)).status, 413);
    assert.ok(chunks < 32, String(chunks));
  });
});

/** The methods of a store as an object of their own, so that one can be replaced. */
function bound(store: Store): Store {
  const methods = Object.entries(store).map(([name, value]) => [
    name,
    typeof value === "function" ? value.bind(store) : value,
  ]);
  return Object.fromEntries(methods) as Store;
}
