// HTTP suite: access tokens in the Authorization header (RFC 6750, RFC 9110 section 11). Owns the grammar and the
// challenges; what a good token may do is in the endpoint tests.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SuiteSubject } from "./http-suite-target.ts";
import { assertProblem, Scene } from "./http-suite-target.ts";

const bearerRoutes: readonly (readonly [string, string])[] = [
  ["GET", "/auth/session"],
  ["GET", "/auth/sessions"],
  ["DELETE", "/auth/sessions"],
  ["DELETE", "/auth/sessions/AAAAAAAAAAAAAAAAAAAAAA"],
];

/** Declares the tests. */
export function bearerTests(subject: SuiteSubject): void {
  describe("bearer", () => {
    test("without credentials the challenge names no error; with bad ones it does", async (t) => {
      const scene = await Scene.start(t, subject);
      for (const [method, path] of bearerRoutes) {
        const none = await scene.send({ method, path });
        assertProblem(none, "invalid_token");
        assert.equal(none.headers.get("www-authenticate"), 'Bearer realm="pawl"');
        const basic = await scene.send({ method, path, headers: { authorization: "Basic YTpi" } });
        assert.equal(basic.headers.get("www-authenticate"), 'Bearer realm="pawl"');
        const bad = await scene.send({ method, path, headers: { authorization: "Bearer junk" } });
        assertProblem(bad, "invalid_token");
        const challenge = bad.headers.get("www-authenticate") ?? "";
        assert.match(
          challenge,
          /^Bearer realm="pawl", error="invalid_token", error_description="[\x20\x21\x23-\x5b\x5d-\x7e]*"$/,
        );
      }
    });

    test("the scheme in any case; malformed is 400; nothing but the header counts", async (t) => {
      const scene = await Scene.start(t, subject);
      const { accessToken, refreshToken } = await scene.signIn();
      const send = (authorization: string, path = "/auth/session") =>
        scene.send({ method: "GET", path, headers: { authorization } });
      for (const scheme of ["Bearer", "bearer", "bEaReR", "Bearer  "]) {
        assert.equal((await send(`${scheme} ${accessToken}`)).status, 200, scheme);
      }
      for (const malformed of [
        `Bearer ${accessToken} x`,
        `Bearer ${accessToken}, Bearer ${accessToken}`,
        `Bearer "${accessToken}"`,
        `Bearer,${accessToken}`,
        `Bearer a=b`,
      ]) {
        assertProblem(await send(malformed), "invalid_request");
      }
      for (const other of [
        "Bearer",
        "Bearer ",
        accessToken,
        `BearerX ${accessToken}`,
        `DPoP ${accessToken}`,
        `Token ${accessToken}`,
      ]) {
        assertProblem(await send(other), "invalid_token");
      }
      assertProblem(await scene.get(`/auth/session?access_token=${accessToken}`), "invalid_token");
      assertProblem(
        await scene.send({ method: "GET", path: "/auth/session", headers: { cookie: `access_token=${accessToken}` } }),
        "invalid_token",
      );
      assertProblem(await send(`Bearer ${refreshToken}`), "invalid_token");
      assertProblem(await send(`Bearer ${accessToken}x`), "invalid_token");
    });

    test("an access token expires, and a refreshed one works", async (t) => {
      const scene = await Scene.start(t, subject);
      const { accessToken, refreshToken } = await scene.signIn();
      scene.advance(899);
      assert.equal((await scene.get("/auth/session", accessToken)).status, 200);
      scene.advance(2);
      assertProblem(await scene.get("/auth/session", accessToken), "invalid_token");
      const refreshed = await scene.refreshWithCookie(refreshToken);
      assert.equal((await scene.get("/auth/session", refreshed.json.access_token as string)).status, 200);
    });
  });
}
