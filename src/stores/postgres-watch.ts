// Keeps one listener told of a channel: listens, and when the connection is lost listens again, with pauses that double up
// to a bound. Owns the pauses; knows no database library.

import type { Scheduler } from "../core/ports.ts";

const firstPauseMilliseconds = 100;
const pauseMillisecondsMax = 5_000;

/** Starts to listen; resolves how to stop. `lost` is called when it has ended by itself. */
export type Listen = (heard: () => void, lost: () => void) => Promise<() => void>;

/**
 * Calls `listener` for every notification, and each time the connection was made, since something may have been missed.
 * Returns the way to stop.
 */
export function watch(listen: Listen, scheduler: Scheduler, listener: () => void): () => void {
  let isStopped = false;
  let release = (): void => {};
  let pause = firstPauseMilliseconds;

  const heard = (): void => {
    if (!isStopped) listener();
  };
  const again = (): void => {
    if (isStopped) return;
    const cancel = scheduler.every(pause, () => {
      cancel();
      connect();
    });
    release = cancel;
    pause = Math.min(2 * pause, pauseMillisecondsMax);
  };
  const connect = (): void => {
    listen(heard, again).then((stop) => {
      if (isStopped) return stop();
      release = stop;
      pause = firstPauseMilliseconds;
      heard();
    }, again);
  };

  connect();
  return () => {
    isStopped = true;
    release();
  };
}
