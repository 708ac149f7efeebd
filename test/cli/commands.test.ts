// The command line beside a running server, on the same store: what it prints, its exit codes, and that the server sees
// at once what it did.

import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ann, type Finished, pawl, register, type Server, send, serve, temporaryFolder } from "../server/program.ts";

let server: Server;
/** The key ids that the running server publishes. */
async function publishedKeys(): Promise<string[]> {
  const { json: jwks } = await send(server, "GET", "/.well-known/jwks.json");
  return jwks.keys.map((key: { kid: string }) => key.kid);
}

let rotatedKey: string;
before(async () => {
  server = await serve();
  // The server looks for new keys every few seconds; the last test of this file waits for what is left of that.
  rotatedKey = (await json("keys rotate")).key.kid;
});
after(async () => {
  await server.stop();
});

/** Runs a command in the server's folder: the same configuration, the same store, the same secret. */
function command(line: string, input?: string): Promise<Finished> {
  return pawl(line.split(" "), { folder: server.folder, ...(input === undefined ? {} : { input }) });
}

// biome-ignore lint/suspicious/noExplicitAny: what a test reads out of an answer is checked by its assertions
async function json(line: string, code = 0): Promise<any> {
  const finished = await command(`${line} --json`);
  assert.equal(finished.code, code, finished.errors);
  return JSON.parse(finished.out);
}

const get = (path: string, token: string): ReturnType<typeof send> =>
  send(server, "GET", path, { headers: { authorization: `Bearer ${token}` } });
const refresh = (token: string): ReturnType<typeof send> =>
  send(server, "POST", "/auth/refresh", { body: { refresh_token: token } });

describe("pawl users", () => {
  it("adds an account that can sign in, with a password from standard input", async () => {
    const added = await command("users add bob@example.com --name Bob --password-stdin", `${ann.password}\n`);
    assert.equal(added.code, 0, added.errors);
    assert.match(added.out, /^added bob@example\.com \([A-Za-z0-9_-]{16}\)\n$/);
    const login = { email: "BOB@example.com", password: ann.password, transport: "body" };
    const answer = await send(server, "POST", "/auth/login", { body: login });
    assert.equal(answer.status, 200);
    assert.equal(answer.json.user.name, "Bob");
  });

  it("says why it could not: exit code 1, one line, no password in it", async () => {
    const again = await command("users add bob@example.com --password-stdin", ann.password);
    assert.equal(again.code, 1);
    assert.match(again.errors, /^pawl: .*exists.*\n$/);
    const weak = await command("users add eve@example.com --password-stdin", "hunter2\n");
    assert.equal(weak.code, 1);
    assert.match(weak.errors, /^pawl: .*too_short.*\n$/);
    assert.ok(!weak.errors.includes("hunter2"));
    const odd = await command("users add nobody --password-stdin", ann.password);
    assert.equal(odd.code, 1);
  });

  it("needs a terminal or --password-stdin: wrong usage otherwise", async () => {
    const { code, errors } = await command("users add carol@example.com", "some password that is piped\n");
    assert.equal(code, 2);
    assert.match(errors, /^pawl: .*--password-stdin\n/);
  });

  it("lists accounts, page by page, without a password hash", async () => {
    await command("users add dave@example.com --password-stdin", ann.password);
    const all = await json("users list");
    assert.deepEqual(all.users.map((user: { email: string }) => user.email).sort(), [
      "bob@example.com",
      "dave@example.com",
    ]);
    assert.equal(all.next, null);
    assert.ok(!JSON.stringify(all).includes("argon2"));
    const first = await json("users list --limit 1");
    assert.equal(first.users.length, 1);
    const second = await json(`users list --limit 1 --after ${first.next}`);
    assert.deepEqual([...first.users, ...second.users], all.users);
    assert.match((await command("users list")).out, /^ID +E-MAIL +NAME +CREATED \(UTC\) +STATE\n(.+\n){2}$/);
  });

  it("disables at once: sessions end, sign-in is refused; and enables again", async () => {
    const login = { email: "dave@example.com", password: ann.password, transport: "body" };
    const { json: session } = await send(server, "POST", "/auth/login", { body: login });
    assert.equal((await json("users disable dave@example.com")).revoked, 1);
    assert.equal((await get("/auth/session", session.access_token)).status, 401);
    assert.equal((await refresh(session.refresh_token)).json.code, "session_revoked");
    assert.equal((await send(server, "POST", "/auth/login", { body: login })).status, 401);
    assert.equal((await json("users disable dave@example.com")).revoked, 0);
    assert.match((await command("users enable dave@example.com")).out, /^enabled dave@example\.com\n$/);
    assert.equal((await send(server, "POST", "/auth/login", { body: login })).status, 200);
  });

  it("does not know strangers", async () => {
    for (const line of ["users disable", "users enable", "users reset"]) {
      const { code, errors } = await command(`${line} stranger@example.com`);
      assert.equal(code, 1, line);
      assert.match(errors, /^pawl: .*e-mail address.*\n$/, line);
    }
  });
});

