// Several engines on one store: one signing key however many start at once, keys that are rotated and revoked, and a secret
// that is changed on one node after the other. Stores are real; each engine has connections of its own.

import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { Redis } from "ioredis";
import pg from "pg";
import { checkAccessToken } from "../../src/core/access-token.ts";
import type { Store } from "../../src/core/ports.ts";
import { createVerificationKey } from "../../src/core/signature.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import type { Grant, Sessions } from "../../src/engine/types.ts";
import { postgresStore } from "../../src/stores/postgres.ts";
import { redisStore } from "../../src/stores/redis.ts";
import { sqliteStore } from "../../src/stores/sqlite.ts";
import { createSimulatedPlatform, type SimulatedPlatform } from "../../src/testing/index.ts";
import { ownServerMissing, postgresServer } from "../services/postgres.ts";
import { skip as redisMissing, startRedis } from "../services/redis.ts";
import { createSqliteFiles } from "../stores/sqlite-files.ts";

const nodes = 20;
const [older, newer] = [1, 2].map((fill) => Buffer.alloc(32, fill).toString("base64url")) as [string, string];
const files = createSqliteFiles();
const open: { close(): unknown }[] = [];
after(async () => {
  for (const each of open.reverse()) await each.close();
});

async function engine(store: Store, secret: string = older, more: object = {}): Promise<Sessions> {
  const sessions = await createSessions({ store, secret, ...more });
  open.push(sessions);
  return sessions;
}

const issue = (sessions: Sessions): Promise<Grant> => sessions.issue({ subject: "ann", transport: "body" });
const token = ({ refreshToken }: Grant): string => refreshToken as string;

/** Lets time pass, and what is due do its work. */
async function pass({ clock }: SimulatedPlatform, milliseconds: number): Promise<void> {
  clock.advance(milliseconds);
  for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
}

/** Starts the engines of a fleet at the same moment on an empty store. */
async function fleet(storeOf: () => Store): Promise<Sessions[]> {
  return Promise.all(Array.from({ length: nodes }, () => engine(storeOf())));
}

async function assertOneKey(sessions: readonly Sessions[]): Promise<void> {
  const [first] = sessions as [Sessions];
  assert.equal(first.jwks().keys.length, 1);
  for (const each of sessions) assert.deepEqual(each.jwks(), first.jwks());
  const grants = await Promise.all(sessions.map(issue));
  for (const [index, { accessToken }] of grants.entries()) {
    const other = sessions[(index + 7) % nodes] as Sessions;
    assert.equal((await other.authenticate(accessToken)).subject, "ann");
  }
}

describe("twenty nodes that start at once on an empty store", () => {
  it("have one signing key: SQLite", async () => {
    const file = files.fresh();
    await assertOneKey(await fleet(() => sqliteStore(file)));
  });

  it("have one signing key: Postgres", { skip: ownServerMissing(18) }, async () => {
    const connectionString = await postgresServer(18).url();
    const storeOf = (): Store => {
      const pool = new pg.Pool({ connectionString, max: 2 });
      open.unshift({ close: () => pool.end() });
      return postgresStore(pool, { schema: "twenty" });
    };
    await assertOneKey(await fleet(storeOf));
  });

  it("have one signing key: Redis", { skip: redisMissing }, async () => {
    const { url } = await startRedis();
    const storeOf = (): Store => {
      const client = new Redis(url);
      open.unshift({ close: () => client.disconnect() });
      return redisStore(client);
    };
    await assertOneKey(await fleet(storeOf));
  });
});

describe("keys of a fleet", () => {
  it("a rotated key is published everywhere long before it signs, and no token is ever refused", async () => {
    const file = files.fresh();
    const platform = createSimulatedPlatform({ timers: "simulated" });
    const start = (): Promise<Sessions> => engine(sqliteStore(file), older, { platform });
    const [one, other] = [await start(), await start()];
    // A verifier that reads the JWKS of one node and keeps it for its maximum age.
    let [jwks, readAt] = [other.jwks(), platform.clock.now()];
    const check = async (): Promise<string> => {
      if (platform.clock.now() - readAt >= 300_000) [jwks, readAt] = [other.jwks(), platform.clock.now()];
      const { accessToken } = await issue(one);
      const keyFor = (kid: string) => {
        const jwk = jwks.keys.find((each) => each.kid === kid);
        return jwk && createVerificationKey(jwk);
      };
      const { issuer, audience } = one;
      const nowSeconds = Math.floor(platform.clock.now() / 1000);
      checkAccessToken(accessToken, { issuer, audience, keyFor, nowSeconds, leewaySeconds: 0 });
      return JSON.parse(Buffer.from(accessToken.split(".")[0] as string, "base64url").toString()).kid;
    };
    const before = await check();
    const { kid } = await one.rotateKeys();
    const used = new Set<string>();
    for (let step = 0; step < 80; step += 1) {
      await pass(platform, 10_000);
      used.add(await check());
    }
    assert.deepEqual([...used], [before, kid]);
  });

  it("a revoked key signs and verifies nothing any more, here at once and elsewhere within two seconds", async () => {
    const file = files.fresh();
    const platform = createSimulatedPlatform({ timers: "simulated" });
    const start = (): Promise<Sessions> => engine(sqliteStore(file), older, { platform });
    const [one, other] = [await start(), await start()];
    const grant = await issue(other);
    const { kid } = one.keys()[0] as { kid: string };
    assert.equal(await one.revokeKey("nobody"), false);
    assert.equal(await one.revokeKey(kid), true);
    await assert.rejects(one.authenticate(grant.accessToken), { code: "invalid_token" });
    await pass(platform, 2_000);
    await assert.rejects(other.authenticate(grant.accessToken), { code: "invalid_token" });
    assert.ok(!other.jwks().keys.some((key) => key.kid === kid));
    const next = await other.refresh({ refreshToken: token(grant) });
    assert.equal((await one.authenticate(next.accessToken)).subject, "ann");
  });

  it("who signs after a revocation is a key that verifiers know, where there is one", async () => {
    const platform = createSimulatedPlatform({ timers: "simulated" });
    const sessions = await engine(sqliteStore(files.fresh()), older, { platform });
    const states = (): string[] => sessions.keys().map(({ state }) => state);
    const kid = (state: string): string => sessions.keys().find((key) => key.state === state)?.kid as string;
    await sessions.rotateKeys();
    const waiting = kid("published");
    await sessions.revokeKey(kid("active"));
    assert.deepEqual([kid("active"), states()], [waiting, ["active"]], "the one that was waiting");
    await sessions.rotateKeys();
    await pass(platform, 301_000);
    const known = kid("retiring");
    await sessions.revokeKey(kid("active"));
    assert.equal(kid("active"), known, "the older one, until a new one was published for long enough");
    assert.deepEqual(states(), ["published", "active"]);
    await pass(platform, 301_000);
    await sessions.revokeKey(kid("retiring"));
    assert.deepEqual(states(), ["active"], "an old one that goes needs no new one");
  });
});

