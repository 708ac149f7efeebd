// Seeded chances of the simulator: every decision is drawn from a stream named by whole numbers (seed, user, visit, …), so
// that one user's story never depends on another's, and the same fault meets every rule set.
// Owns no generator: the numbers come from testing/random.ts.

import type { Random } from "../testing/random.ts";
import { createRandom } from "../testing/random.ts";

const states = 2 ** 32;

/** A seed for the stream named by `parts`; every part counts. */
export function seedOf(...parts: readonly number[]): number {
  let seed = 0x50_41_57_4c;
  for (const part of parts) seed = Math.floor(createRandom(seed ^ Math.imul(part + 1, 0x9e3779b1))() * states);
  return seed;
}

/** Draws from one stream. */
export interface Chance {
  /** From 0 up to but not including 1. */
  next(): number;
  /** True with `probability`; draws one number, whatever the probability is. */
  happens(probability: number): boolean;
  /** From `low` up to but not including `high`. */
  between(low: number, high: number): number;
  /** A whole number from `low` to `high`, both included. */
  whole(low: number, high: number): number;
  /** One of `list`. */
  pick<Item>(list: readonly Item[]): Item;
}

/** The stream named by `parts`. */
export function createChance(...parts: readonly number[]): Chance {
  const next: Random = createRandom(seedOf(...parts));
  const between = (low: number, high: number): number => low + next() * (high - low);
  return {
    next,
    happens: (probability) => next() < probability,
    between,
    whole: (low, high) => Math.floor(between(low, high + 1)),
    pick: <Item>(list: readonly Item[]): Item => list[Math.floor(next() * list.length)] as Item,
  };
}
