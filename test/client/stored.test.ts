// The client of programs without a cookie jar: the refresh token in a storage that may be slow, locked, or shared with
// another process. Nobody is signed out by it, and nothing is confirmed that is not stored.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Client, type ClientOptions, createClient } from "../../src/client/index.ts";
import { type ClientStorage, storedCredentials } from "../../src/client/stored.ts";
import { storage } from "./cookie-jar.ts";
import { createScene, gate, newEmail, password, refuses, until } from "./scene.ts";

const scene = await createScene("--grace", "2s");
const { network } = scene;
const tokenShape = /^pawl_rt_[\w-]{143}$/;

/** A keychain that answers later, and that can be locked. */
function keychain(): { kept: Map<string, string>; storage: ClientStorage; isLocked: boolean; writes: string[] } {
  const { entries } = storage();
  const demand = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (chain.isLocked) throw new Error("the keychain is locked");
  };
  const chain = {
    kept: entries,
    isLocked: false,
    writes: [] as string[],
    storage: {
      getItem: async (name: string) => {
        await demand();
        return entries.get(name) ?? null;
      },
      setItem: async (name: string, value: string) => {
        await demand();
        chain.writes.push(name);
        entries.set(name, value);
      },
      removeItem: async (name: string) => {
        await demand();
        entries.delete(name);
      },
    },
  };
  return chain;
}

function program(
  kept: ClientStorage | undefined,
  options: ClientOptions = {},
): { client: Client; farewells: string[] } {
  const farewells: string[] = [];
  network.fault = () => undefined;
  const client = createClient({
    baseUrl: network.origin,
    credentials: storedCredentials(kept),
    onSignedOut: (reason) => farewells.push(reason),
    ...options,
  });
  return { client, farewells };
}

async function signedIn(): Promise<ReturnType<typeof program> & { chain: ReturnType<typeof keychain>; email: string }> {
  const chain = keychain();
  const email = newEmail();
  const running = program(chain.storage);
  await running.client.signUp({ email, password });
  network.passed.length = 0;
  return { ...running, chain, email };
}

const tokenIn = (chain: ReturnType<typeof keychain>): string =>
  chain.kept.get(`pawl:${network.origin}:token`) ?? assert.fail("no token is stored");

describe("the body transport", { concurrency: false }, () => {
  it("stores the token, sends no cookie, rotates, and goes on after a restart", async () => {
    const { client, chain, email } = await signedIn();
    const first = tokenIn(chain);
    assert.match(first, tokenShape);
    assert.equal(await client.refresh(), true);
    assert.notEqual(tokenIn(chain), first);
    await until(() => network.to("/auth/confirm").length === 1);
    assert.equal(JSON.parse(network.to("/auth/confirm")[0]?.body ?? "").refresh_token, tokenIn(chain));
    assert.deepEqual(
      network.passed.filter(({ headers }) => headers.cookie !== undefined),
      [],
    );
    const restarted = program(chain.storage);
    assert.notEqual(await restarted.client.getAccessToken(), null);
    assert.equal(restarted.client.session.getSnapshot().user?.email, email);
    assert.equal((await restarted.client.devices.list()).length, 1);
  });

  it("keeps the token in memory where no storage is given", async () => {
    const { client } = program(undefined);
    await client.signUp({ email: newEmail(), password });
    assert.equal(await client.refresh(), true);
    assert.equal(await client.signOut(), true);
    assert.equal(await client.refresh(), false);
  });

  it("forgets everything at a sign-out, and a program without a token asks nobody", async () => {
    const { client, chain, farewells } = await signedIn();
    const last = tokenIn(chain);
    assert.equal(await client.signOut(), true);
    assert.deepEqual([...chain.kept], []);
    assert.deepEqual(farewells, ["signed_out"]);
    network.passed.length = 0;
    assert.equal(await program(chain.storage).client.refresh(), false);
    assert.deepEqual(network.passed, []);
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ refresh_token: last });
    const answer = await fetch(`${network.origin}/auth/refresh`, { method: "POST", headers, body });
    assert.equal(((await answer.json()) as { code: string }).code, "session_revoked");
  });

  it("is signed out although a refresh was asked for at the same instant", async () => {
    for (let round = 0; round < 10; round += 1) {
      const { client } = await signedIn();
      const refreshing = client.refresh().catch(() => undefined);
      assert.equal(await client.signOut(), true);
      await refreshing;
      assert.equal(client.session.getSnapshot().status, "signed-out", `round ${round}`);
      assert.equal(await client.getAccessToken(), null);
    }
  });

  it("changes the password and goes on with the new token", async () => {
    const { client, chain } = await signedIn();
    const before = tokenIn(chain);
    await client.changePassword({ currentPassword: password, newPassword: "five other unlikely words together" });
    assert.notEqual(tokenIn(chain).slice(0, 40), before.slice(0, 40), "another session");
    assert.equal(await client.refresh(), true);
  });

  it("tells the server later of a sign-out that it could not hear of", async () => {
    const { client, chain } = await signedIn();
    network.fault = ({ path }) => (path === "/auth/logout" ? "lose the request" : undefined);
    const last = tokenIn(chain);
    assert.equal(await client.signOut(), false);
    const kept = JSON.stringify({ refresh_token: last });
    assert.deepEqual([...chain.kept.values()], [kept], "the token is kept to sign out with, and for nothing else");
    network.passed.length = 0;
    const restarted = program(chain.storage);
    await until(() => chain.kept.size === 0);
    assert.equal(await restarted.client.refresh(), false);
    assert.deepEqual(
      network.passed.map(({ path }) => path),
      ["/auth/logout"],
    );
  });

  it("is signed out by a verdict, and the storage is empty", async () => {
    const { client, chain, farewells, email } = await signedIn();
    const elsewhere = scene.browser().open();
    await elsewhere.signIn({ email, password });
    await elsewhere.devices.revokeOthers();
    assert.equal(await client.refresh(), false);
    assert.deepEqual(farewells, ["session_revoked"]);
    await until(() => chain.kept.size === 0);
  });
});

