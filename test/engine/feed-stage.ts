// The stage of the feed's tests: an engine whose timers a test moves, and listeners that note what they were told.

import type { TestContext } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Revocation, RevocationPage, Store } from "../../src/core/ports.ts";
import { createSessions } from "../../src/engine/create-sessions.ts";
import type { Sessions } from "../../src/engine/types.ts";
import type { FaultyStore } from "../../src/testing/faulty-store.ts";
import { createFaultyStore } from "../../src/testing/faulty-store.ts";
import type { SimulatedPlatform } from "../../src/testing/simulated.ts";
import { createSimulatedPlatform } from "../../src/testing/simulated.ts";

/** One step of the feed's own time, in milliseconds. */
export const beat = 100;

export interface FeedStage {
  readonly platform: SimulatedPlatform;
  readonly sessions: Sessions;
  /** Between the engine and the store it was given. */
  readonly faults: FaultyStore;
  /** Signs somebody in and out again. Resolves the session's id. */
  end(): Promise<string>;
  /** Lets so many beats pass, each with the work that it starts. */
  beats(count: number): Promise<void>;
  /** How often the feed was read since the faults' script was set. */
  reads(): number;
}

/** Lets what is under way come to rest: the stores of these tests need a few turns of the loop and no timer. */
export async function settled(): Promise<void> {
  for (let count = 0; count < 20; count += 1) await turn();
}

/** Opens an engine that ends with the test. */
export async function openFeedStage(
  t: TestContext,
  store: Store,
  platform: SimulatedPlatform = createSimulatedPlatform({ timers: "simulated" }),
): Promise<FeedStage> {
  const faulty = createFaultyStore(store);
  const { watchRevocations } = store;
  const faults = watchRevocations ? Object.assign(faulty, { watchRevocations }) : faulty;
  const sessions = await createSessions({ store: faults, platform, algorithm: "EdDSA" });
  t.after(() => sessions.close());
  return {
    platform,
    sessions,
    faults,
    end: async () => {
      const { record } = await sessions.issue({ subject: "ann" });
      await sessions.revoke(record.sid, "logout");
      return record.sid;
    },
    beats: async (count) => {
      for (let index = 0; index < count; index += 1) {
        platform.clock.advance(beat);
        await settled();
      }
    },
    reads: () => faults.calls.filter(({ method }) => method === "revocationsAfter").length,
  };
}

/** A listener that takes everything at once. */
export interface Told {
  readonly pages: RevocationPage[];
  /** Everything it was told, in order. */
  entries(): Revocation[];
  sids(): (string | undefined)[];
  /** Resolves when it was ended. */
  readonly ended: Promise<void>;
  leave(): Promise<unknown>;
}

/** Starts one. */
export function listen(sessions: Sessions, cursor?: string): Told {
  const pages: RevocationPage[] = [];
  const iterator = sessions.followRevocations(cursor);
  const run = async (): Promise<void> => {
    for await (const page of iterator) pages.push(page);
  };
  const entries = (): Revocation[] => pages.flatMap((page) => [...page.revocations]);
  return {
    pages,
    entries,
    sids: () => entries().map(({ sid }) => sid),
    ended: run(),
    leave: async () => await iterator.return?.(),
  };
}