describe("pawl sessions", () => {
  it("shows, explains and revokes; the server refuses the session from the next request on", async () => {
    const session = await register(server);
    const { id } = session.session;
    const listed = await json(`sessions list --user ${ann.email}`);
    assert.deepEqual(
      listed.sessions.map((each: { id: string }) => each.id),
      [id],
    );
    assert.equal(listed.sessions[0].state, "live");
    assert.match((await command("sessions list")).out, new RegExp(`^${id} +ann@example\\.com .* live `, "m"));
    const shown = await json(`sessions show ${id}`);
    assert.deepEqual([shown.state, shown.generation, shown.subject], ["live", 0, session.user.id]);
    assert.match((await command(`sessions why ${id}`)).out, /has not ended/);

    assert.equal((await get("/auth/session", session.access_token)).status, 200);
    assert.deepEqual(await json(`sessions revoke ${id}`), { revoked: 1, missed: [] });
    assert.equal((await get("/auth/session", session.access_token)).status, 401);
    assert.equal((await refresh(session.refresh_token)).json.code, "session_revoked");

    const why = await json(`sessions why ${id}`);
    assert.deepEqual([why.state, why.reason], ["ended", "revoked_by_operator"]);
    assert.match((await command(`sessions show ${id}`)).out, /^state +ended \(revoked_by_operator\)$/m);
    assert.equal((await json(`sessions list --user ${ann.email}`)).sessions.length, 0);
    assert.equal((await json(`sessions list --user ${ann.email} --ended`)).sessions.length, 1);
    const again = await command(`sessions revoke ${id}`);
    assert.equal(again.code, 1);
    assert.match(again.errors, /unknown or already over/);
  });

  it("creates a session that the server honours, in both transports", async () => {
    const body = await json(`sessions create --user ${ann.email} --transport body`);
    assert.equal((await get("/auth/session", body.access_token)).status, 200);
    assert.equal((await refresh(body.refresh_token)).status, 200);
    assert.equal(body.user.email, ann.email);
    assert.deepEqual(Object.keys(body).sort(), Object.keys(await login()).sort());
    const cookie = await json(`sessions create --user ${ann.email}`);
    assert.equal(cookie.refresh_token, undefined);
    const [pair = ""] = cookie.set_cookie.split(";");
    const answer = await send(server, "POST", "/auth/refresh", { headers: { cookie: pair, "x-pawl": "1" } });
    assert.equal(answer.status, 200);
  });

  it("gives a client its first tokens, which the running server refreshes", async () => {
    const added = await json("clients add tool --secret --scope read,write");
    assert.equal(added.client.authentication, "client_secret");
    const line = `sessions create --user ${ann.email} --client tool`;
    const made = await json(`${line} --scope read`);
    assert.deepEqual([made.token_type, made.scope, made.user], ["Bearer", "read", undefined]);
    const form = { grant_type: "refresh_token", refresh_token: made.refresh_token, client_id: "tool" };
    const ask = (more: object): Promise<Response> =>
      fetch(`${server.origin}/oauth/token`, { method: "POST", body: new URLSearchParams({ ...form, ...more }) });
    assert.equal((await ask({})).status, 401);
    const answer = await ask({ client_secret: added.client_secret });
    assert.equal(answer.status, 200);
    assert.equal(((await answer.json()) as { scope: string }).scope, "read");
    const { clients } = await json("clients list");
    assert.deepEqual(clients, [added.client]);
    assert.equal((await command("clients add tool")).code, 1, "it is there");
    for (const wrong of [
      "clients add a/b",
      `${line} --transport body`,
      `sessions create --user ${ann.email} --scope read`,
    ]) {
      assert.equal((await command(wrong)).code, 2, wrong);
    }
    assert.equal((await command(`${line} --scope admin`)).code, 1);
    assert.deepEqual(await json("clients remove tool"), { removed: true });
    assert.deepEqual(await json("clients remove tool", 1), { removed: false });
    assert.equal((await command(line)).code, 1, "it is gone");
  });

  it("ends those of one user, and those from before an instant", async () => {
    const old = await login();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const between = new Date().toISOString();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const young = await login();
    await json(`sessions revoke --user ${ann.email} --before ${between}`);
    assert.equal((await get("/auth/session", old.access_token)).status, 401);
    assert.equal((await get("/auth/session", young.access_token)).status, 200);
    assert.deepEqual(await json(`sessions revoke --user ${ann.email}`), { revoked: 1, missed: [] });
    assert.equal((await get("/auth/session", young.access_token)).status, 401);
  });

  it("ends those of all users, and tells verifiers of each", async () => {
    const people = [await login(), await login()];
    const erin = { email: "erin@example.com", password: ann.password, transport: "body" };
    people.push((await send(server, "POST", "/auth/register", { body: erin })).json);
    const { cursor } = (await send(server, "GET", "/auth/revocations")).json;
    await new Promise((resolve) => setTimeout(resolve, 5));
    const { revoked } = await json(`sessions revoke --before ${new Date().toISOString()}`);
    assert.ok(revoked >= people.length, `${revoked}`);
    for (const each of people) {
      assert.equal((await get("/auth/session", each.access_token)).status, 401);
      assert.equal((await refresh(each.refresh_token)).json.code, "session_revoked");
    }
    const told = (await send(server, "GET", `/auth/revocations?after=${cursor}`)).json.revocations;
    assert.equal(told.length, revoked);
    for (const { session } of people) assert.ok(told.some((entry: { sid: string }) => entry.sid === session.id));
  });

  it("is wrong usage without knowing which", async () => {
    const wrong = [
      "sessions revoke",
      `sessions revoke AAAAAAAAAAAAAAAAAAAAAA --user ${ann.email}`,
      "sessions revoke --before yesterday",
      "sessions revoke --before 2026-13-01",
      "sessions revoke --before 2026-02-30",
      "sessions create",
      `sessions create --user ${ann.email} --transport pigeon`,
      "sessions list --limit 0",
      "sessions list --limit 1001",
      "purge --keep forever",
    ];
    const codes = (await Promise.all(wrong.map((line) => command(line)))).map(({ code }) => code);
    assert.deepEqual(
      codes,
      wrong.map(() => 2),
    );
    for (const line of [
      "sessions show AAAAAAAAAAAAAAAAAAAAAA",
      "sessions why nonsense",
      "sessions create --user x@example.com",
    ]) {
      assert.equal((await command(line)).code, 1, line);
    }
  });
});

