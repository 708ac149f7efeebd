// CONTRACT section 4, row by row: every rule with its exact-millisecond boundaries. tools/mutate-decide.ts breaks each
// rule in turn and demands that a test of this folder fails.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { endSession, idleExpiresAt, isAttempt, isPastEnd, remember } from "../../src/core/decide.ts";
import type { SessionRecord } from "../../src/core/record.ts";
import { historyEntriesMax } from "../../src/core/record.ts";
import type { RefreshToken } from "../../src/core/refresh-token.ts";
import { noHash, sameBytes, tokenHash } from "../../src/core/refresh-token.ts";
import type { Scene } from "./scene.ts";
import {
  advance,
  ask,
  confirm,
  grace,
  keyA,
  keyB,
  keyC,
  newOnlyRing,
  newScene,
  play,
  refresh,
  ring,
  rotatedRing,
  softZone,
  startAt,
} from "./scene.ts";

const outcome = (...of: Parameters<typeof ask>): string => ask(...of).outcome;
const last = (tokens: RefreshToken[]): RefreshToken => tokens.at(-1) as RefreshToken;
const at = (tokens: RefreshToken[], generation: number): RefreshToken => tokens[generation] as RefreshToken;

describe("row 1: the current token", () => {
  test("hands out the successor for the attempt and keeps the current token current", () => {
    const scene = newScene();
    const p = refresh(scene, scene.first, keyA);
    assert.equal(p.generation, 1);
    assert.equal(scene.record.generation, 0);
    assert.deepEqual(scene.record.currentHash, tokenHash(scene.first.secret));
    assert.deepEqual(scene.record.handOut, {
      count: 1,
      firstAt: startAt,
      lastAt: startAt,
      expiresAt: startAt / 1000 + 604_800,
      keyId: 1,
      crowdedBursts: 0,
      arrived: "no",
    });
  });

  test("a retry of the same attempt gets the identical token, another attempt another one", () => {
    const scene = newScene();
    const p = refresh(scene, scene.first, keyA);
    scene.now += 20_000;
    assert.deepEqual(refresh(scene, scene.first, keyA), p);
    assert.notDeepEqual(refresh(scene, scene.first, keyB).secret, p.secret);
    assert.equal(scene.record.handOut?.count, 2);
    assert.equal(scene.record.handOut?.crowdedBursts, 1);
  });

  test("a client cannot name an attempt that the server drew", () => {
    const scene = newScene();
    const drawn = refresh(scene, scene.first);
    const value = scene.record.serverAttempt?.value as Uint8Array;
    const named = refresh(
      scene,
      scene.first,
      Buffer.from(value)
        .toString("latin1")
        .replace(/[^A-Za-z0-9_-]/g, "a"),
    );
    assert.notDeepEqual(named.secret, drawn.secret);
  });

  test("confirm of the current token changes nothing", () => {
    const scene = newScene();
    assert.deepEqual(ask(scene, scene.first, undefined, "confirm"), { outcome: "unchanged" });
  });

  test("expiry is fixed at the first hand-out of a burst and drawn anew for the next burst", () => {
    const scene = newScene();
    const p = refresh(scene, scene.first, keyA);
    scene.now += softZone - 1;
    assert.equal(refresh(scene, scene.first, keyB).expiresAt, p.expiresAt);
    scene.now += softZone;
    assert.equal(refresh(scene, scene.first, keyC).expiresAt, Math.floor(scene.now / 1000) + 604_800);
  });

  test("a burst that a process with another secret began goes on under ours", () => {
    const scene = newScene();
    scene.ring = rotatedRing;
    assert.equal(refresh(scene, scene.first, keyA).keyId, 2);
    scene.ring = ring;
    const ours = refresh(scene, scene.first, keyB);
    assert.equal(ours.keyId, 1);
    scene.now += softZone;
    assert.equal(outcome(scene, ours, keyC), "rotate");
  });

  test("expiry never lies beyond the end of the session", () => {
    const scene = newScene({ sessionTtlSeconds: 1000, idleTtlSeconds: 600 });
    scene.now += 500_000;
    assert.equal(refresh(scene, scene.first, keyA).expiresAt, startAt / 1000 + 1000);
  });

  test("the key is fixed at the first hand-out of a burst; the next burst takes the newest", () => {
    const scene = newScene();
    const p = refresh(scene, scene.first, keyA);
    scene.ring = rotatedRing;
    scene.now += 1;
    assert.deepEqual(refresh(scene, scene.first, keyA), p);
    scene.now += softZone;
    const later = refresh(scene, scene.first, keyA);
    assert.equal(later.keyId, 2);
    confirm(scene, later);
    assert.equal(scene.record.currentKeyId, 2);
  });
});

