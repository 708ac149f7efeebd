// When a verifier may believe that the feed has told everything, over real HTTP: not by a stream that is none, not by half a page,
// not by the first of several. And who hears of what it told: everybody who holds a connection open, whatever the others do.

import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import type { TestContext } from "node:test";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { EndReason, RevocationOptions, VerifierOptions } from "../../src/verifier/index.ts";
import { createVerifier, holdOpen } from "../../src/verifier/index.ts";
import { audience, Issuer, nowSeconds } from "./issuer.ts";

const feedPath = "/auth/revocations";
const patienceMilliseconds = 5_000;

interface Page {
  readonly revocations?: readonly object[];
  readonly more?: boolean;
}

const bodyOf = ({ revocations = [], more }: Page): string =>
  JSON.stringify({ cursor: "c", revocations, ...(more ? { more } : {}) });
const eventOf = (page: Page): string => `id: c\ndata: ${bodyOf(page)}\n\n`;
const ended = (sid: string): object => ({ sid, not_before: nowSeconds, exp: nowSeconds + 900 });
const outdated = (sub: string): object => ({ sub, not_before: nowSeconds + 1, exp: nowSeconds + 900 });

async function until(what: string, isTrue: () => boolean): Promise<void> {
  for (const end = Date.now() + patienceMilliseconds; !isTrue(); await sleep(10)) {
    assert.ok(Date.now() < end, `waited in vain for ${what}`);
  }
}

/** An issuer whose feed the test writes, and verifiers of it. */
async function stage(t: TestContext) {
  const issuer = await Issuer.start(t);
  const streams: ServerResponse[] = [];
  const errors: string[] = [];
  const started = Date.now();
  return {
    issuer,
    streams,
    errors,
    /** Every stream begins with `first`; a test goes on writing to {@link streams}. */
    stream: (first: string, type = "text/event-stream") =>
      issuer.answers.set(feedPath, (_, response) => {
        streams.push(response);
        response.writeHead(200, { "content-type": type });
        response.write(first);
      }),
    poll: (pages: () => Page) =>
      issuer.answers.set(feedPath, (_, response) => {
        response.writeHead(200, { "content-type": "application/json" }).end(bodyOf(pages()));
      }),
    verifier: (revocations: RevocationOptions = {}, more: Partial<VerifierOptions> = {}) => {
      const verifier = createVerifier({
        issuer: issuer.origin,
        audience,
        revocations,
        now: () => nowSeconds * 1000 + (Date.now() - started),
        onError: (error) => errors.push(String(error)),
        ...more,
      });
      t.after(() => verifier.close());
      return verifier;
    },
  };
}

describe("a feed has told everything", { timeout: 60_000 }, () => {
  test("not when what answers is no event stream; it is asked with pauses, and onError hears of it", async (t) => {
    const { issuer, stream, verifier, errors } = await stage(t);
    stream("<!doctype html><title>An application</title>\n\n", "text/html; charset=utf-8");
    await assert.rejects(verifier().verify(issuer.token()), { code: "store_unavailable" });
    assert.match(errors[0] ?? "", /no event stream/);
    assert.ok((issuer.asked[feedPath] ?? 0) < 15, `asked ${issuer.asked[feedPath]} times in 3 s`);
  });

  test("not by half of its first page, whatever else comes", async (t) => {
    const { issuer, stream, streams, verifier } = await stage(t);
    const page = eventOf({ revocations: [ended("s1")] });
    stream(page.slice(0, 20));
    const judging = verifier();
    const [first, second] = [judging.verify(issuer.token()), judging.verify(issuer.token({ sid: "s2" }))];
    await until("the stream", () => streams.length === 1);
    await sleep(200);
    assert.equal(judging.staleFor(), Number.POSITIVE_INFINITY);
    streams[0]?.write(page.slice(20));
    await assert.rejects(first, { code: "invalid_token" });
    assert.ok(await second);
  });

  test("not by the first of several pages", async (t) => {
    const { issuer, stream, streams, verifier } = await stage(t);
    stream(eventOf({ revocations: [ended("other")], more: true }));
    const judging = verifier();
    const first = judging.verify(issuer.token());
    await until("the stream", () => streams.length === 1);
    await sleep(200);
    assert.equal(judging.staleFor(), Number.POSITIVE_INFINITY);
    streams[0]?.write(eventOf({ revocations: [ended("s1")] }));
    await assert.rejects(first, { code: "invalid_token" });
  });

  test("by a comment, which says so; not by a stream that ends before it said anything", async (t) => {
    const { issuer, stream, verifier, errors } = await stage(t);
    issuer.answers.set(feedPath, (_, response) =>
      response.writeHead(200, { "content-type": "text/event-stream" }).end(),
    );
    const judging = verifier();
    const waiting = judging.verify(issuer.token());
    await until("the failure", () => errors.some((error) => /before it had told everything/.test(error)));
    stream(": up to date\n\n");
    assert.ok(await waiting);
    assert.ok(judging.staleFor() < 3);
  });
});

