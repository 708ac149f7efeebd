// Calls of a store on their way to a database of rows: how long each may take, and that those which the database undid for
// the sake of another are made again. Owns these bounds; knows no table, no library and no database.

import { PawlError } from "../core/errors.ts";
import type { Scheduler } from "../core/ports.ts";

/** Making or changing tables may take longer than any call. */
export const migrationMilliseconds = 65_000;
/** How often a statement is run that the database undid for the sake of another: nothing of it had happened. */
const attemptsMax = 200;
/** The longest pause before the next; the first come at once. */
const pauseMillisecondsMax = 25;

const timeoutDefault = 5_000;
const timeoutMin = 100;
const timeoutMax = 60_000;

/** The longest a call takes. Milliseconds, default 5,000. @throws PawlError `invalid_option` outside 100 to 60,000. */
export function checkTimeout(milliseconds: number = timeoutDefault): number {
  if (Number.isInteger(milliseconds) && milliseconds >= timeoutMin && milliseconds <= timeoutMax) return milliseconds;
  const accepted = `timeoutMilliseconds must be a whole number from ${timeoutMin} to ${timeoutMax}`;
  throw new PawlError("invalid_option", accepted, { field: "timeoutMilliseconds" });
}

/** How long a call may take. Who runs it may say how to give up, and starts nothing once it is over. */
export interface Deadline {
  isOver: boolean;
  giveUp: () => void;
}

/** Runs one call within a bound, the wait for a connection included. Milliseconds; default: that of the store. */
export type BoundedCall = <Result>(
  call: (deadline: Deadline) => Promise<Result>,
  milliseconds?: number,
) => Promise<Result>;

/** @param wasUndone true for an error after which the database is as if the call had never been made: it is made again */
export function createBoundedCall(
  scheduler: Scheduler,
  milliseconds: number,
  wasUndone: (error: unknown) => boolean,
): BoundedCall {
  return (call, bound = milliseconds) =>
    within(scheduler, bound, (deadline) => repeatUndone(() => call(deadline), deadline, scheduler, wasUndone));
}

/** Waits for `work` no longer than this; what is late is given up, whatever becomes of it. */
function within<Result>(
  scheduler: Scheduler,
  milliseconds: number,
  work: (deadline: Deadline) => Promise<Result>,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const deadline: Deadline = { isOver: false, giveUp: () => {} };
    const stop = scheduler.every(milliseconds, () => {
      stop();
      deadline.isOver = true;
      reject(new Error(`the database did not answer within ${milliseconds} ms`));
      deadline.giveUp();
    });
    work(deadline).then(resolve, reject).finally(stop);
  });
}

/**
 * Where many change one row at once, a strict isolation or a deadlock lets one through and undoes the others: they come
 * again until the deadline, each after a pause of its own length, so that not all of them meet again.
 */
async function repeatUndone<Result>(
  work: () => Promise<Result>,
  deadline: Deadline,
  scheduler: Scheduler,
  wasUndone: (error: unknown) => boolean,
): Promise<Result> {
  turn = (turn + 1) % pauseMillisecondsMax;
  const own = 1 + turn;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === attemptsMax || deadline.isOver || !wasUndone(error)) throw error;
    }
    if (attempt > 1) await pause(scheduler, own);
    if (deadline.isOver) throw new Error("the database kept undoing this for the sake of others");
  }
}

/** Gives calls at the same time pauses of different lengths. */
let turn = 0;

function pause(scheduler: Scheduler, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const stop = scheduler.every(milliseconds, () => {
      stop();
      resolve();
    });
  });
}
