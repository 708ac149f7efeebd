// The level of single store calls: the same random call on the store under test and on the memory store must give the
// same answer and leave the same rows, lists, feed and documents. Owns the drawing of calls; states no obligation of its
// own, since what is right is what the memory store does.

import type { PawlError } from "../core/errors.ts";
import type { DocumentChange, Revocation, Store } from "../core/ports.ts";
import type { SessionRecord } from "../core/record.ts";
import { memoryStore } from "../stores/memory.ts";
import type { Pair, Trial } from "./differential-run.ts";
import type { Random } from "./random.ts";
import type { Samples } from "./session-samples.ts";
import { createSamples } from "./session-samples.ts";

/** One store call, the same for both sides. */
interface Move {
  readonly words: string;
  readonly perform: (store: Store, side: Side) => Promise<unknown>;
}

/** A store, and how far its feed was read. Cursors are opaque, so each side keeps its own. */
interface Side {
  readonly store: Store;
  cursor: string | undefined;
}

/** What a row of calls knows of itself; `latest` is what the memory store holds. */
interface Stage {
  readonly random: Random;
  readonly samples: Samples;
  readonly latest: Map<string, SessionRecord>;
  readonly documents: Map<string, number>;
  /** Ids of every record made, purged ones and never inserted ones included. */
  readonly sids: string[];
  /** Seconds; only grows, since what lapsed may be gone. */
  now: number;
}

const subjects = ["ana", "ben", "Ana"] as const;
const documentKeys = ["a", "a/1", "a/2", "b", "é", "\u{1f40c}"] as const;
const rowsSeen = 1000;
const startAt = 1_767_225_600;

/** Picks one of `list`. */
export function pick<Item>(random: Random, list: readonly Item[]): Item {
  return list[Math.floor(random() * list.length)] as Item;
}

/** A whole number from `min` to `max`. */
export function between(random: Random, min: number, max: number): number {
  return min + Math.floor(random() * (max - min + 1));
}

/** The answer of a call: its value, or the code it was refused with. */
export async function answerOf(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return { value: await call() };
  } catch (error) {
    const { code } = error as Partial<PawlError>;
    return code === undefined ? { thrown: String(error) } : { code };
  }
}

/** Begins a row of store calls on a fresh store and a memory store. */
export async function beginStoreTrial(create: () => Promise<Store>, random: Random): Promise<Trial> {
  const expected: Side = { store: memoryStore(), cursor: undefined };
  const actual: Side = { store: await create(), cursor: undefined };
  for (const { store } of [expected, actual]) await store.open();
  const stage: Stage = {
    random,
    samples: createSamples(between(random, 1, 1_000_000)),
    latest: new Map(),
    documents: new Map(),
    sids: [],
    now: startAt,
  };
  const both = async (ask: (side: Side) => Promise<unknown>): Promise<Pair> => ({
    expected: await answerOf(() => ask(expected)),
    actual: await answerOf(() => ask(actual)),
  });
  return {
    step: async () => {
      const move = draw(stage);
      const answers = await both((side) => move.perform(side.store, side));
      await remember(stage, expected.store);
      return { words: move.words, answers };
    },
    look: async () => ({
      "a session": await both(({ store }) => Promise.all(stage.sids.map((sid) => store.read(sid)))),
      "the list of all sessions": await both(({ store }) => store.listAll(undefined, rowsSeen)),
      "the list of a subject": await both(({ store }) =>
        Promise.all(subjects.map((subject) => store.listBySubject(subject, rowsSeen))),
      ),
      "the revocation feed": await both(
        async ({ store }) => (await store.revocationsAfter(undefined, stage.now, rowsSeen)).revocations,
      ),
      "the documents": await both(({ store }) => store.listDocuments("", undefined, rowsSeen)),
    }),
    close: async () => {
      for (const { store } of [expected, actual]) await store.close();
    },
  };
}

/** Looks up what is stored now, so that the next call can be aimed at it. */
async function remember(stage: Stage, store: Store): Promise<void> {
  stage.latest.clear();
  for (const record of await store.listAll(undefined, rowsSeen)) stage.latest.set(record.sid, record);
  stage.documents.clear();
  for (const { key, version } of await store.listDocuments("", undefined, rowsSeen)) stage.documents.set(key, version);
}

function draw(stage: Stage): Move {
  const kinds = [drawInsert, drawCommit, drawCommit, drawCommit, drawList, drawDocuments, drawFeed, drawPurge];
  return (stage.latest.size === 0 ? drawInsert : pick(stage.random, kinds))(stage);
}

function nameOf(stage: Stage, sid: string | undefined): string {
  return sid === undefined ? "the start" : `session ${stage.sids.indexOf(sid) + 1}`;
}

function drawInsert(stage: Stage): Move {
  const { random, samples, sids } = stage;
  const subject = pick(random, subjects);
  const kind = pick(random, ["new", "new", "full", "ended", "again"] as const);
  const made = {
    new: () => samples.record({ subject }),
    full: () => samples.full(),
    ended: () => samples.ended(samples.record({ subject })),
    again: () => samples.record({ subject, sid: sids.length === 0 ? samples.record().sid : pick(random, sids) }),
  };
  const record = made[kind]();
  if (!sids.includes(record.sid)) sids.push(record.sid);
  const words = `insert ${nameOf(stage, record.sid)} of ${record.subject} (${kind})`;
  return { words, perform: (store) => store.insert(record) };
}