describe("row 2: a successor of the current token", () => {
  test("becomes current; the old one is retired now; then it rotates", () => {
    const scene = newScene();
    const p = refresh(scene, scene.first, keyA);
    scene.now += 1000;
    const decision = play(scene, p, keyB);
    assert.equal(decision.outcome, "rotate");
    assert.equal(decision.outcome === "rotate" && decision.confirmed, true);
    assert.equal(decision.outcome === "rotate" && decision.rolledBack, false);
    assert.equal(scene.record.generation, 1);
    assert.deepEqual(scene.record.currentHash, tokenHash(p.secret));
    assert.equal(scene.record.currentExpiresAt, p.expiresAt);
    assert.deepEqual(scene.record.previousHash, tokenHash(scene.first.secret));
    assert.deepEqual(scene.record.retiredAt, [scene.now]);
    assert.equal(scene.record.handOut?.count, 1);
    assert.equal(scene.record.handOut?.crowdedBursts, 0);
  });

  test("confirm does the same without rotating, and repeats harmlessly", () => {
    const scene = newScene();
    const p = refresh(scene, scene.first, keyA);
    confirm(scene, p);
    assert.equal(scene.record.generation, 1);
    assert.equal(scene.record.handOut, undefined);
    assert.deepEqual(scene.record.history, []);
    assert.equal(outcome(scene, p, undefined, "confirm"), "unchanged");
  });

  test("once one sibling is current the others are dead: reuse", () => {
    const scene = newScene();
    const p = refresh(scene, scene.first, keyA);
    scene.now += softZone;
    const q = refresh(scene, scene.first, keyB);
    confirm(scene, p);
    assert.equal(outcome(scene, q, keyB), "reuse");
    assert.equal(outcome(scene, q, keyB, "confirm"), "reuse");
  });

  test("a token whose link leads elsewhere is refused and revokes nothing", () => {
    const scene = newScene();
    const p = refresh(scene, scene.first, keyA);
    const forged = { ...p, links: [p.links[1], p.links[1]] as const };
    assert.deepEqual(ask(scene, forged, keyA), { outcome: "invalid" });
    assert.deepEqual(ask(scene, { ...p, secret: Buffer.alloc(32, 3) }, keyA), { outcome: "invalid" });
  });

  test("works across a change of PAWL_SECRET", () => {
    const scene = newScene();
    const p = refresh(scene, scene.first, keyA);
    scene.ring = rotatedRing;
    scene.now += softZone;
    assert.equal(refresh(scene, p, keyB).keyId, 2);
  });
});

