// `pawl store copy`, `pawl store backup` and `pawl store restore` beside running servers, as an operator uses them: one live installation moves
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
import { mysqlMissing, mysqlServer } from "../services/mysql.ts";
import { ownServerMissing, postgresServer } from "../services/postgres.ts";
import { skip as redisMissing, startRedis } from "../services/redis.ts";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const missing = ownServerMissing(18) || mysqlMissing || redisMissing;

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
  it("moves a live installation from SQLite to Postgres to MariaDB to Redis to SQLite, everybody stays signed in", async () => {
    const mysql = `${await mysqlServer().url()}?prefix=moved_`;
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
    server = await move(server, postgres, mysql, secret, people);
    server = await move(server, mysql, redis, secret, people);
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
      [["oracle://x", "sqlite:./copy.db"], 2, /<from> must be/],
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

  it("does not take the accounts of a store in which nobody is signed in, unless it is told to", async () => {
    const folder = temporaryFolder();
    const secret = { PAWL_SECRET: needed.PAWL_SECRET };
    const run = (line: string, input?: string): ReturnType<typeof pawl> =>
      pawl(line.split(" "), { folder, environment: secret, ...(input === undefined ? {} : { input }) });
    for (const name of ["old", "new"]) {
      const added = await run(`users add ${name}@example.com --password-stdin --store sqlite:${name}.db`, ann.password);
      assert.equal(added.code, 0, added.errors);
    }
    const refused = await run("store copy sqlite:new.db sqlite:old.db");
    assert.deepEqual(
      [refused.code, /accounts or clients that the source does not have/.test(refused.errors)],
      [1, true],
    );
    assert.match((await run("users list --store sqlite:old.db")).out, /old@example\.com/);
    const replaced = await run("store copy sqlite:new.db sqlite:old.db --replace");
    assert.equal(replaced.code, 0, replaced.errors);
    assert.match((await run("users list --store sqlite:old.db")).out, /new@example\.com/);
  });

  it("needs no secret for what it does, and shows no password of an address", async () => {
    const { folder } = server;
    const environment = { PAWL_STORE: "redis://:hunter2-in-here@127.0.0.1:1" };
    const unreachable = await pawl(["store", "copy", "sqlite:./data/pawl.db"], { folder, environment });
    assert.deepEqual([unreachable.code, /PAWL_SECRET/.test(unreachable.errors)], [3, false], unreachable.errors);
    const extra = await copy("sqlite:a", "sqlite:b", "postgres://root:hunter2-in-here@127.0.0.1/test");
    assert.equal(extra.code, 2);
    for (const { errors } of [unreachable, extra]) assert.doesNotMatch(errors, /hunter2/);
    assert.ok(extra.errors.split("\n").length < 6, "not the whole help");
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

  it("is put back over a database whose server was killed: none of its log gets into it", async () => {
    const server = await serve();
    const { folder } = server;
    const { refresh_token: token } = await register(server);
    assert.equal((await pawl(["store", "backup", "./kept.db"], { folder })).code, 0);
    for (let round = 0; round < 30; round += 1) await logIn(server);
    const refused = await pawl(["store", "restore", "./kept.db"], { folder });
    assert.deepEqual([refused.code, /a server or a command uses/.test(refused.errors)], [3, true], refused.errors);
    await logIn(server);
    await server.stop("SIGKILL");
    assert.ok(existsSync(join(folder, "data/pawl.db-wal")), "it left a log");
    const finished = await pawl(["store", "restore", "./kept.db", "--json"], { folder });
    assert.equal(finished.code, 0, finished.errors);
    const { kept, secret } = JSON.parse(finished.out);
    assert.equal(secret, true);
    assert.ok(!existsSync(join(folder, "data/pawl.db-wal")));
    const sessionsIn = async (file: string): Promise<number> => {
      const listed = await pawl(["sessions", "list", "--limit", "100", "--json", "--store", `sqlite:${file}`], {
        folder,
      });
      assert.equal(listed.code, 0, listed.errors);
      return JSON.parse(listed.out).sessions.length;
    };
    assert.equal(await sessionsIn("./data/pawl.db"), 1);
    assert.equal(await sessionsIn(kept), 32, "what was there is kept, its log included");
    const restored = await serve([], { folder });
    await refreshed(restored, token);
    await restored.stop();
  });

  it("is put back over a damaged database too; a damaged backup, or none, changes nothing", async () => {
    const server = await serve();
    const { folder } = server;
    const { refresh_token: token } = await register(server);
    await server.stop();
    const file = join(folder, "data/pawl.db");
    assert.equal((await pawl(["store", "backup", "./kept.db"], { folder })).code, 0);
    const whole = readFileSync(join(folder, "kept.db"));
    const torn = Buffer.from(whole);
    torn.fill(0xa5, 4096, whole.length - 4096);
    writeFileSync(join(folder, "torn.db"), torn);
    writeFileSync(join(folder, "foreign.db"), "something else altogether");
    const before = readFileSync(file);
    for (const [name, code, why] of [
      ["torn.db", 1, /the backup is damaged/],
      ["foreign.db", 1, /not a Pawl database/],
      ["nowhere.db", 3, /no database at/],
      ["data/pawl.db", 2, /is the store itself/],
    ] as const) {
      const refused = await pawl(["store", "restore", name], { folder });
      assert.deepEqual([refused.code, why.test(refused.errors)], [code, true], refused.errors);
    }
    assert.deepEqual(readFileSync(file), before);
    writeFileSync(file, torn);
    writeFileSync(`${file}-wal`, "what a machine that lost its power left");
    const finished = await pawl(["store", "restore", "kept.db"], { folder });
    assert.equal(finished.code, 0, finished.errors);
    assert.match(finished.out, /pawl sessions revoke --before \d{4}-/);
    const restored = await serve([], { folder });
    await refreshed(restored, token);
    await restored.stop();
  });

  it("is put back with its own secret where another installation was, and that one's is kept", async () => {
    const [one, other] = [await serve(), await serve()];
    const { refresh_token: token } = await register(one);
    assert.equal((await pawl(["store", "backup", "kept.db"], { folder: one.folder })).code, 0);
    const [, theirs] = [await one.stop(), readFileSync(join(other.folder, "data/pawl.db.secret"), "utf8")];
    await other.stop();
    const finished = await pawl(["store", "restore", join(one.folder, "kept.db"), "--json"], { folder: other.folder });
    assert.equal(finished.code, 0, finished.errors);
    assert.equal(readFileSync(`${JSON.parse(finished.out).kept}.secret`, "utf8"), theirs);
    const restored = await serve([], { folder: other.folder });
    await refreshed(restored, token);
    await restored.stop();
    const wrong = await pawl(["store", "restore", "kept.db", "--store", "redis://localhost:1"], { folder: one.folder });
    assert.deepEqual([wrong.code, /store copy sqlite:<file>/.test(wrong.errors)], [2, true], wrong.errors);
    const address = "postgres://root:hunter2-in-here@127.0.0.1/test";
    for (const words of [
      ["store", "restore", address],
      ["store", "backup", address],
      [address],
      ["version", address.slice(9)],
    ]) {
      const refused = await pawl(words, { folder: one.folder });
      assert.equal(refused.code, 2, refused.errors);
      assert.doesNotMatch(refused.out + refused.errors, /hunter2/);
    }
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
