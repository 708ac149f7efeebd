// Calls of the Postgres store with their bounds: statements, scripts, scripts that make tables. Owns which errors of Postgres say
// that nothing happened. Knows no table and no library.

import type { Scheduler } from "../core/ports.ts";
import { createBoundedCall, migrationMilliseconds } from "./bounded-calls.ts";
import type { Driver, Statement, Value } from "./postgres-driver.ts";
import { errorCode } from "./postgres-driver.ts";
import type { Row } from "./rows.ts";

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
  const call = createBoundedCall(scheduler, milliseconds, (error) => undoneCodes.has(errorCode(error)));
  return {
    query: (statement, ...values) => call((deadline) => driver.query(statement, values, deadline)),
    script: (text) => call((deadline) => driver.script(text, deadline)),
    migrate: (text) => call((deadline) => driver.script(text, deadline), migrationMilliseconds),
  };
}
