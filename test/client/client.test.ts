// The client against the real server where nothing goes wrong: sign-in to sign-out, devices, who gets the token, and
// what an application can see.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { createClient, type DeviceSession, type User } from "../../src/client/index.ts";
import { storedCredentials } from "../../src/client/stored.ts";
import type { SessionView } from "../../src/engine/types.ts";
import type { User as ServerUser } from "../../src/http/accounts.ts";
import { createScene, newEmail, password, refuses, until } from "./scene.ts";

const scene = await createScene("--grace", "2s");
const { network } = scene;

// The client writes its types out; these two lines stop compiling when they no longer fit those of the server.
const sessionFits: (view: SessionView) => DeviceSession = (view) => view;
const userFits: (user: ServerUser) => User = (user) => user;

describe("sign in, stay signed in, sign out", () => {
  it("signs up, reads its session, and knows the person", async () => {
    const { client, email } = await scene.signedIn();
    const snapshot = client.session.getSnapshot();
    assert.equal(snapshot.status, "signed-in");
    assert.equal(snapshot.user?.email, email);
    const answer = await client.fetch(`${network.origin}/auth/session`);
    const { session } = (await answer.json()) as { session: SessionView };
    assert.equal(sessionFits(session).id, snapshot.session?.id);
    assert.equal(userFits({ id: "1", email: null, name: null }).id, "1");
  });

  it("goes on after a reload with the cookie alone", async () => {
    const { browser, client } = await scene.signedIn();
    const reloaded = browser.open();
    assert.equal(reloaded.session.getSnapshot().status, "unknown");
    assert.notEqual(await reloaded.getAccessToken(), null);
    assert.equal(reloaded.session.getSnapshot().session?.id, client.session.getSnapshot().session?.id);
    assert.deepEqual(browser.farewells, []);
  });

  it("confirms a refresh and forgets its attempt key", async () => {
    const { browser, client } = await scene.signedIn();
    await client.refresh();
    const keys = network.to("/auth/refresh").map(({ headers }) => headers["idempotency-key"]);
    assert.match(String(keys[0]), /^[\w-]{16,128}$/);
    assert.deepEqual([...browser.storage.entries], []);
    await client.refresh();
    assert.notEqual(network.to("/auth/refresh")[1]?.headers["idempotency-key"], keys[0]);
    await until(() => network.to("/auth/confirm").length === 2);
  });

  it("tells a visitor from somebody who was signed out", async () => {
    const browser = scene.browser();
    const client = browser.open();
    assert.equal(await client.refresh(), false);
    assert.equal(client.session.getSnapshot().reason, "refresh_token_missing");
    assert.deepEqual(browser.farewells, []);
    assert.equal(await client.getAccessToken(), null);
  });

  it("refuses a wrong password without ending anything", async () => {
    const { client, email } = await scene.signedIn();
    await refuses(client.signIn({ email, password: "not the password at all" }), "invalid_credentials");
    assert.equal(client.session.getSnapshot().status, "signed-in");
    await refuses(client.signUp({ email, password }), "account_exists");
    await refuses(client.signUp({ email: newEmail(), password: "short" }), "weak_password");
  });

  it("signs out here, at the server, and in the jar", async () => {
    const { browser, client } = await scene.signedIn();
    const token = await client.getAccessToken();
    await client.signOut();
    assert.equal(client.session.getSnapshot().status, "signed-out");
    assert.deepEqual(browser.farewells, ["signed_out"]);
    assert.equal(browser.jar.cookies.size, 0);
    const answer = await fetch(`${network.origin}/auth/session`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(answer.status, 401);
    assert.equal(await client.getAccessToken(), null);
    assert.deepEqual([...browser.storage.entries], []);
  });

  it("changes the password: goes on itself, every other session ends", async () => {
    const { browser, client, email } = await scene.signedIn();
    const elsewhere = scene.browser();
    const other = elsewhere.open();
    await other.signIn({ email, password });
    const before = client.session.getSnapshot().session?.id;
    const newPassword = "five other unlikely words together";
    const wrong = client.changePassword({ currentPassword: "wrong wrong wrong wrong", newPassword });
    await refuses(wrong, "invalid_credentials");
    assert.equal(client.session.getSnapshot().session?.id, before);
    await client.changePassword({ currentPassword: password, newPassword });
    assert.notEqual(client.session.getSnapshot().session?.id, before);
    assert.equal(await client.refresh(), true);
    assert.equal(await other.refresh(), false);
    assert.deepEqual(elsewhere.farewells, ["session_revoked"]);
    assert.deepEqual(browser.farewells, []);
  });

  it("proves again who is there, in the same session", async () => {
    const { client } = await scene.signedIn();
    const before = await client.getAccessToken();
    const { user, session } = client.session.getSnapshot();
    await refuses(client.reauthenticate({ password: "wrong wrong wrong wrong" }), "invalid_credentials");
    await client.reauthenticate({ password });
    assert.notEqual(await client.getAccessToken(), before);
    assert.deepEqual(client.session.getSnapshot().user, user);
    assert.equal(client.session.getSnapshot().session?.id, session?.id);
  });
});

describe("devices", () => {
  it("lists them, ends one, ends the others", async () => {
    const { client, email } = await scene.signedIn();
    const others = [scene.browser(), scene.browser(), scene.browser()];
    const clients = others.map((browser) => browser.open());
    for (const other of clients) await other.signIn({ email, password });
    const list = await client.devices.list();
    assert.equal(list.length, 4);
    assert.deepEqual(
      list.filter((session) => session.current).map(({ id }) => id),
      [client.session.getSnapshot().session?.id],
    );
    await client.devices.revoke(clients[0]?.session.getSnapshot().session?.id as string);
    assert.equal(await clients[0]?.refresh(), false);
    assert.equal(await clients[1]?.refresh(), true);
    assert.equal(await client.devices.revokeOthers(), 2);
    assert.equal((await client.devices.list()).length, 1);
    await refuses(client.devices.revoke("AAAAAAAAAAAAAAAAAAAAAA"), "not_found");
  });

  it("takes the end of the own session as a sign-out", async () => {
    const { browser, client } = await scene.signedIn();
    await client.devices.revoke(client.session.getSnapshot().session?.id as string);
    assert.equal(client.session.getSnapshot().status, "signed-out");
    assert.equal(browser.jar.cookies.size, 0);
    await refuses(client.devices.list(), "signed_out");
  });
});

/** A resource server that records the Authorization header and answers as told. */
async function resource(answer: (count: number) => { status: number; challenge?: string }): Promise<{
  origin: string;
  seen: { authorization: string | undefined; body: string }[];
  close(): void;
}> {
  const seen: { authorization: string | undefined; body: string }[] = [];
  const server = createServer((incoming, outgoing) => {
    let body = "";
    incoming.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    incoming.on("end", () => {
      seen.push({ authorization: incoming.headers.authorization, body });
      const { status, challenge } = answer(seen.length);
      outgoing.writeHead(status, challenge === undefined ? {} : { "www-authenticate": challenge });
      outgoing.end("done");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, close };
}

const refused = { status: 401, challenge: 'Bearer realm="api", error="invalid_token"' };

describe("who gets the access token", () => {
  it("gives it to the issuer and to listed origins, to nobody else", async (test) => {
    const listed = await resource(() => ({ status: 200 }));
    const foreign = await resource(() => ({ status: 200 }));
    test.after(listed.close);
    test.after(foreign.close);
    const { client } = await scene.signedIn({ allowedOrigins: [listed.origin] });
    const token = await client.getAccessToken();
    await client.fetch(`${listed.origin}/thing`);
    await client.fetch(new URL(`${foreign.origin}/thing`));
    await client.fetch(new Request(`${listed.origin}/thing`, { headers: { authorization: "Basic eA==" } }));
    assert.deepEqual(
      listed.seen.map(({ authorization }) => authorization),
      [`Bearer ${token}`, "Basic eA=="],
    );
    assert.equal(foreign.seen[0]?.authorization, undefined);
  });

  it("refreshes once and replays once when the token is refused, with the same body", async (test) => {
    const api = await resource((count) => (count === 1 ? refused : { status: 200 }));
    test.after(api.close);
    const { client } = await scene.signedIn({ allowedOrigins: [api.origin] });
    const answer = await client.fetch(`${api.origin}/thing`, { method: "POST", body: "the body" });
    assert.equal(answer.status, 200);
    assert.deepEqual(
      api.seen.map(({ body }) => body),
      ["the body", "the body"],
    );
    assert.notEqual(api.seen[0]?.authorization, api.seen[1]?.authorization);
    assert.equal(network.to("/auth/refresh").length, 1);
  });

  it("gives up after one replay", async (test) => {
    const api = await resource(() => refused);
    test.after(api.close);
    const { client } = await scene.signedIn({ allowedOrigins: [api.origin] });
    assert.equal((await client.fetch(`${api.origin}/thing`)).status, 401);
    assert.equal(api.seen.length, 2);
    assert.equal(network.to("/auth/refresh").length, 1);
    assert.equal(client.session.getSnapshot().status, "signed-in");
  });

  it("leaves a 401 without the marker, and a stream, alone", async (test) => {
    const api = await resource((count) => (count === 1 ? { status: 401, challenge: "Bearer" } : refused));
    test.after(api.close);
    const { client } = await scene.signedIn({ allowedOrigins: [api.origin] });
    assert.equal((await client.fetch(`${api.origin}/thing`)).status, 401);
    const body = new Blob(["streamed"]).stream();
    const init = { method: "POST", body, duplex: "half" } as RequestInit;
    assert.equal((await client.fetch(`${api.origin}/thing`, init)).status, 401);
    assert.equal(api.seen.length, 2);
    assert.equal(network.to("/auth/refresh").length, 0);
  });

  it("shares one refresh among many refused requests", async (test) => {
    let stale: string | undefined;
    const api = await resource(() => (api.seen.at(-1)?.authorization === stale ? refused : { status: 200 }));
    test.after(api.close);
    const { client } = await scene.signedIn({ allowedOrigins: [api.origin] });
    stale = `Bearer ${await client.getAccessToken()}`;
    const answers = await Promise.all(Array.from({ length: 12 }, () => client.fetch(`${api.origin}/thing`)));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    assert.equal(network.to("/auth/refresh").length, 1);
  });

  it("does not repeat as one person what another asked for", async (test) => {
    const api = await resource(() => refused);
    test.after(api.close);
    const { browser, client } = await scene.signedIn({ allowedOrigins: [api.origin] });
    await browser.open().signUp({ email: newEmail(), password });
    assert.equal((await client.fetch(`${api.origin}/thing`)).status, 401);
    assert.equal(api.seen.length, 1);
  });
});

describe("calls to the issuer", () => {
  for (const [kind, credentials] of [
    ["include", undefined],
    ["omit", storedCredentials()],
  ] as const) {
    it(`outlive their page, are never redirected or cached, and ${kind} cookies`, async () => {
      const { jar } = scene.browser();
      const sent: Request[] = [];
      const fetch = (request: Request): Promise<Response> => {
        sent.push(request);
        return jar.fetch(request);
      };
      const client = createClient({ baseUrl: network.origin, fetch, ...(credentials && { credentials }) });
      await client.signUp({ email: newEmail(), password });
      await client.refresh();
      await client.signOut();
      assert.ok(sent.length >= 3);
      for (const request of sent) {
        assert.deepEqual(
          [request.credentials, request.keepalive, request.redirect, request.cache],
          [kind, true, "error", "no-store"],
          request.url,
        );
      }
    });
  }
});

describe("what an application sees", () => {
  it("keeps the snapshot until something changes, and tells subscribers", async () => {
    const { client } = await scene.signedIn();
    const { getSnapshot, subscribe } = client.session;
    const before = getSnapshot();
    let calls = 0;
    const stop = subscribe(() => {
      calls += 1;
    });
    await client.refresh();
    assert.equal(getSnapshot(), before, "a refresh changes nothing that a page shows");
    assert.equal(calls, 0);
    await new Promise((resolve) => setTimeout(resolve, 1_000 - (Date.now() % 1_000)));
    await client.reauthenticate({ password });
    assert.notEqual(getSnapshot(), before, "auth_time is new");
    assert.equal(getSnapshot().user, before.user);
    assert.equal(calls, 1);
    stop();
    await client.signOut();
    assert.equal(calls, 1);
  });

  it("shows a refresh token nowhere", async () => {
    const { browser, client } = await scene.signedIn();
    await client.refresh();
    const visible = JSON.stringify([
      client.session.getSnapshot(),
      [...browser.storage.entries],
      Object.entries(client),
    ]);
    assert.doesNotMatch(visible, /pawl_rt_|eyJ/);
  });

  it("refuses options that are out of bounds", () => {
    const baseUrl = "https://auth.example.com";
    assert.throws(() => createClient({ baseUrl, allowedOrigins: ["https://api.example.com/path"] }), TypeError);
    const many = Array.from({ length: 17 }, (_, index) => `https://api${index}.example.com`);
    assert.throws(() => createClient({ baseUrl, allowedOrigins: many }), TypeError);
    assert.throws(() => createClient({ baseUrl: "nowhere" }), TypeError);
  });
});
