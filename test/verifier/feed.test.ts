// The verifier beside a real server in another process: a token of a session that was signed out there is refused within a
// second, by stream and by poll, after the line was cut and healed, and after the server was killed. What it says and does when it
// hears nothing.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Link } from "../../sim/chaos/link.ts";
import { startLink } from "../../sim/chaos/link.ts";
import type { RevocationOptions, Verifier, VerifierOptions } from "../../src/verifier/index.ts";
import { createVerifier, holdOpen } from "../../src/verifier/index.ts";
import { call, type Program, startProgram, temporaryFolder } from "../end-to-end/program.ts";

const feedToken = "feed-token-of-this-test-0123456789abcdef";
/** The promise. */
const revokedMillisecondsMax = 1_000;
const patienceMilliseconds = 10_000;

interface Scene {
  readonly program: Program;
  /** The wire to it, over which the verifier asks. */
  readonly link: Link;
  verifier(options?: Partial<VerifierOptions> & { readonly feed?: RevocationOptions }): Verifier;
  /** Signs somebody in. */
  enter(): Promise<{ readonly access: string; readonly refresh: string }>;
  leave(refresh: string): Promise<void>;
  restart(): Promise<void>;
}

async function open(t: TestContext): Promise<Scene> {
  const folder = temporaryFolder();
  t.after(() => folder.remove());
  const environment = {
    PAWL_LOG: "error",
    PAWL_FEED_TOKEN: feedToken,
    PAWL_RATE_LIMIT: "off",
    PAWL_REGISTRATION: "open",
  };
  let program = await startProgram(folder.path, { environment });
  t.after(() => program.kill());
  const link = await startLink(program.port);
  t.after(() => link.close());
  let people = 0;
  const { origin } = program;
  return {
    get program() {
      return program;
    },
    link,
    verifier({ feed = {}, ...options } = {}) {
      // The feed and the keys over the wire, the issuer by its name.
      const over = (url: string, init: RequestInit): Promise<Response> =>
        fetch(url.replace(origin, `http://127.0.0.1:${link.port}`), init);
      const revocations = { token: feedToken, ...feed };
      const verifier = createVerifier({ issuer: origin, audience: origin, fetch: over, revocations, ...options });
      t.after(() => verifier.close());
      return verifier;
    },
    async enter() {
      people += 1;
      const person = { email: `p${people}@example.com`, password: "four unlikely words together", transport: "body" };
      const { status, json } = await call(origin, "/auth/register", person);
      assert.equal(status, 201, JSON.stringify(json));
      return { access: String(json.access_token), refresh: String(json.refresh_token) };
    },
    async leave(refresh) {
      const { status } = await call(origin, "/auth/logout", { refresh_token: refresh });
      assert.equal(status, 204);
    },
    async restart() {
      const { port } = program;
      await program.kill();
      program = await startProgram(folder.path, { environment, port });
    },
  };
}

/** Milliseconds until `token` is refused; asks the verifier all the time. */
async function untilRefused(verifier: Verifier, token: string): Promise<number> {
  const start = performance.now();
  while (performance.now() - start < patienceMilliseconds) {
    const code = await verifier.verify(token).then(
      () => undefined,
      (error: { code?: string }) => error.code,
    );
    if (code === "invalid_token") return performance.now() - start;
    await sleep(5);
  }
  throw new Error("it was never refused");
}

