// HTTP suite: `/oauth/token` and client authentication (CONTRACT section 5) on every adapter and store. The rules of
// rotation themselves are tested with decide().

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Parameters, Start } from "./http-suite-oauth-scene.ts";
import {
  assertHeaders,
  assertRefused,
  basic,
  claimsOf,
  clients,
  delegated,
  handOver,
  postForm,
  refresh,
  secret,
  tokenMembers,
} from "./http-suite-oauth-scene.ts";
import { tokenUseTests } from "./http-suite-oauth-uses.ts";
import type { SuiteSubject } from "./http-suite-target.ts";
import { assertProblem, goodPassword, Scene } from "./http-suite-target.ts";

/** Declares the tests. */
export function oauthTests(subject: SuiteSubject): void {
  const start: Start = (t) => Scene.start(t, subject, { handler: { clients } });
  tokenTests(start);
  clientTests(start);
  tokenUseTests(start);
}

function tokenTests(start: Start): void {
  describe("/oauth/token", () => {
    test("refreshes under its client, with the scope it was granted", async (t) => {
      const scene = await start(t);
      const { refreshToken } = await handOver(scene);
      const answer = await refresh(scene, refreshToken);
      assert.equal(answer.status, 200, answer.text);
      assertHeaders(answer);
      assert.equal(answer.headers.get("pragma"), "no-cache");
      assert.deepEqual(Object.keys(answer.json).sort(), [...tokenMembers, "scope"].sort());
      assert.deepEqual(
        [answer.json.token_type, answer.json.scope, answer.json.expires_in],
        ["Bearer", "read write", 900],
      );
      assert.equal(answer.json.refresh_token_timeout, 604_800);
      const claims = claimsOf(answer.json.access_token);
      assert.deepEqual([claims.client_id, claims.scope, claims.aud], ["app", "read write", scene.issuer]);
      assert.equal((await refresh(scene, answer.json.refresh_token as string)).status, 200);
    });

    test("a first-party session, too, under client_id first-party", async (t) => {
      const scene = await start(t);
      const { refreshToken } = await scene.signIn("body");
      const answer = await refresh(scene, refreshToken, { client_id: "first-party" });
      assert.deepEqual(Object.keys(answer.json).sort(), tokenMembers, answer.text);
      assert.equal((await scene.get("/auth/session", answer.json.access_token as string)).status, 200);
    });

    test("scope: a part of the grant for one access token; the grant stays", async (t) => {
      const scene = await start(t);
      const { refreshToken, sid } = await handOver(scene);
      for (const scope of ["read admin", "admin", "read  write", 'read"', "write read".repeat(30)]) {
        assertRefused(await refresh(scene, refreshToken, { client_id: "app", scope }), "invalid_scope");
      }
      assert.equal((await scene.record(sid)).version, 1, "nothing has changed");
      const narrow = await refresh(scene, refreshToken, { client_id: "app", scope: "read" });
      assert.deepEqual([narrow.json.scope, claimsOf(narrow.json.access_token).scope], ["read", "read"]);
      const whole = await refresh(scene, narrow.json.refresh_token as string);
      assert.equal(whole.json.scope, "read write");
    });

    test("another client's token is invalid_grant, and nothing changes", async (t) => {
      const scene = await start(t);
      const { refreshToken, sid } = await handOver(scene);
      const person = await scene.signIn("body");
      for (const client_id of ["other-app", "first-party"]) {
        assertRefused(await refresh(scene, refreshToken, { client_id }), "invalid_grant");
      }
      assertRefused(await refresh(scene, person.refreshToken), "invalid_grant");
      const service = await delegated(scene, "service", ["jobs"]);
      for (const path of ["/auth/refresh", "/auth/confirm"]) {
        assertProblem(await scene.post(path, { refresh_token: refreshToken }), "refresh_token_invalid");
        assertProblem(await scene.post(path, { refresh_token: service.refreshToken }), "refresh_token_invalid");
      }
      for (const each of [sid, person.sid, service.record.sid]) assert.equal((await scene.record(each)).version, 1);
    });

    test("two refreshes at once: one grows the session, both go on", async (t) => {
      const scene = await start(t);
      const { refreshToken } = await handOver(scene);
      const answers = await Promise.all([refresh(scene, refreshToken), refresh(scene, refreshToken)]);
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200],
      );
      for (const answer of answers) {
        const next = await refresh(scene, (answer.json.refresh_token as string | undefined) ?? refreshToken);
        assert.ok(next.status === 200 || next.json.error_description === "superseded", next.text);
      }
    });

    test("settle keeps the refresh token, superseded is no verdict, reuse is", async (t) => {
      const scene = await start(t);
      const { refreshToken, accessToken, sid } = await handOver(scene);
      const key = { "idempotency-key": "attempt-0123456789-abcdef" };
      const app = { client_id: "app" };
      const second = (await refresh(scene, refreshToken, app, key)).json.refresh_token as string;
      assert.equal((await refresh(scene, refreshToken, app, key)).json.refresh_token, second, "the same attempt");
      const settled = await refresh(scene, second);
      assert.deepEqual([settled.status, "refresh_token" in settled.json], [200, false], settled.text);
      scene.advance(120);
      await refresh(scene, second, app, key);
      const superseded = await refresh(scene, refreshToken);
      assertRefused(superseded, "invalid_grant");
      assert.equal(superseded.json.error_description, "superseded");
      scene.advance(60);
      const reused = await refresh(scene, refreshToken);
      assertRefused(reused, "invalid_grant");
      assert.equal((await scene.record(sid)).ended?.reason, "refresh_token_reused");
      const ended = await refresh(scene, second);
      const junk = await refresh(scene, "pawl_rt_junk");
      const access = await refresh(scene, accessToken);
      for (const each of [ended, junk, access]) assert.equal(each.text, reused.text, "one answer for all of them");
    });

    test("requests that are not to be understood", async (t) => {
      const scene = await start(t);
      const { refreshToken, sid } = await handOver(scene);
      for (const grant_type of [
        "password",
        "authorization_code",
        "client_credentials",
        "REFRESH_TOKEN",
        "refresh_token ",
      ]) {
        const parameters = { grant_type, username: "ada@example.test", password: goodPassword, client_id: "app" };
        assertRefused(await postForm(scene, "/oauth/token", parameters), "unsupported_grant_type");
      }
      assertRefused(await refresh(scene, refreshToken, { grant_type: "", client_id: "app" }), "invalid_request");
      assertRefused(await refresh(scene, ""), "invalid_request");
      assertRefused(await refresh(scene, refreshToken, {}), "invalid_request");
      assertRefused(await refresh(scene, refreshToken, { client_id: "app" }, { dpop: "proof" }), "invalid_dpop_proof");
      const body = `grant_type=refresh_token&client_id=app&refresh_token=${refreshToken}`;
      const form = { "content-type": "application/x-www-form-urlencoded" };
      const send = (path: string, headers: Record<string, string>, text: string | Uint8Array) =>
        scene.send({ method: "POST", path, headers, body: text });
      assertRefused(await send("/oauth/token", form, `${body}&refresh_token=${refreshToken}`), "invalid_request");
      assertRefused(await send("/oauth/token", form, `${body}&x=1&x=`), "invalid_request");
      assertRefused(await send("/oauth/token?client_id=app", form, body), "invalid_request");
      assertRefused(await send("/oauth/token", {}, body), "invalid_request");
      assertRefused(await send("/oauth/token", { "content-type": "application/json" }, "{}"), "invalid_request");
      assertRefused(await send("/oauth/token", form, Buffer.from([0x61, 0x3d, 0xff])), "invalid_request");
      assertRefused(await send("/oauth/token", form, `a=${"x".repeat(65_536)}`), "invalid_request", 413);
      const got = await scene.send({ method: "GET", path: `/oauth/token?refresh_token=${refreshToken}` });
      assertRefused(got, "invalid_request", 405);
      assert.equal(got.headers.get("allow"), "POST, OPTIONS");
      assert.equal((await scene.record(sid)).version, 1, "nothing has changed");
    });

    test("a page of any origin may ask, without credentials", async (t) => {
      const scene = await start(t);
      const headers = { origin: "https://app.test", "access-control-request-method": "POST" };
      const answer = await scene.send({ method: "OPTIONS", path: "/oauth/token", headers });
      assert.equal(answer.status, 204);
      assert.equal(answer.headers.get("access-control-allow-origin"), "*");
      assert.equal(answer.headers.get("access-control-allow-methods"), "POST");
      assert.equal(answer.headers.get("access-control-allow-headers"), "Authorization, *");
      assert.equal(answer.headers.get("access-control-allow-credentials"), null);
    });
  });
}

