// A clock that stands until a test moves it, and randomness that a seed repeats: for tests of anything that takes the
// `Platform` ports. Owns no timer of its own; by default timers are the machine's, on request they follow the clock.
// Never use it outside tests: its "random" bytes are known to everybody.

import { createECDH, createHash, createPrivateKey } from "node:crypto";
import type { Clock, Entropy, Platform, Scheduler } from "../core/ports.ts";
import type { Algorithm } from "../core/signature.ts";
import { nodePlatform } from "../platform/node.ts";

/** Options of {@link createSimulatedPlatform}. */
export interface SimulatedOptions {
  /** Milliseconds since the epoch at which the clock stands. Default 2026-01-01T00:00:00Z. */
  readonly startAt?: number;
  /** Equal seeds give equal bytes. Whole number, default 1. */
  readonly seed?: number;
  /**
   * `machine` (default): `wait` and `every` take real time. `simulated`: they fire when the clock is moved past their
   * instant, and never otherwise. `soon` is always the machine's.
   */
  readonly timers?: "machine" | "simulated";
}

/** A clock moved by hand. */
export interface SimulatedClock extends Clock {
  /** Moves the clock forward, or back with a negative number. Simulated timers that become due run, in order. */
  advance(milliseconds: number): void;
  /** Sets the clock to an instant (milliseconds since the epoch). Simulated timers that become due run, in order. */
  set(at: number): void;
}

/** A platform under control of a test. */
export interface SimulatedPlatform extends Platform {
  readonly clock: SimulatedClock;
}

const startAtDefault = 1_767_225_600_000;
const entropyBytesMax = 1024;
const digestBytes = 32;

/** Creates a platform whose clock and randomness a test controls. */
export function createSimulatedPlatform(options: SimulatedOptions = {}): SimulatedPlatform {
  const timers = createTimers();
  let now = options.startAt ?? startAtDefault;
  const set = (at: number): void => {
    for (let timer = timers.takeDue(at); timer !== undefined; timer = timers.takeDue(at)) {
      now = Math.max(now, timer.at);
      timer.task();
    }
    now = at;
  };
  const simulated: Scheduler = {
    soon: nodePlatform.scheduler.soon,
    every: (milliseconds, task) => timers.every(now, milliseconds, task),
    wait: (milliseconds) => new Promise((resolve) => timers.once(now + milliseconds, resolve)),
  };
  return {
    clock: { now: () => now, set, advance: (milliseconds) => set(now + milliseconds) },
    entropy: createSeededEntropy(options.seed ?? 1),
    scheduler: options.timers === "simulated" ? simulated : nodePlatform.scheduler,
  };
}

/** Bytes and keys that depend on the seed and on what was drawn before, and on nothing else (but RSA keys). */
function createSeededEntropy(seed: number): Entropy {
  let block = 0;
  let rest: Buffer = Buffer.alloc(0);
  const bytes = (length: number): Uint8Array => {
    if (!Number.isInteger(length) || length < 1 || length > entropyBytesMax) {
      throw new RangeError(`entropy is drawn in 1 to ${entropyBytesMax} bytes`);
    }
    const blocks = [rest];
    for (let have = rest.length; have < length; have += digestBytes) {
      blocks.push(createHash("sha256").update(`pawl simulated ${seed} ${block}`).digest());
      block += 1;
    }
    const all = Buffer.concat(blocks);
    rest = all.subarray(length);
    return new Uint8Array(all.subarray(0, length));
  };
  const signingKey = async (algorithm: Algorithm): Promise<Uint8Array> => {
    if (algorithm === "RS256") return await nodePlatform.entropy.signingKey(algorithm);
    return algorithm === "ES256" ? ellipticKey(bytes(32)) : Buffer.concat([edwardsPrefix, bytes(32)]);
  };
  return { bytes, signingKey };
}

/** PKCS #8 around the 32 bytes of an Ed25519 key (RFC 8410 section 7). */
const edwardsPrefix = Buffer.from("302e020100300506032b657004220420", "hex");

/** A P-256 key with this scalar; random 32 bytes are one but once in 2^32. */
function ellipticKey(scalar: Uint8Array): Uint8Array {
  const pair = createECDH("prime256v1");
  pair.setPrivateKey(scalar);
  const point = pair.getPublicKey();
  const part = (from: number): string => point.toString("base64url", from, from + 32);
  const key = { kty: "EC", crv: "P-256", x: part(1), y: part(33), d: Buffer.from(scalar).toString("base64url") };
  return createPrivateKey({ key, format: "jwk" }).export({ type: "pkcs8", format: "der" });
}

interface Timer {
  readonly at: number;
  readonly task: () => void;
}

interface Timers {
  once(at: number, task: () => void): () => void;
  every(now: number, milliseconds: number, task: () => void): () => void;
  /** Removes and returns the earliest timer that is due at `at`. */
  takeDue(at: number): Timer | undefined;
}

function createTimers(): Timers {
  const pending = new Set<Timer>();
  const once = (at: number, task: () => void): (() => void) => {
    const timer = { at, task };
    pending.add(timer);
    return () => pending.delete(timer);
  };
  const every = (now: number, milliseconds: number, task: () => void): (() => void) => {
    if (!(milliseconds >= 1)) throw new RangeError("a simulated timer needs a period of at least 1 ms");
    let stop = (): void => {};
    const arm = (at: number): void => {
      stop = once(at, () => {
        arm(at + milliseconds);
        task();
      });
    };
    arm(now + milliseconds);
    return () => stop();
  };
  const takeDue = (at: number): Timer | undefined => {
    let earliest: Timer | undefined;
    for (const timer of pending) {
      if (timer.at <= at && (earliest === undefined || timer.at < earliest.at)) earliest = timer;
    }
    if (earliest !== undefined) pending.delete(earliest);
    return earliest;
  };
  return { once, every, takeDue };
}
