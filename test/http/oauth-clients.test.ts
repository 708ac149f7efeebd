// OAuth clients beyond the HTTP suite: signed assertions (RFC 7523), clients that the store keeps, a store that fails,
// races between a refresh and a revocation, and junk. The endpoints themselves are in the HTTP suite.

import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { describe, it } from "node:test";
import type { Store } from "../../src/core/ports.ts";
import type { PublicJwk } from "../../src/core/signature.ts";
import { derToJose } from "../../src/core/signature.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import { createHandler } from "../../src/http/handler.ts";
import { createRateLimits } from "../../src/http/limits.ts";
import { clientKey } from "../../src/http/oauth-clients.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { createArrivalGate, gateReads } from "../../src/testing/arrival-gate.ts";
import { createSimulatedPlatform } from "../../src/testing/simulated.ts";

const issuer = "http://localhost:4000";
const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" });
const jwks = { keys: [{ ...(pair.publicKey.export({ format: "jwk" }) as PublicJwk), kid: "one" }] };
const webSecret = "w".repeat(43);
const clients = [
  { id: "robot", authentication: "private_key_jwt", jwks },
  { id: "robot-2", authentication: "private_key_jwt", jwks },
  { id: "app" },
  {
    id: "web",
    authentication: "client_secret",
    secretSha256: createHash("sha256").update(webSecret).digest("base64url"),
  },
] as const;

async function open(store: Store = memoryStore()) {
  const platform = createSimulatedPlatform();
  const sessions = await createSessions({ store, issuer, platform });
  const handler = createHandler({ sessions, clients });
  const post = async (path: string, parameters: Readonly<Record<string, string>>, on = handler) => {
    const body = new URLSearchParams(parameters);
    const response = await on.fetch(new Request(`${issuer}${path}`, { method: "POST", body }));
    return {
      status: response.status,
      headers: response.headers,
      json: (await response.json()) as Record<string, unknown>,
    };
  };
  const grant = async (clientId: string): Promise<string> =>
    (await sessions.issue({ subject: "u", transport: "body", clientId, delegation: {} })).refreshToken as string;
  return { platform, sessions, handler, post, grant, seconds: () => Math.floor(platform.clock.now() / 1000) };
}

type Members = Readonly<Record<string, unknown>>;

function signed(header: Members, claims: Members, key: KeyObject = pair.privateKey): string {
  return signedText(JSON.stringify(header), JSON.stringify(claims), key);
}

function signedText(header: string, claims: string, key: KeyObject = pair.privateKey): string {
  const body = [header, claims].map((part) => Buffer.from(part).toString("base64url")).join(".");
  return `${body}.${Buffer.from(derToJose(sign("sha256", Buffer.from(body), key))).toString("base64url")}`;
}

const es256 = { alg: "ES256", kid: "one" };
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

