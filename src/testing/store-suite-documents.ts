// Promises of a store about documents: compare-and-set, several at once or none, order.
// Part of store-suite.ts; opens nothing itself.

import assert from "node:assert/strict";
import { it } from "node:test";
import type { Subjects } from "./store-suite-subjects.ts";

/** Declares them. */
export function documentPromises({ open, reopen, canReopen }: Subjects): void {
  it("makes, replaces and deletes a document by its version", async (t) => {
    const store = await open(t);
    const write = (expectedVersion: number, value: string | null): Promise<boolean> =>
      store.writeDocuments([{ key: "k", expectedVersion, value }]);
    assert.equal(await store.readDocument("k"), undefined);
    assert.equal(await write(1, "early"), false);
    assert.equal(await write(0, "one"), true);
    assert.equal(await write(0, "again"), false);
    assert.deepEqual(await store.readDocument("k"), { key: "k", version: 1, value: "one" });
    assert.equal(await write(1, "two"), true);
    assert.equal(await write(1, "late"), false);
    assert.deepEqual(await store.readDocument("k"), { key: "k", version: 2, value: "two" });
    assert.equal(await write(1, null), false);
    assert.equal(await write(2, null), true);
    assert.equal(await store.readDocument("k"), undefined);
    assert.equal(await write(0, "new"), true);
    assert.deepEqual(await store.readDocument("k"), { key: "k", version: 1, value: "new" });
  });

  it("applies all changes of a call or none", async (t) => {
    const store = await open(t);
    const change = (key: string, expectedVersion: number, value: string | null) => ({ key, expectedVersion, value });
    assert.equal(await store.writeDocuments([change("a", 0, "1"), change("b", 0, "1"), change("c", 0, "1")]), true);
    assert.equal(await store.writeDocuments([change("a", 1, "2"), change("b", 1, null), change("c", 9, "2")]), false);
    assert.equal(await store.writeDocuments([change("c", 9, "2"), change("a", 1, "2")]), false);
    const values = async (): Promise<string[]> =>
      (await store.listDocuments("", undefined, 10)).map((each) => each.value);
    assert.deepEqual(await values(), ["1", "1", "1"]);
    assert.equal(await store.writeDocuments([change("a", 1, "2"), change("b", 1, null), change("c", 1, "2")]), true);
    assert.deepEqual(await values(), ["2", "2"]);
    assert.equal(await store.writeDocuments([]), true);
  });

  it("lets exactly one of 50 writers win, on two instances where there are two", async (t) => {
    const store = await open(t);
    const stores = canReopen ? [store, await reopen(t, store)] : [store];
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, writer) =>
        stores[writer % stores.length]?.writeDocuments([
          { key: "shared", expectedVersion: 0, value: `writer ${writer}` },
          { key: `own ${writer}`, expectedVersion: 0, value: "" },
        ]),
      ),
    );
    assert.equal(results.filter(Boolean).length, 1);
    assert.equal((await store.readDocument("shared"))?.value, `writer ${results.indexOf(true)}`);
    assert.equal((await store.listDocuments("own ", undefined, 100)).length, 1);
  });

  it("lists by prefix, in the order of the keys' bytes, page by page", async (t) => {
    const store = await open(t);
    const keys = [
      "user:",
      "user:a",
      "user:aé",
      "user:b",
      "user:\uffee",
      "user:\u{1f40c}",
      "usf",
      "use",
      "User:a",
      "x%",
      "x_",
    ];
    for (const key of keys.toReversed()) await store.writeDocuments([{ key, expectedVersion: 0, value: key }]);
    const list = async (prefix: string, after: string | undefined, limit: number): Promise<string[]> =>
      (await store.listDocuments(prefix, after, limit)).map((each) => each.key);
    assert.deepEqual(await list("user:", undefined, 100), keys.slice(0, 6));
    assert.deepEqual(await list("user:", "user:a", 2), ["user:aé", "user:b"]);
    assert.deepEqual(await list("user:", "a", 2), ["user:", "user:a"]);
    assert.deepEqual(await list("user:", "usf", 100), []);
    assert.deepEqual(await list("x%", undefined, 100), ["x%"]);
    assert.deepEqual(await list("nothing", undefined, 100), []);
    assert.equal((await list("", undefined, 100)).length, keys.length);
  });

  it("keeps texts exactly", async (t) => {
    const store = await open(t);
    const texts = ["", "{}", "é ☃ \u{1f40c}", "'; --", "line\r\nline\t", "x".repeat(100_000), "\ufeffbom", "\u0001"];
    for (const [index, value] of texts.entries()) {
      await store.writeDocuments([{ key: `k ${value.slice(0, 20)} ${index}`, expectedVersion: 0, value }]);
      assert.equal((await store.readDocument(`k ${value.slice(0, 20)} ${index}`))?.value, value);
    }
  });

  it("refuses changes it could not make exactly", async (t) => {
    const store = await open(t);
    const good = { key: "k", expectedVersion: 0, value: "v" };
    const bad = [
      [{ ...good, key: "" }],
      [{ ...good, key: "a\0b" }],
      [{ ...good, key: "\udc00" }],
      [{ ...good, key: "k".repeat(513) }],
      [{ ...good, value: "a\0b" }],
      [{ ...good, value: "\ud800" }],
      [{ ...good, expectedVersion: -1 }],
      [{ ...good, expectedVersion: 0.5 }],
      [good, good],
      Array.from({ length: 17 }, (_, index) => ({ ...good, key: `k ${index}` })),
    ];
    for (const changes of bad) await assert.rejects(store.writeDocuments(changes), { code: "invalid_request" });
    assert.deepEqual(await store.listDocuments("", undefined, 10), []);
    await store.writeDocuments([{ ...good, key: "\ufffd" }]);
    assert.equal(await store.readDocument("\udc00"), undefined, "a key is never mended into another");
  });
}
