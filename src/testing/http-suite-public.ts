// HTTP suite: what verifiers read: keys, metadata and the revocation feed. Owns who may read what; what a verifier makes
// of it is not tested here.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { SuiteSubject } from "./http-suite-target.ts";
import { assertAuthHeaders, assertProblem, Scene } from "./http-suite-target.ts";

const feedToken = "feed-token-0123456789";

/** Declares the tests. */
export function publicTests(subject: SuiteSubject): void {
  describe("verifiers", () => {
    test("keys: public members only, cacheable, readable from any origin", async (t) => {
      const scene = await Scene.start(t, subject);
      const headers = { origin: "https://evil.test" };
      const answer = await scene.send({ method: "GET", path: "/.well-known/jwks.json", headers });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("content-type"), "application/json");
      assert.equal(answer.headers.get("cache-control"), "public, max-age=300");
      assert.equal(answer.headers.get("access-control-allow-origin"), "*");
      assert.equal(answer.headers.get("access-control-allow-credentials"), null);
      assert.equal(answer.headers.get("cross-origin-resource-policy"), "cross-origin");
      const keys = answer.json.keys as Record<string, string>[];
      assert.equal(keys.length, 1);
      assert.deepEqual(Object.keys(keys[0] ?? {}).sort(), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
      const preflight = await scene.send({
        method: "OPTIONS",
        path: "/.well-known/jwks.json",
        headers: { ...headers, "access-control-request-method": "GET" },
      });
      assert.equal(preflight.headers.get("access-control-allow-origin"), "*");
      assert.equal(preflight.headers.get("access-control-allow-methods"), "GET, HEAD");
    });

    test("metadata says what exists, under exactly our issuer", async (t) => {
      const scene = await Scene.start(t, subject);
      const answer = await scene.get("/.well-known/oauth-authorization-server");
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.json, {
        issuer: scene.issuer,
        token_endpoint: `${scene.issuer}/oauth/token`,
        revocation_endpoint: `${scene.issuer}/oauth/revoke`,
        introspection_endpoint: `${scene.issuer}/oauth/introspect`,
        jwks_uri: `${scene.issuer}/.well-known/jwks.json`,
        response_types_supported: [],
        grant_types_supported: ["refresh_token"],
        token_endpoint_auth_methods_supported: ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
        token_endpoint_auth_signing_alg_values_supported: ["ES256", "EdDSA", "RS256"],
        revocation_endpoint_auth_methods_supported: [
          "none",
          "client_secret_basic",
          "client_secret_post",
          "private_key_jwt",
        ],
        revocation_endpoint_auth_signing_alg_values_supported: ["ES256", "EdDSA", "RS256"],
        introspection_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        introspection_endpoint_auth_signing_alg_values_supported: ["ES256", "EdDSA", "RS256"],
        refresh_token_expiration_types_supported: ["authorization", "credential"],
      });
      assert.equal(answer.headers.get("access-control-allow-origin"), "*");
    });

    test("the feed: with its token, entry by entry, from a cursor on", async (t) => {
      const scene = await Scene.start(t, subject, { handler: { feedToken } });
      const start = await scene.get("/auth/revocations", feedToken);
      assert.equal(start.status, 200, start.text);
      assertAuthHeaders(start);
      assert.deepEqual(Object.keys(start.json).sort(), ["cursor", "revocations"]);
      assert.deepEqual(start.json.revocations, []);
      const { accessToken, sid } = await scene.signIn();
      await scene.delete("/auth/sessions", accessToken);
      const after = `/auth/revocations?after=${encodeURIComponent(start.json.cursor as string)}`;
      const next = await scene.get(after, feedToken);
      const [entry, ...rest] = next.json.revocations as { sid: string; not_before: number; exp: number }[];
      assert.deepEqual(rest, []);
      assert.deepEqual(Object.keys(entry ?? {}).sort(), ["exp", "not_before", "sid"]);
      assert.equal(entry?.sid, sid);
      assert.equal((entry?.exp ?? 0) - (entry?.not_before ?? 0), 900);
      const end = await scene.get(
        `/auth/revocations?after=${encodeURIComponent(next.json.cursor as string)}`,
        feedToken,
      );
      assert.deepEqual(end.json.revocations, []);
      assert.equal((await scene.get("/auth/revocations?after=", feedToken)).status, 200);
      assertProblem(await scene.get("/auth/revocations?after=%00junk%20cursor", feedToken), "invalid_request");
      assertProblem(await scene.get(`${after}&after=1`, feedToken), "invalid_request");
    });

    test("the feed refuses everybody else", async (t) => {
      const scene = await Scene.start(t, subject, { handler: { feedToken } });
      const { accessToken } = await scene.signIn();
      for (const token of [undefined, "wrong", `${feedToken}x`, feedToken.slice(1), accessToken]) {
        assertProblem(await scene.get("/auth/revocations", token), "invalid_token");
      }
    });

    test("without a feed token, a direct program of this machine under the issuer's Host only", async (t) => {
      const scene = await Scene.start(t, subject);
      const { host } = new URL(scene.issuer);
      const send = (headers: Record<string, string>) =>
        scene.send({ method: "GET", path: "/auth/revocations", headers: { host, ...headers } });
      assert.equal((await send({})).status, 200);
      for (const headers of [{ host: "evil.test" }, { host: `evil.test:${new URL(scene.issuer).port}` }]) {
        assertProblem(await send(headers), "invalid_token");
      }
      for (const name of ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"]) {
        assertProblem(await send({ [name]: "127.0.0.1" }), "invalid_token");
      }
    });
  });
}
