// The clock of the engine over a store that tells the time: the machine's clock, corrected where it is off from the
// store's, so that the nodes of one deployment agree on what is expired, contended or issued later. Measures, never waits:
// while the store is away the last correction holds. A store without a clock changes nothing.

import type { Clock, Platform, Store } from "../core/ports.ts";

/** Of several measurements the one with the shortest way there and back is the most exact. */
const samplesMax = 3;
/**
 * A difference up to this is left alone: every clock differs a little, and each correction is a step. Two nodes then
 * differ by less than the second that entries of the revocation feed allow for (ending.ts).
 */
const toleranceMilliseconds = 400;
/** A sample that took longer says nothing. */
const roundTripMillisecondsMax = 5000;
const measureMilliseconds = 30_000;
/** How often the machine's clock is compared with its timers; it was set when they disagree by more than as much. */
const checkMilliseconds = 1000;
const checksPerMeasurement = measureMilliseconds / checkMilliseconds;

/** A clock with something to stop. */
export interface StoreClock extends Clock {
  /** Stops measuring. Idempotent. */
  stop(): void;
}

/**
 * Resolves `undefined` over a store without a clock. Measures once, then every 30 seconds and within a second after the
 * machine's clock was set. Never rejects. `now` jumps when the correction changes, which it does by more than 0.4 s or
 * not at all; backwards only as far as the machine's clock was ahead.
 */
export async function openStoreClock(store: Store, { clock, scheduler }: Platform): Promise<StoreClock | undefined> {
  if (store.now === undefined) return undefined;
  const askStore = store.now.bind(store);
  let offset = 0;
  let isMeasuring = false;
  /** Until a measurement succeeds. */
  let isDue = true;
  const measure = async (): Promise<void> => {
    if (isMeasuring) return;
    isMeasuring = true;
    // Before it begins: a clock that is set meanwhile is due again.
    isDue = false;
    const sample = await bestSample(clock, askStore);
    isMeasuring = false;
    isDue ||= sample === undefined;
    if (sample === undefined) return;
    const tolerance = Math.max(toleranceMilliseconds, sample.roundTrip / 2);
    if (Math.abs(sample.offset - offset) > tolerance) offset = sample.offset;
  };
  await measure();
  let checks = 0;
  let checkedAt = clock.now();
  const stop = scheduler.every(checkMilliseconds, () => {
    const now = clock.now();
    const wasSet = Math.abs(now - checkedAt - checkMilliseconds) > checkMilliseconds;
    checkedAt = now;
    checks += 1;
    isDue ||= wasSet || checks % checksPerMeasurement === 0;
    if (isDue) measure();
  });
  return { now: () => clock.now() + offset, stop };
}

interface Sample {
  /** What the store's clock is ahead, in whole milliseconds. */
  readonly offset: number;
  readonly roundTrip: number;
}

async function bestSample(clock: Clock, askStore: () => Promise<number>): Promise<Sample | undefined> {
  let best: Sample | undefined;
  for (let count = 0; count < samplesMax; count += 1) {
    const askedAt = clock.now();
    const storeNow = await askStore().catch(() => undefined);
    if (storeNow === undefined) return best;
    const roundTrip = clock.now() - askedAt;
    // Also when the machine's clock was set in between.
    if (roundTrip < 0 || roundTrip > roundTripMillisecondsMax) continue;
    const offset = Math.round(storeNow - askedAt - roundTrip / 2);
    if (best === undefined || roundTrip < best.roundTrip) best = { offset, roundTrip };
  }
  return best;
}
