// `pawl store copy` and `pawl store backup` beside running servers, as an operator uses them: one live installation moves
// from SQLite to Postgres, on to Redis and back into a file while a person stays signed in and sign-outs stay answered.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { createSessions } from "../../src/engine/create-sessions.ts";
import { sqliteStore } from "../../src/stores/sqlite.ts";
import { type Answer, ann, pawl, register, type Server, send, serve, temporaryFolder } from "../server/program.ts";
import { ownServerMissing, postgresServer } from "../services/postgres.ts";
import { skip as redisMissing, startRedis } from "../services/redis.ts";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const missing = ownServerMissing(18) || redisMissing;

const logIn = (server: Server, who: { email: string; password: string } = ann): Promise<Answer> =>
  send(server, "POST", "/auth/login", { body: { ...who, transport: "body" } });
const present = (server: Server, path: string, token: string): Promise<Answer> =>
  send(server, "POST", path, { body: { refresh_token: token } });

async function refreshed(server: Server, token: string): Promise<string> {
  const answer = await present(server, "/auth/refresh", token);
  assert.equal(answer.status, 200, answer.text);
  return answer.json.refresh_token ?? token;
}

/** A person who stays signed in, and sessions that were signed out at different moments. */
interface People {
  token: string;
  readonly over: string[];
}

async function signOutOne(server: Server, people: People): Promise<void> {
  const { json } = await logIn(server);
  assert.equal((await present(server, "/auth/logout", json.refresh_token)).status, 204);
  people.over.push(json.refresh_token);
}

async function check(server: Server, people: People): Promise<void> {
  people.token = await refreshed(server, people.token);
  for (const token of people.over) {
    assert.equal((await present(server, "/auth/refresh", token)).json.code, "session_revoked");
  }
  assert.equal((await logIn(server)).status, 200, "the account came along");
}

async function copied(from: string, to: string, folder: string): Promise<Record<string, number>> {
  const finished = await pawl(["store", "copy", from, "--json"], {
    folder,
    environment: { PAWL_STORE: to, ...needed },
  });
  assert.equal(finished.code, 0, finished.errors);
  return JSON.parse(finished.out);
}

const needed = { PAWL_SECRET: Buffer.alloc(32, 5).toString("base64url") };

/** Copies beside the running server, changes more, stops it, copies the rest, and starts on the new store. */
async function move(server: Server, from: string, to: string, secret: string, people: People): Promise<Server> {
  const { folder, origin } = server;
  const first = await copied(from, to, folder);
  assert.ok((first.added ?? 0) > 0);
  // Two rotations whose copies are older than the last run, and an ending that the first run did not see.
  for (const _ of [1, 2]) people.token = await refreshed(server, people.token);
  await signOutOne(server, people);
  assert.equal((await server.stop()).code, 0);
  const second = await copied(from, to, folder);
  assert.ok((second.updated ?? 0) >= 1 && second.revocations === 1, JSON.stringify(second));
  const environment = { PAWL_STORE: to, PAWL_SECRET: secret };
  const next = await serve(["--issuer", origin, "--port", new URL(origin).port], { folder, environment });
  await check(next, people);
  return next;
}

describe("pawl store copy", { skip: missing }, () => {
  it("moves a live installation from SQLite to Postgres to Redis to SQLite, everybody stays signed in", async () => {
    const url = new URL(await postgresServer(18).url());
    url.searchParams.set("schema", "moved");
    const postgres = url.href;
    const redisServer = await startRedis();
    const redis = redisServer.url;
    let server = await serve();
    const { folder } = server;
    const people: People = { token: (await register(server)).refresh_token, over: [] };
    await signOutOne(server, people);
    const file = "sqlite:./data/pawl.db";
    const secret = readFileSync(join(folder, "data/pawl.db.secret"), "utf8").trim();
    server = await move(server, file, postgres, secret, people);
    server = await move(server, postgres, redis, secret, people);
    server = await move(server, redis, "sqlite:./again.db", secret, people);
    assert.equal((await server.stop()).code, 0);
    const wrong = await pawl(["serve", "--port", "0", "--store", "sqlite:./again.db"], { folder, environment: needed });
    assert.deepEqual([wrong.code, /secret/.test(wrong.errors)], [1, true], wrong.errors);
  });
});

