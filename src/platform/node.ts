// The machine's clock, randomness and timers: the only place of the library that touches them.
// Everything else receives them as ports (core/ports.ts), so tests and the simulator can replace them.

import { generateKeyPair, randomFillSync } from "node:crypto";
import { promisify } from "node:util";
import type { Platform } from "../core/ports.ts";
import type { Algorithm } from "../core/signature.ts";

const poolBytes = 8192;

/** Random bytes out of a pooled fill: one system call per 8 KiB instead of one per id. */
function createPooledEntropy(): (length: number) => Uint8Array {
  const pool = Buffer.allocUnsafe(poolBytes);
  let used = poolBytes;
  return (length) => {
    if (used + length > poolBytes) {
      randomFillSync(pool);
      used = 0;
    }
    const out = new Uint8Array(pool.subarray(used, used + length));
    // A byte that was handed out is wiped, so that the pool never holds a secret in use.
    pool.fill(0, used, used + length);
    used += length;
    return out;
  };
}

const generate = promisify(generateKeyPair);

async function generateSigningKey(algorithm: Algorithm): Promise<Uint8Array> {
  const pair =
    algorithm === "ES256"
      ? await generate("ec", { namedCurve: "P-256" })
      : algorithm === "EdDSA"
        ? await generate("ed25519")
        : await generate("rsa", { modulusLength: 3072 });
  return pair.privateKey.export({ type: "pkcs8", format: "der" });
}

/** Clock, randomness and timers of this machine. */
export const nodePlatform: Platform = {
  clock: { now: () => Date.now() },
  entropy: { bytes: createPooledEntropy(), signingKey: generateSigningKey },
  scheduler: {
    soon: (task) => {
      setImmediate(task);
    },
    every: (milliseconds, task) => {
      const timer = setInterval(task, milliseconds);
      timer.unref();
      return () => clearInterval(timer);
    },
    wait: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
  },
};
