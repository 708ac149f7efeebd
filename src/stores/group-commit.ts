// Runs the writes of one turn of the event loop in one database transaction: with synchronous=FULL the disk flush is the
// cost of a write, and this shares it. Every promise resolves after COMMIT, never before. Owns the queue and its bounds;
// knows no table. While another process holds the lock it waits without blocking the event loop for long.

import { PawlError } from "../core/errors.ts";
import type { Scheduler } from "../core/ports.ts";

/** The most writes that share one transaction. */
export const batchWritesMax = 512;
/** The most writes that may wait; further ones are refused at once. */
export const queuedWritesMax = 16_384;
/** How long to leave the event loop to others before asking for the lock again. */
export const lockPauseMilliseconds = 25;

/** The transaction of a database connection. */
export interface Transactions {
  /** Takes the write lock. Returns false when somebody else holds it. */
  begin(): boolean;
  commit(): void;
  /** Must not throw. */
  rollback(): void;
}

/** The queue. */
export interface GroupCommit {
  /**
   * Runs `work` inside a transaction shared with others and resolves its result once that is committed. `work` must only
   * throw when the database fails: then everything of the transaction is undone and rejected.
   */
  run<Result>(work: () => Result): Promise<Result>;
  /** Resolves when nothing is waiting any more. */
  drained(): Promise<void>;
}

interface Job {
  /** Does the work; returns what tells the caller. */
  readonly execute: () => () => void;
  readonly reject: (error: PawlError) => void;
}

/** The result code of SQLite in an error, without its extension; 0 for an error of another kind. */
export function sqliteCode(error: unknown): number {
  return Number((error as { errcode?: unknown } | null)?.errcode ?? 0) & 0xff;
}

const sqliteCorrupt = 11;
const sqliteNotADatabase = 26;

/** True when the file is no whole database any more. */
export function isDamaged(error: unknown): boolean {
  return [sqliteCorrupt, sqliteNotADatabase].includes(sqliteCode(error));
}

const sqliteBusy = 5;
const sqliteLocked = 6;

/** True when somebody else holds a lock: the one failure that waiting cures. */
export function isLocked(error: unknown): boolean {
  return [sqliteBusy, sqliteLocked].includes(sqliteCode(error));
}

/** An error as callers see it; what the database said stays in `cause`. */
export function storeError(cause: unknown): PawlError {
  if (cause instanceof PawlError) return cause;
  // Nobody is told that a session is over because a file cannot be read: it may be put back.
  if (isDamaged(cause)) {
    return new PawlError("store_unavailable", "the database file is damaged", { cause });
  }
  return new PawlError("store_unavailable", "the database cannot answer right now", { cause, retryAfterSeconds: 1 });
}

/**
 * Creates the queue of one connection.
 * @param lockAttemptsMax how often to ask for a lock that another process holds
 */
export function createGroupCommit(
  transactions: Transactions,
  scheduler: Scheduler,
  lockAttemptsMax: number,
): GroupCommit {
  const queue: Job[] = [];
  let waitingForDrain: (() => void)[] = [];
  let isScheduled = false;

  const flush = (attempt: number): void => {
    const begun = tryBegin(transactions);
    if (begun === "locked" && attempt < lockAttemptsMax) {
      void scheduler.wait(lockPauseMilliseconds).then(() => flush(attempt + 1));
      return;
    }
    const batch = queue.splice(0, batchWritesMax);
    if (begun === "begun") runBatch(transactions, batch);
    else rejectAll(batch, begun === "locked" ? new Error("another process holds the write lock") : begun.cause);
    next();
  };

  const next = (): void => {
    isScheduled = queue.length > 0;
    if (isScheduled) {
      scheduler.soon(() => flush(1));
      return;
    }
    for (const resolve of waitingForDrain) resolve();
    waitingForDrain = [];
  };

  return {
    run: (work) =>
      new Promise((resolve, reject) => {
        if (queue.length >= queuedWritesMax) {
          reject(storeError(new Error("too many writes are waiting")));
          return;
        }
        const execute = (): (() => void) => {
          const result = work();
          return () => resolve(result);
        };
        queue.push({ execute, reject });
        if (!isScheduled) next();
      }),
    drained: () => (isScheduled ? new Promise((resolve) => waitingForDrain.push(resolve)) : Promise.resolve()),
  };
}

function tryBegin(transactions: Transactions): "begun" | "locked" | { readonly cause: unknown } {
  try {
    return transactions.begin() ? "begun" : "locked";
  } catch (cause) {
    return { cause };
  }
}

function runBatch(transactions: Transactions, batch: readonly Job[]): void {
  let answers: (() => void)[];
  try {
    answers = batch.map((job) => job.execute());
    transactions.commit();
  } catch (error) {
    transactions.rollback();
    rejectAll(batch, error);
    return;
  }
  for (const answer of answers) answer();
}

function rejectAll(batch: readonly Job[], cause: unknown): void {
  for (const job of batch) job.reject(storeError(cause));
}
