// The real program on a Redis of its own: what a newcomer reads when something is missing or wrong, that the password of
// the URL is never told, and that two servers and the command line share one store.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { freePort } from "../../sim/free-port.ts";
import { type ImportPackage, redisStoreAt } from "../../src/server/redis-client.ts";
import { createCertificate } from "../browsers/certificate.ts";
import { eventually, type RedisServer, skip, startRedis } from "../services/redis.ts";
import { ann, type Finished, pawl, send, serve, temporaryFolder } from "./program.ts";

const secret = Buffer.alloc(32, 9).toString("base64url");
const password = "correct-horse-battery";

function urlOf({ port }: Pick<RedisServer, "port">, given = password): string {
  return `redis://:${given}@127.0.0.1:${port}`;
}

/** Runs `pawl serve` on a store where it cannot start, and checks that the password stays where it is. */
async function failed(url: string, environment: Record<string, string> = { PAWL_SECRET: secret }): Promise<Finished> {
  const folder = temporaryFolder();
  const finished = await pawl(["serve", "--port", "0"], { folder, environment: { ...environment, PAWL_STORE: url } });
  assert.ok(!(finished.out + finished.errors).includes(password), finished.errors);
  assert.equal(finished.out, "");
  assert.equal(finished.errors.trim().split("\n").length, 1, finished.errors);
  return finished;
}

