// A store that fails at any single call of any operation: the answer is always store_unavailable, never a verdict; what
// happened before the failure is whole; and the next try works. Calls that are late, and writes whose outcome nobody knows.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PawlError } from "../../src/core/errors.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import type { Grant } from "../../src/engine/types.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import type { FaultyStore, StoreFault } from "../../src/testing/faulty-store.ts";
import { createFaultyStore } from "../../src/testing/faulty-store.ts";
import { createSimulatedPlatform } from "../../src/testing/simulated.ts";
import type { Stage } from "./stage.ts";
import { grace, key, openStage, second, tokenOf, zone } from "./stage.ts";

interface Scene extends Stage {
  readonly store: FaultyStore;
}

async function openScene(background?: Parameters<typeof openStage>[2]): Promise<Scene> {
  const below = memoryStore();
  const store = createFaultyStore(below);
  return { ...(await openStage({ store, sessionsMax: 3 }, below, background)), store };
}

/** What is there before the operation: a session with some rotations behind it. */
interface Setting extends Scene {
  readonly first: Grant;
  /** Tokens of generations 0 to 2; the last one is handed out and not confirmed. */
  readonly tokens: readonly [string, string, string];
}

async function openSetting(): Promise<Setting> {
  const scene = await openScene();
  const first = await scene.signIn();
  await scene.signIn();
  await scene.signIn();
  const second_ = tokenOf(await scene.refresh(tokenOf(first), 1));
  const third = tokenOf(await scene.refresh(second_, 2));
  return { ...scene, first, tokens: [tokenOf(first), second_, third] };
}

/** Every operation of the engine that reaches the store: what it is, and what it refuses with when nothing fails. */
const operations: Readonly<Record<string, { act: (on: Setting) => Promise<unknown>; refusal?: string }>> = {
  "issue, beyond the limit": { act: ({ signIn }) => signIn() },
  "refresh, row 1": { act: ({ refresh, tokens }) => refresh(tokens[1], 3) },
  "refresh, row 2": { act: ({ refresh, tokens }) => refresh(tokens[2], 3) },
  "refresh, row 4": {
    act: async ({ confirm, refresh, tokens, store }) => {
      store.play(undefined);
      await confirm(tokens[2]);
      return () => refresh(tokens[1], 2);
    },
  },
  "refresh, row 5": { act: ({ refresh, tokens }) => refresh(tokens[0], 3), refusal: "refresh_token_superseded" },
  "refresh, row 8": {
    act: async ({ refresh, tokens, platform }) => {
      platform.clock.advance(zone);
      return () => refresh(tokens[0], 3);
    },
    refusal: "refresh_token_reused",
  },
  confirm: { act: ({ confirm, tokens }) => confirm(tokens[2]) },
  logout: { act: ({ sessions, tokens }) => sessions.logout({ refreshToken: tokens[0] }) },
  authenticate: { act: ({ sessions, first }) => sessions.authenticate(first.accessToken) },
  list: { act: ({ sessions }) => sessions.list("u") },
  listAll: { act: ({ sessions }) => sessions.listAll(undefined, 10) },
  story: { act: ({ sessions, first }) => sessions.story(first.record.sid) },
  revoke: { act: ({ sessions, first }) => sessions.revoke(first.record.sid, "revoked") },
  revokeAll: { act: ({ sessions }) => sessions.revokeAll("u", "password_change") },
  reauthenticate: { act: ({ sessions, first }) => sessions.reauthenticate(first.record.sid) },
  revocations: { act: ({ sessions }) => sessions.revocations() },
  purge: { act: ({ sessions }) => sessions.purge() },
  rotateKeys: { act: ({ sessions }) => sessions.rotateKeys() },
  ping: { act: ({ sessions }) => sessions.ping() },
};

/** Sets the scene and returns the call to try, once or again. */
async function prepare(name: string): Promise<{ setting: Setting; attempt: () => Promise<unknown> }> {
  const setting = await openSetting();
  const { act } = operations[name] as (typeof operations)[string];
  if (!name.includes("row 4") && !name.includes("row 8")) return { setting, attempt: () => act(setting) };
  return { setting, attempt: (await act(setting)) as () => Promise<unknown> };
}

