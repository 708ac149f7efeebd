// The node:http adapter against clients that are slow, long-winded or broken: over raw sockets.

import assert from "node:assert/strict";
import { test } from "node:test";
import { headerBytesMax } from "../../src/adapters/node.ts";
import { bodyBytesMax, drainBytesMax } from "../../src/http/exchange.ts";
import { Raw } from "./raw.ts";
import { bigBytes, run } from "./scene.ts";

const start = (path: string, headers: readonly string[] = [], method = "POST"): string =>
  [`${method} ${path} HTTP/1.1`, "Host: localhost", ...headers, "", ""].join("\r\n");
const json = "Content-Type: application/json";

/** A bare answer: a status line, no body, nothing about why. */
function assertBare(text: string, status: string): void {
  assert.match(
    text,
    new RegExp(`^HTTP/1\\.1 ${status} [A-Za-z ]+\\r\\nConnection: close\\r\\nContent-Length: 0\\r\\n\\r\\n$`),
  );
}

test("a body above the bound is drained and the answer can be read; the connection goes on", async (t) => {
  const server = await run(t);
  for (const chunked of [false, true]) {
    const client = await Raw.open(server.port);
    const size = 300_000;
    client.send(start("/auth/refresh", [json, chunked ? "Transfer-Encoding: chunked" : `Content-Length: ${size}`]));
    if (chunked) client.send(`${size.toString(16)}\r\n`);
    client.send("x".repeat(size));
    if (chunked) client.send("\r\n0\r\n\r\n");
    await client.until((raw) => raw.text.includes('"code":"body_too_large"'));
    client.send(start("/fast", [], "GET"));
    await client.until((raw) => raw.text.endsWith("fast"));
    assert.deepEqual(client.statuses, ["413", "200"]);
    client.end();
  }
});

