// HTTP suite: what takes a password, and how it refuses: register, sign in, change, prove again, limits. Owns no rule
// about passwords; those are the accounts'.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createRateLimits } from "../http/limits.ts";
import { nodePlatform } from "../platform/node.ts";
import { assertSessionResponse } from "./http-suite-endpoints.ts";
import type { SuiteSubject } from "./http-suite-target.ts";
import { assertAuthHeaders, assertProblem, goodPassword, Scene } from "./http-suite-target.ts";

/** Declares the tests. */
export function passwordTests(subject: SuiteSubject): void {
  describe("passwords", () => {
    test("a changed password ends every session, this one included, and answers with a new one", async (t) => {
      const scene = await Scene.start(t, subject);
      const here = await scene.signIn("body");
      const credentials = { email: "person1@example.test", password: goodPassword };
      const there = scene.signedInBy(await scene.post("/auth/login", credentials));
      const change = { current_password: goodPassword, new_password: "another good password" };
      const bearer = { authorization: `Bearer ${here.accessToken}` };
      const answer = await scene.post("/auth/password", change, bearer);
      assertSessionResponse(scene, answer, "body");
      assert.notEqual(scene.signedInBy(answer).sid, here.sid);
      assertProblem(await scene.get("/auth/session", here.accessToken), "invalid_token");
      assertProblem(await scene.post("/auth/refresh", { refresh_token: here.refreshToken }), "session_revoked");
      assertProblem(await scene.refreshWithCookie(there.refreshToken), "session_revoked");
      assert.equal((await scene.record(there.sid)).ended?.reason, "password_change");
      assertProblem(await scene.post("/auth/login", credentials), "invalid_credentials");
      const renewed = scene.signedInBy(answer);
      const back = { current_password: change.new_password, new_password: goodPassword, transport: "cookie" };
      const chosen = await scene.post("/auth/password", back, { authorization: `Bearer ${renewed.accessToken}` });
      assertSessionResponse(scene, chosen, "cookie");
    });

    test("a refused change of password ends nothing", async (t) => {
      const scene = await Scene.start(t, subject);
      const { accessToken } = await scene.signIn();
      const bearer = { authorization: `Bearer ${accessToken}` };
      const change = (current: string, next: string) =>
        scene.post("/auth/password", { current_password: current, new_password: next }, bearer);
      assertProblem(await change("wrong password", "another good password"), "invalid_credentials");
      const weak = await change(goodPassword, "short");
      assertProblem(weak, "weak_password");
      assert.deepEqual(weak.json.reasons, ["too_short"]);
      assert.equal((await scene.get("/auth/session", accessToken)).status, 200);
    });

    test("reauthenticate gives an access token with auth_time now", async (t) => {
      const scene = await Scene.start(t, subject);
      const { accessToken, sid } = await scene.signIn();
      const before = (await scene.record(sid)).authTime;
      scene.advance(60);
      const bearer = { authorization: `Bearer ${accessToken}` };
      const answer = await scene.post("/auth/reauthenticate", { password: goodPassword }, bearer);
      assert.equal(answer.status, 200, answer.text);
      assertAuthHeaders(answer);
      assert.deepEqual(Object.keys(answer.json).sort(), ["access_token", "expires_in", "session", "token_type"]);
      assert.deepEqual(answer.cookies, []);
      const session = answer.json.session as { id: string; auth_time: number };
      assert.equal(session.id, sid);
      assert.ok(session.auth_time >= before + 60);
      assert.equal((await scene.get("/auth/session", answer.json.access_token as string)).status, 200);
      assertProblem(await scene.post("/auth/reauthenticate", { password: "wrong one" }, bearer), "invalid_credentials");
      assertProblem(await scene.post("/auth/reauthenticate", { password: goodPassword }), "invalid_token");
    });

    test("refusals of register and login", async (t) => {
      const scene = await Scene.start(t, subject);
      await scene.signIn();
      const email = "person1@example.test";
      assertProblem(await scene.post("/auth/register", { email, password: goodPassword }), "account_exists");
      assertProblem(
        await scene.post("/auth/register", { email: "n@example.test", password: "short" }),
        "weak_password",
      );
      const wrong = await scene.post("/auth/login", { email, password: "wrong password" });
      const unknown = await scene.post("/auth/login", { email: "nobody@example.test", password: goodPassword });
      assertProblem(wrong, "invalid_credentials");
      assertProblem(unknown, "invalid_credentials");
      assert.equal(wrong.text, unknown.text, "the same answer for a wrong password and an unknown user");
      scene.accounts.throttle();
      const throttled = await scene.post("/auth/login", { email, password: goodPassword });
      assertProblem(throttled, "rate_limited");
      assert.equal(throttled.headers.get("retry-after"), "7");
      assert.equal(throttled.headers.get("ratelimit"), '"account";r=0;t=7');
    });

    test("closed registration", async (t) => {
      const scene = await Scene.start(t, subject, { handler: { registration: "closed" } });
      const wanted = { email: "a@example.test", password: goodPassword };
      assertProblem(await scene.post("/auth/register", wanted), "registration_closed");
    });

    test("a sign-in that races a password change is undone", async (t) => {
      const scene = await Scene.start(t, subject);
      await scene.signIn();
      scene.accounts.invalidate();
      const raced = await scene.post("/auth/login", { email: "person1@example.test", password: goodPassword });
      assertProblem(raced, "invalid_credentials");
      const sessions = await scene.target.sessions.list("user-1");
      assert.equal(sessions.length, 1, "only the first sign-in lives");
    });

    test("the address limit of refresh counts every token, junk included", async (t) => {
      const rateLimits = createRateLimits(nodePlatform, { refresh_address: { burst: 2, perMinute: 1 } });
      const scene = await Scene.start(t, subject, { handler: { rateLimits } });
      const { refreshToken, accessToken } = await scene.signIn("body");
      assert.equal((await scene.post("/auth/refresh", { refresh_token: refreshToken })).status, 200);
      assertProblem(await scene.post("/auth/refresh", { refresh_token: "junk" }), "refresh_token_invalid");
      assertProblem(await scene.post("/auth/refresh", { refresh_token: refreshToken }), "rate_limited");
      assert.equal((await scene.get("/auth/session", accessToken)).status, 200);
    });

    test("limits answer 429 and end nothing", async (t) => {
      const rateLimits = createRateLimits(nodePlatform, {
        register_address: { burst: 1, perMinute: 1 },
        login_address: { burst: 1, perMinute: 1 },
        refresh_session: { burst: 1, perMinute: 1 },
      });
      const scene = await Scene.start(t, subject, { handler: { rateLimits } });
      const mine = await scene.signIn("body");
      const more = { email: "more@example.test", password: goodPassword };
      const limited = await scene.post("/auth/register", more);
      assertProblem(limited, "rate_limited");
      assert.match(limited.headers.get("ratelimit") ?? "", /^"register_address";r=0;t=\d+$/);
      const credentials = { email: "person1@example.test", password: goodPassword, transport: "body" };
      const other = scene.signedInBy(await scene.post("/auth/login", credentials));
      assertProblem(await scene.post("/auth/login", credentials), "rate_limited");
      const refreshed = scene.signedInBy(await scene.post("/auth/refresh", { refresh_token: mine.refreshToken }));
      const again = { refresh_token: refreshed.refreshToken };
      assertProblem(await scene.post("/auth/refresh", again), "rate_limited");
      const neighbour = await scene.post("/auth/refresh", { refresh_token: other.refreshToken });
      assert.equal(neighbour.status, 200, "the limit of one session is not its neighbour's");
      assert.equal((await scene.get("/auth/session", mine.accessToken)).status, 200);
    });
  });
}
