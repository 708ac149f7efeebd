// A SQLite database put back from a backup: checked first, in place at one instant, and never beside the log of the one it
// replaces, which SQLite would play into it. Owns the order of these steps; what it replaces is kept under another name.

import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { PawlError } from "../core/errors.ts";
import { isDamaged, isLocked, storeError } from "./group-commit.ts";
import { checkHeader, loadSqlite, syncFolder } from "./sqlite-schema.ts";
import { secretBeside, secretFile, writeFlushed } from "./sqlite-secret.ts";

/** What SQLite keeps beside a database while somebody uses it, and after somebody was killed. */
const companions = ["-wal", "-shm"] as const;
const pagesPerStep = 1024;
/** No database of SQLite is shorter. */
const pageBytesMin = 512;

/** What became of the files. */
export interface Restored {
  /** Whether the backup came with a secret; if not, `PAWL_SECRET` is needed as before. */
  readonly hasSecret: boolean;
  /** Where what was there before is now; `undefined` when there was nothing. */
  readonly kept: string | undefined;
}

/** Where everything is and goes. */
interface Places {
  readonly source: string;
  /** As it was named: the secret is beside this name. */
  readonly named: string;
  /** The file itself, which `named` may be a link to. */
  readonly target: string;
  readonly partial: string;
  readonly partialSecret: string;
  readonly kept: string;
}

/**
 * Puts the backup `from` in the place of the database `file`. Nobody may use `file` meanwhile. What was there is kept as
 * `<file>.before-<stamp>`, the secret that was there as `<file>.before-<stamp>.secret`. The new files belong to whom the old
 * ones belonged.
 * @param stamp tells this restore from others, such as the time
 * @throws PawlError `store_incompatible` for a backup that is damaged or not Pawl's, or whose secret is malformed;
 * `store_unavailable` when a process has the database open, or something cannot be read or written. What was there is in its
 * place then.
 */
export async function restoreSqlite(from: string, file: string, stamp: string): Promise<Restored> {
  const named = resolve(file);
  const target = existsSync(named) ? realpathSync(named) : named;
  const places: Places = {
    // SQLite keeps a log beside the file itself, whatever link leads there.
    source: realpathSync(resolve(from)),
    named,
    target,
    partial: `${target}.restoring`,
    partialSecret: `${secretFile(named)}.restoring`,
    kept: `${target}.before-${stamp}`,
  };
  try {
    const secret = secretBeside(resolve(from)) ?? secretBeside(places.source);
    removePartial(places);
    await copyWhole(places);
    if (secret !== undefined) writeFlushed(places.partialSecret, `${secret}\n`);
    giveToOwner(places);
    const kept = keepOld(places);
    putInPlace(places, secret !== undefined);
    return { hasSecret: secret !== undefined, kept };
  } catch (error) {
    removePartial(places);
    throw restoreError(error);
  }
}

function removePartial({ partial, partialSecret }: Places): void {
  for (const suffix of ["", ...companions]) rmSync(`${partial}${suffix}`, { force: true });
  rmSync(partialSecret, { force: true });
}

/**
 * A copy of the backup, checked, in one file. The backup is only read, so it may be where nobody can write; but one that was
 * opened since it was made may have a log beside it, and is copied by SQLite.
 */
async function copyWhole({ source, partial }: Places): Promise<void> {
  const { backup, DatabaseSync } = loadSqlite();
  checkHeader(source, startOf(source));
  closeSync(openSync(partial, "wx", 0o600));
  try {
    if (existsSync(`${source}-wal`)) {
      const database = new DatabaseSync(source, { readOnly: true });
      try {
        await backup(database, partial, { rate: pagesPerStep });
      } finally {
        database.close();
      }
    } else {
      copyFileSync(source, partial);
      chmodSync(partial, 0o600);
    }
    const copied = new DatabaseSync(partial);
    try {
      const verdict = Object.values(copied.prepare("PRAGMA integrity_check(1)").get() ?? {})[0];
      if (verdict !== "ok") throw damaged(source);
      copied.exec("PRAGMA journal_mode = DELETE");
    } finally {
      copied.close();
    }
  } catch (error) {
    throw isDamaged(error) ? damaged(source, error) : error;
  }
  const descriptor = openSync(partial, "r+");
  fsyncSync(descriptor);
  closeSync(descriptor);
}

function startOf(file: string): Buffer {
  const descriptor = openSync(file, "r");
  try {
    const start = Buffer.alloc(pageBytesMin);
    return start.subarray(0, readSync(descriptor, start));
  } finally {
    closeSync(descriptor);
  }
}

function damaged(source: string, cause?: unknown): PawlError {
  return new PawlError("store_incompatible", `the backup is damaged: ${source}`, { cause });
}

/** An operator with all rights restores for a server that has few. */
function giveToOwner({ target, partial, partialSecret }: Places): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(existsSync(target) ? target : dirname(target));
  for (const file of [partial, partialSecret]) if (existsSync(file)) chownSync(file, uid, gid);
}

/**
 * Gives what is there a second name, complete: what is in the log of the database goes into it first, unless it is damaged. A
 * secret without a database is kept too: somebody may have put that database elsewhere.
 */
function keepOld({ target, named, kept }: Places): string | undefined {
  const isThere = existsSync(target);
  if (isThere) {
    if (!closeLog(target)) {
      for (const companion of companions) {
        if (existsSync(`${target}${companion}`)) nameToo(`${target}${companion}`, `${kept}${companion}`);
      }
    }
    nameToo(target, kept);
  }
  const hasSecret = existsSync(secretFile(named));
  if (hasSecret) nameToo(secretFile(named), secretFile(kept));
  if (isThere) return kept;
  return hasSecret ? secretFile(kept) : undefined;
}

/** Gives a file another name as well; a copy where the file system knows no second names, or it is on another one. */
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
      // Says so too where there was no log to end.
      database.exec("BEGIN EXCLUSIVE");
      database.exec("COMMIT");
      return true;
    } finally {
      database.close();
    }
  } catch (error) {
    if (isDamaged(error)) return false;
    if (!isLocked(error)) throw error;
    throw new PawlError("store_unavailable", `a server or a command uses ${target}: stop it first`, { cause: error });
  }
}

/**
 * A crash on the way leaves the old database or the new one, and no log that belongs to neither; between the two renames, the
 * secret of the backup with the old database, which no server starts with. The command can be given again in any case.
 */
function putInPlace({ target, named, partial, partialSecret, kept }: Places, hasSecret: boolean): void {
  for (const companion of companions) rmSync(`${target}${companion}`, { force: true });
  syncFolder(dirname(target));
  if (hasSecret) renameSync(partialSecret, secretFile(named));
  try {
    renameSync(partial, target);
  } catch (error) {
    if (hasSecret && existsSync(secretFile(kept))) copyFileSync(secretFile(kept), secretFile(named));
    else if (hasSecret) rmSync(secretFile(named));
    throw error;
  }
  for (const folder of new Set([dirname(target), dirname(named)])) syncFolder(folder);
}

/** A file that cannot be read or written is said to be that, not a database that is away. */
function restoreError(cause: unknown): PawlError {
  const { code, syscall } = cause as NodeJS.ErrnoException;
  if (cause instanceof PawlError || syscall === undefined) return storeError(cause);
  return new PawlError("store_unavailable", `a file cannot be read or written (${syscall}: ${code})`, { cause });
}
