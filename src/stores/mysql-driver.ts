// The database library under the MySQL store: a pool of `mysql2`, told by its shape and never imported. Owns what the store
// needs of it: run one statement, run several as one message. Statements carry no parameters: see mysql-statements.ts.

import type { Deadline } from "./bounded-calls.ts";
import type { Row } from "./rows.ts";

/** A statement and how the library is to give its answer, whatever the application set for its own queries. */
interface MysqlQuery {
  readonly sql: string;
  readonly rowsAsArray: false;
  readonly nestTables: false;
  readonly typeCast: true;
}

/** A connection out of a pool of `mysql2/promise`. */
export interface MysqlConnection {
  query(query: MysqlQuery): Promise<unknown>;
  release(): void;
  destroy(): void;
}

/** The part of a pool of `mysql2/promise` that is used. */
export interface MysqlPool {
  getConnection(): Promise<MysqlConnection>;
}

/** The part of a pool of `mysql2` that is used: the way to the other kind. */
export interface MysqlCallbackPool {
  promise(): MysqlPool;
}

/** What one statement of a message did: the rows it found, or how many it matched. */
export interface Outcome {
  readonly rows: readonly Row[];
  readonly matched: number;
}

/** What the store does with the library. */
export interface Driver {
  query(text: string, deadline: Deadline): Promise<Outcome>;
  /** Runs two or more statements in one message; one outcome for each. */
  script(text: string, deadline: Deadline): Promise<readonly Outcome[]>;
}

/** What the database throws when it undid everything, an open transaction as well, for the sake of another. */
const undoneCodes: ReadonlySet<unknown> = new Set(["ER_LOCK_DEADLOCK", "ER_CHECKREAD"]);

/** The code of an error: the name that MySQL gives it, or that of the system. */
export function errorCode(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code;
}

/** True when the database undid what was asked, as a whole, for the sake of another. */
export function wasUndone(error: unknown): boolean {
  return undoneCodes.has(errorCode(error));
}

/** The driver for a pool of either kind; `undefined` for anything else. */
export function driverFor(library: MysqlPool | MysqlCallbackPool): Driver | undefined {
  if (typeof library !== "object" || library === null) return undefined;
  if ("promise" in library && typeof library.promise === "function") return driverForPool(library.promise());
  return "getConnection" in library ? driverForPool(library) : undefined;
}

function driverForPool(pool: MysqlPool): Driver {
  /** @param isHarmless true for an error after which the connection is as good as before: nothing was done, nothing is open */
  const run = async (sql: string, deadline: Deadline, isHarmless: (error: unknown) => boolean): Promise<unknown> => {
    const connection = await pool.getConnection();
    if (deadline.isOver) {
      connection.release();
      throw new Error("the connection came too late");
    }
    let isHeld = true;
    const giveBack = (isGood: boolean): void => {
      if (!isHeld) return;
      isHeld = false;
      if (isGood) connection.release();
      else connection.destroy();
    };
    // What an unanswered connection will still say belongs to a statement that nobody waits for.
    deadline.giveUp = () => giveBack(false);
    try {
      const [answer] = (await connection.query({ sql, rowsAsArray: false, nestTables: false, typeCast: true })) as [
        unknown,
      ];
      giveBack(true);
      return answer;
    } catch (error) {
      // A message that stopped half-way leaves its transaction open; it ends, undone, with the connection.
      giveBack(isHarmless(error));
      throw withoutText(error);
    }
  };
  return {
    query: async (text, deadline) => outcomeOf(await run(text, deadline, isHarmlessAlone)),
    script: async (text, deadline) => ((await run(text, deadline, wasUndone)) as unknown[]).map(outcomeOf),
  };
}

/** Of one statement; in a message, a row that exists would leave the transaction before it open. */
function isHarmlessAlone(error: unknown): boolean {
  return errorCode(error) === "ER_DUP_ENTRY" || wasUndone(error);
}

/** The library's errors carry the statement, and what the database says may repeat values of it: both may end in a log. */
function withoutText(error: unknown): Error {
  const code = errorCode(error);
  return Object.assign(new Error(`the database or its library says ${String(code ?? "nothing")}`), { code });
}

function outcomeOf(answer: unknown): Outcome {
  if (Array.isArray(answer)) return { rows: answer as Row[], matched: 0 };
  return { rows: [], matched: (answer as { affectedRows?: number }).affectedRows ?? 0 };
}