describe("knowledge is as old as it is", { timeout: 60_000 }, () => {
  test("whatever comments somebody in between adds", async (t) => {
    const { issuer, stream, streams, verifier } = await stage(t);
    stream(":\n\n: keep-alive\n\n");
    const judging = verifier();
    const first = judging.verify(issuer.token());
    await until("the stream", () => streams.length === 1);
    await sleep(200);
    assert.equal(judging.staleFor(), Number.POSITIVE_INFINITY);
    streams[0]?.write(": up to date\n\n");
    assert.ok(await first);
  });

  test("so a stream of nothing but such comments is given up, and another one is asked for", async (t) => {
    const { issuer, streams, stream, verifier } = await stage(t);
    stream(": keep-alive\n\n");
    const judging = verifier();
    const first = judging.verify(issuer.token()).catch(() => undefined);
    const alive = setInterval(() => streams[0]?.write(": keep-alive\n\n"), 500);
    t.after(() => clearInterval(alive));
    await until("the stream", () => streams.length === 1);
    await first;
    for (const end = Date.now() + 10_000; streams.length < 2; await sleep(50)) assert.ok(Date.now() < end);
    streams[1]?.write(": up to date\n\n");
    await until("the word", () => judging.staleFor() < 10);
    assert.ok(await judging.verify(issuer.token()));
  });

  test("when the clock is set back: it asks again, and refuses what was ended meanwhile", async (t) => {
    const { issuer, poll, verifier } = await stage(t);
    let told: object[] = [];
    let back = 0;
    poll(() => ({ revocations: told.splice(0) }));
    const started = Date.now();
    const now = (): number => nowSeconds * 1000 + (Date.now() - started) - back;
    const judging = verifier({ mode: "poll", pollSeconds: 0.2 }, { now });
    assert.ok(await judging.verify(issuer.token()));
    back = 20_000;
    told = [ended("s1")];
    await judging.verify(issuer.token()).catch(() => undefined);
    await sleep(300);
    await assert.rejects(judging.verify(issuer.token()), { code: "invalid_token" });
  });

  test("so polling less often than it may be stale is refused", async (t) => {
    const { verifier } = await stage(t);
    for (const [pollSeconds, staleAfterSeconds] of [
      [60, undefined],
      [1, 1],
    ]) {
      const refused = { code: "invalid_option", message: /pollSeconds must be less than staleAfterSeconds/ };
      assert.throws(() => verifier({ mode: "poll", pollSeconds }, { staleAfterSeconds }), refused);
    }
  });
});

