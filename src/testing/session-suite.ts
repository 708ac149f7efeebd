// The session engine on a store, as a test suite for anybody who writes a store: every outcome of CONTRACT section 4,
// ends and limits, with a clock that the test moves. Owns the entry point and the outcomes; races and what lies on disk
// have files of their own. Uses node:test; call it at the top level of a test file.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Store } from "../core/ports.ts";
import type { SessionRecord } from "../core/record.ts";
import { secrecyPromises } from "./session-suite-disk.ts";
import { endPromises } from "./session-suite-ends.ts";
import { engineRacePromises } from "./session-suite-races.ts";
import type { OpenScene } from "./session-suite-scene.ts";
import { attempt, openScene, softZone, tokenOf } from "./session-suite-scene.ts";
import type { StoreUnderTest } from "./store-suite-subjects.ts";

/**
 * Declares the whole suite for one store.
 * @example
 * sessionSuite("postgres", { create: async () => postgresStore(freshDatabase()) });
 */
export function sessionSuite(name: string, underTest: StoreUnderTest): void {
  const open: OpenScene = async (t, options = {}) => openScene(t, options.store ?? (await underTest.create()), options);
  describe(`sessions on ${name}`, () => {
    rowPromises(open);
    strictPromises(open);
    endPromises(open);
    engineRacePromises(open, underTest);
    secrecyPromises(open, underTest);
  });
}

