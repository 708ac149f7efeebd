// What a verifier keeps of revocations: which tokens an entry is about, for how long it is kept, and how many there may be.
// How they arrive is feed.test.ts's business; here pages and events are read out of text.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Revocation } from "../../src/verifier/feed-pages.ts";
import { createEventReader, readPage } from "../../src/verifier/feed-pages.ts";
import { Revocations } from "../../src/verifier/revocations.ts";

const entry = (about: Partial<Revocation>): Revocation => ({
  sid: undefined,
  sub: undefined,
  notBefore: 0,
  exp: 900,
  ...about,
});
const page = (...revocations: Revocation[]) => ({ cursor: "c", revocations, more: false });
const token = (sid: string, sub: string, iat: number) => ({ sid, sub, iat });

test("an entry of a session refuses all its tokens, one of a subject those from before", () => {
  const kept = new Revocations();
  kept.add(page(entry({ sid: "s1", notBefore: 100 }), entry({ sub: "ann", notBefore: 100 })), 0);
  assert.equal(kept.refusing(token("s1", "bob", 1_000)), "session", "whatever its iat");
  assert.equal(kept.refusing(token("s2", "ann", 99)), "claims");
  assert.equal(kept.refusing(token("s2", "ann", 100)), undefined);
  assert.equal(kept.refusing(token("s2", "bob", 0)), undefined);
  kept.add(page(entry({ sub: "ann", notBefore: 50 })), 0);
  assert.equal(kept.refusing(token("s2", "ann", 99)), "claims", "an older entry takes nothing back");
  assert.equal(kept.refusing(token("__proto__", "constructor", 0)), undefined);
});

test("a million at once are kept, one more is no secret, and room comes with time", () => {
  const kept = new Revocations();
  const fill = (round: number, exp: number): void => {
    kept.add(page(...Array.from({ length: 10_000 }, (_, index) => entry({ sid: `${round}-${index}`, exp }))), 0);
  };
  for (let round = 0; round < 100; round += 1) fill(round, 900);
  assert.equal(kept.size, 1_000_000);
  assert.throws(() => kept.add(page(entry({ sid: "more" })), 899), /more than 1000000/);
  assert.equal(kept.refusing(token("more", "x", 0)), undefined, "nothing of it was taken");
  assert.equal(kept.refusing(token("0-0", "x", 0)), "session");
  kept.add(page(entry({ sid: "more", exp: 2_000 })), 901);
  assert.equal(kept.size, 1);
});

describe("pages", () => {
  const good = { sid: "s", not_before: 1, exp: 2 };
  const text = (revocations: unknown, cursor: unknown = "c"): string => JSON.stringify({ cursor, revocations });
  test("entries as the endpoint writes them", () => {
    assert.deepEqual(readPage(text([good])), page(entry({ sid: "s", notBefore: 1, exp: 2 })));
    assert.deepEqual(readPage(JSON.stringify({ cursor: "c", revocations: [], snapshot: true })), page());
  });
  test("anything else is no page", () => {
    const two = { ...good, sub: "x" };
    const bad = [[two], [{}], [{ ...good, exp: "2" }], [{ ...good, not_before: 1.5 }], [null], {}, null, "x"];
    for (const revocations of bad) assert.throws(() => readPage(text(revocations)), JSON.stringify(revocations));
    assert.throws(() => readPage(text(Array.from({ length: 10_001 }, () => good))));
    assert.throws(() => readPage(text([], 1)));
    assert.throws(() => readPage(text([], "x".repeat(300))));
    assert.throws(() => readPage("{"));
  });
});

test("events, in whatever pieces and with whatever line ends they come", () => {
  const stream =
    ': hello\r\n\r\nid: 1\r\ndata: {"a":1}\r\n\r\n:\n\ndata:one\ndata: two\n\nevent: x\n\ndata: last\r\rdata: never ended';
  const expected = ['{"a":1}', "one\ntwo", "last"];
  for (let size = 1; size <= stream.length; size += 1) {
    const found: string[] = [];
    let comments = 0;
    const read = createEventReader(
      (data) => found.push(data),
      () => {
        comments += 1;
        return false;
      },
    );
    for (let at = 0; at < stream.length; at += size) read(stream.slice(at, at + size));
    assert.deepEqual(found, expected, `in pieces of ${size}`);
    assert.equal(comments, 2);
  }
  const read = createEventReader(
    () => {},
    (comment) => comment === "ours",
  );
  const heard = (text: string): boolean => read(text);
  const pieces = ["id: 1\n", "\n", ": theirs\n\n", ": th", "eirs\n\n", ": ours\n\n", "da", "ta: x\n\n"];
  assert.deepEqual(pieces.map(heard), [true, false, false, false, false, true, true, true]);
  assert.throws(() => {
    for (let count = 0; count < 5; count += 1) read("x".repeat(1024 * 1024));
  }, /without an end/);
});
