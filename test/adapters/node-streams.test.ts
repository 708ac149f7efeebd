// Streams over node:http: no deadline cuts them, a reader that leaves or takes nothing is let go, a server that closes
// ends them at once, and a thousand of them are served.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { Serving } from "../../src/adapters/node.ts";
import { serveNode } from "../../src/adapters/node.ts";
import type { Platform, RevocationPage, Store } from "../../src/core/ports.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import type { Sessions } from "../../src/engine/types.ts";
import { createHandler } from "../../src/http/handler.ts";
import { nodePlatform } from "../../src/platform/node.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { createFaultyStore } from "../../src/testing/faulty-store.ts";
import { createSimulatedPlatform } from "../../src/testing/simulated.ts";
import { Raw } from "./raw.ts";

interface Running {
  readonly serving: Serving;
  readonly sessions: Sessions;
  /** Ends a fresh session. Resolves its id. */
  end(): Promise<string>;
  /** Opens a connection and asks for the stream. */
  listen(): Promise<Raw>;
}

async function run(
  t: TestContext,
  { store = memoryStore(), platform = nodePlatform, graceSeconds = 30 }: Partial<Setting> = {},
): Promise<Running> {
  let made: Sessions | undefined;
  const serving = await serveNode(async (port) => {
    made = await createSessions({ store, platform, graceSeconds, issuer: `http://localhost:${port}` });
    return createHandler({ sessions: made });
  });
  const sessions = made as unknown as Sessions;
  const raws: Raw[] = [];
  t.after(async () => {
    // First: a server whose clock stands would wait for them.
    for (const { socket } of raws) socket.destroy();
    await serving.close();
    await sessions.close();
  });
  return {
    serving,
    sessions,
    end: async () => {
      const { record } = await sessions.issue({ subject: "ann" });
      await sessions.revoke(record.sid, "logout");
      return record.sid;
    },
    listen: async () => {
      const raw = await Raw.open(serving.port);
      raws.push(raw);
      raw.send(
        `GET /auth/revocations HTTP/1.1\r\nHost: localhost:${serving.port}\r\nAccept: text/event-stream\r\n\r\n`,
      );
      return raw;
    },
  };
}

interface Setting {
  readonly store: Store;
  readonly platform: Platform;
  readonly graceSeconds: number;
}

const patienceMilliseconds = 10_000;
const pollMilliseconds = 10;

async function eventually(what: string, isSo: () => boolean): Promise<void> {
  for (let waited = 0; !isSo(); waited += pollMilliseconds) {
    assert.ok(waited < patienceMilliseconds, what);
    await wait(pollMilliseconds);
  }
}

/** A feed without an end: more than the buffers between two sockets hold. Counts what was read of it. */
function endlessStore(): Store & { pages: number } {
  const sub = "x".repeat(255);
  const endless = {
    ...memoryStore(),
    pages: 0,
    revocationsAfter: async (_cursor: string | undefined, now: number, limit: number): Promise<RevocationPage> => {
      endless.pages += 1;
      const revocations = Array.from({ length: limit }, () => ({ sub, notBefore: now, exp: now + 900 }));
      return { cursor: String(endless.pages), revocations, restarted: false, more: true };
    },
  };
  return endless;
}

