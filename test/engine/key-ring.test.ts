// Signing keys over time: made once, sealed, published before they sign, kept until their last token has expired,
// picked up by other processes, opened by the right secret only.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Store } from "../../src/core/ports.ts";
import type { SessionRecord } from "../../src/core/record.ts";
import { secretFingerprint } from "../../src/core/secret-keys.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import type { Sessions, SessionsOptions } from "../../src/engine/types.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import type { SimulatedPlatform } from "../../src/testing/simulated.ts";
import { createSimulatedPlatform } from "../../src/testing/simulated.ts";

const secretA = Buffer.alloc(32, 1).toString("base64url");
const secretB = Buffer.alloc(32, 2).toString("base64url");

/** How long a process that was heard of is believed to go on. */
const saidAgainMilliseconds = 1_800_000;

interface Stage {
  readonly platform: SimulatedPlatform;
  /** One more process on the same store. Closing it must not close the store. */
  open(options?: Partial<SessionsOptions>): Promise<Sessions>;
  readonly store: Store;
}
function stage(timers: "machine" | "simulated" = "machine"): Stage {
  const store = memoryStore();
  const shared: Store = { ...store, close: async () => {} };
  const platform = createSimulatedPlatform({ timers });
  return {
    store,
    platform,
    open: (options) => createSessions({ store: shared, platform, secret: secretA, ...options }),
  };
}
const kidOf = (token: string): string =>
  JSON.parse(Buffer.from(token.split(".")[0] as string, "base64url").toString()).kid;

test("one key is made on first start and found by the next process; twenty at once make one", async () => {
  const { open } = stage();
  const all = await Promise.all(Array.from({ length: 20 }, () => open()));
  const kids = new Set(all.flatMap((sessions) => sessions.keys().map((key) => key.kid)));
  assert.equal(kids.size, 1);
  assert.equal(all[0]?.keys()[0]?.state, "active");
});