/** The code of a refusal, or `undefined`. */
async function codeOf(call: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof PawlError, String(error));
    return error.code;
  }
}

/** How many store calls the operation makes when nothing fails. */
async function countCalls(name: string): Promise<number> {
  const { setting, attempt } = await prepare(name);
  setting.store.play(() => undefined);
  assert.equal(await codeOf(attempt), operations[name]?.refusal);
  return setting.store.calls.length;
}

/** The honest owner of the first session goes on, over some soft zones. */
async function goOn({ refresh, platform }: Stage, token: string, attempt: number): Promise<void> {
  let jar = token;
  for (let step = 0; step < 4; step += 1) {
    platform.clock.advance(zone);
    const grant = await refresh(jar, attempt + step);
    jar = grant.refreshToken ?? jar;
  }
}

const silent: readonly StoreFault["kind"][] = ["throw before", "throw after"];
/** What ends the first session when it happens, though its answer was lost. */
const endings = ["refresh, row 8", "logout", "revoke", "revokeAll", "issue, beyond the limit"];

describe("a store that throws at one call", () => {
  for (const name of Object.keys(operations)) {
    it(`${name}: is store_unavailable, whichever call it is, and the next try works`, async () => {
      const calls = await countCalls(name);
      assert.ok(calls >= 1);
      for (let position = 0; position < calls; position += 1) {
        for (const kind of silent) {
          const where = `${kind}, call ${position + 1} of ${calls}`;
          const { setting, attempt } = await prepare(name);
          const events = setting.events.length;
          setting.store.play((call) => (call.position === position ? { kind } : undefined) as StoreFault | undefined);
          await assert.rejects(attempt(), { code: "store_unavailable", terminal: false }, where);
          const told = setting.events.slice(events).map(({ type }) => type);
          assert.ok(!told.includes("refresh_token_reused"), `${where}: no verdict is told`);
          setting.store.play(undefined);
          const again = await codeOf(attempt);
          const wanted = operations[name]?.refusal;
          // The verdict was durable before its answer was lost: the session is over, whoever asks.
          const isDurable = kind === "throw after" && wanted === "refresh_token_reused" && position === calls - 1;
          assert.equal(again, isDurable ? "session_revoked" : wanted, `${where}: the next try`);
          if (!endings.includes(name)) await goOn(setting, setting.tokens[name === "refresh, row 1" ? 1 : 2], 2);
        }
      }
    });
  }

  it("opening: every call of createSessions", async () => {
    const options = { platform: createSimulatedPlatform(), algorithm: "EdDSA" } as const;
    const healthy = createFaultyStore(memoryStore());
    await createSessions({ ...options, store: healthy });
    const calls = healthy.calls.map(({ method }) => method);
    assert.deepEqual(new Set(calls), new Set(["open", "embeddedSecret", "readDocument", "listAll", "writeDocuments"]));
    for (const [position, method] of calls.entries()) {
      for (const kind of silent) {
        const below = memoryStore();
        const store = createFaultyStore({ ...below, close: async () => {} });
        store.play((call) => (call.position === position ? { kind } : undefined) as StoreFault | undefined);
        const opening = createSessions({ ...options, store });
        await assert.rejects(opening, { code: "store_unavailable" }, `${kind} ${method}, call ${position + 1}`);
        store.play(undefined);
        const sessions = await createSessions({ ...options, store });
        const grant = await sessions.issue({ subject: "u" });
        await sessions.authenticate(grant.accessToken);
      }
    }
  });

  it("the background tasks wait for the next time, and nothing is thrown into the air", async () => {
    const { store, platform, sessions, signIn } = await openScene("with background tasks");
    const grant = await signIn();
    store.play(() => ({ kind: "throw before" }));
    platform.clock.advance(180 * second);
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(store.calls.some(({ method }) => method === "purge"));
    assert.ok(store.calls.some(({ method }) => method === "readDocument"));
    store.play(undefined);
    await sessions.authenticate(grant.accessToken);
    platform.clock.advance(60 * second);
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(
      store.calls.some(({ method }) => method === "purge"),
      "they go on",
    );
  });
});