describe("a signed assertion", () => {
  let drawn = 0;
  const claims = (seconds: number, more: Members = {}): Members => {
    drawn += 1;
    return { iss: "robot", sub: "robot", aud: issuer, exp: seconds + 60, iat: seconds, jti: `jti-${drawn}`, ...more };
  };
  const revoke = (scene: Awaited<ReturnType<typeof open>>, client_assertion: string, more = {}, on = scene.handler) =>
    scene.post("/oauth/revoke", { token: "x", client_assertion, client_assertion_type: assertionType, ...more }, on);

  it("lets its client in, once, at whatever node", async () => {
    const store = memoryStore();
    const scene = await open(store);
    const token = await scene.grant("robot");
    const assertion = signed(es256, claims(scene.seconds()));
    const form = { grant_type: "refresh_token", refresh_token: token, client_assertion_type: assertionType };
    const answer = await scene.post("/oauth/token", { ...form, client_assertion: assertion });
    assert.equal(answer.status, 200, JSON.stringify(answer.json));
    const other = createHandler({
      sessions: await createSessions({ store, issuer, platform: scene.platform }),
      clients,
    });
    for (const on of [scene.handler, other]) {
      const again = await revoke(scene, assertion, {}, on);
      assert.deepEqual([again.status, again.json.error], [401, "invalid_client"]);
    }
    const two = signed(es256, claims(scene.seconds()));
    const both = await Promise.all([revoke(scene, two), revoke(scene, two, {}, other)]);
    assert.deepEqual(both.map(({ status }) => status).sort(), [200, 401], "of two at once one gets in");
    const good = [
      signed(es256, claims(scene.seconds(), { aud: [issuer] })),
      signed({ alg: "ES256", typ: "JWT" }, claims(scene.seconds())),
      signed({ alg: "ES256", typ: "client-authentication+jwt" }, claims(scene.seconds())),
      signed(es256, claims(scene.seconds(), { exp: scene.seconds() + 600, nbf: scene.seconds() + 30 })),
    ];
    for (const each of good) assert.equal((await revoke(scene, each, { client_id: "robot" })).status, 200);
  });

  it("is refused for everything that is not exactly right", async () => {
    const scene = await open();
    const seconds = scene.seconds();
    const { alg, kid } = es256;
    const bad: Readonly<Record<string, string>> = {
      "a stranger's key": signed(es256, claims(seconds), stranger.privateKey),
      "an unknown kid": signed({ alg, kid: "two" }, claims(seconds)),
      "another algorithm": signed({ alg: "RS256", kid }, claims(seconds)),
      "no algorithm": signed({ kid }, claims(seconds)),
      "an access token's type": signed({ ...es256, typ: "at+jwt" }, claims(seconds)),
      "a type that is no text": signed({ ...es256, typ: 1 }, claims(seconds)),
      "a member twice": signedText(
        '{"alg":"ES256","kid":"one"}',
        JSON.stringify(claims(seconds)).replace("{", '{"iss":"robot-2",'),
      ),
      "a member of the header twice": signedText(
        '{"alg":"none","alg":"ES256","kid":"one"}',
        JSON.stringify(claims(seconds)),
      ),
      "an unknown extension": signed({ ...es256, crit: ["x"], x: 1 }, claims(seconds)),
      "another audience": signed(es256, claims(seconds, { aud: "https://evil.test" })),
      "the token endpoint as audience": signed(es256, claims(seconds, { aud: `${issuer}/oauth/token` })),
      "several audiences": signed(es256, claims(seconds, { aud: [issuer, "https://evil.test"] })),
      "another client": signed(es256, claims(seconds, { iss: "robot-2", sub: "robot" })),
      "a public client": signed(es256, claims(seconds, { iss: "app", sub: "app" })),
      "no client": signed(es256, claims(seconds, { iss: "nobody", sub: "nobody" })),
      "an expired one": signed(es256, claims(seconds, { exp: seconds - 30 })),
      "one that lives too long": signed(es256, claims(seconds, { exp: seconds + 601 })),
      "one without exp": signed(es256, claims(seconds, { exp: undefined })),
      "exp as text": signed(es256, claims(seconds, { exp: String(seconds + 60) })),
      "one from the future": signed(es256, claims(seconds, { nbf: seconds + 31 })),
      "one made in the future": signed(es256, claims(seconds, { iat: seconds + 31 })),
      "one without jti": signed(es256, claims(seconds, { jti: undefined })),
      "an empty jti": signed(es256, claims(seconds, { jti: "" })),
      "a jti that is no text": signed(es256, claims(seconds, { jti: 7 })),
      "a long jti": signed(es256, claims(seconds, { jti: "j".repeat(256) })),
      "a padded signature": `${signed(es256, claims(seconds))}=`,
      "no signature": signed(es256, claims(seconds)).replace(/[^.]*$/, ""),
      "four parts": `${signed(es256, claims(seconds))}.x`,
      junk: "junk",
      "a long one": "a".repeat(5000),
    };
    for (const [name, assertion] of Object.entries(bad)) {
      const { status, json } = await revoke(scene, assertion);
      assert.deepEqual([status, json.error], [401, "invalid_client"], name);
    }
    const documents = await scene.sessions.store.listDocuments("oauth/assertion/", undefined, 10);
    assert.deepEqual(documents, [], "what is refused is not remembered");
    const good = signed(es256, claims(seconds));
    assert.equal((await revoke(scene, good, { client_assertion_type: "jwt" })).json.error, "invalid_request");
    assert.equal((await revoke(scene, good, { client_secret: "x" })).json.error, "invalid_request");
    assert.equal((await revoke(scene, good, { client_id: "robot-2" })).json.error, "invalid_client");
  });

  it("is remembered until it has lapsed, not for ever", async () => {
    const scene = await open();
    const count = async () => (await scene.sessions.store.listDocuments("oauth/assertion/", undefined, 100)).length;
    const first = signed(es256, claims(scene.seconds()));
    assert.equal((await revoke(scene, first)).status, 200);
    for (let each = 1; each < 12; each += 1) await revoke(scene, signed(es256, claims(scene.seconds())));
    assert.equal(await count(), 12);
    scene.platform.clock.advance(89_999);
    await revoke(scene, signed(es256, claims(scene.seconds())));
    assert.equal((await revoke(scene, first)).status, 401, "used, to the last second");
    const [used] = await scene.sessions.store.listDocuments("oauth/used/", undefined, 100);
    assert.ok(used);
    scene.platform.clock.advance(60_000);
    for (let each = 0; each < 2; each += 1) await revoke(scene, signed(es256, claims(scene.seconds())));
    assert.equal(await count(), 3);
    assert.equal((await scene.sessions.store.listDocuments("oauth/used/", undefined, 100)).length, 3);
  });

  it("is forgotten although one half of another one is missing, as a copy of a running store may have it", async () => {
    const scene = await open();
    const { store } = scene.sessions;
    const at = (name: string): string => `oauth/assertion/${String(scene.seconds() - 1_000).padStart(12, "0")}/${name}`;
    for (const name of ["half", "other"]) {
      await store.writeDocuments([{ key: at(name), expectedVersion: 0, value: "" }]);
    }
    for (let each = 0; each < 10; each += 1) await revoke(scene, signed(es256, claims(scene.seconds())));
    scene.platform.clock.advance(200_000);
    for (let each = 0; each < 3; each += 1) await revoke(scene, signed(es256, claims(scene.seconds())));
    for (const prefix of ["oauth/assertion/", "oauth/used/"]) {
      assert.equal((await store.listDocuments(prefix, undefined, 100)).length, 3, prefix);
    }
  });

  it("has a name that is used up, whatever else it says", async () => {
    const scene = await open();
    const jti = "one-and-only";
    for (const [lifetime, status] of [
      [60, 200],
      [120, 401],
      [59, 401],
    ] as const) {
      const assertion = signed(es256, claims(scene.seconds(), { jti, exp: scene.seconds() + lifetime }));
      assert.equal((await revoke(scene, assertion)).status, status, `exp in ${lifetime} s`);
    }
    const other = signed(es256, claims(scene.seconds(), { jti, iss: "robot-2", sub: "robot-2" }));
    assert.equal((await revoke(scene, other)).status, 200, "another client has names of its own");
  });
});

