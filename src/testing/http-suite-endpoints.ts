// HTTP suite: every row of the endpoint table, both transports, every member of the answers. Owns successes; refusals
// have files of their own.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { refreshTokenCharacters } from "../core/refresh-token.ts";
import type { Answer, SuiteSubject } from "./http-suite-target.ts";
import { assertAuthHeaders, assertProblem, goodPassword, Scene } from "./http-suite-target.ts";

const responseMembers = [
  "access_token",
  "authorization_expires_in",
  "expires_in",
  "refresh_token_timeout",
  "request_timeout",
  "session",
  "token_type",
  "user",
];
const sessionMembers = [
  "amr",
  "auth_time",
  "bound",
  "created_at",
  "expires_at",
  "id",
  "idle_expires_at",
  "ip",
  "label",
  "last_seen_at",
  "user_agent",
];

/** A session response, member by member. */
export function assertSessionResponse(scene: Scene, answer: Answer, transport: "cookie" | "body", status = 200): void {
  assert.equal(answer.status, status, answer.text);
  assert.equal(answer.headers.get("content-type"), "application/json");
  assertAuthHeaders(answer);
  const { policy } = scene.target.sessions;
  const members = transport === "body" ? [...responseMembers, "refresh_token"].sort() : responseMembers;
  assert.deepEqual(Object.keys(answer.json).sort(), members);
  assert.equal(answer.json.token_type, "Bearer");
  assert.equal(answer.json.expires_in, policy.accessTtlSeconds);
  assert.equal(answer.json.refresh_token_timeout, policy.idleTtlSeconds);
  assert.equal(answer.json.request_timeout, policy.graceSeconds);
  assert.ok(Math.abs((answer.json.authorization_expires_in as number) - policy.sessionTtlSeconds) <= 2);
  assert.deepEqual(Object.keys(answer.json.session as object).sort(), sessionMembers);
  assert.deepEqual(Object.keys(answer.json.user as object).sort(), ["email", "id", "name"]);
  if (transport === "body") {
    assert.deepEqual(answer.cookies, []);
    assert.equal((answer.json.refresh_token as string).length, refreshTokenCharacters);
  } else {
    assert.equal(scene.cookieValue(answer).length, refreshTokenCharacters);
    assert.ok(!answer.text.includes("pawl_rt_"), "the cookie's token is nowhere in the body");
  }
}

