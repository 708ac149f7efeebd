// The bound, and who is forgotten.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createBoundedMap } from "../../../src/server/accounts/bounded-map.ts";

test("forgets the least recently used entry", () => {
  const map = createBoundedMap<number>(2);
  map.set("a", 1);
  map.set("b", 2);
  assert.equal(map.get("a"), 1);
  map.set("c", 3);
  assert.equal(map.size, 2);
  assert.equal(map.get("b"), undefined);
  assert.equal(map.get("a"), 1);
  map.delete("a");
  assert.equal(map.get("a"), undefined);
});

test("replacing an entry neither grows nor forgets", () => {
  const map = createBoundedMap<number>(2);
  map.set("a", 1);
  map.set("b", 2);
  map.set("a", 3);
  assert.deepEqual([map.size, map.get("a"), map.get("b")], [2, 3, 2]);
});