describe("first tokens of a client", () => {
  it("are given although the clock was set back since the sign-in", async () => {
    const platform = createSimulatedPlatform();
    const sessions = await createSessions({ store: memoryStore(), issuer, platform });
    const handler = createHandler({ sessions, clients: [{ id: "app", selfService: true }] });
    const { accessToken } = await sessions.issue({ subject: "u" });
    platform.clock.set(platform.clock.now() - 1_500);
    const headers = { authorization: `Bearer ${accessToken}`, "content-type": "application/json" };
    const request = { method: "POST", headers, body: JSON.stringify({ client_id: "app" }) };
    const response = await handler.fetch(new Request(`${issuer}/auth/sessions`, request));
    assert.equal(response.status, 201);
  });

  it("are given to the last second of the time after a sign-in, and no longer; they carry the instant", async () => {
    const platform = createSimulatedPlatform();
    const sessions = await createSessions({ store: memoryStore(), issuer, platform });
    const handler = createHandler({ sessions, clients: [{ id: "app", selfService: true }] });
    const { accessToken, record } = await sessions.issue({ subject: "u" });
    const give = (): Promise<Response> => {
      const headers = { authorization: `Bearer ${accessToken}`, "content-type": "application/json" };
      const request = { method: "POST", headers, body: JSON.stringify({ client_id: "app" }) };
      return handler.fetch(new Request(`${issuer}/auth/sessions`, request));
    };
    platform.clock.set((record.authTime + 301) * 1000 - 1);
    const given = await give();
    assert.equal(given.status, 201);
    const { access_token } = (await given.json()) as { access_token: string };
    const claims = JSON.parse(Buffer.from(access_token.split(".")[1] as string, "base64url").toString());
    assert.deepEqual([claims.iat, claims.auth_time], [record.authTime + 300, record.authTime]);
    platform.clock.advance(1);
    assert.equal((await give()).status, 403);
  });
});

