// What the verifier needs of its runtime beside WebCrypto and fetch: the time, timers, a spread for pauses. The one place of this
// folder that touches them; nothing of Node.js, so that it is the same in every runtime.

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