describe("a storage that fails", { concurrency: false }, () => {
  it("writes the attempt down before it is sent, and takes it up after a crash", async () => {
    const { client, chain } = await signedIn();
    network.fault = ({ path }) => (path === "/auth/refresh" ? "lose the answer" : undefined);
    await refuses(client.refresh(), "network_error");
    const before = network.to("/auth/refresh").map(({ headers }) => headers["idempotency-key"]);
    const restarted = program(chain.storage);
    assert.equal(await restarted.client.refresh(), true);
    const keys = new Set([...before, network.to("/auth/refresh").at(-1)?.headers["idempotency-key"]]);
    assert.equal(keys.size, 1);
  });

  it("confirms nothing while the keychain is locked, and loses nobody", async () => {
    const { client, chain, farewells } = await signedIn();
    const stored = tokenIn(chain);
    chain.isLocked = true;
    for (let round = 0; round < 4; round += 1) assert.equal(await client.refresh(), true);
    assert.equal(network.to("/auth/confirm").length, 0);
    assert.equal(tokenIn(chain), stored);
    // The program is ended; what it held in memory is gone.
    chain.isLocked = false;
    const restarted = program(chain.storage);
    assert.equal(await restarted.client.refresh(), true);
    assert.notEqual(tokenIn(chain), stored);
    assert.deepEqual([...farewells, ...restarted.farewells], []);
  });

  it("says nothing of who is signed in while the keychain cannot be read, and loses nobody", async () => {
    const { chain, farewells } = await signedIn();
    const stored = tokenIn(chain);
    chain.isLocked = true;
    const locked = program(chain.storage);
    await refuses(locked.client.refresh(), "storage_unavailable");
    assert.equal(locked.client.session.getSnapshot().status, "unknown");
    assert.equal(tokenIn(chain), stored);
    chain.isLocked = false;
    assert.equal(await program(chain.storage).client.refresh(), true);
    assert.deepEqual([...farewells, ...locked.farewells], []);
  });

  it("signs in even where nothing can be stored", async () => {
    const chain = keychain();
    chain.isLocked = true;
    const { client } = program(chain.storage);
    await client.signUp({ email: newEmail(), password });
    assert.equal(await client.refresh(), true);
    assert.equal(chain.kept.size, 0);
  });

  it("gives up on a storage that never answers", async (test) => {
    const never = (): Promise<null> => new Promise(() => undefined);
    const { client } = program({ getItem: never, setItem: never, removeItem: never });
    test.mock.timers.enable({ apis: ["setTimeout"] });
    const refreshing = client.refresh().catch((error: unknown) => Promise.reject(error));
    refreshing.catch(() => undefined);
    for (let turn = 0; turn < 50; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      test.mock.timers.tick(1000);
    }
    await refuses(refreshing, "storage_unavailable");
  });
});

describe("programs that share a storage", { concurrency: false }, () => {
  it("refresh at the same time, round after round", async () => {
    const { chain } = await signedIn();
    const programs = Array.from({ length: 4 }, () => program(chain.storage));
    for (let round = 0; round < 4; round += 1) {
      assert.deepEqual(await Promise.all(programs.map(({ client }) => client.refresh())), [true, true, true, true]);
    }
    assert.deepEqual(
      programs.flatMap(({ farewells }) => farewells),
      [],
    );
    assert.equal(await program(chain.storage).client.refresh(), true);
  });

  it("do not write an old token over a newer one", async () => {
    const { client, chain } = await signedIn();
    const answer = gate();
    network.fault = ({ path }) => (path === "/auth/refresh" ? answer.passed : undefined);
    const refreshing = client.refresh();
    await until(() => network.to("/auth/refresh").length === 1);
    // Meanwhile another program signs in anew.
    const other = program(chain.storage);
    await other.client.signUp({ email: newEmail(), password });
    const newer = tokenIn(chain);
    answer.open();
    await refreshing;
    assert.equal(tokenIn(chain), newer);
  });

  it("go on with what another has stored when a verdict comes on the token before", async () => {
    const { client, chain, farewells } = await signedIn();
    const name = `pawl:${network.origin}:token`;
    const newer = tokenIn(chain);
    chain.kept.set(name, `pawl_rt_${"A".repeat(143)}`);
    const verdict = gate();
    network.fault = ({ path, body }) =>
      path === "/auth/refresh" && body.includes("AAAA") ? verdict.passed : undefined;
    const refreshing = client.refresh();
    await until(() => network.to("/auth/refresh").length === 1);
    chain.kept.set(name, newer);
    verdict.open();
    assert.equal(await refreshing, true);
    assert.deepEqual(farewells, []);
  });
});