describe("by schedule", () => {
  const daySeconds = 86_400;
  /** Moves the clock in steps, and lets what its timers began come to an end. */
  const pass = async (platform: SimulatedPlatform, seconds: number): Promise<void> => {
    for (let step = 0; step < 4; step += 1) {
      platform.clock.advance((seconds * 1000) / 4);
      for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  test("twenty processes make one new key when it is time, not before; it signs once it was published for long enough", async () => {
    const { open, platform } = stage("simulated");
    const schedule = { keyRotationSeconds: 10 * daySeconds };
    const maker = await open(schedule);
    const [old] = maker.keys();
    await maker.close();
    platform.clock.advance((10 * daySeconds - 20) * 1000);
    const all = await Promise.all(Array.from({ length: 20 }, () => open(schedule)));
    const [first] = all as [Sessions];
    await pass(platform, 16);
    assert.equal(first.keys().length, 1);
    await pass(platform, 16);
    for (const sessions of all) {
      const states = sessions.keys().map(({ state }) => state);
      assert.deepEqual(states, ["published", "active"]);
    }
    assert.equal(new Set(all.flatMap((sessions) => sessions.keys().map(({ kid }) => kid))).size, 2);
    const before = await first.issue({ subject: "u" });
    assert.equal(kidOf(before.accessToken), old?.kid);
    await pass(platform, 310);
    const after = await first.issue({ subject: "u" });
    assert.notEqual(kidOf(after.accessToken), old?.kid);
    assert.ok(await all[7]?.authenticate(before.accessToken));
    assert.ok(await all[8]?.authenticate(after.accessToken));
    for (const sessions of all) await sessions.close();
  });
  test("0 is by hand only, and a wrong schedule is refused", async () => {
    const { open, platform } = stage("simulated");
    await (await open()).close();
    platform.clock.advance(400 * daySeconds * 1000);
    const sessions = await open({ keyRotationSeconds: 0 });
    await pass(platform, 16);
    assert.equal(sessions.keys().length, 1);
    await sessions.close();
    for (const bad of [1, 86_399, 34_560_001, 1.5 * daySeconds + 0.5, Number.NaN, -1]) {
      await assert.rejects(open({ keyRotationSeconds: bad }), { code: "invalid_option" }, String(bad));
    }
  });
});

test("the store never sees a private key in the clear", async () => {
  const { open, store } = stage();
  const sessions = await open();
  const { value } = (await store.readDocument("signing-keys")) as { value: string };
  const [key] = sessions.jwks().keys;
  assert.ok(value.includes(key?.x as string), "the public half is there");
  const sealed = Buffer.from(JSON.parse(value)[0].sealed, "base64url").toString("latin1");
  const point = Buffer.from(key?.x as string, "base64url").toString("latin1");
  assert.equal(sealed.includes(point), false, "a PKCS #8 of the key would hold its public point");
  assert.equal(value.includes('"d"'), false);
});

test("published -> active -> retiring -> removed, without a token that stops verifying", async () => {
  const { open, platform } = stage("simulated");
  const sessions = await open();
  const other = await open();
  const first = sessions.keys()[0]?.kid;
  const grant = await sessions.issue({ subject: "u" });
  const { kid: second, state } = await sessions.rotateKeys();
  assert.equal(state, "published");
  assert.equal(sessions.jwks().keys.length, 2);
  platform.clock.advance(10_000);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(other.jwks().keys.length, 2, "another process picks the key up by itself");

  platform.clock.advance(289_999);
  const early = await other.issue({ subject: "u" });
  assert.equal(kidOf(early.accessToken), first);
  platform.clock.advance(1);
  const activeAt = platform.clock.now();
  const late = await other.issue({ subject: "u" });
  assert.equal(kidOf(late.accessToken), second);
  assert.deepEqual(
    sessions.keys().map((key) => [key.kid, key.state]),
    [
      [second, "active"],
      [first, "retiring"],
    ],
  );
  for (const each of [grant, early, late]) await sessions.authenticate(each.accessToken);
  platform.clock.advance(898_000);
  await other.authenticate(early.accessToken);
  const has = (all: Sessions, kid: string | undefined): boolean => all.keys().some((key) => key.kid === kid);
  // The longest access token any policy allows lives a day; 60 seconds are for clocks that differ.
  platform.clock.set(activeAt + 86_460_000 - 1);
  assert.equal(has(sessions, first), true);
  platform.clock.advance(1);
  assert.equal(has(sessions, first), false, "removed once nothing it signed can live, without anybody doing anything");
  assert.equal(sessions.jwks().keys.length, 1);
});

test("a process that names no algorithm changes nothing, and rotates to the same one", async () => {
  const { open } = stage();
  const server = await open({ algorithm: "EdDSA", accessTtlSeconds: 86_400 });
  const before = server.jwks();
  const command = await open();
  assert.deepEqual(command.jwks(), before);
  assert.equal((await command.rotateKeys()).alg, "EdDSA");
});

test("a change of algorithm publishes a key of the new one; RS256 and EdDSA sign", async () => {
  const { open, platform } = stage();
  await open();
  const sessions = await open({ algorithm: "EdDSA" });
  assert.deepEqual(
    sessions.keys().map((key) => [key.alg, key.state]),
    [
      ["EdDSA", "published"],
      ["ES256", "active"],
    ],
  );
  platform.clock.advance(300_000);
  await sessions.authenticate((await sessions.issue({ subject: "u" })).accessToken);
  assert.equal(sessions.keys()[0]?.state, "active");
  const rsa = await stage().open({ algorithm: "RS256" });
  await rsa.authenticate((await rsa.issue({ subject: "u" })).accessToken);
});

describe("PAWL_SECRET", () => {
  test("is rotated with nobody noticing: old tokens refresh, keys are sealed anew", async () => {
    const { open, platform } = stage();
    const before = await open();
    const grant = await before.issue({ subject: "u", transport: "body" });
    const during = await open({ secret: `${secretB},${secretA}` });
    platform.clock.advance(1000);
    const next = await during.refresh({ refreshToken: grant.refreshToken as string });
    assert.deepEqual(during.jwks(), before.jwks());
    await before.authenticate(next.accessToken);
    await during.confirm({ refreshToken: next.refreshToken as string });
    platform.clock.advance(604_800_000);
    const after = await open({ secret: secretB });
    assert.deepEqual(after.jwks(), before.jwks());
  });

  test("a wrong secret is refused while sessions depend on the right one, and changes nothing", async () => {
    const { open, store } = stage();
    const sessions = await open();
    await sessions.issue({ subject: "u" });
    const documents = await store.listDocuments("", undefined, 100);
    await assert.rejects(open({ secret: secretB }), { code: "store_incompatible" });
    await assert.rejects(open({ secret: secretB }), (error: Error) => !error.message.includes(secretB));
    assert.deepEqual(await store.listDocuments("", undefined, 100), documents);
    await sessions.revokeAll("u", "revoked");
    const before = sessions.keys()[0]?.kid;
    const fresh = await open({ secret: secretB });
    const active = fresh.keys().find((key) => key.state === "active")?.kid;
    assert.notEqual(active, before, "a key that cannot be opened does not sign");
    assert.equal(kidOf((await fresh.issue({ subject: "u" })).accessToken), active);
  });

  test("a command that ran on an empty store with another secret does not lock the right one out", async () => {
    const { open, store } = stage();
    const running = await open();
    await open({ secret: secretB });
    const grant = await running.issue({ subject: "u", transport: "body" });
    await assert.rejects(open({ secret: secretB }), { code: "store_incompatible" });
    await running.rotateKeys();
    await running.authenticate((await running.issue({ subject: "v" })).accessToken);
    const restarted = await open();
    await restarted.refresh({ refreshToken: grant.refreshToken as string });
    const known = JSON.parse((await store.readDocument("secrets"))?.value ?? "[]") as { keyId: number }[];
    assert.equal(new Set(known.map((each) => each.keyId)).size, 2);
  });

  test("the old secret may be dropped once its last token has expired, not before", async () => {
    const { open, platform } = stage();
    const first = await open({ sessionTtlSeconds: 3_000_000 });
    const grant = await first.issue({ subject: "u", transport: "body" });
    const both = await open({ secret: `${secretB},${secretA}` });
    platform.clock.advance(604_799_000);
    await both.refresh({ refreshToken: grant.refreshToken as string });
    await assert.rejects(open({ secret: secretB }), { code: "store_incompatible" });
    platform.clock.advance(1001 + saidAgainMilliseconds);
    await open({ secret: secretB });
  });

  test("the old secret may not be dropped while a process that was not restarted yet makes tokens under it", async () => {
    const { open: start, platform } = stage("simulated");
    const hour = 3_600_000;
    const idleTtlSeconds = (4 * hour) / 1000;
    const open = (options?: Partial<SessionsOptions>): Promise<Sessions> => start({ idleTtlSeconds, ...options });
    const laggard = await open();
    const both = await open({ secret: `${secretB},${secretA}` });
    const pass = async (milliseconds: number): Promise<void> => {
      for (let step = 0; step < 200; step += 1) {
        platform.clock.advance(milliseconds / 200);
        for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await pass(6 * hour);
    const late = await laggard.issue({ subject: "u", transport: "body" });
    await laggard.close();
    await pass(3 * hour);
    await assert.rejects(open({ secret: secretB }), { code: "store_incompatible" });
    const next = await both.refresh({ refreshToken: late.refreshToken as string });
    await both.confirm({ refreshToken: next.refreshToken as string });
    await pass(hour + saidAgainMilliseconds);
    await (await open({ secret: secretB })).refresh({ refreshToken: next.refreshToken as string });
  });
});

describe("a database that lost everything, or was put in the place of another, under running processes", () => {
  const settle = async (platform: SimulatedPlatform): Promise<void> => {
    platform.clock.advance(2_000);
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };

  test("is told keys and secrets again: sessions made afterwards outlive a restart, a wrong secret is still refused", async () => {
    const before = stage("simulated");
    const { platform } = before;
    await before.open();
    let below: Store = before.store;
    const store = new Proxy(below, {
      get: (_, name) => (name === "close" ? async () => {} : Reflect.get(below, name)),
    });
    const start = (secret: string): Promise<Sessions> =>
      createSessions({ store, platform, secret, keyRotationSeconds: 0 });
    const running = await start(`${secretB},${secretA}`);
    const [jwk] = running.jwks().keys;
    below = memoryStore();
    await below.open();
    await settle(platform);
    const grant = await running.issue({ subject: "u", transport: "body" });
    assert.deepEqual(running.jwks().keys, [jwk], "verifiers go on");
    await assert.rejects(start(Buffer.alloc(32, 3).toString("base64url")), { code: "store_incompatible" });
    const restarted = await start(`${secretB},${secretA}`);
    assert.equal((await restarted.refresh({ refreshToken: grant.refreshToken as string })).outcome, "rotated");
    assert.deepEqual(restarted.jwks().keys, [jwk]);
    assert.equal((await running.authenticate(grant.accessToken)).subject, "u");
  });

  test("that has sessions and no list of secrets takes only those who know the sessions' secret", async () => {
    const { open, store } = stage();
    const sessions = await open();
    const grant = await sessions.issue({ subject: "u", transport: "body" });
    await sessions.close();
    const document = await store.readDocument("secrets");
    await store.writeDocuments([{ key: "secrets", expectedVersion: document?.version as number, value: null }]);
    await assert.rejects(open({ secret: secretB }), { code: "store_incompatible" });
    assert.equal(await store.readDocument("secrets"), undefined);
    const again = await open({ secret: `${secretB},${secretA}` });
    assert.equal((await again.refresh({ refreshToken: grant.refreshToken as string })).outcome, "rotated");
  });

  test("looks at every session before it believes a secret", async () => {
    const { open, store, platform } = stage();
    const sessions = await open();
    // More ended sessions than one reading takes, all of them older.
    const ended = await sessions.issue({ subject: "u", transport: "body" });
    await sessions.revoke(ended.record.sid, "revoked");
    const row = await store.read(ended.record.sid);
    for (let index = 0; index < 1_000; index += 1) {
      const sid = Buffer.alloc(16);
      sid.writeUInt32BE(index, 8);
      await store.insert({ ...(row as SessionRecord), sid: sid.toString("base64url") });
    }
    platform.clock.advance(1_000);
    await sessions.issue({ subject: "u", transport: "body" });
    await sessions.close();
    const document = await store.readDocument("secrets");
    await store.writeDocuments([{ key: "secrets", expectedVersion: document?.version as number, value: null }]);
    await assert.rejects(open({ secret: secretB }), { code: "store_incompatible" });
    await open();
  });

  test("gives a secret the id that it had, where its seal proves which", async () => {
    const { open, store } = stage();
    // As a store has it whose list of secrets gave ids in the order in which secrets came.
    const fingerprint = secretFingerprint(Buffer.alloc(32, 1));
    const known = [{ keyId: 1, fingerprint, supersededAt: null, idleTtlSeconds: 604_800 }];
    await store.open();
    await store.writeDocuments([{ key: "secrets", expectedVersion: 0, value: JSON.stringify(known) }]);
    const sessions = await open();
    const grant = await sessions.issue({ subject: "u", transport: "body" });
    await sessions.close();
    const document = await store.readDocument("secrets");
    await store.writeDocuments([{ key: "secrets", expectedVersion: document?.version as number, value: null }]);
    const again = await open({ secret: `${secretA},${secretB}` });
    assert.equal((await again.refresh({ refreshToken: grant.refreshToken as string })).outcome, "rotated");
  });

  test("gives a secret the id that it has everywhere, beside whatever others", async () => {
    const idOf = async (secret: string): Promise<number> => {
      const { open } = stage();
      const grant = await (await open({ secret })).issue({ subject: "u", transport: "body" });
      return Buffer.from((grant.refreshToken as string).slice("pawl_rt_".length), "base64url")[1] as number;
    };
    assert.equal(await idOf(secretB), await idOf(`${secretB},${secretA}`));
    assert.notEqual(await idOf(secretA), await idOf(secretB));
  });
});

test("a bad algorithm is refused before anything is opened", async () => {
  await assert.rejects(stage().open({ algorithm: "HS256" as "ES256" }), { code: "invalid_option" });
});