describe("row 3: contention", () => {
  const contended = (): { scene: Scene; p: RefreshToken; q: RefreshToken } => {
    const scene = newScene();
    const p = refresh(scene, scene.first, keyA);
    scene.now += 1000;
    const q = refresh(scene, scene.first, keyB);
    return { scene, p, q };
  };

  test("a successor of a contended generation settles until a soft zone after the last hand-out", () => {
    const { scene, p, q } = contended();
    assert.equal(play(scene, p, keyC).outcome, "settle");
    assert.deepEqual(ask(scene, q, keyC), { outcome: "settle" });
    assert.deepEqual(ask(scene, q, keyC, "confirm"), { outcome: "unchanged" });
    scene.now += softZone - 1;
    assert.equal(outcome(scene, p, keyC), "settle");
    scene.now += 1;
    assert.equal(outcome(scene, p, keyC), "rotate");
  });

  test("in its contended burst the generation takes no more after one soft zone from the first, until it is over", () => {
    const { scene, p } = contended();
    scene.now = startAt + softZone - 1;
    refresh(scene, scene.first, keyC);
    scene.now = startAt + softZone;
    assert.deepEqual(ask(scene, scene.first, keyC), { outcome: "settle" });
    assert.equal(outcome(scene, p, keyC), "settle");
    scene.now = startAt + softZone - 1 + softZone - 1;
    assert.deepEqual(ask(scene, scene.first, keyC), { outcome: "settle" });
    scene.now += 1;
    assert.equal(outcome(scene, scene.first, keyC), "rotate");
  });

  for (const operation of ["refresh", "confirm"] as const) {
    test(`settling is not a hand-out; the first one (${operation}) is remembered, for an answer has arrived`, () => {
      const { scene, p, q } = contended();
      const { handOut, ...before } = scene.record;
      assert.equal(handOut?.arrived, "no");
      play(scene, p, keyC, operation);
      const version = before.version + 1;
      assert.deepEqual(scene.record, { ...before, version, handOut: { ...handOut, arrived: "in this burst" } });
      const remembered = scene.record;
      play(scene, q, keyC);
      assert.equal(scene.record, remembered);
    });
  }

  test("in the first contended burst an arrival closes nothing: its hand-outs go on for one soft zone", () => {
    const { scene, p } = contended();
    play(scene, p, keyC);
    scene.now = startAt + softZone - 1;
    refresh(scene, scene.first, keyC);
    assert.equal(scene.record.handOut?.arrived, "in this burst");
  });

  test("a later crowded burst is contended, too, while no answer is known to have arrived", () => {
    const { scene } = contended();
    scene.now += softZone;
    const lateA = refresh(scene, scene.first, keyA);
    assert.equal(scene.record.handOut?.count, 1);
    assert.equal(scene.record.handOut?.crowdedBursts, 1);
    assert.equal(outcome(scene, lateA, keyC), "rotate");
    const lateB = refresh(scene, scene.first, keyB);
    assert.equal(scene.record.handOut?.crowdedBursts, 2);
    assert.equal(outcome(scene, lateA, keyC), "settle");
    // It goes on handing out: nobody is kept from a successor by somebody who polls.
    for (let turn = 0; turn < 5; turn += 1) {
      scene.now += softZone - 1;
      refresh(scene, scene.first, keyC);
      assert.equal(outcome(scene, lateB, keyC), "settle");
    }
    assert.equal(scene.record.handOut?.crowdedBursts, 2);
  });

  test("a later crowded burst takes no more once an answer has arrived, so it ends a soft zone later", () => {
    const { scene } = contended();
    scene.now += softZone;
    const lateA = refresh(scene, scene.first, keyA);
    refresh(scene, scene.first, keyB);
    const lastAt = scene.now;
    scene.now += softZone - 1;
    play(scene, lateA, keyC);
    assert.deepEqual(ask(scene, scene.first, keyC), { outcome: "settle" });
    scene.now = lastAt + softZone;
    assert.equal(outcome(scene, lateA, keyC), "rotate");
    assert.equal(outcome(scene, scene.first, keyC), "rotate");
  });

  test("bursts after an arrival are not contended: whoever makes them shares no jar with the one that arrived", () => {
    const { scene, p } = contended();
    play(scene, p, keyC);
    scene.now += softZone;
    const lateA = refresh(scene, scene.first, keyA);
    refresh(scene, scene.first, keyB);
    assert.equal(scene.record.handOut?.arrived, "earlier");
    assert.equal(outcome(scene, lateA, keyC), "rotate");
    scene.now += softZone;
    refresh(scene, scene.first, keyA);
    assert.equal(scene.record.handOut?.arrived, "earlier");
  });

  test("a successor from an earlier burst never waits for a later one", () => {
    const { scene, p } = contended();
    scene.now += softZone;
    refresh(scene, scene.first, keyA);
    refresh(scene, scene.first, keyC);
    assert.equal(outcome(scene, p, keyC), "rotate");
    assert.equal(outcome(scene, p, undefined, "confirm"), "confirm");
  });

  test("a first burst with one hand-out does not use up the contention of a later one", () => {
    const scene = newScene();
    refresh(scene, scene.first, keyA);
    scene.now += softZone;
    const p = refresh(scene, scene.first, keyA);
    assert.equal(scene.record.handOut?.crowdedBursts, 0);
    scene.now += 1;
    refresh(scene, scene.first, keyB);
    assert.equal(outcome(scene, p, keyC), "settle");
  });

  test("a clock set far back ends the burst instead of freezing the generation", () => {
    const { scene, p } = contended();
    scene.now -= softZone - 1;
    assert.equal(outcome(scene, p, keyC), "settle");
    scene.now -= 1;
    assert.equal(outcome(scene, p, keyC), "rotate");
  });
});

