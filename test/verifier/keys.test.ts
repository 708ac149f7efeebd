// V16 of the checklist: how a verifier comes by its keys. Over real HTTP, with issuers that are slow, redirect, answer junk or are
// away, and on a clock that the test moves.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Verifier } from "../../src/verifier/index.ts";
import { createVerifier } from "../../src/verifier/index.ts";
import { type Answer, audience, ecKey, Issuer, jwksPath, nowSeconds } from "./issuer.ts";

interface Timed {
  readonly verifier: Verifier;
  seconds: number;
}

function open(issuer: Issuer, leewaySeconds = 30): Timed {
  const timed = { seconds: nowSeconds } as { verifier: Verifier; seconds: number };
  timed.verifier = createVerifier({
    issuer: issuer.origin,
    audience,
    revocations: false,
    leewaySeconds,
    now: () => timed.seconds * 1000,
  });
  return timed;
}

/** A token that is good at this second. */
const tokenAt = (issuer: Issuer, seconds: number, key = issuer.key): string =>
  issuer.token({ iat: seconds, exp: seconds + 900 }, key);

const away: Answer = (_request, response) => void response.writeHead(500).end();

test("one request for many tokens at once, none for those that follow", async (t) => {
  const issuer = await Issuer.start(t);
  const { verifier } = open(issuer);
  await Promise.all(Array.from({ length: 50 }, (_, index) => verifier.verify(issuer.token({ jti: `j${index}` }))));
  for (let index = 0; index < 20; index += 1) await verifier.verify(issuer.token());
  assert.deepEqual(issuer.asked, { [jwksPath]: 1 });
});

test("a flood of unknown keys makes one request in five seconds; a key that came meanwhile is found then", async (t) => {
  const issuer = await Issuer.start(t);
  const timed = open(issuer);
  await timed.verifier.verify(issuer.token());
  timed.seconds += 6;
  const strangers = Array.from({ length: 100 }, (_, index) => ({ ...ecKey("x"), kid: `x${index}` }));
  const refusals = await Promise.allSettled(strangers.map((key) => timed.verifier.verify(issuer.token({}, key))));
  assert.ok(refusals.every(({ status }) => status === "rejected"));
  assert.equal(issuer.asked[jwksPath], 2);
  const fresh = ecKey("k2");
  issuer.keys.push(fresh);
  await assert.rejects(timed.verifier.verify(issuer.token({}, fresh)), { code: "invalid_token" });
  assert.equal(issuer.asked[jwksPath], 2, "not yet");
  timed.seconds += 5;
  assert.ok(await timed.verifier.verify(issuer.token({}, fresh)));
  assert.equal(issuer.asked[jwksPath], 3);
});

describe("how long keys are kept", () => {
  const cases = [
    ["max-age=300", 300],
    ["public, MAX-AGE=120", 120],
    ["max-age=0, no-store", 30],
    ["max-age=999999999", 3_600],
    [undefined, 300],
    ["x-max-age=5000", 300],
  ] as const;
  for (const [value, seconds] of cases) {
    test(`${value}: ${seconds} s`, async (t) => {
      const issuer = await Issuer.start(t);
      issuer.answers.set(jwksPath, (_request, response) => {
        response.writeHead(200, value === undefined ? {} : { "cache-control": value });
        response.end(JSON.stringify({ keys: issuer.keys.map(({ jwk }) => jwk) }));
      });
      const timed = open(issuer);
      await timed.verifier.verify(tokenAt(issuer, timed.seconds));
      timed.seconds += seconds - 1;
      await timed.verifier.verify(tokenAt(issuer, timed.seconds));
      assert.equal(issuer.asked[jwksPath], 1);
      timed.seconds += 1;
      await timed.verifier.verify(tokenAt(issuer, timed.seconds));
      await sleep(50);
      assert.equal(issuer.asked[jwksPath], 2, "asked again, while nobody waits");
    });
  }
});

test("a key that the issuer takes away is refused once its keys are read again, from the cache of results too", async (t) => {
  const issuer = await Issuer.start(t);
  const timed = open(issuer);
  const [old] = issuer.keys;
  assert.ok(old);
  const token = issuer.token({ exp: nowSeconds + 9_000 }, old);
  await timed.verifier.verify(token);
  issuer.keys.splice(0, 1, ecKey("k2"));
  timed.seconds += 300;
  await timed.verifier.verify(token);
  await sleep(50);
  await assert.rejects(timed.verifier.verify(token), { code: "invalid_token" });
});