async function login(): ReturnType<typeof register> {
  const body = { ...ann, transport: "body" };
  const answer = await send(server, "POST", "/auth/login", { body });
  assert.equal(answer.status, 200);
  return answer.json;
}

describe("pawl keys, purge, version, help", () => {
  it("rotates the signing key: published, not signing yet", async () => {
    const before = await json("keys list");
    const { key } = await json("keys rotate");
    assert.equal(key.state, "published");
    const after = await json("keys list");
    const kids = (keys: { kid: string }[]): string[] => keys.map((each) => each.kid).sort();
    assert.deepEqual(kids(after.keys), [key.kid, ...kids(before.keys)].sort());
    assert.ok(before.keys.some((each: { state: string }) => each.state === "active"));
    assert.ok(!JSON.stringify(after).includes('"d"'));
    assert.match((await command("keys list")).out, /^KEY ID +ALGORITHM +STATE +CREATED \(UTC\)\n(.+\n){3}$/);
  });

  it("purges what was over long enough, and nothing live", async () => {
    const live = await login();
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal((await json("purge")).removed, 0);
    const { removed } = await json("purge --keep 0");
    assert.ok(removed > 0);
    assert.equal((await refresh(live.refresh_token)).status, 200);
    assert.match((await command("purge")).out, /^removed: 0\n$/);
  });

  it("prints the version", async () => {
    assert.match((await command("version")).out, /^pawl \d+\.\d+\.\d+\n$/);
    assert.equal((await json("version")).node, process.versions.node);
  });

  it("explains itself", async () => {
    const { code, out } = await command("help");
    assert.equal(code, 0);
    for (const word of ["serve", "users add", "sessions why", "keys rotate", "Exit codes"])
      assert.ok(out.includes(word), word);
    assert.match((await command("help users")).out, /^Usage: pawl users add [\s\S]*^Usage: pawl users list/m);
    assert.match((await command("serve --help")).out, /--access-ttl +PAWL_ACCESS_TTL +a duration/);
    const wrong = await command("servee");
    assert.equal(wrong.code, 2);
    assert.equal(wrong.out, "");
    assert.match(wrong.errors, /^pawl: there is no command "servee"; did you mean serve\?\nUsage: pawl/);
    assert.equal((await pawl([], { folder: server.folder })).code, 2);
  });
});