function clientTests(start: Start): void {
  describe("OAuth clients", () => {
    test("a secret, in the header or in the body, never both, never wrong", async (t) => {
      const scene = await start(t);
      const grant = await delegated(scene, "service", ["jobs"], "https://api.test");
      let token = grant.refreshToken as string;
      const good: readonly [Parameters, Record<string, string>][] = [
        [{}, basic("service")],
        [{ client_id: "service" }, basic("service")],
        [{ client_id: "service", client_secret: secret }, {}],
      ];
      for (const [parameters, headers] of good) {
        const answer = await refresh(scene, token, parameters, headers);
        assert.equal(answer.status, 200, answer.text);
        assert.equal(claimsOf(answer.json.access_token).aud, "https://api.test");
        token = answer.json.refresh_token as string;
      }
      const before = await scene.record(grant.record.sid);
      for (const [parameters, headers] of [
        [{}, basic("service", `${secret}x`)],
        [{}, basic("service", "")],
        [{}, basic("nobody")],
        [{}, { authorization: "Basic !" }],
        [{}, { authorization: "Basic c2VydmljZQ==" }],
        [{}, { authorization: "Bearer abc" }],
        [{ client_id: "app" }, basic("service")],
      ] as const) {
        const answer = await refresh(scene, token, parameters, headers);
        assertRefused(answer, "invalid_client", 401);
        assert.equal(answer.headers.get("www-authenticate"), 'Basic realm="pawl", charset="UTF-8"');
      }
      for (const parameters of [
        { client_id: "service" },
        { client_id: "service", client_secret: secret.slice(1) },
        { client_id: "service", client_secret: "x".repeat(5000) },
        { client_id: "app", client_secret: secret },
        { client_id: "nobody" },
        { client_id: "../secrets" },
      ]) {
        const answer = await refresh(scene, token, parameters);
        assertRefused(answer, "invalid_client", 401);
        assert.equal(answer.headers.get("www-authenticate"), null);
      }
      const both = await refresh(scene, token, { client_secret: secret }, basic("service"));
      assertRefused(both, "invalid_request");
      assert.deepEqual(await scene.record(grant.record.sid), before, "no refusal has changed anything");
    });
  });
}