describe("clients in the store", () => {
  it("are found, and gone 2 s after they are removed", async () => {
    const scene = await open();
    const { store } = scene.sessions;
    const ask = async (): Promise<unknown> =>
      (await scene.post("/oauth/revoke", { client_id: "tool", token: "x" })).json.error;
    assert.equal(await ask(), "invalid_client");
    await store.writeDocuments([{ key: clientKey("tool"), expectedVersion: 0, value: '{"id":"tool"}' }]);
    assert.equal(await ask(), undefined);
    await store.writeDocuments([{ key: clientKey("tool"), expectedVersion: 1, value: null }]);
    scene.platform.clock.advance(2_000);
    assert.equal(await ask(), "invalid_client");
  });
});

describe("names of clients that somebody makes up", () => {
  it("make the store look for so many from one address, and for no more; clients that are known go on", async () => {
    const below = memoryStore();
    let reads = 0;
    const readDocument: Store["readDocument"] = (key) => {
      if (key.startsWith(clientKey(""))) reads += 1;
      return below.readDocument(key);
    };
    const platform = createSimulatedPlatform();
    const sessions = await createSessions({ store: { ...below, readDocument }, issuer, platform });
    const handler = createHandler({ sessions, clients, rateLimits: createRateLimits(platform) });
    const ask = async (path: string, client_id: string, address: string): Promise<Response> => {
      const body = new URLSearchParams({ client_id, token: "x", grant_type: "refresh_token", refresh_token: "x" });
      return await handler.fetch(new Request(`${issuer}${path}`, { method: "POST", body }), { address });
    };
    const paths = ["/oauth/token", "/oauth/revoke", "/oauth/introspect"] as const;
    const statuses: number[] = [];
    for (let each = 0; each < 1_500; each += 1) {
      statuses.push((await ask(paths[each % 3] as string, `made-up-${each}`, "203.0.113.1")).status);
    }
    assert.equal(reads, 1_200);
    assert.deepEqual(
      [statuses.slice(0, 1_200), statuses.slice(1_200)].map((part) => [...new Set(part)]),
      [[401], [429]],
    );
    const refused = await ask("/oauth/revoke", "made-up", "203.0.113.1");
    assert.ok(Number(refused.headers.get("retry-after")) >= 1);
    assert.equal((await ask("/oauth/revoke", "app", "203.0.113.1")).status, 200);
    assert.equal((await ask("/oauth/revoke", "made-up", "203.0.113.2")).status, 401, "others are not concerned");
  });
});

