// The running server from the outside: ready line, options, signals, operations routes, pages, reset, logs.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ann, pawl, register, send, serve, temporaryFolder } from "./program.ts";

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

describe("the start", () => {
  it("prints the ready line, exactly one, and nothing else on standard output", async () => {
    const server = await serve();
    const finished = await server.stop();
    const line = `pawl ready http://localhost:${server.port} pid=${server.process.pid} store=sqlite\n`;
    assert.equal(finished.out, line);
    assert.equal(finished.code, 0);
    assert.notEqual(server.port, 0);
  });

  it("keeps database and secret for the owner's eyes only", async () => {
    const server = await serve();
    for (const name of ["pawl.db", "pawl.db.secret"]) {
      assert.equal(statSync(join(server.folder, "data", name)).mode & 0o077, 0, name);
    }
    await server.stop();
  });

  it("serves on both loopback families and under the name the issuer has", async (t) => {
    const server = await serve(["--store", "memory:"]);
    assert.match(server.seen.out, / store=memory\n$/);
    assert.equal((await send(server, "GET", "/healthz")).status, 200);
    const six = await send({ port: server.port, host: "::1" }, "GET", "/healthz").catch((error: Error) => error);
    if (six instanceof Error) t.diagnostic(`no IPv6 loopback here: ${six.message}`);
    else assert.equal(six.status, 200);
    assert.deepEqual(readdirSync(server.folder), [], "memory: leaves nothing behind");
    await server.stop();
  });

  it("takes flags before the environment before pawl.config.json", async () => {
    const folder = temporaryFolder();
    writeFileSync(
      join(folder, "pawl.config.json"),
      JSON.stringify({ accessTtl: "1m", idleTtl: "1h", store: "memory:" }),
    );
    const environment = { PAWL_ACCESS_TTL: "2m", PAWL_IDLE_TTL: "2h", PORT: "1" };
    const server = await serve(["--access-ttl", "3m"], { folder, environment });
    const session = await register(server);
    assert.equal(session.expires_in, 180);
    assert.equal(session.refresh_token_timeout, 7200);
    await server.stop();
  });

  it("refuses a bad option in one line and creates nothing", async () => {
    const folder = temporaryFolder();
    const cases: [string[], Record<string, string>, RegExp][] = [
      [["--port", "70000"], {}, /^pawl: --port "70000" is not accepted: it takes a whole number from 0 to 65535.*\n$/],
      [[], { PAWL_ACCESS_TTL: "soon" }, /^pawl: PAWL_ACCESS_TTL "soon" is not accepted: it takes .*\n$/],
      [[], { PAWL_SECRET: "hunter2" }, /^pawl: PAWL_SECRET is not accepted: it takes .*base64url.*\n$/],
      [["--store", "redis://localhost/0"], {}, /^pawl: PAWL_SECRET is required with a redis: store.*\n$/],
      [["--store", "postgres://localhost/pawl"], {}, /^pawl: PAWL_SECRET is required with a postgres: store.*\n$/],
      [["--issuer", "http://auth.example.com"], {}, /^pawl: --issuer .*loopback hosts only.*\n$/],
      [["--grace", "0"], {}, /^pawl: --grace is not accepted: .*0 only with rotation strict\n$/],
    ];
    const finished = await Promise.all(
      cases.map(([argv, environment]) => pawl(["serve", ...argv], { folder, environment })),
    );
    for (const [index, { code, out, errors }] of finished.entries()) {
      assert.equal(code, 2, errors);
      assert.equal(out, "");
      assert.match(errors, cases[index]?.[2] as RegExp);
    }
    assert.deepEqual(readdirSync(folder), []);
  });

  it("leaves nothing behind when the port is taken", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const { port } = taken.address() as { port: number };
    const folder = temporaryFolder();
    const { code, errors } = await pawl(["serve", "--port", String(port), "--host", "127.0.0.1"], { folder });
    taken.close();
    assert.equal(code, 1);
    assert.match(errors, new RegExp(`^pawl: .*EADDRINUSE.*${port}.*\n$`));
    assert.deepEqual(readdirSync(folder), []);
  });

  it("refuses a file that is no Pawl database, and a store it cannot reach", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "letter.txt"), "Dear reader, this is no database. ".repeat(100));
    const foreign = await pawl(["serve", "--port", "0", "--store", "sqlite:letter.txt"], { folder });
    assert.equal(foreign.code, 1);
    assert.match(foreign.errors, /^pawl: .*not a Pawl database.*\n$/i);
    mkdirSync(join(folder, "folder"));
    const unreachable = await pawl(["serve", "--port", "0", "--store", "sqlite:folder"], { folder });
    assert.notEqual(unreachable.code, 0);
    assert.match(unreachable.errors, /^pawl: .*\n$/);
    assert.equal(unreachable.out, "");
  });

  it("refuses to start when sessions depend on a secret that is not given", async () => {
    const one = await serve([], { environment: { PAWL_SECRET: "A".repeat(43) } });
    await register(one);
    await one.stop();
    const environment = { PAWL_SECRET: `${"B".repeat(42)}A` };
    const { code, out, errors } = await pawl(["serve", "--port", "0"], { folder: one.folder, environment });
    assert.equal(code, 1);
    assert.equal(out, "");
    assert.match(errors, /^pawl: .*PAWL_SECRET.*\n$/);
    assert.ok(!errors.includes("BBBB"));
    const both = await serve([], {
      folder: one.folder,
      environment: { PAWL_SECRET: `${environment.PAWL_SECRET},${"A".repeat(43)}` },
    });
    await both.stop();
  });
});

