// The obligations of a store (core/ports.ts), as a test suite for anybody who writes one: every test name is a promise.
// Owns the entry point and the promises about sessions; races, feed, documents and purge have files of their own.
// Uses node:test; call it at the top level of a test file.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createSamples } from "./session-samples.ts";
import { createSimulatedPlatform } from "./simulated.ts";
import { documentPromises } from "./store-suite-documents.ts";
import { feedPromises } from "./store-suite-feed.ts";
import { purgePromises } from "./store-suite-purge.ts";
import { racePromises } from "./store-suite-races.ts";
import type { StoreUnderTest, Subjects } from "./store-suite-subjects.ts";
import { createSubjects } from "./store-suite-subjects.ts";

export type { StoreUnderTest } from "./store-suite-subjects.ts";

/**
 * Declares the whole suite for one store.
 * @example
 * storeSuite("postgres", { create: async () => postgresStore(freshDatabase()) });
 */
export function storeSuite(name: string, underTest: StoreUnderTest): void {
  const subjects = createSubjects(underTest);
  describe(`store ${name}`, () => {
    sessionPromises(subjects);
    lifePromises(subjects);
    racePromises(subjects);
    feedPromises(subjects);
    documentPromises(subjects);
    purgePromises(subjects);
  });
}

function sessionPromises({ open }: Subjects): void {
  it("gives back exactly the record that was inserted", async (t) => {
    const store = await open(t);
    const samples = createSamples();
    const later = { ...samples.record(), version: 4711 };
    for (const record of [samples.record(), later, samples.full(), samples.ended(samples.record())]) {
      assert.equal(await store.insert(record), true);
      assert.deepEqual(await store.read(record.sid), record);
    }
  });

  it("keeps the first record when an id is inserted twice", async (t) => {
    const store = await open(t);
    const record = createSamples().record();
    assert.equal(await store.insert(record), true);
    assert.equal(await store.insert({ ...record, label: "second" }), false);
    assert.deepEqual(await store.read(record.sid), record);
  });

  it("replaces a record whose version is the expected one", async (t) => {
    const store = await open(t);
    const samples = createSamples();
    let record = samples.record();
    await store.insert(record);
    for (let refresh = 0; refresh < 20; refresh += 1) {
      const next = samples.refreshed(record);
      assert.equal(await store.commit(next, record.version), true);
      assert.deepEqual(await store.read(record.sid), next);
      record = next;
    }
  });

  it("changes nothing when the version is another one", async (t) => {
    const store = await open(t);
    const samples = createSamples();
    const first = samples.record();
    const second = samples.refreshed(first);
    await store.insert(first);
    await store.commit(second, 1);
    const revocation = { sid: first.sid, notBefore: 1, exp: 2_000_000_000 };
    for (const stale of [1, 3, 7]) {
      for (const next of [samples.ended(second), samples.refreshed(second)]) {
        const committed = store.commit({ ...next, version: stale + 1 }, stale, revocation);
        assert.equal(await committed, false, `expected version ${stale}`);
      }
    }
    assert.deepEqual(await store.read(first.sid), second);
    assert.deepEqual((await store.revocationsAfter(undefined, 0, 10)).revocations, []);
    assert.equal((await store.listBySubject(first.subject, 10)).length, 1);
  });

  it("does not make a row by a commit", async (t) => {
    const store = await open(t);
    const samples = createSamples();
    const record = samples.record();
    assert.equal(await store.commit(samples.refreshed(record), 1), false);
    assert.equal(await store.read(record.sid), undefined);
    assert.deepEqual(await store.listAll(undefined, 10), []);
  });

  it("refuses a commit whose version does not follow the expected one", async (t) => {
    const store = await open(t);
    const record = createSamples().record();
    await store.insert(record);
    await assert.rejects(store.commit({ ...record, version: 5 }, 1), { code: "invalid_request" });
    assert.deepEqual(await store.read(record.sid), record);
  });

  it("knows nothing of an unknown or malformed id", async (t) => {
    const store = await open(t);
    const samples = createSamples();
    const { sid } = samples.record();
    await store.insert(samples.record());
    for (const unknown of [
      sid,
      "",
      "x",
      `${sid}A`,
      sid.slice(1),
      "é".repeat(22),
      "AAAAAAAAAAAAAAAAAAAAAB",
      "../../etc",
    ]) {
      assert.equal(await store.read(unknown), undefined, JSON.stringify(unknown));
    }
  });

  it("refuses records it could not give back exactly", async (t) => {
    const store = await open(t);
    const record = createSamples().record();
    const bad = [
      { sid: "short" },
      { subject: "" },
      { subject: "a\0b" },
      { subject: "\ud800" },
      { subject: "s".repeat(256) },
      { userAgent: "u".repeat(256) },
      { currentHash: new Uint8Array(31) },
      { createdAt: 1.5 },
      { lastSeenAt: -1 },
      { expiresAt: Number.NaN },
      { retiredAt: new Array(17).fill(1) },
      { generation: 2 ** 32 },
      { amr: new Array(9).fill("pwd") },
    ];
    for (const changes of bad) {
      await assert.rejects(
        store.insert({ ...record, ...changes }),
        { code: "invalid_request" },
        JSON.stringify(changes),
      );
    }
    assert.deepEqual(await store.listAll(undefined, 10), []);
  });

  it("lists the sessions of a subject that nobody ended, newest first, up to the limit", async (t) => {
    const store = await open(t);
    const samples = createSamples();
    const mine = Array.from({ length: 5 }, () => samples.record({ subject: "ana" }));
    const others = ["an", "ana ", "Ana", "anb", "%"].map((subject) => samples.record({ subject }));
    const order = [3, 0, 4, 1, 2].map((index) => mine[index]);
    for (const record of [...order, ...others]) if (record) await store.insert(record);
    const newestFirst = mine.toReversed();
    assert.deepEqual(await store.listBySubject("ana", 10), newestFirst);
    assert.deepEqual(await store.listBySubject("ana", 2), newestFirst.slice(0, 2));
    assert.deepEqual(await store.listBySubject("nobody", 10), []);
    assert.deepEqual(await store.listBySubject("ana\0", 10), []);
    await store.insert(samples.record({ subject: "\ufffd" }));
    assert.deepEqual(await store.listBySubject("\ud800", 10), [], "a subject is never mended into another");
  });

  it("takes a session off its subject's list in the step that ends it", async (t) => {
    const store = await open(t);
    const samples = createSamples();
    const [first, second] = [samples.record({ subject: "ana" }), samples.record({ subject: "ana" })];
    await store.insert(first);
    await store.insert(second);
    await store.insert(samples.ended(samples.record({ subject: "ana" })));
    const refreshed = samples.refreshed(first);
    assert.equal(await store.commit(refreshed, 1), true);
    assert.deepEqual(await store.listBySubject("ana", 10), [second, refreshed]);
    assert.equal(await store.commit(samples.ended(refreshed), 2), true);
    assert.deepEqual(await store.listBySubject("ana", 10), [second]);
    assert.deepEqual(await store.read(first.sid), samples.ended(refreshed));
    // A record from before the ending is put back, as a database that lost a write would do.
    const revived = { ...refreshed, version: 4 };
    assert.equal(await store.commit(revived, 3), true);
    assert.deepEqual(await store.listBySubject("ana", 10), [second, revived]);
  });

  it("lists all sessions in the order of creation, page by page, ended ones included", async (t) => {
    const store = await open(t);
    const samples = createSamples();
    const all = Array.from({ length: 7 }, (_, index) =>
      index % 2 === 0 ? samples.record() : samples.ended(samples.record()),
    );
    for (const record of all.toReversed()) await store.insert(record);
    assert.deepEqual(await store.listAll(undefined, 100), all);
    const pages = [];
    for (let after: string | undefined; ; ) {
      const page = await store.listAll(after, 3);
      if (page.length === 0) break;
      pages.push(page.length);
      after = page.at(-1)?.sid;
    }
    assert.deepEqual(pages, [3, 3, 1]);
    await assert.rejects(store.listAll("no id", 3), { code: "invalid_request" });
  });

  it("refuses limits out of bounds", async (t) => {
    const store = await open(t);
    for (const limit of [0, -1, 1.5, Number.NaN, 10_001]) {
      await assert.rejects(store.listAll(undefined, limit), { code: "invalid_request" });
      await assert.rejects(store.listBySubject("ana", limit), { code: "invalid_request" });
    }
  });

  it("never changes a record that somebody holds, nor keeps one that somebody can change", async (t) => {
    const store = await open(t);
    const samples = createSamples();
    const inserted = samples.record();
    const copy = structuredClone(inserted);
    await store.insert(inserted);
    inserted.currentHash.fill(7);
    (inserted.amr as string[]).push("otp");
    const firstRead = await store.read(copy.sid);
    assert.deepEqual(firstRead, copy);
    await store.commit(samples.refreshed(copy), 1);
    assert.deepEqual(firstRead, copy);
    const secondRead = await store.read(copy.sid);
    secondRead?.currentHash.fill(9);
    assert.notDeepEqual(await store.read(copy.sid), secondRead);
  });
}