describe("PAWL_SECRET, changed on one node after the other", () => {
  it("loses no session: a token of the new secret is no verdict on a node that does not know it yet", async () => {
    const file = files.fresh();
    const platform = createSimulatedPlatform();
    const start = (secret: string): Promise<Sessions> => engine(sqliteStore(file), secret, { platform });
    const [first, second] = [await start(older), await start(older)];
    const old = await issue(second);
    const changed = await start(`${newer},${older}`);
    const rotated = await changed.refresh({ refreshToken: token(old) });
    for (const call of [
      () => second.refresh({ refreshToken: token(rotated) }),
      () => first.confirm({ refreshToken: token(rotated) }),
      () => second.logout({ refreshToken: token(rotated) }),
    ]) {
      await assert.rejects(call, { code: "store_unavailable" });
    }
    const restarted = await start(`${newer},${older}`);
    const next = await restarted.refresh({ refreshToken: token(rotated) });
    assert.equal(next.outcome, "rotated");
    await pass(platform, 8 * 86_400_000);
    const last = await start(newer);
    const fresh = await issue(last);
    assert.equal((await restarted.refresh({ refreshToken: token(fresh) })).outcome, "rotated");
  });

  it("costs junk one reading a second, and junk of no secret stays junk", async () => {
    const store = sqliteStore(files.fresh());
    let reads = 0;
    const counted: Store = {
      ...store,
      readDocument: (key) => {
        if (key === "secrets") reads += 1;
        return store.readDocument(key);
      },
    };
    const platform = createSimulatedPlatform();
    const sessions = await engine(counted, older, { platform });
    const bytes = Buffer.from(token(await issue(sessions)).slice("pawl_rt_".length), "base64url");
    bytes[1] = 200;
    const junk = `pawl_rt_${bytes.toString("base64url")}`;
    reads = 0;
    const present = (): Promise<void> =>
      assert.rejects(sessions.refresh({ refreshToken: junk }), { code: "refresh_token_invalid" });
    await present();
    assert.equal(reads, 1);
    // All of them wait for the one reading that comes when a second is over.
    const waited = performance.now();
    await Promise.all(Array.from({ length: 50 }, present));
    assert.ok(performance.now() - waited >= 900);
    assert.equal(reads, 2);
    platform.clock.advance(1_000);
    await present();
    assert.equal(reads, 3);
  });

  it("a node with another secret does not start, and says what it needs", async () => {
    const file = files.fresh();
    await issue(await engine(sqliteStore(file)));
    await assert.rejects(createSessions({ store: sqliteStore(file), secret: newer }), (error: Error) => {
      assert.match(error.message, /made under a secret that is not given/);
      return true;
    });
  });
});

describe("entries of the revocation feed", () => {
  it("outlive the longest access token that any node signs, also of one with a shorter lifetime", async () => {
    const file = files.fresh();
    const platform = createSimulatedPlatform({ timers: "simulated" });
    const start = (accessTtlSeconds: number): Promise<Sessions> =>
      engine(sqliteStore(file), older, { platform, accessTtlSeconds });
    const long = await start(3600);
    const short = await start(60);
    const { record } = await issue(long);
    await short.revoke(record.sid, "logout");
    const [entry] = (await short.revocations()).revocations;
    assert.ok((entry?.exp ?? 0) >= Math.floor(platform.clock.now() / 1000) + 3600);
    await long.close();
    await pass(platform, (3600 + 1800) * 1000);
    const other = await issue(short);
    await short.revoke(other.record.sid, "logout");
    const entries = (await short.revocations()).revocations;
    const last = entries.find(({ sid }) => sid === other.record.sid);
    assert.ok((last?.exp ?? 0) <= Math.floor(platform.clock.now() / 1000) + 62, "nobody signs so any more");
  });
});
