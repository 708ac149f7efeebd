// Calls of the Postgres store on their way to the database: how long each may take, and which are made again. Owns these
// bounds; knows no table and no library.

import type { Scheduler } from "../core/ports.ts";
import type { Deadline, Driver, Row, Statement, Value } from "./postgres-driver.ts";
import { errorCode } from "./postgres-driver.ts";

/** Making or changing tables may take longer than any call. */
const migrationMilliseconds = 65_000;
/** How often a statement is run that the database undid for the sake of another: nothing of it had happened. */
const attemptsMax = 200;
/** The longest pause before the next; the first come at once. */
const pauseMillisecondsMax = 25;
/** Serialization failure and deadlock; a statement that ends so is undone as a whole. */
const undoneCodes: ReadonlySet<unknown> = new Set(["40001", "40P01"]);

/** Bounded calls. */
export interface Access {
  query(statement: Statement, ...values: Value[]): Promise<readonly Row[]>;
  /** Several statements in one message, which is one transaction; the rows of the last. */
  script(text: string): Promise<readonly Row[]>;
  /** The same for scripts that make or change tables. */
  migrate(text: string): Promise<readonly Row[]>;
}

/** Bounds the calls of a driver; each takes at most `milliseconds`, the wait for a connection included. */
export function createAccess(driver: Driver, scheduler: Scheduler, milliseconds: number): Access {
  const run = <Result>(bound: number, call: (deadline: Deadline) => Promise<Result>): Promise<Result> =>
    within(scheduler, bound, (deadline) => repeatUndone(() => call(deadline), deadline, scheduler));
  return {
    query: (statement, ...values) => run(milliseconds, (deadline) => driver.query(statement, values, deadline)),
    script: (text) => run(milliseconds, (deadline) => driver.script(text, deadline)),
    migrate: (text) => run(migrationMilliseconds, (deadline) => driver.script(text, deadline)),
  };
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
 * Under a stricter isolation than Postgres has by default, of many at once that change one row one goes through, and the others
 * are undone: they come again until the deadline, each after a pause of its own length, so that not all of them meet again.
 */
async function repeatUndone<Result>(
  work: () => Promise<Result>,
  deadline: Deadline,
  scheduler: Scheduler,
): Promise<Result> {
  turn = (turn + 1) % pauseMillisecondsMax;
  const own = 1 + turn;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === attemptsMax || deadline.isOver || !undoneCodes.has(errorCode(error))) throw error;
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
