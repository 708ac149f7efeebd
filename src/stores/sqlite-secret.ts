// The secret that lives beside a SQLite database, as `<database file>.secret`: made once, on disk before it is used, the
// same for all processes that start at the same instant. Owns that file. Never puts its content into an error.

import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { PawlError } from "../core/errors.ts";
import type { Entropy, Scheduler } from "../core/ports.ts";
import { parseSecrets } from "../core/secret-keys.ts";
import { embeddedSecretBytes } from "./arguments.ts";
import { storeError } from "./group-commit.ts";
import { syncFolder } from "./sqlite-schema.ts";

/** How often, and how far apart, a file that another process is just writing is read again. */
const emptyReadsMax = 40;
const emptyPauseMilliseconds = 25;
const temporaryNameBytes = 8;

/** What the secret needs to know of its surroundings. */
export interface SecretSurroundings {
  readonly entropy: Entropy;
  readonly scheduler: Scheduler;
  /** True when the database holds sessions, which a new secret could not serve. */
  hasSessions(): boolean;
}

/** The path of the secret of a database file. */
export function secretFile(databaseFile: string): string {
  return `${databaseFile}.secret`;
}

/**
 * Reads the secret of a database, or makes it.
 * @throws PawlError `store_incompatible` when the file is malformed, or missing although there are sessions;
 * `store_unavailable` when it cannot be read or written.
 */
export async function readOrMakeSecret(databaseFile: string, surroundings: SecretSurroundings): Promise<string> {
  const file = secretFile(databaseFile);
  try {
    const found = await readSecret(file, surroundings.scheduler);
    if (found !== undefined) return found;
    if (surroundings.hasSessions()) {
      // Another process may have made the secret and the first session since we looked.
      const madeMeanwhile = await readSecret(file, surroundings.scheduler);
      if (madeMeanwhile !== undefined) return madeMeanwhile;
      throw new PawlError(
        "store_incompatible",
        `the secret of this database is missing: put ${file} back, or give PAWL_SECRET; a new one would end every session`,
      );
    }
    const drawn = Buffer.from(surroundings.entropy.bytes(embeddedSecretBytes)).toString("base64url");
    putSecret(file, drawn, surroundings.entropy);
    // Whoever came first wins; everybody reads what is there.
    const made = await readSecret(file, surroundings.scheduler);
    if (made === undefined) throw new Error("the secret file vanished");
    return made;
  } catch (error) {
    throw storeError(error);
  }
}

async function readSecret(file: string, scheduler: Scheduler): Promise<string | undefined> {
  for (let reads = 1; ; reads += 1) {
    const text = readIfThere(file)?.trim();
    if (text === undefined) return undefined;
    // Where hard links do not exist, another process may be between making the file and filling it.
    if (text.length > 0 || reads === emptyReadsMax) return checkSecret(file, text);
    await scheduler.wait(emptyPauseMilliseconds);
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function checkSecret(file: string, text: string): string {
  try {
    parseSecrets(text);
    return text;
  } catch {
    // Without a cause: nothing that was read goes anywhere.
    throw new PawlError("store_incompatible", `the secret file is empty or malformed: ${file}`);
  }
}

/**
 * The secret beside a database, or `undefined`.
 * @throws PawlError `store_incompatible` when it is malformed
 */
export function secretBeside(databaseFile: string): string | undefined {
  const file = secretFile(databaseFile);
  const text = readIfThere(file)?.trim();
  return text === undefined ? undefined : checkSecret(file, text);
}

/**
 * Gives the database `to` the secret of the database `from`; resolves false when that has none.
 * @throws PawlError `store_incompatible` when `to` has another one, or that of `from` is malformed.
 */
export function copySecret(from: string, to: string, entropy: Entropy): boolean {
  const wanted = secretBeside(from);
  if (wanted === undefined) return false;
  const file = secretFile(to);
  putSecret(file, wanted, entropy);
  if (readIfThere(file)?.trim() === wanted) return true;
  throw new PawlError("store_incompatible", `there is another secret already: ${file}`);
}

/** Puts a complete, flushed file in place under its name, unless there is one; then flushes the folder. */
function putSecret(file: string, secret: string, entropy: Entropy): void {
  const temporary = `${file}.${Buffer.from(entropy.bytes(temporaryNameBytes)).toString("hex")}`;
  try {
    writeFlushed(temporary, `${secret}\n`);
    publish(temporary, file);
  } finally {
    rmSync(temporary, { force: true });
  }
  const descriptor = openSync(file, "r+");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  syncFolder(dirname(file));
}

/** Makes a file of mode 0600 whose content is on disk. @throws Error with code EEXIST where there is one */
export function writeFlushed(file: string, text: string): void {
  const descriptor = openSync(file, "wx", 0o600);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Gives the file its second, final name; both ways fail where that name exists already, which is fine. */
function publish(temporary: string, file: string): void {
  try {
    linkSync(temporary, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return;
    copyExclusively(temporary, file);
  }
}

/** For file systems without hard links: exclusive too, but readers may see it empty for a moment. */
function copyExclusively(temporary: string, file: string): void {
  try {
    copyFileSync(temporary, file, constants.COPYFILE_EXCL);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}