describe("what can go wrong", () => {
  it("a revocation that meets a refresh wins, whatever the order", async () => {
    const below = memoryStore();
    let gated: Store | undefined;
    const scene = await open({ ...below, read: (sid) => (gated ?? below).read(sid) });
    for (let round = 0; round < 4; round += 1) {
      const token = await scene.grant("app");
      gated = gateReads(below, createArrivalGate(2));
      const refresh = { grant_type: "refresh_token", refresh_token: token, client_id: "app" };
      const [refreshed, revoked] = await Promise.all([
        scene.post("/oauth/token", refresh),
        scene.post("/oauth/revoke", { token, client_id: "app" }),
      ]);
      gated = undefined;
      assert.equal(revoked.status, 200);
      assert.ok(refreshed.status === 200 || refreshed.json.error === "invalid_grant", JSON.stringify(refreshed.json));
      const next = (refreshed.json.refresh_token as string | undefined) ?? token;
      const after = await scene.post("/oauth/token", { ...refresh, refresh_token: next });
      assert.deepEqual([after.status, after.json.error], [400, "invalid_grant"]);
    }
  });

  it("an introspection between the read and the commit of a refresh tells the truth of its instant, and changes nothing", async () => {
    const below = memoryStore();
    let beforeCommit: (() => Promise<void>) | undefined;
    const commit: Store["commit"] = async (...input) => {
      const meanwhile = beforeCommit;
      beforeCommit = undefined;
      await meanwhile?.();
      return below.commit(...input);
    };
    const scene = await open({ ...below, commit });
    const post = async (path: string, more: Readonly<Record<string, string>>): Promise<Members> =>
      (await scene.post(path, { client_id: "web", client_secret: webSecret, ...more })).json;
    const refresh = (token: unknown): Promise<Members> =>
      post("/oauth/token", { grant_type: "refresh_token", refresh_token: String(token) });
    const isActive = async (token: unknown): Promise<unknown> =>
      (await post("/oauth/introspect", { token: String(token) })).active;
    const first = await scene.grant("web");
    const seen: unknown[] = [];
    beforeCommit = async () => void seen.push(await isActive(first));
    const second = await refresh(first);
    seen.push(await isActive(first), await isActive(second.refresh_token), await isActive(second.access_token));
    assert.deepEqual(seen.splice(0), [true, true, true, true], "two-phase: the first lives until the second is used");
    beforeCommit = async () => void seen.push(await isActive(first), await isActive(second.refresh_token));
    const third = await refresh(second.refresh_token);
    seen.push(await isActive(first), await isActive(second.refresh_token), await isActive(third.refresh_token));
    assert.deepEqual(seen.splice(0), [true, true, false, true, true], "the second was used: the first is dead");
    beforeCommit = async () => {
      await post("/oauth/revoke", { token: String(third.refresh_token) });
      seen.push(await isActive(third.refresh_token));
    };
    assert.equal((await refresh(third.refresh_token)).error, "invalid_grant");
    seen.push(await isActive(third.refresh_token), await isActive(third.access_token));
    assert.deepEqual(seen, [false, false, false], "a sign-out in between wins");
  });

  it("a store that is away is 503 with Retry-After, and says nothing about the token", async () => {
    const below = memoryStore();
    let isAway = false;
    const away = async (): Promise<never> => {
      throw Object.assign(new (await import("../../src/core/errors.ts")).PawlError("store_unavailable"));
    };
    const read: Store["read"] = (sid) => (isAway ? away() : below.read(sid));
    const scene = await open({ ...below, read });
    const token = await scene.grant("app");
    isAway = true;
    for (const [path, more] of [
      ["/oauth/token", { grant_type: "refresh_token", refresh_token: token }],
      ["/oauth/revoke", { token }],
    ] as const) {
      const { status, json, headers } = await scene.post(path, { client_id: "app", ...more });
      assert.deepEqual([status, json.error, headers.get("retry-after")], [503, "temporarily_unavailable", "1"]);
    }
  });

  it("junk is refused, never an error of ours", async () => {
    const scene = await open();
    const token = await scene.grant("app");
    const values = [
      "",
      " ",
      "\0",
      "é",
      "__proto__",
      "constructor",
      "a".repeat(9000),
      token,
      "{}",
      "%",
      "&=&",
      "..",
      "-1",
    ];
    const names = ["grant_type", "refresh_token", "client_id", "client_secret", "scope", "token", "client_assertion"];
    for (const path of ["/oauth/token", "/oauth/revoke", "/oauth/introspect"]) {
      for (const name of names) {
        for (const value of values) {
          const good = { grant_type: "refresh_token", refresh_token: "x", token: "x", client_id: "app" };
          const { status } = await scene.post(path, { ...good, [name]: value });
          assert.ok(status < 500, `${path} ${name}=${JSON.stringify(value.slice(0, 20))}: ${status}`);
        }
      }
      for (const header of ["", "Basic", "Basic Og==", "Basic ÿ", "Basic JTpm", "Bearer a", "Basic a, Basic b"]) {
        const headers = { "content-type": "application/x-www-form-urlencoded", authorization: header };
        const request = new Request(`${issuer}${path}`, {
          method: "POST",
          body: "token=x&grant_type=refresh_token",
          headers,
        });
        const { status } = await scene.handler.fetch(request);
        assert.ok(status === 400 || status === 401, `${header}: ${status}`);
      }
    }
  });
});
