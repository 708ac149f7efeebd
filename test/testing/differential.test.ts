// The differential suite can fail: stores with a planted bug each are reported by its default seeds, at the level where
// the bug can be seen, with a story that the seed repeats word for word. A store without a bug is not.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Store } from "../../src/core/ports.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import type { DifferentialLevel } from "../../src/testing/differential-suite.ts";
import { compareWithMemory, seedsDefault } from "../../src/testing/differential-suite.ts";

type Bug = (store: Store) => Partial<Store>;

/** True at every `period`-th call. */
function everyNth(period: number): () => boolean {
  let calls = 0;
  return () => {
    calls += 1;
    return calls % period === 0;
  };
}

const bugs: Readonly<Record<string, Bug>> = {
  "ignores the expected version now and then": (store) => {
    const isNow = everyNth(4);
    return {
      commit: async (next, expectedVersion, revocation) => {
        const stored = await store.read(next.sid);
        if (stored === undefined || !isNow()) return await store.commit(next, expectedVersion, revocation);
        return await store.commit({ ...next, version: stored.version + 1 }, stored.version, revocation);
      },
    };
  },
  "forgets the last retirement time": (store) => ({
    read: async (sid) => {
      const record = await store.read(sid);
      return record && { ...record, retiredAt: record.retiredAt.slice(0, Math.max(1, record.retiredAt.length - 1)) };
    },
  }),
  "loses a revocation now and then": (store) => {
    const isNow = everyNth(3);
    return {
      commit: (next, expectedVersion, revocation) =>
        store.commit(next, expectedVersion, revocation !== undefined && isNow() ? undefined : revocation),
    };
  },
  "returns a stale read now and then": (store) => {
    const isNow = everyNth(5);
    const before = new Map<string, Awaited<ReturnType<Store["read"]>>>();
    return {
      read: async (sid) => {
        const record = await store.read(sid);
        const stale = before.get(sid);
        before.set(sid, record);
        return stale !== undefined && isNow() ? stale : record;
      },
    };
  },
  "lists a subject in another order": (store) => ({
    listBySubject: async (subject, limit) => (await store.listBySubject(subject, limit)).reverse(),
  }),
  "cuts a page of all sessions": (store) => ({
    listAll: async (after, limit) => await store.listAll(after, Math.max(1, limit - 1)),
  }),
  "overwrites a session that is there": (store) => ({
    insert: async (record) => {
      if (await store.insert(record)) return true;
      const stored = await store.read(record.sid);
      const version = stored?.version ?? 0;
      return await store.commit({ ...record, version: version + 1 }, version);
    },
  }),
  "keeps an ended session on the list": (store) => {
    const ended = new Map<string, Awaited<ReturnType<Store["read"]>>>();
    return {
      commit: async (next, expectedVersion, revocation) => {
        const isDone = await store.commit(next, expectedVersion, revocation);
        if (isDone && next.ended !== undefined) ended.set(next.sid, next);
        return isDone;
      },
      listBySubject: async (subject, limit) => {
        const kept = [...ended.values()].filter((record) => record?.subject === subject);
        return [...(await store.listBySubject(subject, limit)), ...kept] as never;
      },
    };
  },
  "writes a feed entry although the commit lost": (store) => {
    const extra: unknown[] = [];
    return {
      commit: async (next, expectedVersion, revocation) => {
        const isDone = await store.commit(next, expectedVersion, revocation);
        if (!isDone && revocation !== undefined) extra.push(revocation);
        return isDone;
      },
      revocationsAfter: async (cursor, nowSeconds, limit) => {
        const page = await store.revocationsAfter(cursor, nowSeconds, limit);
        return { ...page, revocations: [...page.revocations, ...(extra as typeof page.revocations)] };
      },
    };
  },
  "forgets where the feed was read to": (store) => ({
    revocationsAfter: (_cursor, nowSeconds, limit) => store.revocationsAfter(undefined, nowSeconds, limit),
  }),
  "purges what has not lapsed": (store) => ({
    purge: (_lapsed, nowSeconds, from, limit) => store.purge(() => true, nowSeconds, from, limit),
  }),
  "writes documents whatever their version": (store) => ({
    writeDocuments: async (changes) => {
      if (changes.length !== 1 || changes[0] === undefined) return await store.writeDocuments(changes);
      const stored = await store.readDocument(changes[0].key);
      return await store.writeDocuments([{ ...changes[0], expectedVersion: stored?.version ?? 0 }]);
    },
  }),
};

/** Where each bug must be seen. What an engine never asks for only shows in single calls. */
const onlyInSingleCalls = [
  "overwrites a session that is there",
  "writes a feed entry although the commit lost",
  "writes documents whatever their version",
];

function planted(bug: Bug): () => Promise<Store> {
  return async () => {
    const store = memoryStore();
    return { ...store, ...bug(store) };
  };
}

/** The report of the first default seed that finds a difference. */
async function search(bug: Bug, level: DifferentialLevel): Promise<{ seed: number; report: string } | undefined> {
  for (const seed of seedsDefault) {
    const difference = await compareWithMemory("planted", planted(bug), level, seed);
    if (difference !== undefined) return difference;
  }
  return undefined;
}

describe("the differential suite", () => {
  for (const [name, bug] of Object.entries(bugs)) {
    const levels = onlyInSingleCalls.includes(name) ? (["store"] as const) : (["store", "sessions"] as const);
    for (const level of levels) {
      it(`${level}: reports a store that ${name}`, async (t) => {
        const found = await search(bug, level);
        assert.ok(found, "no default seed shows it");
        const { seed, report } = found;
        assert.match(report, new RegExp(`^planted \\(${level}\\) is not what memory gives: .* of seed ${seed}\\.\n`));
        assert.match(report, new RegExp(`seeds: \\[${seed}\\]`));
        const [told = "", values = ""] = report.split(/\n(?=\S.*:\n {2}\S)/);
        assert.ok(!/pawl_rt_|eyJ/.test(told), "the story names tokens by number");
        assert.match(values, /^.*:\n {2}\S.*: memory .*, here ./, "both values are shown");
        const again = await compareWithMemory("planted", planted(bug), level, seed);
        assert.equal(again?.report, report, "the seed repeats it");
        t.diagnostic(report.split("\n")[0] as string);
      });
    }
  }

  it("reports an engine's store that answers with an error of its own", async () => {
    const bug: Bug = () => ({
      listAll: async () => {
        throw new Error("boom");
      },
    });
    assert.match((await search(bug, "store"))?.report ?? "", /boom/);
  });

  it("is quiet about the memory store, on other seeds, too", async () => {
    for (const level of ["store", "sessions"] as const) {
      for (const seed of [-1, 0, 7, 4_294_967_297]) {
        assert.equal(await compareWithMemory("memory", async () => memoryStore(), level, seed, 60), undefined);
      }
    }
  });

  it("refuses seeds and steps that are none", async () => {
    const compare = (seed: number, steps: number) =>
      compareWithMemory("memory", async () => memoryStore(), "store", seed, steps);
    for (const [seed, steps] of [
      [0.5, 1],
      [Number.NaN, 1],
      [1, 0],
      [1, 1.5],
      [1, 100_001],
    ] as const) {
      await assert.rejects(compare(seed, steps), RangeError);
    }
  });
});
