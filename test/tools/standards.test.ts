// docs/reference/standards.md names the test that holds each row of the standards: here it is checked that the list is complete and
// that each test is where the page says. Also two rows that a look at the source holds.

import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createSessions } from "../../src/engine/create-sessions.ts";
import { createHandler } from "../../src/http/handler.ts";
import { memoryStore } from "../../src/stores/memory.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");

/** Every row that version 1 has to hold. */
const ids = [
  "RT1 RT2 RT3 RT4 RT5 RT6 RT7 RT9 RT10 RT11 RT14",
  "AT1 AT2 AT3 AT4 AT6 AT7 AT8",
  "V1 V2 V3 V4 V5 V6 V7 V8 V9 V10 V11 V12 V13 V14 V16 V17 V18",
  "K1 K2 K3 K4 TK1 TK2 TK3 TK4 TK6 RV1 RV2 RV3",
].flatMap((line) => line.split(" "));

const rows = read("docs/reference/standards.md")
  .split("\n")
  .filter((line) => /^\| [A-Z]+\d+ \|/.test(line));

test("every row is there once, with a test", () => {
  assert.deepEqual(
    rows.map((row) => row.split("|")[1]?.trim()),
    ids,
  );
});

test("every test that is named is where the page says", () => {
  for (const row of rows) {
    const held = [...row.matchAll(/\[([^\]]+)\]\(\.\.\/\.\.\/([^)]+)\)/g)];
    assert.ok(held.length > 0, row);
    for (const [, title = "", path = ""] of held) {
      const text = read(path);
      assert.match(text, /\b(?:test|it|describe)\(/, path);
      assert.ok(text.includes(title), `${path} has no test ${title}`);
    }
  }
});

test("the client never looks into an access token", () => {
  for (const path of globSync("src/{client,react}/**/*.ts", { cwd: root })) {
    assert.doesNotMatch(read(path), /\batob\b|fromBase64|base64url|\.split\("\."\)/, path);
  }
});

test("every answer about tokens says no-store", async (t) => {
  const sessions = await createSessions({ store: memoryStore() });
  t.after(() => sessions.close());
  const handler = createHandler({ sessions });
  const { refreshToken, accessToken } = await sessions.issue({ subject: "u", transport: "body" });
  const json = { "content-type": "application/json" };
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const token = JSON.stringify({ refresh_token: refreshToken });
  const requests: [string, RequestInit][] = [
    ["/auth/refresh", { method: "POST", headers: json, body: token }],
    ["/auth/refresh", { method: "POST", headers: json, body: '{"refresh_token":"junk"}' }],
    ["/auth/refresh", { method: "POST", headers: json, body: "{" }],
    ["/auth/confirm", { method: "POST", headers: json, body: token }],
    ["/auth/session", { headers: { authorization: `Bearer ${accessToken}` } }],
    ["/auth/session", {}],
    ["/oauth/token", { method: "POST", headers: form, body: "grant_type=password" }],
    [
      "/oauth/token",
      { method: "POST", headers: form, body: "grant_type=refresh_token&refresh_token=junk&client_id=x" },
    ],
    ["/oauth/introspect", { method: "POST", headers: form, body: "token=junk" }],
    ["/oauth/revoke", { method: "POST", headers: form, body: "token=junk&client_id=first-party" }],
    ["/auth/logout", { method: "POST", headers: json, body: token }],
  ];
  for (const [path, init] of requests) {
    const answer = await handler.fetch(new Request(`http://localhost:4000${path}`, init), { address: "127.0.0.1" });
    assert.match(answer.headers.get("cache-control") ?? "", /no-store/, `${path} ${answer.status}`);
  }
});
