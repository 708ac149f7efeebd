// HTTP suite: revoking and introspecting at the OAuth endpoints, and how a client gets its first tokens. Refreshing is
// http-suite-oauth.ts.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Parameters, Start } from "./http-suite-oauth-scene.ts";
import {
  assertHeaders,
  assertRefused,
  basic,
  claimsOf,
  delegated,
  handOver,
  postForm,
  refresh,
  tokenMembers,
} from "./http-suite-oauth-scene.ts";
import type { Answer, Scene } from "./http-suite-target.ts";
import { assertProblem, goodPassword } from "./http-suite-target.ts";

/** Declares the tests. */
export function tokenUseTests(start: Start): void {
  revocationTests(start);
  introspectionTests(start);
  delegationTests(start);
}

function revocationTests(start: Start): void {
  describe("/oauth/revoke", () => {
    const revoke = (scene: Scene, token: string, more: Parameters = { client_id: "app" }, headers = {}) =>
      postForm(scene, "/oauth/revoke", { token, ...more }, headers);

    test("ends the session by either token, whatever the hint; again is fine", async (t) => {
      const scene = await start(t);
      for (const kind of ["refreshToken", "accessToken"] as const) {
        const held = await handOver(scene);
        for (const token_type_hint of ["access_token", "refresh_token", "nonsense"]) {
          const answer = await revoke(scene, held[kind], { client_id: "app", token_type_hint });
          assert.deepEqual([answer.status, answer.text], [200, "{}"]);
          assertHeaders(answer);
        }
        assert.equal((await scene.record(held.sid)).ended?.reason, "revoked");
        assertRefused(await refresh(scene, held.refreshToken), "invalid_grant");
      }
    });

    test("unknown tokens are fine, other clients' are not touched", async (t) => {
      const scene = await start(t);
      const { refreshToken, accessToken, sid } = await handOver(scene);
      for (const junk of [
        "x",
        "pawl_rt_",
        `${refreshToken}A`,
        `${accessToken}A`,
        "a.b.c",
        "..",
        "\u0000",
        "é".repeat(999),
      ]) {
        const answer = await revoke(scene, junk);
        assert.deepEqual([answer.status, answer.text], [200, "{}"], junk);
      }
      for (const token of [refreshToken, accessToken]) {
        assertRefused(await revoke(scene, token, { client_id: "other-app" }), "invalid_grant");
        assertRefused(await revoke(scene, token, { client_id: "first-party" }), "invalid_grant");
      }
      assertRefused(await revoke(scene, refreshToken, { client_id: "nobody" }), "invalid_client", 401);
      assertRefused(await revoke(scene, ""), "invalid_request");
      assert.equal((await scene.record(sid)).version, 1);
      scene.advance(518_400);
      await refresh(scene, refreshToken);
      scene.advance(86_400);
      assert.equal((await revoke(scene, refreshToken)).text, "{}");
      assert.equal((await scene.record(sid)).ended, undefined, "an expired token ends nothing");
    });
  });
}

function introspectionTests(start: Start): void {
  describe("/oauth/introspect", () => {
    const ask = async (scene: Scene, token: string, id = "api"): Promise<Answer> => {
      const answer = await postForm(scene, "/oauth/introspect", { token }, basic(id));
      assert.equal(answer.status, 200, answer.text);
      assertHeaders(answer);
      return answer;
    };

    test("its resource server sees an access token, its client a refresh token, others nothing", async (t) => {
      const scene = await start(t);
      const {
        accessToken,
        refreshToken = "",
        record,
      } = await delegated(scene, "service", ["jobs"], "https://api.test");
      const seen = await ask(scene, accessToken);
      const claims = claimsOf(accessToken);
      assert.deepEqual(seen.json, { ...claims, active: true, token_type: "Bearer" });
      assert.equal((await ask(scene, accessToken, "service")).json.active, true);
      assert.deepEqual((await ask(scene, refreshToken, "service")).json, {
        active: true,
        iss: scene.issuer,
        client_id: "service",
        sub: "user-9",
        sid: record.sid,
        exp: record.currentExpiresAt,
        scope: "jobs",
      });
      const ofApp = await handOver(scene);
      for (const token of [refreshToken, ofApp.accessToken, ofApp.refreshToken, "junk", "pawl_rt_junk", "a.b.c"]) {
        assert.equal((await ask(scene, token)).text, '{"active":false}');
      }
    });

    test("current and successor are active; superseded, used up and ended are not, and asking changes nothing", async (t) => {
      const scene = await start(t);
      const grant = await delegated(scene, "service", ["jobs"], "https://api.test");
      const first = grant.refreshToken as string;
      const next = async (token: string): Promise<string> =>
        (await refresh(scene, token, {}, basic("service"))).json.refresh_token as string;
      const states = async (...tokens: readonly string[]): Promise<unknown[]> => {
        const before = await scene.record(grant.record.sid);
        const found: unknown[] = [];
        for (const token of tokens) found.push((await ask(scene, token, "service")).json.active);
        assert.deepEqual(await scene.record(grant.record.sid), before);
        return found;
      };
      const second = await next(first);
      assert.deepEqual(await states(first, second), [true, true]);
      const third = await next(second);
      assert.deepEqual(await states(first, second, third), [false, true, true]);
      scene.advance(60);
      assert.deepEqual(await states(first, second, third, grant.accessToken), [false, true, true, true]);
      await postForm(scene, "/oauth/revoke", { token: third }, basic("service"));
      assert.deepEqual(await states(first, second, third, grant.accessToken), [false, false, false, false]);
    });

    test("an expired token is not active, though it is current and its session lives", async (t) => {
      const scene = await start(t);
      const grant = await delegated(scene, "service", ["jobs"]);
      const first = grant.refreshToken as string;
      scene.advance(518_400);
      const second = (await refresh(scene, first, {}, basic("service"))).json.refresh_token as string;
      assert.equal((await ask(scene, first, "service")).json.active, true);
      scene.advance(86_400);
      assert.equal((await ask(scene, first, "service")).text, '{"active":false}');
      assert.equal((await ask(scene, second, "service")).json.active, true);
    });

    test("wants a client that authenticates", async (t) => {
      const scene = await start(t);
      const { accessToken } = await handOver(scene);
      for (const parameters of [{ client_id: "app" }, { client_id: "first-party" }, { client_id: "api" }]) {
        const answer = await postForm(scene, "/oauth/introspect", { token: accessToken, ...parameters });
        assertRefused(answer, "invalid_client", 401);
      }
      assertRefused(await postForm(scene, "/oauth/introspect", {}, basic("api")), "invalid_request");
    });
  });
}