describe("without the right store", () => {
  it("a command that reads does not create a database: exit code 3", async () => {
    const folder = temporaryFolder();
    for (const line of ["users list", "sessions list", "keys rotate", "purge", `users disable ${ann.email}`]) {
      const { code, errors } = await pawl(line.split(" "), { folder });
      assert.equal(code, 3, line);
      assert.match(errors, /^pawl: there is no database at \.\/data\/pawl\.db; .*\n$/);
    }
    assert.deepEqual(readdirSync(folder), []);
    const added = await pawl(["users", "add", ann.email, "--password-stdin"], { folder, input: ann.password });
    assert.equal(added.code, 0, added.errors);
    assert.ok(existsSync(join(folder, "data", "pawl.db")));
  });

  it("a memory: store or a bad option is wrong usage, told before a password is asked for", async () => {
    const folder = temporaryFolder();
    for (const argv of [
      ["users", "list", "--store", "memory:"],
      ["users", "add", ann.email, "--store", "memory:"],
      ["users", "add", ann.email, "--store", "redis://localhost"],
      ["users", "list", "--grace", "0"],
    ]) {
      const { code, errors } = await pawl(argv, { folder });
      assert.equal(code, 2, errors);
      assert.match(errors, /^pawl: .*(store|grace).*\n$/);
    }
    assert.deepEqual(readdirSync(folder), []);
  });
});

describe("a running server", () => {
  it("publishes a key that the command line made", async () => {
    const roundsMax = 150;
    for (let round = 0; !(await publishedKeys()).includes(rotatedKey); round++) {
      assert.ok(round < roundsMax, "the server did not pick the key up");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
});

describe("on a Node that is too old", () => {
  it("says so in one line: exit code 1", async () => {
    const disguise = "Object.defineProperty(process,'versions',{value:{node:'22.12.0'}})";
    const environment = { NODE_OPTIONS: `--import data:text/javascript,${disguise}` };
    const { code, out, errors } = await pawl(["version"], { folder: temporaryFolder(), environment });
    assert.deepEqual(
      { code, out, errors },
      { code: 1, out: "", errors: "pawl needs Node.js 22.13 or newer; this is 22.12.0\n" },
    );
  });
});
