// A small seeded generator of random numbers for simulations and tests: equal seeds give equal numbers, so a failure is
// a seed that replays. Owns no entropy and must never be used for secrets (that is the entropy port's business).

/** Numbers from 0 up to but not including 1; equal seeds give equal rows of them. */
export type Random = () => number;

/**
 * Creates a generator (Mulberry32: 32 bits of state, a period of 2^32).
 * @param seed a whole number; of larger ones the low 32 bits count
 */
export function createRandom(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