describe("a connection that is held open", { timeout: 60_000 }, () => {
  test("stays with a feed that is asked as rarely as may be, and ends when that is away", async (t) => {
    const { issuer, verifier } = await stage(t);
    // Just before an answer, the one before it is older than it may be: that is no silence.
    issuer.answers.set(feedPath, (_, response) => {
      setTimeout(() => response.writeHead(200, { "content-type": "application/json" }).end(bodyOf({})), 200);
    });
    const judging = verifier({ mode: "poll", pollSeconds: 0.9 }, { staleAfterSeconds: 1 });
    const ends: string[] = [];
    await holdOpen(judging, issuer.token(), { onEnd: ({ reason }) => ends.push(reason) });
    await sleep(3_000);
    assert.deepEqual(ends, []);
    issuer.answers.set(feedPath, (_, response) => response.writeHead(503).end());
    await until("the end", () => ends.length > 0);
    assert.deepEqual(ends, ["unknown"]);
  });

  test("ends with the verifier that watches it", async (t) => {
    const { issuer, stream, verifier } = await stage(t);
    stream(eventOf({}));
    const judging = verifier();
    const ends: string[] = [];
    const hold = () => holdOpen(judging, issuer.token(), { onEnd: ({ reason }) => ends.push(reason) });
    const held = await hold();
    judging.close();
    assert.deepEqual(ends, ["unknown"]);
    assert.equal(judging.standing(held.access), "unknown");
    await assert.rejects(hold(), { code: "store_unavailable" });
    const lonely = createVerifier({
      issuer: issuer.origin,
      audience,
      revocations: false,
      now: () => nowSeconds * 1000,
    });
    await holdOpen(lonely, issuer.token(), { onEnd: ({ reason }) => ends.push(reason) });
    lonely.close();
    assert.deepEqual(ends, ["unknown", "unknown"]);
  });

  test("is ended by a verifier that polls, though nobody asks it anything", async (t) => {
    const { issuer, poll, verifier } = await stage(t);
    let told: object[] = [];
    poll(() => ({ revocations: told.splice(0) }));
    const judging = verifier({ mode: "poll", pollSeconds: 0.1 });
    const ends: EndReason[] = [];
    const held = await holdOpen(judging, issuer.token(), { onEnd: (why) => ends.push(why) });
    const asked = issuer.asked[feedPath] as number;
    await until("it to ask by itself", () => (issuer.asked[feedPath] as number) > asked + 2);
    told = [ended("s1")];
    await until("the end", () => ends.length > 0);
    assert.deepEqual(ends, [{ reason: "revoked", closeCode: 4001 }]);
    held.stop();
    await sleep(250);
    const after = issuer.asked[feedPath];
    await sleep(400);
    assert.equal(issuer.asked[feedPath], after, "nobody is left to ask for");
  });

  test("is ended when another one's onEnd throws", async (t) => {
    const { issuer, stream, streams, verifier } = await stage(t);
    stream(eventOf({}));
    const judging = verifier();
    const ends: string[] = [];
    judging.onChange(() => {
      throw new Error("a listener of somebody's own");
    });
    for (const name of ["one", "two", "three"]) {
      const onEnd = (): void => {
        ends.push(name);
        if (name === "one") throw new Error("Controller is already closed");
      };
      await holdOpen(judging, issuer.token(), { onEnd });
    }
    streams[0]?.write(eventOf({ revocations: [ended("s1")] }));
    await until("the ends", () => ends.length === 3);
    await sleep(100);
    assert.equal(issuer.asked[feedPath], 1, "the stream goes on");
  });

  test("hears why: claims that changed are no sign-out, and a feed that is silent is neither", async (t) => {
    const { issuer, stream, streams, verifier } = await stage(t);
    stream(eventOf({}));
    const closed = verifier({}, { staleAfterSeconds: 1 });
    const open = verifier({}, { staleAfterSeconds: 1, onStale: "fail-open" });
    const ends: string[] = [];
    const hold = (on: typeof closed, name: string, claims: object) =>
      holdOpen(on, issuer.token({ ...claims }), {
        onEnd: ({ reason, closeCode }) => ends.push(`${name} ${reason} ${closeCode}`),
      });
    await hold(closed, "ann", { sub: "ann", sid: "s2" });
    await hold(open, "bob", { sub: "bob", sid: "s3" });
    await hold(closed, "cyd", { sub: "cyd", sid: "s4" });
    for (const each of streams) each.write(eventOf({ revocations: [outdated("ann")] }));
    await until("the first end", () => ends.length === 1);
    assert.deepEqual(ends, ["ann outdated 4003"]);
    await until("the second end", () => ends.length === 2);
    assert.deepEqual(ends.slice(1), ["cyd unknown 1013"]);
    await sleep(300);
    assert.equal(ends.length, 2, "fail-open keeps its own");
  });

  test("is not renewed by a token that was refused meanwhile", async (t) => {
    const { issuer, stream, streams, verifier } = await stage(t);
    stream(eventOf({}));
    const judging = verifier();
    const ends: string[] = [];
    const held = await holdOpen(judging, issuer.token(), { onEnd: ({ reason }) => ends.push(reason) });
    await assert.rejects(held.renew("junk"), { code: "invalid_token" });
    assert.deepEqual(ends, []);
    streams[0]?.write(eventOf({ revocations: [ended("s1")] }));
    await until("the end", () => ends.length === 1);
    await assert.rejects(held.renew(issuer.token({ jti: "j2" })), { code: "invalid_token" });
    assert.deepEqual(ends, ["revoked"]);
  });
});