function delegationTests(start: Start): void {
  describe("first tokens of a client", () => {
    test("from a signed-in person, by name and scope", async (t) => {
      const scene = await start(t);
      const { response, accessToken, refreshToken, sid, userId } = await handOver(scene, "app", "write");
      assert.equal(response.status, 201, response.text);
      assert.deepEqual(response.cookies, []);
      assert.equal(response.headers.get("cache-control"), "no-store");
      assert.deepEqual(Object.keys(response.json).sort(), [...tokenMembers, "scope", "session"].sort());
      const record = await scene.record(sid);
      assert.deepEqual(
        [record.subject, record.clientId, record.delegation],
        [userId, "app", { scope: "write", audience: "" }],
      );
      assert.equal((await refresh(scene, refreshToken)).json.scope, "write");
      for (const path of ["/auth/session", "/auth/sessions"]) {
        assertProblem(await scene.get(path, accessToken), "insufficient_scope");
      }
      const headers = { authorization: `Bearer ${accessToken}` };
      assertProblem(await scene.post("/auth/sessions", { client_id: "app" }, headers), "insufficient_scope");
      assertProblem(await scene.delete("/auth/sessions", accessToken), "insufficient_scope");
    });

    test("not for clients that people may not choose, not for more, not long after the sign-in", async (t) => {
      const scene = await start(t);
      const { accessToken, userId } = await scene.signIn();
      const headers = { authorization: `Bearer ${accessToken}` };
      const give = (body: object, more = headers): Promise<Answer> => scene.post("/auth/sessions", body, more);
      for (const client_id of ["service", "nobody", "first-party", ""])
        assertProblem(await give({ client_id }), "invalid_request");
      for (const scope of ["admin", "read admin", " ", ""]) {
        assertProblem(await give({ client_id: "app", scope }), "invalid_scope");
      }
      assertProblem(await give({ client_id: "app" }, { authorization: "Bearer x" }), "invalid_token");
      assertProblem(
        await give({ client_id: "app" }, { ...headers, origin: "https://evil.test" } as typeof headers),
        "csrf_rejected",
      );
      // Over a store that tells the time, the clock goes on by itself as well.
      scene.advance(297);
      const given = await give({ client_id: "app" });
      assert.equal(given.status, 201);
      const [old, own] = [claimsOf(accessToken), claimsOf(given.json.access_token)];
      assert.deepEqual([own.auth_time, own.amr, own.acr], [old.auth_time, old.amr, old.acr], "the same sign-in");
      const later = Number(own.iat) - Number(old.iat);
      assert.ok(later >= 297 && later <= 300, `${later} s`);
      scene.advance(4);
      const late = await give({ client_id: "app" });
      assertProblem(late, "reauthentication_required");
      assert.match(late.headers.get("www-authenticate") ?? "", /error="insufficient_user_authentication"/);
      const again = await scene.post("/auth/reauthenticate", { password: goodPassword }, headers);
      const renewed = { authorization: `Bearer ${again.json.access_token}` };
      assert.equal((await give({ client_id: "app" }, renewed)).status, 201);
      assert.equal((await scene.target.sessions.list(userId)).length, 3);
    });
  });
}
