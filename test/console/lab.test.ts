// The token lab against the real server: whatever the visitor pulls and whenever, the answer is the one that the lab
// foretold. Random walks through refresh, retry, confirm, replay and waiting; the seed of a failure is printed.

import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { type LabRow, type Prediction, readToken } from "../../src/console/lab-model.ts";
import { type Exchange, LabRefusal, LabSession, type Outcome } from "../../src/console/lab-session.ts";
import { serve } from "../server/program.ts";

const server = await serve(["--store", "memory:", "--rate-limit", "off", "--grace", "2s"]);
after(() => server.stop());

const email = "ada@example.com";
const password = "four unlikely words together";
const registered = await fetch(`${server.origin}/auth/register`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ email, password, transport: "body" }),
});
assert.equal(registered.status, 201);

const rest = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
const start = (): Promise<LabSession> => LabSession.start(email, password, server.origin);

/** The same numbers for the same seed (a linear congruential generator). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** The request travels between reading the clock here and there: this close to a change nothing is foretold. */
const blurMilliseconds = 150;

/** What the lab foretells for `text`; `undefined` when that is about to change, or to have just changed. */
function foretold(lab: LabSession, text: string): Prediction | undefined {
  const now = performance.now();
  const at = (instant: number): LabRow | undefined => lab.model.rows(instant).find((row) => row.text === text);
  const [before, after_] = [at(now - blurMilliseconds), at(now + blurMilliseconds)];
  return before?.prediction === after_?.prediction ? before?.prediction : undefined;
}

const outcomes: Readonly<Record<Prediction, Outcome>> = {
  rotated: "rotated",
  sibling: "sibling",
  settled: "settled",
  superseded: "superseded",
  reused: "reused",
  over: "over",
};

const walks = 16;
const stepsPerWalk = 14;

async function walk(first: LabSession, seed: number, steps: number, seen: Set<Outcome>): Promise<void> {
  const draw = numbers(seed);
  let lab = first;
  const story: string[] = [];
  for (let step = 0; step < steps; step += 1) {
    const rows = lab.model.rows(performance.now());
    const choice = draw(10);
    let expected: Prediction | undefined;
    let exchange: Exchange | undefined;
    if (choice < 3) {
      expected = foretold(lab, lab.model.held.text);
      exchange = await lab.refresh();
    } else if (choice < 5) {
      const { text } = rows[draw(rows.length)] as LabRow;
      expected = foretold(lab, text);
      exchange = await lab.replay(text);
    } else if (choice < 6) {
      exchange = await lab.confirm();
    } else if (choice < 7) {
      exchange = await lab.retry();
    } else {
      story.push("rest");
      await rest([100, 1_000, 4_200][draw(3)] as number);
    }
    if (exchange === undefined) continue;
    // Cut off on a busy machine: whether the server acted is not known, so nothing more is foretold.
    if (exchange.outcome === "failed") return;
    seen.add(exchange.outcome);
    story.push(`${exchange.request}: ${exchange.outcome}`);
    if (expected !== undefined) {
      assert.equal(exchange.outcome, outcomes[expected], `seed ${seed}: ${story.join("; ")}`);
    }
    if (exchange.outcome === "reused") {
      assert.equal((await lab.useAccessToken()).outcome, "refused");
      lab = await start();
    }
  }
  await lab.end();
}

describe("the lab foretells what the server answers", () => {
  it("on random walks", async () => {
    const seen = new Set<Outcome>();
    const labs: LabSession[] = [];
    // One after the other: many passwords at once take longer than a grace of two seconds.
    while (labs.length < walks) labs.push(await start());
    await Promise.all(labs.map((lab, index) => walk(lab, index + 1, stepsPerWalk, seen)));
    for (const outcome of Object.values(outcomes)) {
      if (outcome !== "over") assert.ok(seen.has(outcome), `no walk came by ${outcome}`);
    }
  });
});

describe("the lab", () => {
  it("gets the identical successor for a retry, also after confirming", async () => {
    const lab = await start();
    assert.equal((await lab.refresh()).outcome, "rotated");
    assert.equal((await lab.confirm()).outcome, "confirmed");
    const { text } = lab.model.held;
    assert.equal((await lab.retry()).outcome, "identical");
    assert.equal(lab.model.held.text, text);
    assert.equal((await lab.confirm()).outcome, "unchanged");
    assert.equal((await lab.refresh()).outcome, "rotated");
    await lab.end();
  });

  it("shows the replay of a retired token turn from 409 into 401", async () => {
    const lab = await start();
    await lab.refresh();
    await lab.confirm();
    const previous = lab.model.previous?.text as string;
    assert.equal((await lab.replay(previous)).outcome, "superseded");
    assert.equal((await lab.useAccessToken()).outcome, "accepted");
    await rest(lab.model.softZoneMilliseconds + 50);
    const caught = await lab.replay(previous);
    assert.deepEqual([caught.outcome, caught.status], ["reused", "401 refresh_token_reused"]);
    assert.ok(lab.model.isOver);
    assert.equal((await lab.useAccessToken()).outcome, "refused");
    assert.equal((await lab.refresh()).outcome, "over");
  });

  it("ends its session at the server", async () => {
    const lab = await start();
    await lab.end();
    assert.equal((await lab.useAccessToken()).outcome, "refused");
  });

  it("says why it could not start", async () => {
    const start_ = LabSession.start(email, "not the password at all", server.origin);
    await assert.rejects(start_, (error) => error instanceof LabRefusal && error.code === "invalid_credentials");
    const nobody = LabSession.start(email, password, "http://127.0.0.1:1");
    await assert.rejects(nobody, (error) => error instanceof LabRefusal && error.code === "network_error");
  });

  it("reads the generation of a token, and of nothing else", () => {
    assert.throws(() => readToken("pawl_rt_AAAA", "owner"), RangeError);
    assert.throws(() => readToken(`other_rt${"A".repeat(143)}`, "owner"), RangeError);
    assert.equal(readToken(`pawl_rt_${"A".repeat(143)}`, "owner").generation, 0);
  });
});