function lifePromises({ open, reopen, withTwo }: Subjects): void {
  it("says what it is and answers while it is open", async (t) => {
    const store = await open(t);
    assert.match(store.kind, /^[a-z]+$/);
    assert.equal(await store.ping(), undefined);
  });

  it("finishes what is in flight when it closes, and refuses everything after", async (t) => {
    const store = await open(t);
    const samples = createSamples();
    const inFlight = store.insert(samples.record());
    await store.close();
    await store.close();
    assert.equal(await inFlight, true);
    const record = samples.record();
    const calls = [
      () => store.ping(),
      () => store.read(record.sid),
      () => store.insert(record),
      () => store.commit({ ...record, version: 2 }, 1),
      () => store.listBySubject("ana", 1),
      () => store.listAll(undefined, 1),
      () => store.revocationsAfter(undefined, 0, 1),
      () => store.purge(() => true, 0, undefined, 1),
      () => store.readDocument("key"),
      () => store.writeDocuments([{ key: "key", expectedVersion: 0, value: "" }]),
      () => store.listDocuments("", undefined, 1),
    ];
    for (const call of calls) await assert.rejects(call(), { code: "store_unavailable" });
  });

  withTwo("keeps everything that was acknowledged over a restart", async (t) => {
    const store = await open(t);
    const samples = createSamples();
    const live = samples.record();
    const gone = samples.record();
    await Promise.all([store.insert(live), store.insert(gone)]);
    const refreshed = samples.refreshed(live);
    const revocation = { sid: gone.sid, notBefore: 5, exp: 2_000_000_000 };
    await Promise.all([store.commit(refreshed, 1), store.commit(samples.ended(gone), 1, revocation)]);
    await store.writeDocuments([{ key: "k", expectedVersion: 0, value: "v" }]);
    const { cursor } = await store.revocationsAfter(undefined, 0, 10);
    await store.close();

    const again = await reopen(t, store);
    assert.deepEqual(await again.read(live.sid), refreshed);
    assert.deepEqual(await again.read(gone.sid), samples.ended(gone));
    assert.deepEqual(await again.listBySubject(gone.subject, 10), []);
    assert.deepEqual(await again.readDocument("k"), { key: "k", version: 1, value: "v" });
    assert.deepEqual(await again.revocationsAfter(undefined, 0, 10), {
      cursor,
      revocations: [revocation],
      restarted: false,
      more: false,
    });
  });

  it("gives one secret, or none", async (t) => {
    const store = await open(t);
    if (store.embeddedSecret === undefined) return t.diagnostic("a networked store: the secret comes from outside");
    const { entropy } = createSimulatedPlatform();
    const secret = await store.embeddedSecret(entropy);
    assert.match(secret, /^[A-Za-z0-9_-]{43}$/);
    assert.equal(await store.embeddedSecret(entropy), secret);
  });
}
