// The node:http adapter: listening, pipelining, odd but legal requests, and closing.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { nodeListener, serveNode } from "../../src/adapters/node.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import { createHandler } from "../../src/http/handler.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { sendOverHttp } from "../../src/testing/http-suite.ts";
import { Raw } from "./raw.ts";
import { run } from "./scene.ts";

const get = (path: string, headers: readonly string[] = []): string =>
  [`GET ${path} HTTP/1.1`, "Host: localhost", ...headers, "", ""].join("\r\n");

/** True when this machine has an IPv6 loopback address. */
async function hasIpv6(): Promise<boolean> {
  const probe = createServer();
  return await new Promise((resolve) => {
    probe.once("error", () => resolve(false));
    probe.listen(0, "::1", () => probe.close(() => resolve(true)));
  });
}

test("localhost is both loopback families on one port", async (t) => {
  const server = await run(t);
  const hosts = (await hasIpv6()) ? ["127.0.0.1", "::1"] : ["127.0.0.1"];
  for (const host of hosts) {
    const client = await Raw.open(server.port, host);
    client.send(get("/fast"));
    await client.until((raw) => raw.text.endsWith("fast"));
    client.end();
  }
});

test("a taken port is the system's error, for either family", async (t) => {
  for (const host of (await hasIpv6()) ? ["127.0.0.1", "::1"] : ["127.0.0.1"]) {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, host, resolve));
    const { port } = taken.address() as AddressInfo;
    await assert.rejects(run(t, 30, { port }), { code: "EADDRINUSE" });
    taken.close();
  }
});

test("a handler that cannot be made frees the port", async (t) => {
  let seen = 0;
  const failing = serveNode((port) => {
    seen = port;
    throw new Error("no handler");
  });
  await assert.rejects(failing, /no handler/);
  await run(t, 30, { port: seen });
});

test("requests before the handler is made get 503", async () => {
  let early: Response | undefined;
  const sessions = await createSessions({ store: memoryStore() });
  const serving = await serveNode(async (port) => {
    early = await sendOverHttp(`http://127.0.0.1:${port}`, { method: "GET", path: "/auth/session" });
    return createHandler({ sessions });
  });
  assert.equal(early?.status, 503);
  assert.equal(early?.headers.get("retry-after"), "1");
  assert.equal(((await early?.json()) as { code: string } | undefined)?.code, "store_unavailable");
  await serving.close();
  await sessions.close();
});

test("pipelined requests are answered in order", async (t) => {
  const server = await run(t);
  const client = await Raw.open(server.port);
  client.send(get("/slow") + get("/fast") + get("/auth/session"));
  await server.slowArrived;
  assert.equal(client.text, "");
  server.release();
  await client.until((raw) => raw.text.includes("invalid_token"));
  assert.deepEqual(client.statuses, ["200", "200", "401"]);
  assert.ok(client.text.indexOf("slow") < client.text.indexOf("fast"));
  client.end();
});

test("junk behind a request in flight is never answered in its place", async (t) => {
  const server = await run(t);
  const client = await Raw.open(server.port);
  client.send(`${get("/slow")}junk junk junk\r\n\r\n`);
  await server.slowArrived;
  await client.untilClosed();
  assert.equal(client.text, "");
});

test("odd but legal: absolute form, HTTP/1.0, two Authorization headers, an upgrade nobody offers", async (t) => {
  const server = await run(t);
  const ask = async (text: string, end: string): Promise<string> => {
    const client = await Raw.open(server.port);
    client.send(text);
    await client.until((raw) => raw.text.includes(end));
    client.end();
    return client.text;
  };
  assert.match(await ask(get(`http://localhost:${server.port}/fast`), "fast"), /^HTTP\/1\.1 200/);
  assert.match(await ask("GET /fast HTTP/1.0\r\n\r\n", "fast"), /^HTTP\/1\.1 200[\s\S]*onnection: close/);
  const twice = await ask(get("/auth/session", ["Authorization: Bearer a", "Authorization: Bearer b"]), '"code"');
  assert.match(twice, /"code":"invalid_request"/);
  const types = ["Content-Type: application/json", "Content-Type: text/plain", "X-Pawl: 1", "Content-Length: 2"];
  const refresh = `${get("/auth/refresh", types).replace("GET", "POST")}{}`;
  assert.match(await ask(refresh, '"code"'), /"code":"unsupported_media_type"/);
  assert.match(await ask(get("/fast", ["Connection: Upgrade", "Upgrade: websocket"]), "fast"), /^HTTP\/1\.1 200/);
  const split = ["Cookie: a=b", `Cookie: pawl-dev-${server.port}=junk`, "X-Pawl: 1", "Content-Length: 0"];
  assert.match(await ask(get("/auth/refresh", split).replace("GET", "POST"), '"code"'), /refresh_token_invalid/);
});

test("close finishes what is in flight, closes idle connections, refuses new ones", async (t) => {
  const server = await run(t);
  const idle = await Raw.open(server.port);
  idle.send(get("/fast"));
  await idle.until((raw) => raw.text.endsWith("fast"));
  const busy = await Raw.open(server.port);
  busy.send(get("/slow"));
  await server.slowArrived;
  const closed = server.serving.close();
  await idle.untilClosed();
  await assert.rejects(Raw.open(server.port));
  assert.equal(busy.closed, false);
  server.release();
  assert.match(await busy.untilClosed(), /^HTTP\/1\.1 200[\s\S]*[Cc]onnection: close[\s\S]*slow$/);
  await closed;
});

test("nodeListener fits into any server", async () => {
  const sessions = await createSessions({ store: memoryStore(), graceSeconds: 1 });
  const released = Promise.withResolvers<undefined>();
  const handler = createHandler({ sessions, extraRoutes: () => released.promise });
  const server = createServer(nodeListener(handler));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const answer = await sendOverHttp(`http://127.0.0.1:${port}`, { method: "GET", path: "/.well-known/jwks.json" });
  assert.equal(answer.status, 200);
  const slow = await Raw.open(port);
  slow.send(get("/anything"));
  await slow.until((raw) => raw.statuses.length === 1);
  assert.deepEqual(slow.statuses, ["503"], "a request that nothing answers is refused within grace");
  slow.end();
  released.resolve(undefined);
  server.close();
  await sessions.close();
});
