// Ten thousand malformed refresh tokens, cookies and bodies against the real server: no 5xx, no session ended, and no
// store access for tokens whose MAC is wrong.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Program } from "./program.ts";
import { call, startProgram, temporaryFolder } from "./program.ts";

const folder = temporaryFolder();
let program: Program;
let good = "";
let access = "";
let sent = 0;

interface Raw {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: Buffer | string;
}
/** One request, byte for byte as given; resolves the status (0 = the connection was ended without an answer). */
function send(raw: Raw): Promise<{ status: number; body: string }> {
  sent += 1;
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(program.origin);
    const outgoing = request(
      { hostname, port, path: raw.path, method: raw.method ?? "POST", headers: raw.headers ?? {}, timeout: 5000 },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
        incoming.on("error", () => resolve({ status: 0, body: "" }));
      },
    );
    outgoing.on("timeout", () => {
      outgoing.destroy();
      reject(new Error(`no answer within 5 s: ${raw.path}`));
    });
    outgoing.on("error", () => resolve({ status: 0, body: "" }));
    outgoing.end(raw.body);
  });
}
const json = { "content-type": "application/json" };

async function sendAll(
  requests: readonly Raw[],
  check: (status: number, raw: Raw, body: string) => void,
): Promise<void> {
  const queue = [...requests];
  const worker = async (): Promise<void> => {
    for (let raw = queue.pop(); raw !== undefined; raw = queue.pop()) {
      const { status, body } = await send(raw);
      assert.ok(status < 500, `${status} for ${raw.path} ${String(raw.body).slice(0, 80)}: ${body.slice(0, 200)}`);
      check(status, raw, body);
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

/** The store's counters as the server publishes them, and the session's health. */
async function assertUnharmed(): Promise<void> {
  const session = await call(program.origin, "/auth/session", undefined, { authorization: `Bearer ${access}` });
  assert.equal(session.status, 200);
  const confirmed = await call(program.origin, "/auth/confirm", { refresh_token: good });
  assert.equal(confirmed.status, 204);
}

before(async () => {
  program = await startProgram(folder.path, { environment: { PAWL_RATE_LIMIT: "off", PAWL_LOG: "error" } });
  const answer = await call(program.origin, "/auth/register", {
    email: "junk@example.test",
    password: "a long enough passphrase",
    transport: "body",
  });
  assert.equal(answer.status, 201);
  good = answer.json.refresh_token as string;
  access = answer.json.access_token as string;
});
after(async () => {
  await program.stop();
  folder.remove();
});

describe("malformed refresh tokens", () => {
  const mutations = (): string[] => {
    const raw = Buffer.from(good.slice(8), "base64url");
    const flips = Array.from({ length: raw.length * 8 }, (_, bit) => {
      const flipped = Buffer.from(raw);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      return `pawl_rt_${flipped.toString("base64url")}`;
    });
    const cuts = Array.from({ length: good.length }, (_, length) => good.slice(0, length));
    const tails = ["=", "==", " ", "A", "%00", ".", good].map((tail) => good + tail);
    const swaps = Array.from({ length: good.length }, (_, at) => `${good.slice(0, at)}*${good.slice(at + 1)}`);
    const lastBits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const position = lastBits.indexOf(good.at(-1) as string);
    const unused = [1, 2, 3].map((bits) => good.slice(0, -1) + lastBits[(position & ~3) | bits]);
    return [...flips, ...cuts, ...tails, ...swaps, ...unused];
  };

  test("in the body: refused, and a logout with one ends nothing", async () => {
    const requests = mutations().flatMap((token) =>
      ["/auth/refresh", "/auth/confirm", "/auth/logout"].map((path) => ({
        path,
        headers: json,
        body: JSON.stringify({ refresh_token: token }),
      })),
    );
    await sendAll(requests, (status, raw, body) => {
      const accepted = raw.path === "/auth/logout" ? [204, 400] : [401, 400];
      assert.ok(accepted.includes(status), `${raw.path} ${status}: ${String(raw.body).slice(0, 60)}`);
      if (status === 401) assert.match(body, /"code":"refresh_token_(?:invalid|missing)"/);
    });
    await assertUnharmed();
  });

  test("in the cookie, on refresh and logout alike", async () => {
    const name = `pawl-dev-${program.port}`;
    const headers = (token: string): Record<string, string> => ({ "x-pawl": "1", cookie: `${name}=${token}` });
    const usable = mutations().filter((token) => !/[;,\s]/.test(token));
    await sendAll(
      usable.flatMap((token) => ["/auth/refresh", "/auth/logout"].map((path) => ({ path, headers: headers(token) }))),
      (status, raw) =>
        assert.ok(raw.path === "/auth/logout" ? status === 204 : status === 401, `${raw.path} ${status}`),
    );
    await assertUnharmed();
  });

  test("odd Cookie headers", async () => {
    const name = `pawl-dev-${program.port}`;
    const odd = [
      "",
      ";",
      "=",
      "==",
      `${name}`,
      `${name}=`,
      `=${name}`,
      `${name}="`,
      `${name}=a=b`,
      `${name}=%`,
      ";;;;",
      ",,",
    ];
    const floods = [
      Array.from({ length: 100 }, (_, n) => `${name}=${n}`).join("; "),
      Array.from({ length: 700 }, (_, n) => `c${n}=${n}`).join("; "),
      `${name.toUpperCase()}=${good}`,
      `__Host-Http-pawl=${good}`,
    ];
    const requests = [...odd, ...floods].flatMap((cookie) =>
      ["/auth/refresh", "/auth/confirm", "/auth/logout"].map((path) => ({ path, headers: { "x-pawl": "1", cookie } })),
    );
    await sendAll(requests, (status) => assert.ok([204, 401, 431].includes(status), String(status)));
    await assertUnharmed();
  });

  test("the store is not asked about a token whose MAC is wrong", async () => {
    const { statSync } = await import("node:fs");
    const before = statSync(join(folder.path, "pawl.db-wal")).mtimeMs;
    const flipped = `${good.slice(0, 50)}${good[50] === "A" ? "B" : "A"}${good.slice(51)}`;
    // The engine's own test counts store calls (test/engine/sessions.test.ts); here: nothing is written either.
    const answer = await call(program.origin, "/auth/refresh", { refresh_token: flipped });
    assert.equal(answer.json.code, "refresh_token_invalid");
    assert.equal(statSync(join(folder.path, "pawl.db-wal")).mtimeMs, before);
  });
});

describe("malformed bodies", () => {
  const paths = ["/auth/register", "/auth/login", "/auth/refresh", "/auth/confirm", "/auth/logout"];

  test("the JSON corpus on every endpoint", async () => {
    const corpus = readCorpus();
    assert.ok(corpus.length > 300);
    const requests = corpus.flatMap((body) => [
      ...paths.map((path) => ({ path, headers: json, body })),
      { path: "/auth/refresh", headers: { ...json, "x-pawl": "1" }, body },
      { path: "/auth/confirm", headers: { ...json, "x-pawl": "1" }, body },
      { path: "/auth/logout", headers: { ...json, "x-pawl": "1" }, body },
      { path: "/auth/reset", headers: json, body },
      { path: "/auth/password", headers: { ...json, authorization: `Bearer ${access}` }, body },
      { path: "/auth/reauthenticate", headers: { ...json, authorization: `Bearer ${access}` }, body },
    ]);
    await sendAll(requests, (status) =>
      assert.ok([204, 400, 401, 403, 413].includes(status), `a well-known answer, not ${status}`),
    );
    await assertUnharmed();
  });

  test("members of the wrong type, prototype names, deep nesting", async () => {
    const values: unknown[] = [
      null,
      true,
      1,
      1e308,
      [],
      {},
      [[]],
      "",
      "\u0000",
      "\ud800",
      "x".repeat(5000),
      { toString: 1 },
    ];
    const members = ["email", "password", "name", "transport", "refresh_token", "sid", "__proto__", "constructor"];
    const bodies = members.flatMap((member) => values.map((value) => JSON.stringify({ [member]: value })));
    bodies.push(
      `${"[".repeat(20_000)}`,
      `${'{"a":'.repeat(8000)}1${"}".repeat(8000)}`,
      `{"__proto__":{"refresh_token":"${good}"}}`,
    );
    await sendAll(
      bodies.flatMap((body) => paths.map((path) => ({ path, headers: json, body }))),
      (status) => assert.ok([204, 400, 401, 403, 422].includes(status), String(status)),
    );
    await assertUnharmed();
  });
});

test("header floods, odd methods, odd paths", async () => {
  const many = Object.fromEntries(Array.from({ length: 3000 }, (_, n) => [`x-flood-${n}`, "1"]));
  const paths = [
    "/auth/refresh",
    "/auth/session",
    "/",
    "/%",
    "/%00",
    "/..%2f..",
    "//",
    "/auth//refresh",
    "/auth/sessions/%ff",
  ];
  const forbidden = [..."!\"#$%&'()*+,./:;<=>?@[\\]^`{|}~"];
  const requests: Raw[] = [
    { path: "/auth/refresh", headers: many },
    { path: "/auth/refresh", headers: { "x-long": "a".repeat(40_000) } },
    { path: `/${"a".repeat(20_000)}`, method: "GET" },
    ...["GET", "PUT", "PATCH", "DELETE", "QUERY", "LOCK", "OPTIONS", "HEAD", "TRACE", "PROPFIND"].flatMap((method) =>
      paths.map((path) => ({ path, method })),
    ),
    ...["Bearer", "Bearer ", "bearer a b", "Basic x", "Bearer ..", `Bearer ${access}x`, "x".repeat(9000)].map(
      (authorization) => ({ path: "/auth/session", method: "GET", headers: { authorization } }),
    ),
    ...["", "short", "a".repeat(129), "ä".repeat(20), "a b".repeat(10), ...forbidden.map((c) => c.repeat(20))].map(
      (key) => ({
        path: "/auth/refresh",
        headers: { ...json, "idempotency-key": Buffer.from(key).toString("latin1") },
        body: JSON.stringify({ refresh_token: good }),
      }),
    ),
  ];
  await sendAll(requests, (_status, raw, body) => assert.equal(body.includes(good), false, raw.path));
  await assertUnharmed();
});

test("that were ten thousand, the session still rotates, and the server still stands", async (t) => {
  t.diagnostic(`${sent} malformed requests`);
  assert.ok(sent >= 10_000, `${sent} requests`);
  const answer = await call(program.origin, "/auth/refresh", { refresh_token: good });
  assert.equal(answer.status, 200);
  assert.equal((await call(program.origin, "/healthz")).status, 200);
});

function readCorpus(): Buffer[] {
  const file = join(import.meta.dirname, "../vectors/jsontestsuite.json");
  const cases = JSON.parse(readFileSync(file, "utf8")) as { b64: string }[];
  return cases.map((each) => Buffer.from(each.b64, "base64"));
}
