// HTTP suite: what a refresh token gets over HTTP: every code, what it does to the cookie, sign-out. The rules
// themselves are tested with decide(); this is about what of them reaches a client.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SuiteSubject } from "./http-suite-target.ts";
import { assertAuthHeaders, assertProblem, Scene } from "./http-suite-target.ts";

const attempt = "attempt-0123456789-abcdef";
const softZoneSeconds = 60;

/** Declares the tests. */
export function rotationTests(subject: SuiteSubject): void {
  refusalTests(subject);
  signOutTests(subject);
}

function refusalTests(subject: SuiteSubject): void {
  describe("refresh tokens", () => {
    test("missing, junk, expired", async (t) => {
      const scene = await Scene.start(t, subject);
      const page = { "x-pawl": "1" };
      assertProblem(
        await scene.send({ method: "POST", path: "/auth/refresh", headers: page }),
        "refresh_token_missing",
      );
      assertProblem(
        await scene.send({ method: "POST", path: "/auth/confirm", headers: page }),
        "refresh_token_missing",
      );
      assertProblem(await scene.refreshWithCookie("pawl_rt_junk"), "refresh_token_invalid");
      assertProblem(await scene.post("/auth/refresh", { refresh_token: "" }), "refresh_token_invalid");
      const { refreshToken, sid, accessToken } = await scene.signIn();
      const changed = `${refreshToken.slice(0, -1)}${refreshToken.endsWith("A") ? "B" : "A"}`;
      assertProblem(await scene.refreshWithCookie(changed), "refresh_token_invalid");
      assertProblem(await scene.post("/auth/refresh", { refresh_token: accessToken }), "refresh_token_invalid");
      assert.equal((await scene.record(sid)).version, 1, "junk changes nothing");
      scene.advance(604_800);
      assertProblem(await scene.refreshWithCookie(refreshToken), "refresh_token_expired");
    });

    test("the same attempt gets the identical successor; without a key too", async (t) => {
      const scene = await Scene.start(t, subject);
      const { refreshToken } = await scene.signIn();
      const key = { "idempotency-key": attempt };
      const first = scene.cookieValue(await scene.refreshWithCookie(refreshToken, key));
      const again = scene.cookieValue(await scene.refreshWithCookie(refreshToken, key));
      assert.equal(again, first);
      const keyless = scene.cookieValue(await scene.refreshWithCookie(refreshToken));
      assert.notEqual(keyless, first);
      assert.equal(scene.cookieValue(await scene.refreshWithCookie(refreshToken)), keyless);
    });

    test("a settle gives an access token, no refresh token and no cookie", async (t) => {
      const scene = await Scene.start(t, subject);
      const { refreshToken } = await scene.signIn();
      const key = { "idempotency-key": attempt };
      const second = scene.cookieValue(await scene.refreshWithCookie(refreshToken, key));
      await scene.refreshWithCookie(refreshToken, key);
      const settled = await scene.refreshWithCookie(second);
      assert.equal(settled.status, 200, settled.text);
      assert.deepEqual(settled.cookies, []);
      assert.ok(!("refresh_token" in settled.json));
      assert.equal((await scene.get("/auth/session", settled.json.access_token as string)).status, 200);
    });

    test("superseded inside the soft zone, reuse after it, revoked from then on", async (t) => {
      const scene = await Scene.start(t, subject);
      const { refreshToken, accessToken, sid } = await scene.signIn();
      const second = scene.cookieValue(await scene.refreshWithCookie(refreshToken, { "idempotency-key": attempt }));
      const third = scene.cookieValue(await scene.refreshWithCookie(second, { "idempotency-key": `${attempt}2` }));
      assertProblem(await scene.refreshWithCookie(refreshToken), "refresh_token_superseded");
      assert.equal((await scene.get("/auth/session", accessToken)).status, 200);
      scene.advance(softZoneSeconds);
      assertProblem(await scene.refreshWithCookie(refreshToken), "refresh_token_reused");
      assertProblem(await scene.refreshWithCookie(third), "session_revoked");
      assertProblem(await scene.get("/auth/session", accessToken), "invalid_token");
      assert.equal((await scene.record(sid)).ended?.reason, "refresh_token_reused");
    });

    test("strict: a used token is reuse at once", async (t) => {
      const scene = await Scene.start(t, subject, { policy: { rotation: "strict", graceSeconds: 0 } });
      const { refreshToken } = await scene.signIn("body");
      const refreshed = await scene.post("/auth/refresh", { refresh_token: refreshToken });
      assert.equal(refreshed.json.request_timeout, 30);
      assertProblem(await scene.post("/auth/refresh", { refresh_token: refreshToken }), "refresh_token_reused");
    });

    test("an Idempotency-Key of another form is 400 and changes nothing", async (t) => {
      const scene = await Scene.start(t, subject);
      const { refreshToken, sid } = await scene.signIn();
      for (const key of [
        "short",
        "x".repeat(129),
        "with space 0123456789",
        `${attempt}, ${attempt}`,
        "äöü-0123456789-0123",
      ]) {
        const latin = Buffer.from(key).toString("latin1");
        assertProblem(await scene.refreshWithCookie(refreshToken, { "idempotency-key": latin }), "invalid_request");
      }
      assert.equal((await scene.record(sid)).version, 1);
    });

    test("the token in the body wins: the cookie is neither read nor written", async (t) => {
      const scene = await Scene.start(t, subject);
      const [inJar, inHand] = [await scene.signIn("cookie"), await scene.signIn("body")];
      const headers = scene.withCookie(inJar.refreshToken);
      const refreshed = await scene.post("/auth/refresh", { refresh_token: inHand.refreshToken }, headers);
      assert.equal((refreshed.json.session as { id: string }).id, inHand.sid);
      assert.deepEqual(refreshed.cookies, []);
      assert.equal((await scene.record(inJar.sid)).version, 1);
      assertProblem(await scene.post("/auth/refresh", { refresh_token: "junk" }, headers), "refresh_token_invalid");
      const out = await scene.post("/auth/logout", { refresh_token: inHand.refreshToken }, headers);
      assert.deepEqual([out.status, out.cookies], [204, []]);
      assert.equal((await scene.get("/auth/session", inJar.accessToken)).status, 200);
    });
  });
}

