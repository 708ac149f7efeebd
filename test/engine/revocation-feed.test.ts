// The revocation feed of one process: everything after a cursor, once and in order, whoever joins, leaves, dawdles or
// fails meanwhile; few readings of the store for many listeners; nothing at all while nobody listens.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { leewaySecondsMax } from "../../src/core/access-claims.ts";
import { PawlError } from "../../src/core/errors.ts";
import type { RevocationPage, Store } from "../../src/core/ports.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { createRandom } from "../../src/testing/random.ts";
import type { Told } from "./feed-stage.ts";
import { listen, openFeedStage, settled } from "./feed-stage.ts";

const signOfLifeBeats = 150;
const pageEntriesMax = 1000;
const accessTtlMilliseconds = 900_000;

describe("the revocation feed", () => {
  it("tells a listener at once where it is, then what ends here, without waiting for a poll", async (t) => {
    const { sessions, end } = await openFeedStage(t, memoryStore());
    const told = listen(sessions);
    await settled();
    assert.deepEqual(told.pages, [{ cursor: "0", revocations: [], restarted: false, more: false }]);
    const sid = await end();
    await settled();
    assert.deepEqual(told.sids(), [sid]);
    assert.equal(told.pages.at(-1)?.cursor, (await sessions.revocations()).cursor);
  });

  it("sees what another process ended by polling, and by a hint at once", async (t) => {
    const store = memoryStore();
    const hints = new Set<() => void>();
    const watched: Store = {
      ...store,
      watchRevocations: (listener) => {
        hints.add(listener);
        return () => hints.delete(listener);
      },
    };
    const polling = await openFeedStage(t, store);
    const hinted = await openFeedStage(t, watched, polling.platform);
    const elsewhere = await openFeedStage(t, store, polling.platform);
    const [byPoll, byHint] = [listen(polling.sessions), listen(hinted.sessions)];
    await polling.beats(3);
    const sid = await elsewhere.end();
    await settled();
    assert.deepEqual([byPoll.sids(), byHint.sids()], [[], []]);
    for (const hint of hints) hint();
    await settled();
    assert.deepEqual([byPoll.sids(), byHint.sids()], [[], [sid]]);
    await polling.beats(4);
    assert.deepEqual(byPoll.sids(), [sid]);
    const second = await elsewhere.end();
    // No hint came: its connection may be away.
    await polling.beats(11);
    assert.deepEqual(byHint.sids(), [sid, second]);
    await byHint.leave();
    assert.equal(hints.size, 0);
  });

  for (const seed of [1, 2, 3, 4, 5, 6]) {
    it(`has no gap and tells nothing twice, by chance (seed ${seed})`, async (t) => {
      const random = createRandom(seed);
      const chance = (share: number): boolean => random() < share;
      const pick = <Item>(items: readonly Item[]): Item | undefined => items[Math.floor(random() * items.length)];
      const store = memoryStore();
      const here = await openFeedStage(t, store);
      const there = await openFeedStage(t, store, here.platform);
      const listeners: { told: Told; from: string | undefined }[] = [];
      const cursors: (string | undefined)[] = [undefined];
      // One that asks now and then.
      const dawdler = here.sessions.followRevocations();
      const dawdled: RevocationPage[] = [(await dawdler.next()).value as RevocationPage];
      let isAsking = false;
      const ask = async (): Promise<void> => {
        if (isAsking) return;
        isAsking = true;
        const { value } = await dawdler.next();
        if (value !== undefined) dawdled.push(value);
        isAsking = false;
      };
      const endings: Promise<string>[] = [];
      here.faults.play(({ method }) =>
        method === "revocationsAfter" && chance(0.2)
          ? { kind: chance(0.5) ? "throw before" : "late", after: () => settled() }
          : undefined,
      );
      for (let step = 0; step < 200; step += 1) {
        const stage = chance(0.5) ? here : there;
        if (chance(0.6)) endings.push(stage.end());
        if (chance(0.1)) {
          const from = pick(cursors);
          const told = listen(here.sessions, from);
          // The first page may fail: then this one never was.
          told.ended.catch(() => undefined);
          listeners.push({ told, from });
        }
        if (chance(0.05)) pick(listeners)?.told.leave();
        if (chance(0.1)) ask();
        if (chance(0.5)) await here.beats(1);
        const seen = pick(listeners)?.told.pages.at(-1)?.cursor;
        if (seen !== undefined) cursors.push(seen);
      }
      await Promise.all(endings);
      here.faults.play(undefined);
      for (let count = 0; count < 5; count += 1) {
        ask();
        await here.beats(10);
      }
      for (const { told, from } of [...listeners, { told: { pages: dawdled }, from: undefined }]) {
        const last = told.pages.at(-1);
        if (last === undefined) continue;
        // What lies between its first cursor and its last one, by reading the store.
        const all = (await store.revocationsAfter(from, 0, 10_000)).revocations;
        const rest = (await store.revocationsAfter(last.cursor, 0, 10_000)).revocations;
        const expected = all.slice(0, all.length - rest.length);
        assert.deepEqual(
          told.pages.flatMap((page) => [...page.revocations]),
          expected,
        );
      }
      assert.ok(listeners.some(({ told }) => told.pages.length > 5));
      const newest = (await store.revocationsAfter(undefined, 0, 10_000)).cursor;
      const upToDate = listeners.filter(({ told }) => told.pages.at(-1)?.cursor === newest);
      assert.equal(
        upToDate.length + (dawdled.at(-1)?.cursor === newest ? 1 : 0),
        here.sessions.revocationFeedState().listeners,
      );
    });
  }

  it("reads once for everybody, and gives them one page", async (t) => {
    const { sessions, end, beats, faults, reads } = await openFeedStage(t, memoryStore());
    faults.play(undefined);
    const listeners = Array.from({ length: 50 }, () => listen(sessions));
    await settled();
    assert.equal(reads(), 1, "the beginning is read once for all who come at once");
    await beats(3);
    faults.play(undefined);
    // The first one is told at once, all others with the next beat.
    await Promise.all(Array.from({ length: 40 }, () => end()));
    await settled();
    await beats(2);
    assert.ok(reads() <= 4, `${reads()} readings`);
    const first = listeners[0] as Told;
    assert.equal(first.entries().length, 40);
    for (const { pages } of listeners) {
      assert.equal(pages.length, first.pages.length);
      pages.slice(1).forEach((page, index) => {
        assert.equal(page, first.pages[index + 1]);
      });
    }
    assert.equal(sessions.revocationFeedState().told, 50 * 40);
  });

  it("keeps nothing for a listener that does not ask, and lets it go on where it was", async (t) => {
    const { sessions, end, beats } = await openFeedStage(t, memoryStore());
    const slow = sessions.followRevocations();
    await slow.next();
    const quick = listen(sessions);
    const sids: string[] = [];
    for (let count = 0; count < 5; count += 1) {
      sids.push(await end());
      await beats(2);
    }
    assert.deepEqual(quick.sids(), sids);
    const page = slow.next();
    await beats(2);
    assert.deepEqual(
      (await page).value?.revocations.map(({ sid }: { sid?: string }) => sid),
      sids,
    );
  });

  it("says that nothing was, while the store can be read; a store that is away is silence and lag, never a gap", async (t) => {
    const { sessions, beats, faults, reads, end } = await openFeedStage(t, memoryStore());
    const told = listen(sessions);
    await beats(signOfLifeBeats - 1);
    assert.equal(told.pages.length, 1);
    await beats(4);
    assert.equal(told.pages.length, 2);
    assert.deepEqual(told.pages[1]?.revocations, []);
    faults.play(({ method }) => (method === "revocationsAfter" ? { kind: "throw before" } : undefined));
    await end();
    await beats(2 * signOfLifeBeats);
    assert.equal(told.pages.length, 2);
    assert.ok(reads() < 80, `${reads()} readings of a store that is away`);
    assert.ok(sessions.revocationFeedState().lagMilliseconds >= 2 * signOfLifeBeats * 100);
    faults.play(undefined);
    await beats(25);
    assert.equal(told.entries().length, 1);
    assert.ok(sessions.revocationFeedState().lagMilliseconds <= 1000);
  });

  it("refuses a cursor that no store gives, and a beginning without a store", async (t) => {
    const { sessions, faults } = await openFeedStage(t, memoryStore());
    const failsWith = async (cursor: string | undefined, code: string): Promise<void> => {
      const pages = sessions.followRevocations(cursor);
      await assert.rejects(pages.next(), (error) => error instanceof PawlError && error.code === code);
      assert.equal((await pages.next()).done, true);
      assert.equal(sessions.revocationFeedState().listeners, 0);
    };
    await failsWith("junk", "invalid_request");
    faults.play(() => ({ kind: "throw before" }));
    await failsWith(undefined, "store_unavailable");
    faults.play(undefined);
  });

  it("starts over after a cursor whose entry is gone, and says so once, with the first of many pages", async (t) => {
    const { sessions, end, platform } = await openFeedStage(t, memoryStore());
    await end();
    const { cursor } = await sessions.revocations();
    platform.clock.advance(accessTtlMilliseconds + leewaySecondsMax * 1000 + 2000);
    await sessions.purge();
    for (let count = 0; count < pageEntriesMax + 10; count += 1) await end();
    const told = listen(sessions, cursor);
    await settled();
    assert.deepEqual(
      told.pages.map(({ restarted, revocations }) => [restarted, revocations.length]),
      [
        [true, pageEntriesMax],
        [false, 10],
      ],
    );
  });

  it("leaves the store alone when nobody listens any more, and ends everybody when it is closed", async (t) => {
    const { sessions, beats, reads, faults, end } = await openFeedStage(t, memoryStore());
    const [first, second] = [listen(sessions), listen(sessions)];
    await beats(1);
    await first.leave();
    await first.ended;
    assert.equal(sessions.revocationFeedState().listeners, 1);
    await second.leave();
    await second.ended;
    faults.play(undefined);
    await end();
    await beats(30);
    assert.equal(reads(), 0);
    assert.deepEqual(sessions.revocationFeedState(), { listeners: 0, told: 0, lagMilliseconds: 0 });
    const third = listen(sessions);
    await settled();
    await sessions.close();
    await third.ended;
    assert.equal((await sessions.followRevocations().next()).done, true);
  });

  it("gives one page at a time", async () => {
    const sessions = await createSessions({ store: memoryStore() });
    const pages = sessions.followRevocations();
    await pages.next();
    const waiting = pages.next();
    await settled();
    await assert.rejects(pages.next(), TypeError);
    await sessions.close();
    assert.equal((await waiting).done, true);
  });
});
