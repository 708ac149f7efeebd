// A SQLite database put back from a backup: checked first, in place at one instant, and never beside the log of the one it
// replaces, which SQLite would play into it. Owns the order of these steps; what it replaces is kept under another name.

import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { PawlError } from "../core/errors.ts";
import type { Entropy } from "../core/ports.ts";
import { isLocked, storeError } from "./group-commit.ts";
import { claimFile, loadSqlite, syncFolder } from "./sqlite-schema.ts";
import { copySecret, secretFile } from "./sqlite-secret.ts";

/** What SQLite keeps beside a database while somebody uses it, and after somebody was killed. */
const companions = ["-wal", "-shm"] as const;
const pagesPerStep = 1024;

/** What became of the files. */
export interface Restored {
  /** Whether the backup came with a secret; if not, `PAWL_SECRET` is needed as before. */
  readonly hasSecret: boolean;
  /** Where what was there before is now; `undefined` when there was nothing. */
  readonly kept: string | undefined;
}

/**
 * Puts the backup `from` in the place of the database `file`. Nobody may use `file` meanwhile. What was there is kept as
 * `<file>.before-<stamp>`, its secret beside it.
 * @param stamp tells this restore from others, such as the time
 * @throws PawlError `store_incompatible` for a backup that is damaged or not Pawl's, `store_unavailable` when a process
 * has the database open, or something cannot be read or written. Nothing is replaced then.
 */
export async function restoreSqlite(from: string, file: string, stamp: string, entropy: Entropy): Promise<Restored> {
  const [source, target] = [resolve(from), resolve(file)];
  const partial = `${target}.restoring`;
  const kept = `${target}.before-${stamp}`;
  try {
    claimFile(source);
    checkWhole(source);
    await copyWhole(source, partial);
    const isThere = existsSync(target);
    if (isThere) keepOld(target, kept);
    // A crash from here on leaves the old database or the new one, and no log that belongs to neither.
    for (const companion of companions) rmSync(`${target}${companion}`, { force: true });
    syncFolder(dirname(target));
    const hasSecret = bringSecret(source, target, kept, entropy);
    renameSync(partial, target);
    syncFolder(dirname(target));
    return { hasSecret, kept: isThere ? kept : undefined };
  } catch (error) {
    for (const suffix of ["", ...companions]) rmSync(`${partial}${suffix}`, { force: true });
    throw storeError(error);
  }
}

/** @throws PawlError `store_incompatible` for a file that SQLite finds damaged */
function checkWhole(source: string): void {
  const { DatabaseSync } = loadSqlite();
  let verdict: unknown;
  try {
    const database = new DatabaseSync(source, { readOnly: true });
    try {
      verdict = Object.values(database.prepare("PRAGMA integrity_check(1)").get() ?? {})[0];
    } finally {
      database.close();
    }
  } catch (cause) {
    throw new PawlError("store_incompatible", `the backup is damaged: ${source}`, { cause });
  }
  if (verdict !== "ok") throw new PawlError("store_incompatible", `the backup is damaged: ${source}`);
}

/** By SQLite, not byte by byte: a backup that was opened since it was made may have a log of its own. */
async function copyWhole(source: string, partial: string): Promise<void> {
  for (const suffix of ["", ...companions]) rmSync(`${partial}${suffix}`, { force: true });
  closeSync(openSync(partial, "wx", 0o600));
  const { backup, DatabaseSync } = loadSqlite();
  const database = new DatabaseSync(source, { readOnly: true });
  try {
    await backup(database, partial, { rate: pagesPerStep });
  } finally {
    database.close();
  }
  const descriptor = openSync(partial, "r+");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

/** Gives the old database a second name, complete: what is in its log goes into it first, unless it is damaged. */
function keepOld(target: string, kept: string): void {
  if (!closeLog(target)) {
    for (const companion of companions) {
      if (existsSync(`${target}${companion}`)) nameToo(`${target}${companion}`, `${kept}${companion}`);
    }
  }
  nameToo(target, kept);
}

/** Gives a file another name as well; a copy where the file system knows no second names. */
function nameToo(file: string, other: string): void {
  try {
    linkSync(file, other);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw error;
    copyFileSync(file, other, constants.COPYFILE_EXCL);
  }
}

/**
 * Ends the log of a database: SQLite does that only when no other connection has it open.
 * @returns false for a database that SQLite cannot read
 * @throws PawlError `store_unavailable` when somebody uses it
 */
function closeLog(target: string): boolean {
  const { DatabaseSync } = loadSqlite();
  try {
    const database = new DatabaseSync(target);
    try {
      database.exec("PRAGMA journal_mode = DELETE");
      return true;
    } finally {
      database.close();
    }
  } catch (error) {
    if (!isLocked(error)) return false;
    throw new PawlError("store_unavailable", `a server or a command uses ${target}: stop it first`, { cause: error });
  }
}

/** The secret of the backup comes to the database, and that of another one goes with the old database. */
function bringSecret(source: string, target: string, kept: string, entropy: Entropy): boolean {
  const [wanted, present] = [source, target].map((path) => textOf(secretFile(path)));
  if (wanted === undefined) return false;
  if (present !== undefined && existsSync(kept)) nameToo(secretFile(target), secretFile(kept));
  if (present !== undefined && present !== wanted) rmSync(secretFile(target));
  return copySecret(source, target, entropy);
}

function textOf(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
}