function rowPromises(open: OpenScene): void {
  it("row 1: rotates the current token, and a retry of the same attempt gets the identical successor", async (t) => {
    const { rotate, signIn, stored, platform } = await open(t);
    const { grant, token } = await signIn();
    const successor = await rotate(token, attempt(1));
    assert.notEqual(successor, token);
    platform.clock.advance(10_000);
    assert.equal(await rotate(token, attempt(1)), successor);
    assert.notEqual(await rotate(token, attempt(2)), successor);
    assert.equal((await stored(grant.record.sid)).generation, 0, "the successor has not been used yet");
  });

  it("row 1: without an attempt the server's own makes retries identical, too", async (t) => {
    const { sessions, signIn, platform } = await open(t);
    const { token } = await signIn();
    const first = tokenOf(await sessions.refresh({ refreshToken: token }));
    platform.clock.advance(20_000);
    assert.equal(tokenOf(await sessions.refresh({ refreshToken: token })), first);
  });

  it("row 2: a used successor retires its predecessor and is rotated on", async (t) => {
    const { rotate, signIn, stored, events } = await open(t);
    const { grant, token } = await signIn();
    const first = await rotate(token, attempt(1));
    const second = await rotate(first, attempt(2));
    assert.notEqual(second, first);
    assert.equal((await stored(grant.record.sid)).generation, 1);
    assert.deepEqual(
      events.map((event) => event.type),
      ["session_created", "refresh_token_rotated", "refresh_token_confirmed", "refresh_token_rotated"],
    );
  });

  it("row 2: confirm retires the predecessor without rotating, and is idempotent", async (t) => {
    const { sessions, rotate, signIn, stored } = await open(t);
    const { grant, token } = await signIn();
    const first = await rotate(token, attempt(1));
    for (let times = 0; times < 3; times += 1) await sessions.confirm({ refreshToken: first });
    const record = await stored(grant.record.sid);
    assert.equal(record.generation, 1);
    assert.equal(record.handOut, undefined);
    assert.equal(record.retiredAt.length, 1);
  });

  it("row 3: while answers may be out of order, a successor settles; afterwards it rotates", async (t) => {
    const { sessions, rotate, signIn, stored, platform } = await open(t);
    const { grant, token } = await signIn();
    const first = await rotate(token, attempt(1));
    await rotate(token, attempt(2));
    const before = await stored(grant.record.sid);
    assert.equal(before.handOut?.arrived, "no");
    for (let times = 0; times < 3; times += 1) {
      const settled = await sessions.refresh({ refreshToken: first, attempt: attempt(3) });
      assert.equal(settled.outcome, "settled");
      assert.equal(settled.refreshToken, undefined);
      assert.ok(settled.accessToken);
      await sessions.confirm({ refreshToken: first });
    }
    const arrived = { ...before.handOut, arrived: "in this burst" };
    const after = { ...before, version: before.version + 1, handOut: arrived };
    assert.deepEqual(await stored(grant.record.sid), after, "one commit: an answer has arrived, and nothing else");
    platform.clock.advance(softZone);
    await rotate(first, attempt(3));
  });

  it("row 3: a confirm is as good a proof that an answer arrived", async (t) => {
    const { sessions, rotate, signIn, stored } = await open(t);
    const { grant, token } = await signIn();
    const first = await rotate(token, attempt(1));
    await rotate(token, attempt(2));
    const before = await stored(grant.record.sid);
    for (let times = 0; times < 3; times += 1) await sessions.confirm({ refreshToken: first });
    const arrived = { ...before.handOut, arrived: "in this burst" };
    const after = { ...before, version: before.version + 1, handOut: arrived };
    assert.deepEqual(await stored(grant.record.sid), after, "nobody has won");
  });

  it("row 4: hands the current token out again to the attempt that lost it", async (t) => {
    const { sessions, rotate, signIn, stored, platform } = await open(t);
    const { grant, token } = await signIn();
    const first = await rotate(token, attempt(1));
    await sessions.confirm({ refreshToken: first });
    const before = await stored(grant.record.sid);
    for (let times = 1; times <= 3; times += 1) {
      platform.clock.advance(1);
      const now = platform.clock.now();
      const again = await sessions.refresh({ refreshToken: token, attempt: attempt(1) });
      assert.equal(again.outcome, "handed_out_again");
      assert.equal(again.refreshToken, first);
      const counted = { ...before, version: before.version + times, currentAgainAt: now, lastSeenAt: now };
      assert.deepEqual(await stored(grant.record.sid), counted, "counted, and nothing else");
      await sessions.confirm({ refreshToken: token, attempt: attempt(1) });
      assert.deepEqual(await stored(grant.record.sid), counted, "a confirm hands out nothing");
    }
  });

  it("row 4: while its answer may be under way, a successor settles; afterwards it rotates", async (t) => {
    const { sessions, rotate, signIn, stored, platform } = await open(t);
    const { grant, token } = await signIn();
    const { sid } = grant.record;
    const first = await rotate(token, attempt(1));
    await sessions.confirm({ refreshToken: first });
    await sessions.refresh({ refreshToken: token, attempt: attempt(1) });
    const second = await rotate(first, attempt(2));
    const before = await stored(sid);
    platform.clock.advance(softZone - 1);
    const settled = await sessions.refresh({ refreshToken: second, attempt: attempt(3) });
    assert.equal(settled.outcome, "settled");
    assert.equal(settled.refreshToken, undefined);
    assert.ok(settled.accessToken);
    await sessions.confirm({ refreshToken: second });
    assert.deepEqual(await stored(sid), before, "nothing changes");
    platform.clock.advance(1);
    await rotate(second, attempt(3));
    const { generation, currentAgainAt } = await stored(sid);
    assert.deepEqual([generation, currentAgainAt], [2, undefined]);
  });

  it("row 5: a token retired a moment ago is superseded to the last millisecond of the soft zone", async (t) => {
    const { sessions, rotate, signIn, stored, platform } = await open(t);
    const { grant, token } = await signIn();
    await rotate(await rotate(token, attempt(1)), attempt(2));
    const before = await stored(grant.record.sid);
    for (const milliseconds of [0, 1, softZone - 2]) {
      platform.clock.advance(milliseconds);
      const late = sessions.refresh({ refreshToken: token, attempt: attempt(9) });
      await assert.rejects(late, { code: "refresh_token_superseded", terminal: false });
    }
    assert.deepEqual(await stored(grant.record.sid), before, "no verdict");
    platform.clock.advance(1);
    await assert.rejects(sessions.refresh({ refreshToken: token, attempt: attempt(9) }), {
      code: "refresh_token_reused",
    });
  });

  it("row 6: a store that lost one acknowledged write goes on with the token it does not know", async (t) => {
    const { sessions, store, rotate, signIn, stored, events, platform } = await open(t);
    const { grant, token } = await signIn();
    const { sid } = grant.record;
    const first = await rotate(token, attempt(1));
    const before = await stored(sid);
    const second = await rotate(first, attempt(2));
    await putBack(store, before, await stored(sid));
    platform.clock.advance(softZone);
    const grantAfter = await sessions.refresh({ refreshToken: second, attempt: attempt(3) });
    assert.equal(grantAfter.outcome, "rotated");
    assert.equal((await stored(sid)).generation, 2);
    assert.ok(events.some((event) => event.type === "store_rolled_back"));
  });

  it("row 7: a token from a future the store knows nothing of is refused, and nothing is revoked", async (t) => {
    const { sessions, store, rotate, signIn, stored, events, platform } = await open(t);
    const { grant, token } = await signIn();
    const { sid } = grant.record;
    const before = await stored(sid);
    let newest = token;
    for (let step = 1; step <= 4; step += 1) newest = await rotate(newest, attempt(step));
    await putBack(store, before, await stored(sid));
    platform.clock.advance(softZone);
    await assert.rejects(sessions.refresh({ refreshToken: newest, attempt: attempt(9) }), {
      code: "refresh_token_invalid",
    });
    assert.ok(events.some((event) => event.type === "store_rolled_back"));
    assert.equal((await stored(sid)).ended, undefined);
    await rotate(token, attempt(10));
  });

  it("row 8: an old token ends the session, durably, for every token of it", async (t) => {
    const { sessions, store, rotate, signIn, stored, platform } = await open(t);
    const { grant, token } = await signIn();
    const { sid } = grant.record;
    const first = await rotate(token, attempt(1));
    const second = await rotate(first, attempt(2));
    platform.clock.advance(softZone);
    await assert.rejects(sessions.refresh({ refreshToken: token, attempt: attempt(3) }), {
      code: "refresh_token_reused",
      terminal: true,
    });
    assert.equal((await stored(sid)).ended?.reason, "refresh_token_reused");
    for (const refreshToken of [token, first, second]) {
      await assert.rejects(sessions.refresh({ refreshToken }), { code: "session_revoked" });
      await assert.rejects(sessions.confirm({ refreshToken }), { code: "session_revoked" });
    }
    await assert.rejects(sessions.authenticate(grant.accessToken), { code: "invalid_token" });
    const nowSeconds = Math.floor(platform.clock.now() / 1000);
    const { revocations } = await store.revocationsAfter(undefined, nowSeconds, 10);
    assert.deepEqual(
      revocations.map((entry) => entry.sid),
      [sid],
    );
    assert.equal((await sessions.story(sid))?.history.at(-1)?.type, "refresh_token_reused");
  });

  it("row 8: a sibling that did not win is as good as stolen", async (t) => {
    const { sessions, rotate, signIn, platform } = await open(t);
    const { token } = await signIn();
    const winner = await rotate(token, attempt(1));
    const sibling = await rotate(token, attempt(2));
    platform.clock.advance(softZone);
    await rotate(winner, attempt(3));
    await assert.rejects(sessions.refresh({ refreshToken: sibling, attempt: attempt(4) }), {
      code: "refresh_token_reused",
    });
  });

  it("keeps one row of bounded size however often a session is refreshed, and knows every older token", async (t) => {
    const { sessions, store, rotate, signIn, platform } = await open(t);
    const { token } = await signIn();
    let newest = token;
    for (let step = 0; step < 60; step += 1) {
      platform.clock.advance(1000);
      newest = await rotate(newest, attempt(step));
    }
    const rows = await store.listAll(undefined, 10);
    assert.equal(rows.length, 1);
    assert.equal(rows[0]?.retiredAt.length, 16);
    platform.clock.advance(softZone);
    await assert.rejects(sessions.refresh({ refreshToken: token }), { code: "refresh_token_reused" });
  });
}

/** Makes the store forget: an older record under a newer version. */
async function putBack(store: Store, older: SessionRecord, current: SessionRecord): Promise<void> {
  assert.equal(await store.commit({ ...older, version: current.version + 1 }, current.version), true);
}

function strictPromises(open: OpenScene): void {
  it("strict: a successor is current at once, and its predecessor is reuse at once", async (t) => {
    const { sessions, rotate, signIn, stored } = await open(t, { rotation: "strict" });
    const { grant, token } = await signIn();
    const first = await rotate(token, attempt(1));
    assert.equal((await stored(grant.record.sid)).generation, 1);
    const second = await rotate(first, attempt(2));
    await assert.rejects(sessions.refresh({ refreshToken: token, attempt: attempt(1) }), {
      code: "refresh_token_reused",
    });
    await assert.rejects(sessions.refresh({ refreshToken: second }), { code: "session_revoked" });
  });
}