/** Declares the tests. */
export function endpointTests(subject: SuiteSubject): void {
  describe("endpoints", () => {
    test("register and login, by cookie and by body", async (t) => {
      const scene = await Scene.start(t, subject);
      const credentials = { email: "ada@example.test", password: goodPassword };
      const registered = await scene.post(
        "/auth/register",
        { ...credentials, name: "Ada" },
        { "user-agent": "suite/1" },
      );
      assertSessionResponse(scene, registered, "cookie", 201);
      assert.deepEqual(registered.json.user, { id: "user-1", email: "ada@example.test", name: "Ada" });
      assert.equal((registered.json.session as { user_agent: string }).user_agent, "suite/1");
      assertSessionResponse(scene, await scene.post("/auth/login", credentials), "cookie");
      assertSessionResponse(scene, await scene.post("/auth/login", { ...credentials, transport: "cookie" }), "cookie");
      assertSessionResponse(scene, await scene.post("/auth/login", { ...credentials, transport: "body" }), "body");
      const other = { email: "bob@example.test", password: goodPassword, transport: "body" };
      assertSessionResponse(scene, await scene.post("/auth/register", other), "body", 201);
    });

    test("refresh rotates, by cookie and by body", async (t) => {
      const scene = await Scene.start(t, subject);
      const inJar = await scene.signIn("cookie");
      const byCookie = await scene.refreshWithCookie(inJar.refreshToken);
      assertSessionResponse(scene, byCookie, "cookie");
      assert.notEqual(scene.cookieValue(byCookie), inJar.refreshToken);
      assert.equal(scene.signedInBy(byCookie).sid, inJar.sid);
      const inHand = await scene.signIn("body");
      const byBody = await scene.post("/auth/refresh", { refresh_token: inHand.refreshToken });
      assertSessionResponse(scene, byBody, "body");
      assert.notEqual(byBody.json.refresh_token, inHand.refreshToken);
    });

    test("confirm retires the predecessor and answers 204", async (t) => {
      const scene = await Scene.start(t, subject);
      const { refreshToken, sid } = await scene.signIn("cookie");
      const second = scene.cookieValue(await scene.refreshWithCookie(refreshToken));
      const headers = scene.withCookie(second);
      const confirmed = await scene.send({ method: "POST", path: "/auth/confirm", headers });
      assert.deepEqual([confirmed.status, confirmed.text, confirmed.cookies], [204, "", []]);
      assertAuthHeaders(confirmed);
      assert.equal((await scene.record(sid)).generation, 1);
    });

    test("session and sessions show what there is", async (t) => {
      const scene = await Scene.start(t, subject);
      const first = await scene.signIn("cookie");
      scene.advance(1);
      const credentials = { email: "person1@example.test", password: goodPassword };
      const second = scene.signedInBy(await scene.post("/auth/login", credentials));
      const one = await scene.get("/auth/session", first.accessToken);
      assert.equal(one.status, 200);
      assertAuthHeaders(one);
      assert.deepEqual(Object.keys(one.json).sort(), ["session", "user"]);
      assert.deepEqual(Object.keys(one.json.session as object).sort(), sessionMembers);
      assert.deepEqual(one.json.user, { id: first.userId, email: credentials.email, name: null });
      const all = await scene.get("/auth/sessions", first.accessToken);
      assert.equal(all.status, 200);
      const list = all.json.sessions as { id: string; current?: boolean }[];
      assert.deepEqual(
        list.map(({ id }) => id),
        [second.sid, first.sid],
        "newest first",
      );
      assert.deepEqual(
        list.map(({ current }) => current),
        [undefined, true],
      );
    });

    test("DELETE ends one session, or all, or all but this one", async (t) => {
      const scene = await Scene.start(t, subject);
      const credentials = { email: "person1@example.test", password: goodPassword };
      const first = await scene.signIn("cookie");
      const others = [];
      for (let count = 0; count < 3; count += 1)
        others.push(scene.signedInBy(await scene.post("/auth/login", credentials)));
      const [a, b, c] = others as [typeof first, typeof first, typeof first];
      const gone = await scene.delete(`/auth/sessions/${a.sid}`, first.accessToken);
      assert.deepEqual([gone.status, gone.text, gone.cookies], [204, "", []]);
      assertProblem(await scene.get("/auth/session", a.accessToken), "invalid_token");
      assertProblem(await scene.delete(`/auth/sessions/${a.sid}`, first.accessToken), "not_found");
      const but = await scene.delete("/auth/sessions?except=current", first.accessToken);
      assert.deepEqual([but.status, but.json], [200, { revoked: 2 }]);
      assertProblem(await scene.get("/auth/session", b.accessToken), "invalid_token");
      assertProblem(await scene.refreshWithCookie(c.refreshToken), "session_revoked");
      assert.equal((await scene.get("/auth/session", first.accessToken)).status, 200);
      const all = await scene.delete("/auth/sessions", first.accessToken);
      assert.deepEqual([all.status, all.json], [200, { revoked: 1 }]);
      assertProblem(await scene.get("/auth/session", first.accessToken), "invalid_token");
    });

    test("somebody else's session is 404 and lives on", async (t) => {
      const scene = await Scene.start(t, subject);
      const [mine, theirs] = [await scene.signIn(), await scene.signIn()];
      assertProblem(await scene.delete(`/auth/sessions/${theirs.sid}`, mine.accessToken), "not_found");
      for (const id of ["x", "..", "%2e%2e", "a".repeat(22), `${theirs.sid}x`]) {
        assertProblem(await scene.delete(`/auth/sessions/${id}`, mine.accessToken), "not_found");
      }
      assert.equal((await scene.get("/auth/session", theirs.accessToken)).status, 200);
      assertProblem(await scene.delete("/auth/sessions?except=other", mine.accessToken), "invalid_request");
      assertProblem(
        await scene.delete("/auth/sessions?except=current&except=current", mine.accessToken),
        "invalid_request",
      );
      assert.equal((await scene.get("/auth/session", mine.accessToken)).status, 200);
    });

    test("without accounts the password endpoints are 404", async (t) => {
      const scene = await Scene.start(t, subject, { withoutAccounts: true });
      for (const path of ["/auth/register", "/auth/login", "/auth/password", "/auth/reauthenticate"]) {
        assertProblem(await scene.post(path, { email: "a", password: goodPassword }), "not_found");
      }
      const grant = await scene.target.sessions.issue({ subject: "u-7", transport: "body" });
      const refreshed = await scene.post("/auth/refresh", { refresh_token: grant.refreshToken });
      assert.deepEqual(refreshed.json.user, { id: "u-7", email: null, name: null });
    });
  });
}