describe("a write whose outcome nobody knows", () => {
  it("happened: the retry with the same key gets the identical successor", async () => {
    for (const row of [1, 2]) {
      const [calm, stormy] = [await openSetting(), await openSetting()];
      const token = calm.tokens[row === 1 ? 1 : 2];
      assert.equal(token, stormy.tokens[row === 1 ? 1 : 2]);
      const wanted = tokenOf(await calm.refresh(token, 7));
      stormy.store.play(({ method, turn }) =>
        method === "commit" && turn === 0 ? { kind: "throw after" } : undefined,
      );
      await assert.rejects(stormy.refresh(token, 7), { code: "store_unavailable" });
      stormy.platform.clock.advance(5 * second);
      assert.equal(tokenOf(await stormy.refresh(token, 7)), wanted, `row ${row}`);
      await goOn(stormy, wanted, 20);
    }
  });

  it("happened without a key: the retry gets the identical successor within grace", async () => {
    const { store, signIn, refresh, platform } = await openScene();
    const token = tokenOf(await signIn());
    store.play(({ method, turn }) => (method === "commit" && turn === 0 ? { kind: "throw after" } : undefined));
    await assert.rejects(refresh(token), { code: "store_unavailable" });
    platform.clock.advance(grace - 1);
    const successor = tokenOf(await refresh(token));
    assert.equal(tokenOf(await refresh(token)), successor);
  });

  it("happened in a confirm: the next refresh goes on from there, its predecessor gets it again", async () => {
    const { store, confirm, refresh, tokens, ...rest } = await openSetting();
    store.play(({ method }) => (method === "commit" ? { kind: "throw after" } : undefined));
    await assert.rejects(confirm(tokens[2]), { code: "store_unavailable" });
    store.play(undefined);
    const again = await refresh(tokens[1], 2);
    assert.equal(again.outcome, "handed_out_again");
    assert.equal(again.refreshToken, tokens[2]);
    await goOn({ ...rest, confirm, refresh }, tokens[2], 20);
  });

  it("was reported lost and happened (a driver sent it twice): same token, no verdict, one row", async () => {
    for (const row of [1, 2]) {
      const setting = await openSetting();
      const { store, refresh, tokens, sessions } = setting;
      const token = tokens[row === 1 ? 1 : 2];
      store.play(({ method, turn }) => (method === "commit" && turn === 0 ? { kind: "twice" } : undefined));
      const successor = tokenOf(await refresh(token, 7));
      assert.equal(store.calls.filter(({ method }) => method === "commit").length, 2, "read and decided again");
      assert.equal(tokenOf(await refresh(token, 7)), successor);
      await goOn(setting, successor, 20);
      assert.equal((await sessions.list("u")).length, 3);
    }
  });

  it("a doubled confirm, logout and re-authentication are what one is", async () => {
    const { store, confirm, stored, sessions, tokens, first } = await openSetting();
    const twice = (): void =>
      store.play(({ method, turn }) => (method === "commit" && turn === 0 ? { kind: "twice" } : undefined));
    twice();
    await confirm(tokens[2]);
    assert.equal((await stored(first.record.sid)).generation, 2);
    twice();
    await sessions.authenticate((await sessions.reauthenticate(first.record.sid)).accessToken);
    twice();
    assert.equal(await sessions.logout({ refreshToken: tokens[2] }), "already");
    const { revocations } = await sessions.revocations();
    assert.equal(revocations.length, 1, "one entry in the feed");
    await assert.rejects(sessions.authenticate(first.accessToken), { code: "invalid_token" });
  });

  it("a verdict of reuse that happened unheard is durable, with one entry in the feed", async () => {
    const { store, refresh, tokens, stored, sessions, platform, first } = await openSetting();
    platform.clock.advance(zone);
    store.play(({ method }) => (method === "commit" ? { kind: "throw after" } : undefined));
    await assert.rejects(refresh(tokens[0], 9), { code: "store_unavailable", terminal: false });
    store.play(undefined);
    assert.equal((await stored(first.record.sid)).ended?.reason, "refresh_token_reused");
    await assert.rejects(refresh(tokens[0], 9), { code: "session_revoked" });
    assert.equal((await sessions.revocations()).revocations.length, 1);
  });

  it("a verdict of reuse that did not happen is no verdict: nothing is revoked until it is durable", async () => {
    const { store, refresh, tokens, stored, sessions, platform, first } = await openSetting();
    platform.clock.advance(zone);
    store.play(({ method }) => (method === "commit" ? { kind: "throw before" } : undefined));
    await assert.rejects(refresh(tokens[0], 9), { code: "store_unavailable", terminal: false });
    assert.equal((await stored(first.record.sid)).ended, undefined);
    assert.deepEqual((await sessions.revocations()).revocations, []);
    store.play(undefined);
    await assert.rejects(refresh(tokens[0], 9), { code: "refresh_token_reused" });
  });
});

