// What the verifier needs of its runtime beside WebCrypto and fetch: the time, timers, a spread for pauses, the crypto of Node.js
// where there is one. The one place of this folder that touches them; imports nothing, so that it loads in every runtime.

/**
 * The crypto module of Node.js, several times faster for one signature than WebCrypto; `undefined` in every other runtime, also in those
 * that imitate it.
 */
export function nodeCrypto(): typeof import("node:crypto") | undefined {
  const { process } = globalThis as { process?: NodeJS.Process };
  const isNode = process?.versions?.node !== undefined && !("bun" in process.versions) && !("Deno" in globalThis);
  return isNode ? process.getBuiltinModule?.("node:crypto") : undefined;
}

/** Milliseconds since the epoch. */
export const runtimeNow: () => number = Date.now;

/** Calls `work` once after this time; returns the way to call it off. Does not keep a process alive where `isIdle`. */
export function startTimer(work: () => void, milliseconds: number, isIdle = false): () => void {
  const timer = setTimeout(work, milliseconds);
  // Elsewhere than in Node.js and Bun a timer is a number.
  if (isIdle) timer.unref?.();
  return () => clearTimeout(timer);
}

/** Waits for this long, or up to half of it less, so that many who lost one thing do not come back at one instant. */
export function pauseAbout(milliseconds: number): Promise<void> {
  const spread = milliseconds * (0.5 + Math.random() / 2);
  return new Promise((resolve) => {
    startTimer(resolve, spread);
  });
}