describe("the server on Redis", { skip }, () => {
  it("says in one line what is missing or wrong, and ends with the code for it", async () => {
    const server = await startRedis("--requirepass", password);
    const away = await freePort();
    const cases: readonly (readonly [string, number, RegExp, Record<string, string>?])[] = [
      [urlOf(server), 2, /PAWL_SECRET is required with a redis: store/, {}],
      [urlOf(server, "wrong"), 3, /127\.0\.0\.1:\d+ refuses \(WRONGPASS\).*password/],
      [`redis://127.0.0.1:${server.port}`, 3, /refuses \(NOAUTH\).*wants a password/],
      [urlOf({ port: away }), 3, /no Redis answers at 127\.0\.0\.1:\d+ \(ECONNREFUSED\)/],
      [`${urlOf(server)}/99`, 3, /no database of this number/],
      [`${urlOf(server)}/0?family=6`, 2, /PAWL_STORE "redis:\/\/…" is not accepted/],
      [`${urlOf(server)}/x`, 2, /is not accepted/],
      ["redis://", 2, /is not accepted/],
    ];
    for (const [url, code, sentence, environment] of cases) {
      const finished = await failed(url, environment);
      assert.equal(finished.code, code, `${url}: ${finished.errors}`);
      assert.match(finished.errors, sentence);
    }
    const run = { folder: temporaryFolder(), environment: { PAWL_SECRET: secret, PAWL_STORE: urlOf(server) } };
    const missing = await pawl(["keys", "list"], run);
    assert.deepEqual(
      [missing.code, missing.errors],
      [3, "pawl: there is no store in this database; `pawl serve` creates one\n"],
    );
    assert.equal(await server.command("-a", password, "--no-auth-warning", "DBSIZE"), "0");
    await server.command("-a", password, "--no-auth-warning", "CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
    const refused = await failed(urlOf(server));
    assert.equal(refused.code, 1);
    assert.match(refused.errors, /maxmemory-policy/);
  });

  for (const name of ["ioredis", "redis"]) {
    it(`takes the package ${name} when it is the one that is installed`, async () => {
      const redis = await startRedis("--requirepass", password);
      const only: ImportPackage = async (wanted) => (wanted === name ? await import(name) : undefined);
      const store = await redisStoreAt(urlOf(redis), {}, only);
      await store.open();
      await store.ping();
      await redis.crash();
      await assert.rejects(store.ping(), { code: "store_unavailable" });
      await redis.restart();
      await eventually("the connection", async () => (await store.ping()) === undefined);
      await store.close();
      for (const url of [urlOf(redis, "wrong"), `${urlOf(redis)}/99`, urlOf({ port: await freePort() })]) {
        const refused = await redisStoreAt(url, {}, only);
        await assert.rejects(refused.open(), { code: "store_unavailable" }, url);
        await refused.close();
      }
      // Nothing is left that would keep the process alive: no connection of ours is open any more.
      const text = await redis.command("-a", password, "--no-auth-warning", "CLIENT", "LIST");
      assert.equal(text.split("\n").length, 1, text);
    });
  }

  it("speaks TLS with rediss:, and only to a server whose certificate it trusts", async () => {
    const folder = temporaryFolder();
    const { key, cert } = createCertificate(["localhost"]);
    const [keyFile, certFile] = [join(folder, "redis.key"), join(folder, "redis.crt")];
    writeFileSync(keyFile, key, { mode: 0o600 });
    writeFileSync(certFile, cert);
    const port = await freePort();
    const files = ["--tls-key-file", keyFile, "--tls-cert-file", certFile, "--tls-ca-cert-file", certFile];
    await startRedis("--tls-port", String(port), ...files, "--tls-auth-clients", "no");
    const url = `rediss://localhost:${port}`;
    const refused = await failed(url);
    assert.equal(refused.code, 3, refused.errors);
    assert.match(refused.errors, /no Redis answers at localhost:\d+ \(DEPTH_ZERO_SELF_SIGNED_CERT\)/);
    const trusting = { PAWL_SECRET: secret, PAWL_STORE: url, NODE_EXTRA_CA_CERTS: certFile };
    const listed = await pawl(["users", "add", ann.email, "--password-stdin"], {
      folder,
      environment: trusting,
      input: `${ann.password}\n`,
    });
    assert.equal(listed.code, 0, listed.errors);
  });

  it("names the packages when neither is installed", async () => {
    const neither = redisStoreAt("redis://127.0.0.1:1", {}, async () => undefined);
    await assert.rejects(neither, { code: "invalid_option", message: /npm install ioredis \(or redis\)/ });
  });

  it("shares sessions between two servers and the command line, and answers 503 while Redis is away", async () => {
    const redis = await startRedis("--requirepass", password);
    const environment = { PAWL_STORE: urlOf(redis), PAWL_SECRET: secret, PAWL_LOG: "debug" };
    const first = await serve([], { environment });
    const second = await serve([], { environment });
    assert.match(first.seen.out, / store=redis\n$/);
    const signedUp = await send(first, "POST", "/auth/register", { body: { ...ann, transport: "body" } });
    assert.equal(signedUp.status, 201);
    const refresh = await send(second, "POST", "/auth/refresh", {
      body: { refresh_token: signedUp.json.refresh_token },
    });
    assert.equal(refresh.status, 200);
    const run = { folder: first.folder, environment };
    const listed = await pawl(["sessions", "list", "--json"], run);
    assert.equal(listed.code, 0, listed.errors);
    assert.ok(listed.out.includes(signedUp.json.session.id));
    assert.equal((await pawl(["sessions", "revoke", signedUp.json.session.id], run)).code, 0);
    const body = { body: { refresh_token: refresh.json.refresh_token } };
    assert.equal((await send(first, "POST", "/auth/refresh", body)).json.code, "session_revoked");
    await redis.crash();
    const away = await send(second, "POST", "/auth/refresh", body);
    assert.deepEqual([away.status, away.json.code, away.json.terminal], [503, "store_unavailable", false]);
    assert.equal((await send(second, "GET", "/readyz")).status, 503);
    assert.equal((await pawl(["sessions", "list"], run)).code, 3);
    await redis.restart();
    let status = 503;
    for (let round = 0; status === 503 && round < 100; round += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      status = (await send(second, "GET", "/readyz")).status;
    }
    assert.equal(status, 200);
    assert.equal((await send(second, "POST", "/auth/refresh", body)).json.code, "session_revoked");
    for (const server of [first, second]) {
      const { code, errors } = await server.stop();
      assert.equal(code, 0);
      assert.ok(!errors.includes(password) && !errors.includes(secret));
    }
  });
});