describe("a store that answers late", () => {
  const slow: readonly (readonly [string, "read" | "commit", "before" | "after"])[] = [
    ["a read that waits", "read", "before"],
    ["a read whose answer waits", "read", "after"],
    ["a commit that waits", "commit", "before"],
    ["a commit whose answer waits", "commit", "after"],
  ];
  for (const [what, method, side] of slow) {
    it(`${what} for grace hands nothing out; one millisecond less is in time`, async () => {
      for (const operation of ["row 1", "row 2", "row 4"]) {
        for (const [milliseconds, isLate] of [
          [grace - 1, false],
          [grace, true],
          [grace + 1, true],
        ] as const) {
          const setting = await openSetting();
          const { store, platform, refresh, confirm, tokens } = setting;
          if (operation === "row 4") await confirm(tokens[2]);
          const [token, attempt] = operation === "row 2" ? [tokens[2], 7] : [tokens[1], 2];
          store.play((call) =>
            call.method === method && call.turn === 0
              ? { kind: "late", [side]: () => platform.clock.advance(milliseconds) }
              : undefined,
          );
          const events = setting.events.length;
          const asked = refresh(token, attempt);
          const where = `${operation}, ${milliseconds} ms`;
          if (isLate) {
            await assert.rejects(asked, { code: "store_unavailable", terminal: false }, where);
            assert.equal(
              setting.events.slice(events).some(({ type }) => type === "refresh_token_reused"),
              false,
            );
          } else assert.ok(tokenOf(await asked), where);
          store.play(undefined);
          const again = await refresh(token, attempt);
          assert.notEqual(again.outcome, "reauthenticated");
          await goOn(setting, again.refreshToken ?? token, 20);
        }
      }
    });
  }

  it("commits nothing after the deadline", async () => {
    const { store, platform, refresh, tokens, stored, first } = await openSetting();
    const before = await stored(first.record.sid);
    store.play(({ method }) =>
      method === "read" ? { kind: "late", after: () => platform.clock.advance(grace) } : undefined,
    );
    for (const token of tokens) await assert.rejects(refresh(token, 5), { code: "store_unavailable" });
    assert.deepEqual(await stored(first.record.sid), before);
    assert.ok(!store.calls.some(({ method }) => method === "commit"));
  });

  it("a settle that is late hands out no access token either", async () => {
    const { store, platform, refresh, tokens } = await openSetting();
    await refresh(tokens[1], 5);
    store.play(({ method }) =>
      method === "read" ? { kind: "late", after: () => platform.clock.advance(grace) } : undefined,
    );
    await assert.rejects(refresh(tokens[2], 6), { code: "store_unavailable" });
  });

  it("the deadline of the request counts, not the time of the call", async () => {
    const { store, platform, sessions, tokens } = await openSetting();
    const deadlineAt = platform.clock.now() + 10;
    store.play(({ method }) =>
      method === "commit" ? { kind: "late", after: () => platform.clock.advance(10) } : undefined,
    );
    const late = sessions.refresh({ refreshToken: tokens[2], attempt: key(8), deadlineAt });
    await assert.rejects(late, { code: "store_unavailable" });
  });
});