describe("pawl store copy, refused", () => {
  let server: Server;
  before(async () => {
    server = await serve();
    await register(server);
  });
  after(() => server.stop());
  const copy = (...operands: string[]): ReturnType<typeof pawl> =>
    pawl(["store", "copy", ...operands], { folder: server.folder });

  it("says what is wrong, and changes nothing", async () => {
    const source = "sqlite:./data/pawl.db";
    const cases: readonly [string[], number, RegExp][] = [
      [[source, source], 2, /same store/],
      [[source], 2, /same store/],
      [["sqlite:./nowhere.db", "sqlite:./copy.db"], 3, /no database at/],
      [["mysql://x", "sqlite:./copy.db"], 2, /<from> must be/],
      [[source, "memory:"], 2, /memory/],
    ];
    for (const [operands, code, why] of cases) {
      const finished = await copy(...operands);
      assert.deepEqual([finished.code, why.test(finished.errors)], [code, true], finished.errors);
    }
    assert.ok(!existsSync(join(server.folder, "copy.db")));
  });

  it("does not write into another installation, nor over another secret", async () => {
    const other = await serve();
    await register(other);
    const target = `sqlite:${join(other.folder, "data/pawl.db")}`;
    const finished = await copy("sqlite:./data/pawl.db", target);
    assert.deepEqual([finished.code, /secret/.test(finished.errors)], [1, true], finished.errors);
    assert.equal((await logIn(other)).status, 200);
    await other.stop();
  });

  it("killed in the middle, the same command finishes the job", async () => {
    const folder = temporaryFolder();
    const sessions = await createSessions({ store: sqliteStore(join(folder, "big.db")) });
    for (let round = 0; round < 11; round += 1) {
      const issue = (index: number): Promise<unknown> => sessions.issue({ subject: `person ${round}-${index}` });
      await Promise.all(Array.from({ length: 1000 }, (_, index) => issue(index)));
    }
    await sessions.close();
    const argv = [main, "store", "copy", "sqlite:./big.db", "sqlite:./copy.db"];
    const child = spawn(process.execPath, argv, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    await once(child.stderr, "data");
    child.kill("SIGKILL");
    await once(child, "close");
    const finished = await pawl([...argv.slice(1), "--json"], { folder });
    assert.equal(finished.code, 0, finished.errors);
    const counts = JSON.parse(finished.out);
    assert.equal(counts.sessions, 11_000);
    assert.ok(counts.added < 11_000, "it went on where the first run was");
  });
});

describe("pawl store backup", () => {
  it("copies a running server's database with its secret; a restore ends what the backup brought back", async () => {
    const server = await serve();
    const { folder } = server;
    const { refresh_token: token } = await register(server);
    const { json: left } = await logIn(server);
    const finished = await pawl(["store", "backup", "./backup.db"], { folder });
    assert.equal(finished.code, 0, finished.errors);
    assert.match(finished.out, /secret is in \.\/backup\.db\.secret/);
    for (const name of ["backup.db", "backup.db.secret"]) {
      assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
    }
    assert.equal((await present(server, "/auth/logout", left.refresh_token)).status, 204);
    assert.equal((await pawl(["store", "backup", "./backup.db"], { folder })).code, 1, "nothing is overwritten");
    await server.stop();

    const store = ["--store", "sqlite:./backup.db"];
    const revoked = await pawl(["sessions", "revoke", "--before", new Date().toISOString(), "--json", ...store], {
      folder,
    });
    assert.deepEqual(JSON.parse(revoked.out), { revoked: 2, missed: [] });
    const restored = await serve(store, { folder });
    for (const each of [token, left.refresh_token]) {
      assert.equal((await present(restored, "/auth/refresh", each)).json.code, "session_revoked");
    }
    assert.equal((await logIn(restored)).status, 200);
    await restored.stop();
  });

  it("makes a file of a networked store, which serves with the same secret", { skip: missing }, async () => {
    const url = new URL(await postgresServer(18).url());
    url.searchParams.set("schema", "kept");
    const environment = { ...needed, PAWL_STORE: url.href };
    const server = await serve([], { environment });
    const { folder } = server;
    const { refresh_token: token } = await register(server);
    const finished = await pawl(["store", "backup", "kept.db"], { folder, environment });
    assert.equal(finished.code, 0, finished.errors);
    assert.match(finished.out, /PAWL_SECRET/);
    await server.stop();
    const restored = await serve(["--store", "sqlite:kept.db"], { folder, environment: needed });
    await refreshed(restored, token);
    await restored.stop();
    writeFileSync(join(folder, "no.db"), "somebody else's");
    assert.equal((await pawl(["store", "backup", "no.db"], { folder, environment })).code, 1);
  });
});