test("an issuer that is away changes nothing for four hours, then nothing can be said", async (t) => {
  const issuer = await Issuer.start(t);
  const timed = open(issuer);
  await timed.verifier.verify(tokenAt(issuer, timed.seconds));
  issuer.answers.set(jwksPath, away);
  timed.seconds += 300 + 4 * 3_600 - 1;
  assert.ok(await timed.verifier.verify(tokenAt(issuer, timed.seconds)));
  timed.seconds += 10;
  await assert.rejects(timed.verifier.verify(tokenAt(issuer, timed.seconds)), { code: "store_unavailable" });
  issuer.answers.delete(jwksPath);
  timed.seconds += 1;
  assert.ok(await timed.verifier.verify(tokenAt(issuer, timed.seconds)), "and goes on by itself");
});

describe("answers that are no keys", () => {
  const set = (issuer: Issuer): string => JSON.stringify({ keys: issuer.keys.map(({ jwk }) => jwk) });
  const answers: Record<string, (issuer: Issuer) => Answer> = {
    "a redirect, even to the right place": (issuer) => (_request, response) =>
      void response.writeHead(302, { location: `${issuer.origin}/elsewhere` }).end(),
    "an error": () => away,
    "no JSON": () => (_request, response) => void response.end("<html>"),
    "no set": () => (_request, response) => void response.end('{"key":[]}'),
    "too many keys": (issuer) => (_request, response) =>
      void response.end(JSON.stringify({ keys: Array.from({ length: 65 }, () => issuer.key.jwk) })),
    "too long": (issuer) => (_request, response) =>
      void response.end(`${set(issuer).slice(0, -1)},"x":"${"x".repeat(300_000)}"}`),
    "an end too early": (issuer) => (_request, response) => {
      response.writeHead(200, { "content-length": "100000" });
      response.write(set(issuer));
      setTimeout(() => response.destroy(), 20);
    },
  };
  for (const [name, answer] of Object.entries(answers)) {
    test(name, async (t) => {
      const issuer = await Issuer.start(t);
      issuer.answers.set(jwksPath, answer(issuer));
      issuer.answers.set("/elsewhere", (_request, response) => void response.end(set(issuer)));
      const timed = open(issuer);
      await assert.rejects(timed.verifier.verify(issuer.token()), { code: "store_unavailable" });
      assert.equal(issuer.asked["/elsewhere"], undefined);
      for (let count = 0; count < 20; count += 1) await timed.verifier.verify(issuer.token()).catch(() => undefined);
      assert.equal(issuer.asked[jwksPath], 1, "not asked by every request");
      issuer.answers.delete(jwksPath);
      timed.seconds += 1;
      assert.ok(await timed.verifier.verify(issuer.token()));
    });
  }
  test("one that never ends is given up", { timeout: 20_000 }, async (t) => {
    const issuer = await Issuer.start(t);
    issuer.answers.set(jwksPath, () => undefined);
    const start = performance.now();
    await assert.rejects(open(issuer).verifier.verify(issuer.token()), { code: "store_unavailable" });
    const took = performance.now() - start;
    assert.ok(took > 4_000 && took < 15_000, `${took} ms`);
  });
});

test("secrets, nameless keys and two keys of one name are none", async (t) => {
  const issuer = await Issuer.start(t);
  const [twinOne, twinTwo, nameless] = [ecKey("twin"), ecKey("twin"), ecKey("k9")];
  const { kid: _kid, ...withoutName } = nameless.jwk;
  const secret = { kty: "oct", k: Buffer.alloc(32).toString("base64url"), kid: "secret", alg: "HS256" };
  issuer.answers.set(jwksPath, (_request, response) => {
    response.end(
      JSON.stringify({ keys: [issuer.key.jwk, twinOne.jwk, twinTwo.jwk, withoutName, secret, null, 1, "x"] }),
    );
  });
  const { verifier } = open(issuer);
  assert.ok(await verifier.verify(issuer.token()));
  for (const key of [twinOne, twinTwo, nameless]) {
    await assert.rejects(verifier.verify(issuer.token({}, key)), { code: "invalid_token" });
  }
});