function drawCommit(stage: Stage): Move {
  const { random, samples, latest } = stage;
  const before = pick(random, [...latest.values()]);
  const shift = random() < 0.7 ? 0 : pick(random, [-1, 1, 7]);
  const expectedVersion = Math.max(0, before.version + shift);
  const kind = pick(random, ["refreshed", "refreshed", "changed", "ended"] as const);
  const made = {
    refreshed: () => refreshedWithin(samples, before),
    changed: () => ({ ...before, label: `label ${between(random, 1, 9)}`, subject: pick(random, subjects) }),
    ended: () => samples.ended(before),
  };
  const next = { ...made[kind](), version: expectedVersion + (random() < 0.95 ? 1 : 2) };
  const revocation = random() < 0.4 ? drawRevocation(stage, before) : undefined;
  const told = revocation === undefined ? "" : `, revoking ${revocation.sid === undefined ? revocation.sub : "it"}`;
  const words = `commit ${nameOf(stage, before.sid)} ${kind}, version ${next.version} over ${expectedVersion} (stored: ${before.version})${told}`;
  return { words, perform: (store) => store.commit(next, expectedVersion, revocation) };
}

/** A refresh of a record whose generation has room; the full sample has none. */
function refreshedWithin(samples: Samples, before: SessionRecord): SessionRecord {
  const generation = Math.min(before.generation, 2 ** 32 - 2);
  return samples.refreshed({ ...before, generation });
}

function drawRevocation(stage: Stage, record: SessionRecord): Revocation {
  const { random } = stage;
  const notBefore = stage.now + between(random, 0, 3);
  const exp = notBefore + between(random, 1, 40);
  return random() < 0.8 ? { sid: record.sid, notBefore, exp } : { sub: pick(random, subjects), notBefore, exp };
}

function drawList(stage: Stage): Move {
  const { random, sids, samples } = stage;
  const limit = pick(random, [1, 2, 3, 100]);
  if (random() < 0.4) {
    const subject = pick(random, [...subjects, "nobody", "ana\0"]);
    return {
      words: `list ${limit} of ${JSON.stringify(subject)}`,
      perform: (store) => store.listBySubject(subject, limit),
    };
  }
  const unknown = samples.record().sid;
  const after = pick(random, [undefined, pick(random, sids), unknown]);
  const place = after === unknown ? "an unknown id" : nameOf(stage, after);
  return { words: `list ${limit} of all after ${place}`, perform: (store) => store.listAll(after, limit) };
}

function drawDocuments(stage: Stage): Move {
  const { random, documents } = stage;
  const key = pick(random, documentKeys);
  const kind = pick(random, ["read", "list", "write", "write", "write"] as const);
  if (kind === "read") return { words: `read document ${key}`, perform: (store) => store.readDocument(key) };
  if (kind === "list") {
    const prefix = pick(random, ["", "a", "a/", "b", "c"]);
    const after = pick(random, [undefined, key]);
    const limit = pick(random, [1, 2, 100]);
    const words = `list ${limit} documents under "${prefix}" after ${after ?? "the start"}`;
    return { words, perform: (store) => store.listDocuments(prefix, after, limit) };
  }
  const changes = Array.from({ length: between(random, 1, 3) }, (): DocumentChange => {
    const name = pick(random, documentKeys);
    const version = documents.get(name) ?? 0;
    const expectedVersion = random() < 0.8 ? version : between(random, 0, 3);
    return { key: name, expectedVersion, value: random() < 0.25 ? null : `text ${between(random, 1, 99)}` };
  });
  const told = changes.map((each) => `${each.key}@${each.expectedVersion}=${each.value ?? "deleted"}`).join(", ");
  return { words: `write documents ${told}`, perform: (store) => store.writeDocuments(changes) };
}

function drawFeed(stage: Stage): Move {
  const { random, now } = stage;
  const limit = pick(random, [1, 2, 5, 100]);
  const isFresh = random() < 0.3;
  return {
    words: `read ${limit} of the feed from ${isFresh ? "the start" : "where it was left"} at second ${now - startAt}`,
    perform: async (store, side) => {
      const page = await store.revocationsAfter(isFresh ? undefined : side.cursor, now, limit);
      side.cursor = page.cursor;
      return page.revocations;
    },
  };
}

function drawPurge(stage: Stage): Move {
  const { random, sids } = stage;
  stage.now += between(random, 0, 9);
  const { now } = stage;
  const limit = pick(random, [1, 3, 100]);
  const from = pick(random, [undefined, pick(random, sids)]);
  const share = pick(random, ["nothing", "ended ones", "some"] as const);
  const lapsed = (record: SessionRecord): boolean =>
    share === "ended ones" ? record.ended !== undefined : share === "some" && record.sid.charCodeAt(12) % 5 === 0;
  return {
    words: `purge ${share} among ${limit} after ${nameOf(stage, from)} at second ${now - startAt}`,
    perform: (store) => store.purge(lapsed, now, from, limit),
  };
}
