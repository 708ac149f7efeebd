// The options that stores in a database of rows have in common, Postgres and MySQL alike. What is a database's own is beside
// its store.

import type { Platform } from "../core/ports.ts";

/** Options of every store over a pool of the application. */
export interface DatabaseOptions {
  /** Make and migrate the tables in `open()`. Default true; false for a role that may not, where another one does. */
  readonly migrate?: boolean | undefined;
  /** The longest a call takes, the wait for a connection included. Milliseconds, default 5,000, 100 to 60,000. */
  readonly timeoutMilliseconds?: number | undefined;
  /** Clock, randomness and timers. Default: those of the machine. */
  readonly platform?: Platform | undefined;
}