describe("a stream", () => {
  it("outlives grace, and goes on", async (t) => {
    const { end, listen } = await run(t, { graceSeconds: 1 });
    const raw = await listen();
    await raw.until(({ text }) => text.includes("data: "));
    await wait(2500);
    const sid = await end();
    await raw.until(({ text }) => text.includes(sid));
    assert.equal(raw.closed, false);
    assert.match(raw.text, /^HTTP\/1\.1 200 OK\r\n/);
  });

  it("lets the next request wait until it is over: the answers of one connection keep their order", async (t) => {
    const { listen, serving } = await run(t);
    const raw = await listen();
    raw.send(`GET /auth/revocations HTTP/1.1\r\nHost: localhost:${serving.port}\r\n\r\n`);
    await raw.until(({ text }) => text.includes("data: "));
    await wait(100);
    assert.equal(raw.text.split("HTTP/1.1 200").length, 2);
  });

  it("ends when its reader is gone, also before its first word", async (t) => {
    const store = createFaultyStore(memoryStore());
    const { listen, sessions } = await run(t, { store });
    const raw = await listen();
    await raw.until(({ text }) => text.includes("data: "));
    assert.equal(sessions.revocationFeedState().listeners, 1);
    raw.socket.destroy();
    await eventually("it is let go", () => sessions.revocationFeedState().listeners === 0);
    const gate = Promise.withResolvers<void>();
    store.play(({ turn, method }) =>
      method === "revocationsAfter" && turn === 0 ? { kind: "late", before: () => gate.promise } : undefined,
    );
    const early = await listen();
    await eventually("it has begun", () => sessions.revocationFeedState().listeners === 1);
    early.socket.destroy();
    await wait(100);
    gate.resolve();
    await eventually("it is let go", () => sessions.revocationFeedState().listeners === 0);
  });

  it("buffers little for a reader that takes nothing, and drops it", async (t) => {
    const store = endlessStore();
    const platform = createSimulatedPlatform({ timers: "simulated", startAt: nodePlatform.clock.now() });
    const { listen, sessions, serving } = await run(t, { store, platform });
    const [slow, quick] = [await listen(), await listen()];
    await slow.until(({ text }) => text.includes("data: "));
    slow.socket.pause();
    let taken = 0;
    quick.socket.removeAllListeners("data").on("data", (chunk) => {
      taken += chunk.length;
    });
    await eventually("much is sent", () => taken > 64 * 1024 * 1024);
    quick.socket.destroy();
    await eventually("one is left", () => sessions.revocationFeedState().listeners === 1);
    const before = store.pages;
    await wait(200);
    assert.equal(store.pages, before, "nothing is read for it any more");
    for (let count = 0; count < 4; count += 1) platform.clock.advance(10_000);
    await eventually("it is let go", () => sessions.revocationFeedState().listeners === 0);
    slow.socket.resume();
    await slow.untilClosed();
    // The server serves on.
    const another = await Raw.open(serving.port);
    another.send("GET /.well-known/jwks.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert.match(await another.untilClosed(), /^HTTP\/1\.1 200/);
  });

  it("is ended in an orderly way by a server that closes, and none begins then", async (t) => {
    const { listen, serving, end } = await run(t);
    const raws = await Promise.all(Array.from({ length: 10 }, () => listen()));
    await Promise.all(raws.map((raw) => raw.until(({ text }) => text.includes("data: "))));
    const sid = await end();
    await Promise.all(raws.map((raw) => raw.until(({ text }) => text.includes(sid))));
    const closing = serving.close();
    for (const raw of raws) assert.match(await raw.untilClosed(), /\r\n0\r\n\r\n$/);
    await closing;
  });

  it("is one of a thousand, who all hear the same", async (t) => {
    const count = 1000;
    const { listen, end, sessions } = await run(t);
    const raws: Raw[] = [];
    for (let opened = 0; opened < count; opened += 100) {
      raws.push(...(await Promise.all(Array.from({ length: 100 }, () => listen()))));
    }
    await eventually("all have begun", () => raws.every(({ text }) => text.includes("data: ")));
    assert.equal(sessions.revocationFeedState().listeners, count);
    const sids = [await end(), await end(), await end()];
    await eventually("all were told", () => raws.every(({ text }) => sids.every((sid) => text.includes(sid))));
    const events = (raw: Raw): string => raw.text.slice(raw.text.indexOf(sids[0] as string));
    for (const raw of raws) assert.equal(events(raw), events(raws[0] as Raw));
    for (const raw of raws) raw.socket.destroy();
    await eventually("all have left", () => sessions.revocationFeedState().listeners === 0);
  });
});