describe("row 4: the answer to a confirmed attempt was lost", () => {
  test("the same attempt gets the current token again, identical, at any later time", () => {
    const scene = newScene();
    const tokens = advance(scene, scene.first, 3, 1000);
    const before = at(tokens, 2);
    scene.now += 100 * softZone;
    const decision = ask(scene, before, keyA);
    assert.equal(decision.outcome, "hand_out_again");
    assert.deepEqual(decision.outcome === "hand_out_again" && decision.token, last(tokens));
    assert.deepEqual(ask(scene, before, keyA, "confirm"), { outcome: "unchanged" });
  });

  test("is a hand-out like any other: no successor is confirmed while its answer may be under way", () => {
    const scene = newScene();
    const tokens = advance(scene, scene.first, 1, 1000);
    assert.equal(play(scene, scene.first, keyA).outcome, "hand_out_again");
    const againAt = scene.now;
    assert.equal(scene.record.currentAgainAt, againAt);
    const next = refresh(scene, last(tokens), keyB);
    assert.deepEqual(ask(scene, next, keyC), { outcome: "settle" });
    assert.deepEqual(ask(scene, next, keyC, "confirm"), { outcome: "unchanged" });
    scene.now = againAt + softZone - 1;
    assert.equal(outcome(scene, next, keyC), "settle");
    scene.now += 1;
    confirm(scene, next);
    assert.equal(scene.record.currentAgainAt, undefined);
  });

  test("while it is under way no arrival is remembered: it may put the current token back into the jar", () => {
    const scene = newScene();
    const tokens = advance(scene, scene.first, 1, 1000);
    play(scene, scene.first, keyA);
    const next = refresh(scene, last(tokens), keyB);
    refresh(scene, last(tokens), keyC);
    play(scene, next, keyC);
    assert.equal(scene.record.handOut?.arrived, "no");
  });

  test("not for another attempt, not from a sibling, not from further back", () => {
    const scene = newScene();
    const tokens = advance(scene, scene.first, 3, 1000);
    scene.now += softZone;
    assert.equal(outcome(scene, at(tokens, 2), keyB), "reuse");
    assert.equal(outcome(scene, { ...at(tokens, 2), secret: Buffer.alloc(32, 4) }, keyA), "reuse");
    assert.equal(outcome(scene, at(tokens, 1), keyA), "reuse");
  });

  test("not once something of the next generation was handed out", () => {
    const scene = newScene();
    const tokens = advance(scene, scene.first, 1, 1000);
    scene.now += softZone;
    assert.equal(outcome(scene, scene.first, keyA), "hand_out_again");
    refresh(scene, last(tokens), keyB);
    assert.equal(outcome(scene, scene.first, keyA), "reuse");
  });

  test("not when the secret of the current token is gone", () => {
    const scene = newScene();
    advance(scene, scene.first, 1, 1000);
    scene.now += softZone;
    scene.ring = newOnlyRing;
    assert.equal(outcome(scene, scene.first, keyA), "reuse");
  });

  test("without a key: within grace of the server's attempt only", () => {
    const scene = newScene();
    const p = refresh(scene, scene.first);
    scene.now += grace - 1;
    confirm(scene, p);
    const again = ask(scene, scene.first);
    assert.deepEqual(again.outcome === "hand_out_again" && again.token, p);
    scene.now += 1;
    assert.equal(outcome(scene, scene.first), "superseded");
    scene.now = startAt + grace - 1 + softZone;
    assert.equal(outcome(scene, scene.first), "reuse");
  });
});