test("a body above the drain bound loses its connection", async (t) => {
  const server = await run(t);
  const client = await Raw.open(server.port);
  client.send(start("/auth/refresh", [json, "Transfer-Encoding: chunked"]));
  const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`;
  let sent = 0;
  while (!client.closed && sent < 64 * drainBytesMax) {
    client.send(chunk);
    sent += chunk.length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await client.untilClosed();
  assert.ok(sent < 64 * drainBytesMax, "the server stopped reading");
  assert.ok(client.statuses.every((status) => status === "413"));
});

test("a refused request's body is drained too", async (t) => {
  const server = await run(t);
  const client = await Raw.open(server.port);
  client.send(start("/auth/nothing", ["Content-Length: 200000"]));
  client.send("x".repeat(200_000));
  client.send(start("/fast", [], "GET"));
  await client.until((raw) => raw.text.endsWith("fast"));
  assert.deepEqual(client.statuses, ["404", "200"]);
  client.end();
  const endless = await Raw.open(server.port);
  endless.send(start("/auth/nothing", ["Content-Length: 2000000"]));
  endless.send("x".repeat(1_200_000));
  await endless.untilClosed();
});

test("Expect: 100-continue: a long body is refused before it is sent, a short one is asked for", async (t) => {
  const server = await run(t);
  const long = await Raw.open(server.port);
  long.send(start("/auth/refresh", [json, "Expect: 100-continue", `Content-Length: ${bodyBytesMax + 1}`]));
  await long.untilClosed();
  assert.deepEqual(long.statuses, ["413"]);
  const unwanted = await Raw.open(server.port);
  unwanted.send(start("/auth/nothing", ["Expect: 100-continue", "Content-Length: 5"]));
  await unwanted.untilClosed();
  assert.deepEqual(unwanted.statuses, ["404"]);
  const short = await Raw.open(server.port);
  const body = '{"refresh_token":"junk"}';
  short.send(start("/auth/refresh", [json, "Expect: 100-continue", `Content-Length: ${body.length}`]));
  await short.until((raw) => raw.statuses.length === 1);
  short.send(body);
  await short.until((raw) => raw.text.includes("refresh_token_invalid"));
  assert.deepEqual(short.statuses, ["100", "401"]);
  short.end();
});

test("header floods are 431, in one line or in many", async (t) => {
  const server = await run(t);
  for (const lines of [
    [`X-Long: ${"x".repeat(headerBytesMax)}`],
    Array.from({ length: 3000 }, (_, index) => `a${index}: b`),
  ]) {
    const client = await Raw.open(server.port);
    client.send(start("/auth/session", lines, "GET"));
    assertBare(await client.untilClosed(), "431");
  }
  const line = await Raw.open(server.port);
  line.send(start(`/${"x".repeat(headerBytesMax)}`, [], "GET"));
  assertBare(await line.untilClosed(), "431");
});

test("many small headers are all read: none is dropped silently", async (t) => {
  const server = await run(t);
  const client = await Raw.open(server.port);
  const filler = Array.from({ length: 2500 }, () => "a:");
  client.send(start("/auth/refresh", [...filler, "X-Pawl: 1", "Origin: https://evil.test", "Content-Length: 0"]));
  await client.until((raw) => raw.text.includes('"code"'));
  assert.match(client.text, /"code":"csrf_rejected"/);
  client.end();
});

test("what is no HTTP is a bare 400", async (t) => {
  const server = await run(t);
  const broken = [
    "hello\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    `${start("/auth/refresh", ["Content-Length: 1", "Content-Length: 2"])}x`,
    start("/auth/refresh", ["Content-Length: 1", "Transfer-Encoding: chunked"]),
    start("/auth/refresh", ["Content-Length: -1"]),
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
  ];
  for (const text of broken) {
    const client = await Raw.open(server.port);
    client.send(text);
    assertBare(await client.untilClosed(), "400");
  }
  const nameless = await Raw.open(server.port);
  nameless.send("GET /auth/session HTTP/1.1\r\n\r\n");
  await nameless.until((raw) => raw.statuses.length > 0);
  assert.deepEqual(nameless.statuses, ["400"]);
  nameless.end();
  const alive = await Raw.open(server.port);
  alive.send(start("/fast", [], "GET"));
  await alive.until((raw) => raw.text.endsWith("fast"));
  alive.end();
});

test("a client that got a bare error and does not hang up is hung up on", async (t) => {
  const server = await run(t);
  const client = await Raw.open(server.port, "127.0.0.1", true);
  client.send("hello\r\n\r\n");
  await client.until((raw) => raw.text !== "");
  assertBare(client.text, "400");
  // Only what is left open keeps a server from closing.
  let closed = false;
  const closing = server.serving.close().then(() => {
    closed = true;
  });
  await Promise.race([closing, client.until(() => false).catch(() => undefined)]);
  assert.ok(closed);
  client.end();
});

test("a slow reader loses its connection, one that read everything keeps it", async (t) => {
  const server = await run(t, 1);
  const [slow, quick] = [await Raw.open(server.port), await Raw.open(server.port)];
  slow.socket.pause();
  for (const client of [slow, quick]) client.send(start("/big", [], "GET"));
  await quick.until((raw) => raw.text.length > bigBytes);
  const waiting = await Raw.open(server.port);
  waiting.send(start("/slow", [], "GET"));
  // Refused first, as nothing answers it; the reader has been given up a moment later.
  await waiting.until((raw) => raw.text.includes("503"));
  await new Promise((resolve) => setTimeout(resolve, 300));
  waiting.end();
  slow.socket.resume();
  assert.ok((await slow.untilClosed()).length < bigBytes);
  quick.send(start("/fast", [], "GET"));
  await quick.until((raw) => raw.text.endsWith("fast"));
  quick.end();
});

test("slow headers and slow bodies are 408, an unanswered request is 503; all within grace", async (t) => {
  const graceMilliseconds = 1000;
  const server = await run(t, graceMilliseconds / 1000);
  const startedAt = performance.now();
  const timed = async (bytes: string): Promise<[string, number]> => {
    const client = await Raw.open(server.port);
    client.send(bytes);
    // The far end closes after the answer; the answer itself is what must come in time.
    await client.until((raw) => raw.closed || raw.text !== "");
    const after = performance.now() - startedAt;
    return [await client.untilClosed(), after];
  };
  const [headers, body, chunked, work] = await Promise.all([
    timed("POST /auth/refresh HTTP/1.1\r\nHost: localhost\r\nX-Slow: "),
    timed(`${start("/auth/refresh", [json, "Content-Length: 30"])}{"refresh_token"`),
    timed(`${start("/auth/refresh", [json, "Transfer-Encoding: chunked"])}5\r\n{"ref`),
    timed(start("/slow", ["Connection: close"], "GET")),
  ]);
  assertBare(headers[0], "408");
  assertBare(body[0], "408");
  assertBare(chunked[0], "408");
  assert.match(work[0], /^HTTP\/1\.1 503 .*\r\nretry-after: 1\r\n.*"code":"store_unavailable"/is);
  assert.doesNotMatch(work[0], /set-cookie/i);
  for (const [, after] of [headers, body, chunked, work])
    assert.ok(after > 100 && after < graceMilliseconds + 400, String(after));
  server.release();
});

test("what was refused as too late gets no second answer, and its connection goes on", async (t) => {
  const server = await run(t, 1);
  const client = await Raw.open(server.port);
  client.send(start("/slow", [], "GET"));
  await client.until((raw) => raw.statuses.length === 1);
  server.release();
  client.send(start("/fast", [], "GET"));
  await client.until((raw) => raw.text.endsWith("fast"));
  assert.deepEqual(client.statuses, ["503", "200"]);
  assert.doesNotMatch(client.text, /slow/);
  client.end();
});

test("a client that goes away in the middle of its body harms nobody", async (t) => {
  const server = await run(t);
  const client = await Raw.open(server.port);
  client.send(`${start("/auth/refresh", [json, "Content-Length: 30"])}{"refresh_token"`);
  const other = await Raw.open(server.port);
  other.send(start("/fast", [], "GET"));
  await other.until((raw) => raw.text.endsWith("fast"));
  client.end();
  while (!server.log.some(({ route }) => route === "/auth/refresh"))
    await new Promise((resolve) => setImmediate(resolve));
  const entry = server.log.find(({ route }) => route === "/auth/refresh");
  assert.deepEqual([entry?.level, entry?.code], ["info", "invalid_request"]);
  other.end();
});
