// Tokens in the place of tokens of another kind: refused everywhere, and nothing happens to the session.
// What is refused within one kind is the business of the suites.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createSessions } from "../../src/engine/create-sessions.ts";
import { createHandler } from "../../src/http/handler.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { createVerifier } from "../../src/verifier/index.ts";

test("an access token is no refresh token, and a refresh token no access token", async (t) => {
  const issuer = "http://localhost:4000";
  const sessions = await createSessions({ store: memoryStore(), issuer });
  t.after(() => sessions.close());
  const handler = createHandler({ sessions, feedToken: "feed" });
  const { accessToken, refreshToken = "" } = await sessions.issue({ subject: "u", transport: "body" });
  const ask = async (path: string, init: RequestInit): Promise<[number, unknown]> => {
    const answer = await handler.fetch(new Request(`${issuer}${path}`, init), { address: "127.0.0.1" });
    return [answer.status, ((await answer.json()) as { code?: unknown; error?: unknown }).code];
  };
  const post = (token: string): RequestInit => ({
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ refresh_token: token }),
  });
  const bearer = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } });
  assert.deepEqual(await ask("/auth/refresh", post(accessToken)), [401, "refresh_token_invalid"]);
  assert.deepEqual(await ask("/auth/session", bearer(refreshToken)), [401, "invalid_token"]);
  const local = (url: string, init: RequestInit): Promise<Response> => handler.fetch(new Request(url, init));
  const verifier = createVerifier({
    issuer,
    audience: issuer,
    fetch: local,
    revocations: { mode: "poll", token: "feed" },
  });
  await assert.rejects(verifier.verify(refreshToken), { code: "invalid_token" });
  assert.equal((await verifier.verify(accessToken)).sub, "u", "in the process of the issuer, without a network");
  assert.equal((await ask("/auth/refresh", post(refreshToken)))[0], 200, "and the session goes on");
});