describe("the attempt of requests without a key", () => {
  test("is kept for one grace from its first use, not from its last", () => {
    const scene = newScene();
    const p = refresh(scene, scene.first);
    scene.now += grace - 1;
    assert.deepEqual(refresh(scene, scene.first).secret, p.secret);
    scene.now += 1;
    assert.notDeepEqual(refresh(scene, scene.first).secret, p.secret);
    assert.equal(scene.record.serverAttempt?.firstUsedAt, startAt + grace);
  });

  test("is shared in at most two generations in a row; in the third everybody gets a token of their own", () => {
    const scene = newScene();
    let token = scene.first;
    for (const isShared of [true, true, false, true, true, false]) {
      const one = refresh(scene, token);
      const two = refresh(scene, token);
      const three = refresh(scene, token);
      assert.equal(sameBytes(one.secret, two.secret), isShared, `generation ${one.generation}`);
      assert.equal(sameBytes(two.secret, three.secret), isShared, `generation ${one.generation}`);
      scene.now += softZone;
      confirm(scene, one);
      token = one;
    }
  });

  test("handing the current token out again shares it as well", () => {
    const scene = newScene();
    let token = scene.first;
    for (let count = 0; count < 2; count += 1) {
      const next = refresh(scene, token);
      confirm(scene, next);
      assert.equal(play(scene, token).outcome, "hand_out_again");
      scene.now += softZone;
      token = next;
    }
    const third = refresh(scene, token);
    confirm(scene, third);
    assert.equal(play(scene, token).outcome, "superseded");
    assert.equal(scene.record.serverAttempt?.sharedBefore, 2);
  });

  test("a generation in which nobody shares it ends the row, and so does one without it", () => {
    const scene = newScene();
    const one = refresh(scene, scene.first);
    refresh(scene, scene.first);
    scene.now += softZone;
    const two = refresh(scene, one);
    assert.equal(scene.record.serverAttempt?.sharedBefore, 1);
    const three = refresh(scene, two);
    assert.equal(scene.record.serverAttempt?.sharedBefore, 0);
    refresh(scene, two);
    scene.now += softZone;
    const four = refresh(scene, three, keyA);
    refresh(scene, four);
    assert.equal(scene.record.serverAttempt?.sharedBefore, 0);
  });

  test("a generation stays shared when its attempt is drawn anew", () => {
    const scene = newScene();
    refresh(scene, scene.first);
    const one = refresh(scene, scene.first);
    scene.now += grace;
    refresh(scene, scene.first);
    assert.equal(scene.record.serverAttempt?.isShared, true);
    scene.now += softZone;
    refresh(scene, one);
    assert.equal(scene.record.serverAttempt?.sharedBefore, 1);
  });

  test("handing out again for a client's key shares nothing", () => {
    const scene = newScene();
    refresh(scene, scene.first);
    const keyed = refresh(scene, scene.first, keyA);
    scene.now += softZone;
    confirm(scene, keyed);
    assert.equal(play(scene, scene.first, keyA).outcome, "hand_out_again");
    assert.equal(scene.record.serverAttempt?.isShared, false);
  });

  test("a request with a key leaves it alone", () => {
    const scene = newScene();
    refresh(scene, scene.first);
    const drawn = scene.record.serverAttempt;
    refresh(scene, scene.first, keyA);
    assert.equal(scene.record.serverAttempt, drawn);
  });

  test("an attempt of a later generation is of no use after the store rolled back", () => {
    const scene = newScene();
    const fresh = scene.record;
    const first = refresh(scene, scene.first);
    const later = { value: Buffer.alloc(16, 99), isShared: true, sharedBefore: 0 };
    scene.record = { ...fresh, serverAttempt: { ...later, firstUsedAt: startAt, generation: 5 } };
    assert.notDeepEqual(refresh(scene, scene.first).secret, first.secret);
    assert.equal(scene.record.serverAttempt?.generation, 1);
  });
});

