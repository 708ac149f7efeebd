// HTTP suite: the refresh cookie, attribute by attribute, and what planted cookies can do (nothing). Owns how a cookie
// is written and found; what its token gets is in the rotation tests.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SuiteSubject } from "./http-suite-target.ts";
import { assertProblem, goodPassword, Scene } from "./http-suite-target.ts";

/** Declares the tests. */
export function cookieTests(subject: SuiteSubject): void {
  describe("cookies", () => {
    test("on http loopback: named after the port, without Secure", async (t) => {
      const scene = await Scene.start(t, subject);
      const answer = await scene.post("/auth/register", { email: "a@example.test", password: goodPassword });
      const [cookie = ""] = answer.cookies;
      const token = scene.cookieValue(answer);
      const { port } = new URL(scene.issuer);
      assert.equal(cookie, `pawl-dev-${port}=${token}; HttpOnly; SameSite=Strict; Path=/; Max-Age=604800`);
    });

    test("on https: __Host-Http-pawl with every attribute; HSTS", async (t) => {
      const scene = await Scene.start(t, subject, { issuer: "https://auth.example.test" });
      const answer = await scene.post("/auth/register", { email: "a@example.test", password: goodPassword });
      const [cookie = ""] = answer.cookies;
      const token = scene.cookieValue(answer);
      const attributes = "Secure; HttpOnly; SameSite=Strict; Path=/; Max-Age=";
      assert.equal(cookie, `__Host-Http-pawl=${token}; ${attributes}604800`);
      assert.ok(cookie.length < 4096);
      assert.equal(answer.headers.get("strict-transport-security"), "max-age=31536000");
      const headers = scene.withCookie(token);
      const refreshed = await scene.send({ method: "POST", path: "/auth/refresh", headers });
      assert.equal(refreshed.status, 200, refreshed.text);
      const out = await scene.send({ method: "POST", path: "/auth/logout", headers });
      assert.deepEqual(out.cookies, [`__Host-Http-pawl=; ${attributes}0`]);
    });

    test("Max-Age is what is left of the token, and never beyond the session", async (t) => {
      const scene = await Scene.start(t, subject, { policy: { idleTtlSeconds: 1000, sessionTtlSeconds: 1500 } });
      const { refreshToken } = await scene.signIn();
      scene.advance(800);
      const refreshed = await scene.refreshWithCookie(refreshToken);
      const left = Number(/Max-Age=(\d+)$/.exec(refreshed.cookies[0] ?? "")?.[1]);
      assert.equal(left, refreshed.json.refresh_token_timeout);
      assert.ok(left >= 698 && left <= 700, String(left));
    });

    test("our cookie is found among others, by its exact name", async (t) => {
      const scene = await Scene.start(t, subject);
      const name = scene.cookieName;
      for (const around of [
        (good: string) => `a=b; ${good}; c=d`,
        (good: string) => `a=b;${good};c=d`,
        (good: string) => `x${good}; ${good}`,
        (good: string) => `a=${good}; ${good}`,
        (good: string) => `${name.toUpperCase()}=x; ${good}`,
        (good: string) => `${name}2=x; ${good} ; =; ;`,
        (good: string) => `${name}=; ${good}`,
      ]) {
        const { refreshToken } = await scene.signIn();
        const cookie = around(`${name}=${refreshToken}`);
        const answer = await scene.send({ method: "POST", path: "/auth/refresh", headers: { "x-pawl": "1", cookie } });
        assert.equal(answer.status, 200, cookie.replaceAll(refreshToken, "…"));
      }
      const { refreshToken } = await scene.signIn();
      for (const cookie of [
        `x${name}=${refreshToken}`,
        `${name.toUpperCase()}=${refreshToken}`,
        `a=${name}=${refreshToken}`,
        `${name}`,
        `${name}=`,
      ]) {
        const answer = await scene.send({ method: "POST", path: "/auth/refresh", headers: { "x-pawl": "1", cookie } });
        assertProblem(answer, "refresh_token_missing");
      }
    });

    test("a planted cookie cannot sign an honest user out", async (t) => {
      const scene = await Scene.start(t, subject);
      const send = (path: string, tokens: readonly string[]) => {
        const cookie = tokens.map((token) => `${scene.cookieName}=${token}`).join("; ");
        return scene.send({ method: "POST", path, headers: scene.withCookie("", { cookie }) });
      };
      const dead = await scene.signIn();
      await send("/auth/logout", [dead.refreshToken]);
      const mine = await scene.signIn();
      const forged = `${mine.refreshToken.slice(0, -4)}AAAA`;
      const planted = ["junk", "more junk", "even more", "and more", forged, dead.refreshToken];
      let token = mine.refreshToken;
      for (const tokens of [(good: string) => [...planted, good], (good: string) => [good, ...planted]]) {
        const answer = await send("/auth/refresh", tokens(token));
        assert.equal(answer.status, 200, answer.text);
        assert.equal(scene.signedInBy(answer).sid, mine.sid);
        token = scene.cookieValue(answer);
      }
      assert.equal((await send("/auth/confirm", [...planted, token])).status, 204);
      assertProblem(await send("/auth/refresh", ["junk", dead.refreshToken]), "session_revoked");
      assertProblem(await send("/auth/refresh", [forged, dead.refreshToken]), "session_revoked");
      assertProblem(await send("/auth/refresh", ["junk", "more junk"]), "refresh_token_invalid");
      await send("/auth/logout", [...planted, token]);
      assertProblem(await scene.get("/auth/session", mine.accessToken), "invalid_token");
    });

    test("a planted stale token does not hide the one in use, nor turn 'retry' into 'signed out'", async (t) => {
      const scene = await Scene.start(t, subject);
      const send = (tokens: readonly string[]) => {
        const cookie = tokens.map((token) => `${scene.cookieName}=${token}`).join("; ");
        return scene.send({ method: "POST", path: "/auth/refresh", headers: scene.withCookie("", { cookie }) });
      };
      const { refreshToken } = await scene.signIn();
      const second = scene.cookieValue(await send([refreshToken]));
      const third = scene.cookieValue(await send([second]));
      assertProblem(await send([refreshToken, "junk"]), "refresh_token_superseded");
      assertProblem(await send(["junk", refreshToken]), "refresh_token_superseded");
      assert.equal((await send([refreshToken, third])).status, 200);
    });

    test("answers set no cookie unless they hand out or sign out", async (t) => {
      const scene = await Scene.start(t, subject);
      const { accessToken } = await scene.signIn();
      for (const path of ["/auth/session", "/auth/sessions", "/.well-known/jwks.json"]) {
        assert.deepEqual((await scene.get(path, accessToken)).cookies, []);
      }
    });
  });
}