function signOutTests(subject: SuiteSubject): void {
  describe("sign-out", () => {
    const logout = (scene: Scene, token: string, query = "", body?: unknown) =>
      scene.send({
        method: "POST",
        path: `/auth/logout${query}`,
        headers: scene.withCookie(token, body === undefined ? {} : { "content-type": "application/json" }),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });

    test("ends the session, deletes the cookie by its exact attributes, is idempotent", async (t) => {
      const scene = await Scene.start(t, subject);
      const { refreshToken, accessToken, sid } = await scene.signIn();
      const deletion = `${scene.cookieName}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0`;
      for (let round = 0; round < 2; round += 1) {
        const out = await logout(scene, refreshToken);
        assert.deepEqual([out.status, out.text, out.cookies], [204, "", [deletion]]);
        assertAuthHeaders(out);
        assert.equal(out.headers.get("clear-site-data"), null);
      }
      assert.equal((await scene.record(sid)).ended?.reason, "logout");
      assertProblem(await scene.get("/auth/session", accessToken), "invalid_token");
      const cleared = await logout(scene, refreshToken, "?clear=storage");
      assert.equal(cleared.headers.get("clear-site-data"), '"storage"');
      assert.equal((await logout(scene, refreshToken, "?clear=cookies")).headers.get("clear-site-data"), null);
      const headers = { "x-pawl": "1" };
      const bare = await scene.send({ method: "POST", path: "/auth/logout", headers });
      assert.deepEqual([bare.status, bare.cookies], [204, [deletion]]);
      assert.deepEqual((await logout(scene, "junk")).cookies, [deletion]);
    });

    test("any older token of the session ends it; an expired one ends nothing", async (t) => {
      const scene = await Scene.start(t, subject);
      const first = await scene.signIn();
      await scene.refreshWithCookie(first.refreshToken);
      assert.equal((await logout(scene, first.refreshToken)).status, 204);
      assert.equal((await scene.record(first.sid)).ended?.reason, "logout");
      const second = await scene.signIn();
      scene.advance(604_000);
      const newer = scene.cookieValue(await scene.refreshWithCookie(second.refreshToken));
      scene.advance(1000);
      const late = await logout(scene, second.refreshToken);
      assert.equal(late.status, 204);
      assert.equal(late.cookies.length, 1);
      assert.equal((await scene.refreshWithCookie(newer)).status, 200);
    });

    test("with `sid` it acts only on that session", async (t) => {
      const scene = await Scene.start(t, subject);
      const { refreshToken, accessToken, sid } = await scene.signIn();
      const other = await logout(scene, refreshToken, "?clear=storage", { sid: "another" });
      assert.deepEqual([other.status, other.cookies, other.headers.get("clear-site-data")], [204, [], null]);
      assert.equal((await scene.get("/auth/session", accessToken)).status, 200);
      assertProblem(await logout(scene, refreshToken, "", { sid: 7 }), "invalid_request");
      assert.equal((await logout(scene, refreshToken, "", { sid })).cookies.length, 1);
      assertProblem(await scene.get("/auth/session", accessToken), "invalid_token");
    });

    test("by body: 204 without a cookie", async (t) => {
      const scene = await Scene.start(t, subject);
      const { refreshToken, accessToken } = await scene.signIn("body");
      const out = await scene.post("/auth/logout", { refresh_token: refreshToken });
      assert.deepEqual([out.status, out.cookies], [204, []]);
      assertProblem(await scene.get("/auth/session", accessToken), "invalid_token");
      assert.equal((await scene.post("/auth/logout", { refresh_token: "junk" })).status, 204);
    });
  });
}