describe("row 5: superseded", () => {
  test("a generation retired less than a soft zone ago gets no verdict, then reuse", () => {
    const scene = newScene();
    const tokens = advance(scene, scene.first, 2, 1000);
    const retiredAt = scene.now;
    scene.now = retiredAt + softZone - 1;
    assert.deepEqual(ask(scene, at(tokens, 1), keyB), { outcome: "superseded" });
    assert.deepEqual(ask(scene, at(tokens, 1), keyB, "confirm"), { outcome: "superseded" });
    scene.now += 1;
    assert.equal(outcome(scene, at(tokens, 1), keyB), "reuse");
  });

  test("each generation has its own time", () => {
    const scene = newScene();
    const tokens = advance(scene, scene.first, 3, 1000);
    scene.now = startAt + 2000 + softZone;
    assert.equal(outcome(scene, at(tokens, 0), keyB), "reuse");
    assert.equal(outcome(scene, at(tokens, 1), keyB), "reuse");
    assert.equal(outcome(scene, at(tokens, 2), keyB), "superseded");
  });

  test("older than a full list whose oldest entry is recent: no verdict", () => {
    const scene = newScene();
    const tokens = advance(scene, scene.first, 20, 1000);
    assert.equal(scene.record.retiredAt.length, 16);
    assert.equal(outcome(scene, at(tokens, 0), keyB), "superseded");
    scene.now = (scene.record.retiredAt[15] as number) + softZone - 1;
    assert.equal(outcome(scene, at(tokens, 3), keyB), "superseded");
    scene.now += 1;
    assert.equal(outcome(scene, at(tokens, 3), keyB), "reuse");
    assert.equal(outcome(scene, at(tokens, 4), keyB), "reuse");
    assert.equal(outcome(scene, at(tokens, 5), keyB), "superseded");
  });

  test("older than a list that is not full: reuse", () => {
    const scene = newScene();
    const tokens = advance(scene, scene.first, 15, 1000);
    scene.record = { ...scene.record, retiredAt: scene.record.retiredAt.slice(0, 10) };
    assert.equal(outcome(scene, at(tokens, 5), keyB), "superseded");
    assert.equal(outcome(scene, at(tokens, 4), keyB), "reuse");
  });

  test("times that cannot matter any more are not kept", () => {
    const scene = newScene();
    advance(scene, scene.first, 5, softZone / 2);
    assert.deepEqual(
      scene.record.retiredAt.map((instant) => scene.now - instant),
      [0, softZone / 2],
    );
  });

  test("a clock that was set back yields no verdict", () => {
    const scene = newScene();
    const tokens = advance(scene, scene.first, 1, 1000);
    scene.now -= 10 * softZone;
    assert.equal(outcome(scene, at(tokens, 0), keyB), "superseded");
  });
});