describe("a session that is signed out elsewhere", { timeout: 120_000 }, () => {
  for (const feed of [{ mode: "stream" }, { mode: "poll", pollSeconds: 0.5 }] satisfies RevocationOptions[]) {
    test(`is refused within a second, by ${feed.mode}`, async (t) => {
      const scene = await open(t);
      const verifier = scene.verifier({ feed });
      const [ann, bob] = [await scene.enter(), await scene.enter()];
      await verifier.verify(ann.access);
      await verifier.verify(bob.access);
      await scene.leave(ann.refresh);
      const took = await untilRefused(verifier, ann.access);
      t.diagnostic(`${Math.round(took)} ms`);
      assert.ok(took <= revokedMillisecondsMax, `${took} ms`);
      assert.ok(await verifier.verify(bob.access), "and nobody else is");
      assert.ok(verifier.staleFor() < 20);
    });

    test(`is refused within a second of the line being healed, by ${feed.mode}: cut, and silent`, async (t) => {
      const scene = await open(t);
      const verifier = scene.verifier({ feed });
      const people = [await scene.enter(), await scene.enter(), await scene.enter()] as const;
      for (const { access } of people) await verifier.verify(access);
      // Cut, and whoever comes again finds nobody.
      const nobody = 9;
      scene.link.lead(nobody);
      await scene.leave(people[0].refresh);
      await sleep(2_000);
      assert.ok(await verifier.verify(people[0].access), "nothing is known yet, and what was good is good");
      assert.ok(verifier.staleFor() > 1.5, `${verifier.staleFor()} s`);
      scene.link.lead(scene.program.port);
      const cut = await untilRefused(verifier, people[0].access);
      // Packets are dropped, and arrive later.
      scene.link.silence();
      await scene.leave(people[1].refresh);
      await sleep(1_000);
      scene.link.heal();
      const silent = await untilRefused(verifier, people[1].access);
      t.diagnostic(`cut ${Math.round(cut)} ms, silent ${Math.round(silent)} ms`);
      assert.ok(cut <= revokedMillisecondsMax && silent <= revokedMillisecondsMax, `${cut} ms, ${silent} ms`);
      assert.ok(await verifier.verify(people[2].access));
    });
  }

  test("is refused after the server was killed and came back, and after the verifier began anew", async (t) => {
    const scene = await open(t);
    const verifier = scene.verifier();
    const [ann, bob] = [await scene.enter(), await scene.enter()];
    await verifier.verify(ann.access);
    await scene.restart();
    await scene.leave(ann.refresh);
    assert.ok((await untilRefused(verifier, ann.access)) <= 2 * revokedMillisecondsMax);
    await assert.rejects(scene.verifier().verify(ann.access), { code: "invalid_token" }, "the first page tells all");
    assert.ok(await scene.verifier().verify(bob.access));
  });

  test("ends connections that are held open", async (t) => {
    const scene = await open(t);
    const verifier = scene.verifier();
    const [ann, bob] = [await scene.enter(), await scene.enter()];
    const ends: string[] = [];
    const hold = (who: string, token: string) =>
      holdOpen(verifier, token, { onEnd: ({ reason, closeCode }) => ends.push(`${who} ${reason} ${closeCode}`) });
    const held = await hold("ann", ann.access);
    await hold("bob", bob.access);
    await assert.rejects(held.renew(bob.access), { code: "invalid_token" }, "a token of somebody else renews nothing");
    await scene.leave(ann.refresh);
    await untilRefused(verifier, ann.access);
    assert.deepEqual(ends, ["ann revoked 4001"]);
    await assert.rejects(hold("ann", ann.access), { code: "invalid_token" });
    await assert.rejects(
      holdOpen(verifier, bob.access, { onEnd: () => {}, origin: "https://evil.test", origins: ["https://app.test"] }),
      { code: "csrf_rejected" },
    );
  });
});

describe("a feed that says nothing", { timeout: 120_000 }, () => {
  test("refuses with 503 when it is to fail closed, accepts when open, and says how old it is", async (t) => {
    const scene = await open(t);
    const { access } = await scene.enter();
    const closed = scene.verifier({ staleAfterSeconds: 2 });
    const lax = scene.verifier({ staleAfterSeconds: 2, onStale: "fail-open" });
    for (const verifier of [closed, lax]) await verifier.verify(access);
    scene.link.lead(9);
    await sleep(2_500);
    await assert.rejects(closed.verify(access), { code: "store_unavailable" });
    assert.ok(await lax.verify(access));
    assert.ok(lax.staleFor() > 2);
    scene.link.lead(scene.program.port);
    const end = performance.now() + patienceMilliseconds;
    while (closed.staleFor() > 1 && performance.now() < end) await sleep(20);
    assert.ok(await closed.verify(access), "and it goes on by itself");
  });

  test("that was never there", async (t) => {
    const scene = await open(t);
    const { access } = await scene.enter();
    const feed = { token: "wrong-token" };
    const seen: unknown[] = [];
    const onError = (error: unknown): never => {
      seen.push(error);
      throw new Error("a log that fails harms nobody");
    };
    await assert.rejects(scene.verifier({ feed, onError }).verify(access), (error: Error & { code?: string }) => {
      assert.equal(error.code, "store_unavailable");
      assert.match(String(error.cause), /answered 40[13]/);
      return true;
    });
    assert.ok(seen.length > 0);
    const lax = scene.verifier({ feed, onStale: "fail-open" });
    assert.ok(await lax.verify(access));
    assert.equal(lax.staleFor(), Number.POSITIVE_INFINITY);
    const without = scene.verifier({ revocations: false });
    assert.ok(await without.verify(access));
    assert.equal(without.staleFor(), 0);
  });
});
