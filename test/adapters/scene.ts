// A server over node:http for the adapter's tests: real engine, memory store, and three paths that answer when a test
// says so.

import type { TestContext } from "node:test";
import type { ServeOptions, Serving } from "../../src/adapters/node.ts";
import { serveNode } from "../../src/adapters/node.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import type { Sessions } from "../../src/engine/types.ts";
import { createHandler } from "../../src/http/handler.ts";
import type { LogEntry } from "../../src/http/log.ts";
import { memoryStore } from "../../src/stores/memory.ts";

/** More than the buffers of two sockets hold. */
export const bigBytes: number = 32 * 1024 * 1024;

export interface Running {
  readonly serving: Serving;
  readonly port: number;
  readonly sessions: Sessions;
  readonly log: LogEntry[];
  /** Lets every request to `/slow` be answered. */
  release(): void;
  /** Resolves once a request to `/slow` is waiting. */
  readonly slowArrived: Promise<void>;
}

/** Starts a server that ends with the test. */
export async function run(t: TestContext, graceSeconds = 30, options: ServeOptions = {}): Promise<Running> {
  const log: LogEntry[] = [];
  const gate = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  let sessions: Sessions | undefined;
  const serving = await serveNode(async (port) => {
    sessions = await createSessions({ store: memoryStore(), issuer: `http://localhost:${port}`, graceSeconds });
    return createHandler({
      sessions,
      log: (entry) => log.push(entry),
      extraRoutes: async ({ path }) => {
        if (path === "/fast") return { status: 200, headers: [], body: "fast" };
        if (path === "/big") return { status: 200, headers: [], body: new Uint8Array(bigBytes) };
        if (path !== "/slow") return undefined;
        arrived.resolve();
        await gate.promise;
        return { status: 200, headers: [], body: "slow" };
      },
    });
  }, options);
  const made = sessions as unknown as Sessions;
  t.after(async () => {
    gate.resolve();
    await serving.close();
    await made.close();
  });
  return {
    serving,
    port: serving.port,
    sessions: made,
    log,
    release: gate.resolve,
    slowArrived: arrived.promise,
  };
}