describe("rows 6 and 7: the store lost acknowledged writes", () => {
  const lost = (steps: number): { scene: Scene; tokens: RefreshToken[] } => {
    const scene = newScene();
    const tokens = advance(scene, scene.first, 3, 1000);
    const backup = scene.record;
    const more = advance(scene, last(tokens), steps, 1000).slice(1);
    scene.record = backup;
    return { scene, tokens: [...tokens, ...more] };
  };

  test("one lost write: the second link carries the session on", () => {
    const { scene, tokens } = lost(2);
    const decision = play(scene, last(tokens), keyB);
    assert.equal(decision.outcome === "rotate" && decision.rolledBack, true);
    assert.equal(scene.record.generation, 5);
    assert.deepEqual(scene.record.previousHash, noHash);
    assert.deepEqual(scene.record.olderHash, tokenHash(at(tokens, 3).secret));
    assert.deepEqual(scene.record.retiredAt.slice(0, 2), [scene.now, scene.now]);
    assert.equal(scene.record.history.at(-1)?.type, "store_rolled_back");
    scene.now += softZone - 1;
    assert.equal(outcome(scene, at(tokens, 4), keyC), "superseded");
    scene.now += 1;
    assert.equal(outcome(scene, at(tokens, 3), keyC), "reuse");
  });

  test("confirm carries it on without rotating", () => {
    const { scene, tokens } = lost(2);
    const decision = play(scene, last(tokens), undefined, "confirm");
    assert.equal(decision.outcome === "confirm" && decision.rolledBack, true);
    assert.equal(scene.record.handOut, undefined);
    refresh(scene, last(tokens), keyB);
  });

  test("a bad second link is refused and revokes nothing", () => {
    const { scene, tokens } = lost(2);
    const token = last(tokens);
    assert.deepEqual(ask(scene, { ...token, links: [token.links[0], token.links[0]] }, keyB), { outcome: "invalid" });
  });

  test("more than one lost write: refused, nothing revoked", () => {
    const { scene, tokens } = lost(3);
    assert.deepEqual(ask(scene, last(tokens), keyB), { outcome: "invalid" });
    assert.deepEqual(ask(scene, last(tokens), keyB, "confirm"), { outcome: "invalid" });
  });

  test("the first link does not stand in for the second, nor the second for the first", () => {
    const { scene, tokens } = lost(2);
    const [near, far] = last(tokens).links;
    assert.equal(outcome(scene, { ...last(tokens), links: [far, near] }, keyB), "invalid");
    assert.equal(outcome(scene, { ...last(tokens), generation: 4 }, keyB), "invalid");
  });
});

describe("row 8: reuse", () => {
  test("ends this session with what was seen", () => {
    const scene = newScene();
    const tokens = advance(scene, scene.first, 2, 1000);
    scene.now += softZone;
    const decision = play(scene, at(tokens, 0), keyB);
    assert.equal(decision.outcome, "reuse");
    assert.deepEqual(scene.record.ended, { at: scene.now, reason: "refresh_token_reused" });
    assert.deepEqual(scene.record.history.at(-1), {
      at: scene.now,
      type: "refresh_token_reused",
      detail: "a used refresh token came back: generation 0, current 2",
    });
    assert.deepEqual(ask(scene, last(tokens), keyB), { outcome: "over", code: "session_revoked" });
  });

  test("a dead sibling is reuse even while its generation's predecessor is recent", () => {
    const scene = newScene();
    const p = refresh(scene, scene.first, keyA);
    scene.now += softZone;
    const q = refresh(scene, scene.first, keyB);
    confirm(scene, q);
    const decision = play(scene, p, keyA);
    assert.equal(decision.outcome, "reuse");
    assert.match(scene.record.history.at(-1)?.detail ?? "", /^a dead sibling of the current token came back/);
  });
});

