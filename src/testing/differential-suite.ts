// The differential suite: random operations on a store give, step by step, what the memory store and `decide` give.
// Owns the entry point, the seeds and their number; the two levels and the frame have files of their own.
// Uses node:test; call it at the top level of a test file.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Store } from "../core/ports.ts";
import type { Difference, Trial } from "./differential-run.ts";
import { findDifference } from "./differential-run.ts";
import { beginSessionTrial } from "./differential-sessions.ts";
import { beginStoreTrial } from "./differential-store.ts";
import type { Random } from "./random.ts";
import type { StoreUnderTest } from "./store-suite-subjects.ts";

export type { Difference } from "./differential-run.ts";

/** Options of {@link differentialSuite}. */
export interface DifferentialOptions {
  /**
   * Whole numbers; each is a row of steps that it repeats exactly, whatever the machine. Default: six fixed ones. Give
   * the seed of a failure here to see it again, or others to search on.
   */
  readonly seeds?: readonly number[];
  /** Steps of a row, 1 to 100,000. Default 200. */
  readonly steps?: number;
}

/** `store`: single store calls. `sessions`: engines on the store. */
export type DifferentialLevel = "store" | "sessions";

const levels: readonly DifferentialLevel[] = ["store", "sessions"];
/** The seeds of a suite that names none. */
export const seedsDefault: readonly number[] = [1, 2, 3, 4, 5, 6];
const stepsDefault = 200;
const stepsMax = 100_000;

/**
 * Compares one row of steps on a fresh store with the memory store. Resolves the first difference, or `undefined` when
 * there is none. The suite calls this; call it yourself to search without node:test.
 * @param name the store's, for the report
 * @param seed a whole number; equal seeds give equal rows
 * @param steps 1 to 100,000. Default 200
 * @throws RangeError for a seed or a number of steps out of bounds
 */
export async function compareWithMemory(
  name: string,
  create: () => Promise<Store>,
  level: DifferentialLevel,
  seed: number,
  steps: number = stepsDefault,
): Promise<Difference | undefined> {
  if (!Number.isSafeInteger(seed)) throw new RangeError("a seed is a whole number");
  if (!Number.isInteger(steps) || steps < 1 || steps > stepsMax) throw new RangeError(`steps are 1 to ${stepsMax}`);
  const begin = (random: Random): Promise<Trial> =>
    level === "store" ? beginStoreTrial(create, random) : beginSessionTrial(create, random);
  return await findDifference(`${name} (${level})`, begin, seed, steps);
}

/**
 * Declares the whole suite for one store: rows of random store calls, and rows of random doings of two engines on it
 * (sign-in, refresh, confirm, logout, revocation, lists, feed, purge, clock steps to the exact borders of the rules, two
 * calls at once in a fixed order), each compared with the memory store after every step. Store calls made at once take
 * effect in their order in memory, so give a store that runs them side by side one connection here.
 * @example
 * differentialSuite("postgres", { create: async () => postgresStore(freshDatabase()) });
 * @example
 * // A failure names its seed; this repeats it and nothing else.
 * differentialSuite("postgres", underTest, { seeds: [4] });
 */
export function differentialSuite(name: string, underTest: StoreUnderTest, options: DifferentialOptions = {}): void {
  const { seeds = seedsDefault, steps } = options;
  const create = (): Promise<Store> => underTest.create();
  describe(`differential ${name}`, () => {
    for (const level of levels) {
      for (const seed of seeds) {
        it(`${level}: gives what memory gives, seed ${seed}`, async () => {
          const difference = await compareWithMemory(name, create, level, seed, steps);
          assert.equal(difference, undefined, difference?.report);
        });
      }
    }
  });
}
