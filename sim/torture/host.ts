// The server under torture: starts it, kills it at planned moments and starts it again on the same files and port; or
// stands for one that somebody else runs, and then kills nothing. Ends only what it started.

import { setTimeout as sleep } from "node:timers/promises";
import type { Program } from "../program.ts";
import { temporaryFolder } from "../program.ts";
import type { Dialect } from "./dialect.ts";

export interface Host {
  readonly origin: string;
  /** How often it was killed. */
  readonly kills: number;
  /** True when this run started the server and may kill it. */
  readonly isOwn: boolean;
  /** Writes that were acknowledged and lost, as the server's own log tells it. */
  readonly lostWrites: number;
  /** Does something that no kill may interrupt. */
  uninterrupted<Result>(work: () => Promise<Result>): Promise<Result>;
  /** kill -9 and a new start. */
  restart(): Promise<void>;
  /** Kills after each of these times until `signal` is aborted. */
  killAgainAndAgain(nextMilliseconds: () => number, signal: AbortSignal): Promise<void>;
  /** Stops it with SIGTERM and resolves what `look` sees in its files. */
  stop<Result>(look: (folder: string) => Result): Promise<Result | undefined>;
  /** Ends it whatever its state, and removes its files. */
  dispose(): Promise<void>;
}

/** A server that this run starts. */
export async function startHost(dialect: Dialect, graceSeconds: number): Promise<Host> {
  const folder = temporaryFolder();
  let program: Program;
  try {
    program = await dialect.launch(folder.path, 0, graceSeconds);
  } catch (error) {
    folder.remove();
    throw error;
  }
  const { origin, port } = program;
  let restarting: Promise<void> | undefined;
  const guarded = new Set<Promise<unknown>>();
  const countLost = (): void => {
    if (program.output().includes("store_rolled_back")) host.lostWrites += 1;
  };
  const startAgain = async (): Promise<void> => {
    while (guarded.size > 0) await Promise.allSettled(guarded);
    await program.kill();
    countLost();
    host.kills += 1;
    program = await dialect.launch(folder.path, port, graceSeconds);
  };
  const host = {
    origin,
    kills: 0,
    isOwn: true,
    lostWrites: 0,
    async uninterrupted<Result>(work: () => Promise<Result>): Promise<Result> {
      while (restarting !== undefined) await restarting;
      const running = work();
      guarded.add(running);
      try {
        return await running;
      } finally {
        guarded.delete(running);
      }
    },
    async restart(): Promise<void> {
      restarting ??= startAgain().finally(() => {
        restarting = undefined;
      });
      await restarting;
    },
    async killAgainAndAgain(nextMilliseconds: () => number, signal: AbortSignal): Promise<void> {
      while (!signal.aborted) {
        await sleep(nextMilliseconds(), undefined, { signal }).catch(() => undefined);
        if (!signal.aborted) await host.restart();
      }
    },
    async stop<Result>(look: (folder: string) => Result): Promise<Result> {
      await program.stop();
      countLost();
      return look(folder.path);
    },
    async dispose(): Promise<void> {
      await restarting?.catch(() => undefined);
      await program.kill();
      folder.remove();
    },
  };
  return host;
}

/** Loopback names: nothing else may be tortured. */
const loopback: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * A server that runs already.
 * @throws RangeError for an address that is not of this machine
 */
export function foreignHost(url: string): Host {
  const { origin, hostname, protocol } = new URL(url);
  if (!loopback.has(hostname) || protocol !== "http:") {
    throw new RangeError("--url takes an http address of this machine (localhost, 127.0.0.1, [::1]) and no other");
  }
  return {
    origin,
    kills: 0,
    isOwn: false,
    lostWrites: 0,
    uninterrupted: (work) => work(),
    restart: async () => undefined,
    killAgainAndAgain: async () => undefined,
    stop: async () => undefined,
    dispose: async () => undefined,
  };
}