describe("strict", () => {
  test("a successor becomes current when it is handed out", () => {
    const scene = newScene({ rotation: "strict" });
    const p = refresh(scene, scene.first, keyA);
    assert.equal(scene.record.generation, 1);
    assert.equal(scene.record.handOut, undefined);
    assert.deepEqual(scene.record.currentHash, tokenHash(p.secret));
    assert.equal(outcome(scene, p, undefined, "confirm"), "unchanged");
    assert.equal(refresh(scene, p, keyB).generation, 2);
  });

  test("any other token is reuse, at once, the same attempt included", () => {
    const scene = newScene({ rotation: "strict" });
    const p = refresh(scene, scene.first, keyA);
    assert.equal(outcome(scene, scene.first, keyA), "reuse");
    assert.equal(outcome(scene, { ...p, generation: 9 }, keyA), "reuse");
    assert.equal(outcome(scene, { ...p, generation: 1, secret: Buffer.alloc(32) }, keyA), "reuse");
  });

  test("sessions from before the switch: a successor and a lost write still confirm", () => {
    const scene = newScene();
    const p = refresh(scene, scene.first, keyA);
    scene.policy = newScene({ rotation: "strict" }).policy;
    const q = refresh(scene, p, keyB);
    assert.equal(q.generation, 2);
    assert.equal(scene.record.generation, 2);
    assert.equal(scene.record.version, 3);
    const backup = scene.record;
    const lostOne = refresh(scene, q, keyA);
    const newest = refresh(scene, lostOne, keyA);
    scene.record = backup;
    const decision = play(scene, newest, keyB);
    assert.equal(decision.outcome === "rotate" && decision.rolledBack, true);
  });

  test("answers outstanding at the switch settle as before it", () => {
    const scene = newScene();
    const p = refresh(scene, scene.first, keyA);
    refresh(scene, scene.first, keyB);
    scene.policy = newScene({ rotation: "strict" }).policy;
    assert.equal(outcome(scene, p, keyC), "settle");
    scene.now += softZone;
    assert.equal(outcome(scene, p, keyC), "rotate");
  });

  test("the current token waits for answers outstanding at the switch, then rotates", () => {
    const scene = newScene();
    const p = refresh(scene, scene.first, keyA);
    scene.policy = newScene({ rotation: "strict" }).policy;
    scene.now += softZone - 1;
    assert.deepEqual(ask(scene, scene.first, keyC), { outcome: "settle" });
    assert.equal(outcome(scene, p, keyC), "rotate");
    scene.now += 1;
    assert.equal(outcome(scene, scene.first, keyC), "rotate");
  });

  test("so it does for a current token that was handed out again right before the switch", () => {
    const scene = newScene();
    const tokens = advance(scene, scene.first, 1, 1000);
    play(scene, scene.first, keyA);
    scene.policy = newScene({ rotation: "strict" }).policy;
    scene.now += softZone - 1;
    assert.deepEqual(ask(scene, last(tokens), keyC), { outcome: "settle" });
    scene.now += 1;
    assert.equal(outcome(scene, last(tokens), keyC), "rotate");
  });
});

describe("sessions that are over", () => {
  test("revoked before expired; the absolute end to the millisecond", () => {
    const scene = newScene({ sessionTtlSeconds: 100, idleTtlSeconds: 100 });
    scene.now = startAt + 99_999;
    assert.equal(outcome(scene, scene.first, keyA), "rotate");
    scene.now += 1;
    assert.deepEqual(ask(scene, scene.first, keyA), { outcome: "over", code: "session_expired" });
    assert.equal(isPastEnd(scene.record, scene.now - 1), false);
    scene.record = endSession(scene.record, "logout", scene.now);
    assert.deepEqual(ask(scene, scene.first, keyA), { outcome: "over", code: "session_revoked" });
  });

  test("endSession says who and when, raises the version, and remembers", () => {
    const { record } = newScene();
    const ended = endSession(record, "session_limit", 5);
    assert.deepEqual(ended.ended, { at: 5, reason: "session_limit" });
    assert.equal(ended.version, 2);
    assert.deepEqual(ended.history, [{ at: 5, type: "session_revoked", detail: "" }]);
  });

  test("history is bounded, newest kept", () => {
    let { record }: { record: SessionRecord } = newScene();
    for (let turn = 0; turn < historyEntriesMax + 3; turn += 1) {
      record = remember(record, { at: turn, type: "session_reauthenticated", detail: "" });
    }
    assert.equal(record.history.length, historyEntriesMax);
    assert.equal(record.history[0]?.at, 3);
  });

  test("the idle end is that of the latest token in use", () => {
    const scene = newScene();
    assert.equal(idleExpiresAt(scene.record), startAt / 1000 + 604_800);
    scene.now += 10_000;
    refresh(scene, scene.first, keyA);
    assert.equal(idleExpiresAt(scene.record), startAt / 1000 + 604_810);
  });
});

test("the shape of an Idempotency-Key", () => {
  assert.equal(isAttempt("a".repeat(16)), true);
  assert.equal(isAttempt("A-_9".repeat(32)), true);
  for (const bad of [
    "a".repeat(15),
    "a".repeat(129),
    "",
    `${"a".repeat(16)}\n`,
    `${"a".repeat(16)} `,
    "ä".repeat(16),
  ]) {
    assert.equal(isAttempt(bad), false, JSON.stringify(bad));
  }
});