describe("the end", () => {
  it("comes in order with SIGTERM and with SIGINT, also twice", async () => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const server = await serve(["--store", "memory:"]);
      server.process.kill(signal);
      const { code } = await server.stop(signal);
      assert.equal(code, 0, signal);
    }
  });

  it("finishes what is in flight and keeps what was promised", async () => {
    const server = await serve();
    const session = await register(server);
    // A request whose body is still arriving when the signal comes.
    const body = JSON.stringify({ refresh_token: session.refresh_token });
    const socket = connect(server.port, "127.0.0.1");
    const head = `POST /auth/refresh HTTP/1.1\r\nHost: localhost:${server.port}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
    const answer = read(socket);
    socket.write(head + body.slice(0, 10));
    // The server has the head once it answers another request that came later.
    await send(server, "GET", "/healthz");
    const stopped = server.stop();
    await untilRefused(server.port);
    socket.write(body.slice(10));
    const text = await answer;
    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.equal((await stopped).code, 0);
    const token = JSON.parse(text.slice(text.indexOf("\r\n\r\n"))).refresh_token;
    const again = await serve([], { folder: server.folder });
    const next = await send(again, "POST", "/auth/refresh", { body: { refresh_token: token } });
    assert.equal(next.status, 200);
    await again.stop();
  });
});

function read(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    socket.once("close", () => resolve(text)).once("error", reject);
  });
}

/** Waits until the port accepts no more connections: the signal has arrived. */
async function untilRefused(port: number): Promise<void> {
  for (let round = 0; round < 200; round++) {
    const refused = await new Promise((resolve) => {
      const probe = connect(port, "127.0.0.1", () => {
        probe.destroy();
        resolve(false);
      });
      probe.once("error", () => resolve(true));
    });
    if (refused) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail("still accepting");
}

describe("operations", () => {
  it("say that the process lives and that the store answers", async () => {
    const server = await serve(["--store", "memory:"]);
    assert.deepEqual((await send(server, "GET", "/healthz")).json, { status: "ok" });
    assert.deepEqual((await send(server, "GET", "/readyz")).json, { status: "ready" });
    const post = await send(server, "POST", "/healthz");
    assert.equal(post.status, 405);
    assert.equal(post.headers.allow, "GET, HEAD");
    assert.equal((await send(server, "HEAD", "/readyz")).status, 200);
    await server.stop();
  });

  it("count events, requests and refresh outcomes, and name nobody", async () => {
    const server = await serve(["--store", "memory:"]);
    const session = await register(server);
    await send(server, "POST", "/auth/refresh", { body: { refresh_token: session.refresh_token } });
    await send(server, "POST", "/auth/refresh", { body: { refresh_token: "pawl_rt_junk" } });
    await send(server, "GET", "/some/secret/path/of/mine");
    const { status, text, headers } = await send(server, "GET", "/metrics");
    assert.equal(status, 200);
    assert.equal(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert.match(text, /^pawl_session_events_total\{type="session_created"\} 1$/m);
    assert.match(text, /^pawl_refreshes_total\{outcome="rotated"\} 1$/m);
    assert.match(text, /^pawl_refreshes_total\{outcome="refresh_token_invalid"\} 1$/m);
    assert.match(text, /^pawl_http_requests_total\{route="\/auth\/refresh",method="POST",status="200"\} 1$/m);
    assert.match(text, /^pawl_http_requests_total\{route="other",method="GET",status="404"\} 1$/m);
    assert.match(text, /^pawl_http_request_duration_seconds_bucket\{route="\/auth\/register",le="\+Inf"\} 1$/m);
    assert.match(text, /^process_resident_memory_bytes \d+$/m);
    for (const word of ["secret/path", ann.email, session.user.id, session.session.id, "127.0.0.1"]) {
      assert.ok(!text.includes(word), word);
    }
    for (const line of text.trimEnd().split("\n")) assert.match(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{.*\})? [\d.]+)$/);
    await server.stop();
  });

  it("show the metrics without a token to direct programs of this machine only", async () => {
    const server = await serve(["--store", "memory:"]);
    const ask = async (headers: Record<string, string>): Promise<number> =>
      (await send(server, "GET", "/metrics", { headers })).status;
    assert.equal(await ask({}), 200);
    for (const headers of [
      { host: "evil.example" },
      { host: `127.0.0.1:${server.port}` },
      { "x-forwarded-for": "127.0.0.1" },
      { forwarded: "for=127.0.0.1" },
      { via: "1.1 proxy" },
    ]) {
      assert.equal(await ask(headers as Record<string, string>), 404, JSON.stringify(headers));
    }
    await server.stop();
  });

  it("show the metrics to whoever has the token, when there is one", async () => {
    const server = await serve(["--store", "memory:"], { environment: { PAWL_ADMIN_TOKEN: "operators-only" } });
    const without = await send(server, "GET", "/metrics");
    assert.equal(without.status, 401);
    assert.match(String(without.headers["www-authenticate"]), /^Bearer/);
    assert.equal((await send(server, "GET", "/metrics", { headers: bearer("guess") })).status, 401);
    assert.equal((await send(server, "GET", "/metrics", { headers: bearer("operators-onlyx") })).status, 401);
    const far = { ...bearer("operators-only"), "x-forwarded-for": "203.0.113.9", host: "other.example" };
    assert.equal((await send(server, "GET", "/metrics", { headers: far })).status, 200);
    await server.stop();
  });
});

const built = existsSync(new URL("../../dist/console/index.html", import.meta.url));

describe("pages", {
  skip: built || process.env.CI === "true" ? false : "the pages are not built (npm run build)",
}, () => {
  it("come with a strict policy, their type, an ETag, and 304 when known", async () => {
    const server = await serve(["--store", "memory:"]);
    const page = await send(server, "GET", "/");
    assert.equal(page.status, 200);
    assert.equal(page.headers["content-type"], "text/html; charset=utf-8");
    const policy = String(page.headers["content-security-policy"]);
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "require-trusted-types-for 'script'",
    ]) {
      assert.ok(policy.includes(rule), rule);
    }
    assert.doesNotMatch(policy, /unsafe|\*|http:|https:/);
    assert.equal(page.headers["x-content-type-options"], "nosniff");
    assert.equal(page.headers["cache-control"], "no-cache");
    assert.doesNotMatch(page.text, /<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/, "nothing inline");
    const known = { "if-none-match": `"other", W/${page.headers.etag}` };
    const again = await send(server, "GET", "/", { headers: known });
    assert.deepEqual([again.status, again.text], [304, ""]);
    assert.equal((await send(server, "GET", "/", { headers: { "if-none-match": '"other"' } })).status, 200);
    await server.stop();
  });

  it("are an exact list; everything else is a 404 problem", async () => {
    const server = await serve(["--store", "memory:"]);
    const types = {
      css: "text/css; charset=utf-8",
      js: "text/javascript; charset=utf-8",
      svg: "image/svg+xml; charset=utf-8",
    };
    const pages = [await send(server, "GET", "/"), await send(server, "GET", "/reset")];
    const linked = pages.flatMap(({ text }) =>
      [...text.matchAll(/(?:href|src)="(\/[^"]+)"/g)].map((match) => match[1] as string),
    );
    for (const path of new Set([...linked, "/client/index.js"])) {
      const { status, headers } = await send(server, "GET", path);
      const type = types[path.split(".").at(-1) as keyof typeof types];
      assert.deepEqual([status, headers["content-type"]], [200, type], path);
    }
    assert.ok(linked.some((path) => path.endsWith(".js")));
    for (const path of [
      "/nothing",
      "/../package.json",
      "/console/../cli/main.js",
      "/client/..%2fcli%2fmain.js",
      "/app.d.ts",
      "/client/",
      "//app.js",
      "/constructor",
      "/auth/nothing",
    ]) {
      const { status, json } = await send(server, "GET", path);
      assert.deepEqual([status, json?.code], [404, "not_found"], path);
    }
    const post = await send(server, "POST", "/");
    assert.deepEqual([post.status, post.headers.allow, post.json.code], [405, "GET, HEAD", "method_not_allowed"]);
    const head = await send(server, "HEAD", "/");
    assert.deepEqual([head.status, head.text], [200, ""]);
    await server.stop();
  });
});

describe("a password reset", () => {
  it("sets a new password once and ends every session of the user", async () => {
    const server = await serve();
    const session = await register(server);
    const { code, out } = await pawl(["users", "reset", ann.email], { folder: server.folder });
    assert.equal(code, 0);
    const link = new URL(out.trim());
    assert.equal(link.origin + link.pathname, `${server.origin}/reset`);
    const token = link.hash.slice(1);
    const password = "another good long password";
    const reset = (body: unknown, headers: Record<string, string> = {}): ReturnType<typeof send> =>
      send(server, "POST", "/auth/reset", { body, headers });
    const foreign = await reset({ token, new_password: password }, { origin: "https://evil.example" });
    assert.deepEqual([foreign.status, foreign.json.code], [403, "csrf_rejected"]);
    const other = await reset({ token, new_password: password }, { "sec-fetch-site": "cross-site" });
    assert.equal(other.status, 403);
    const plain = await reset({ token, new_password: password }, { "content-type": "text/plain" });
    assert.equal(plain.status, 415);
    assert.equal((await reset({ token })).status, 400);
    assert.equal((await reset({ token, new_password: "short" })).status, 422);
    assert.equal((await reset({ token: `${token}x`, new_password: password })).status, 401);
    const done = await reset({ token, new_password: password });
    assert.deepEqual([done.status, done.text], [204, ""]);
    assert.equal(done.headers["cache-control"], "no-store");
    assert.equal((await reset({ token, new_password: password })).status, 401, "only once");
    const refresh = await send(server, "POST", "/auth/refresh", { body: { refresh_token: session.refresh_token } });
    assert.deepEqual([refresh.status, refresh.json.code], [401, "session_revoked"]);
    const login = (secret: string): ReturnType<typeof send> =>
      send(server, "POST", "/auth/login", { body: { email: ann.email, password: secret, transport: "body" } });
    assert.equal((await login(ann.password)).status, 401);
    assert.equal((await login(password)).status, 200);
    const finished = await server.stop();
    assert.ok(!finished.errors.includes(token));
  });
});

describe("the log of a server", () => {
  it("is JSON lines without a token, a password or an address of the mail kind, at every level", async () => {
    const environment = { PAWL_LOG: "debug", PAWL_ADMIN_TOKEN: "operators-only-token", PAWL_ACCES_TTL: "1m" };
    const server = await serve([], { environment });
    const session = await register(server);
    const first = session.refresh_token as string;
    const second = (await send(server, "POST", "/auth/refresh", { body: { refresh_token: first } })).json
      .refresh_token as string;
    await send(server, "POST", "/auth/confirm", { body: { refresh_token: second } });
    await send(server, "GET", `/auth/session?access_token=${session.access_token}`, {
      headers: bearer(session.access_token),
    });
    await send(server, "GET", `/${second}`, {
      headers: { cookie: `pawl-dev-${server.port}=${second}`, "user-agent": first },
    });
    await send(server, "POST", "/auth/login", { body: { email: ann.email, password: "not the right password" } });
    await send(server, "GET", "/metrics", { headers: bearer("operators-only-token") });
    await send(server, "POST", "/auth/logout", { body: { refresh_token: second } });
    const { errors } = await server.stop();
    const entries = errors
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.ok(entries.length > 8);
    const messages = entries.map((entry) => entry.message);
    for (const message of [
      "session_created",
      "refresh_token_rotated",
      "session_revoked",
      "request",
      "stopping",
      "stopped",
    ]) {
      assert.ok(messages.includes(message), message);
    }
    assert.ok(
      messages.some((message) => String(message).includes("PAWL_ACCESS_TTL")),
      "the warning about the variable",
    );
    const secrets = [
      first,
      second,
      session.access_token,
      ann.password,
      ann.email,
      "not the right password",
      "operators-only-token",
    ];
    for (const secret of secrets) assert.ok(!errors.includes(secret.slice(0, 24)), `found ${secret.slice(0, 12)}`);
    for (const secret of [first, second]) assert.ok(!errors.includes(secret.slice(20, 60)));
  });

  it("is empty when silent", async () => {
    const server = await serve(["--store", "memory:", "--log", "silent", "--rate-limit", "off"]);
    await send(server, "GET", "/nothing");
    const { errors } = await server.stop();
    assert.equal(errors, "");
  });
});
