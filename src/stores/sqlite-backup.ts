// A backup of a SQLite database while servers use it: a consistent copy of the file, with the secret that goes with it.
// Owns how the copy gets to its name; what is in it is SQLite's business.

import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { PawlError } from "../core/errors.ts";
import type { Entropy } from "../core/ports.ts";
import { storeError } from "./group-commit.ts";
import { claimFile, loadSqlite, syncFolder } from "./sqlite-schema.ts";
import { copySecret } from "./sqlite-secret.ts";

/** Pages copied between two looks at the database; servers write in between. */
const pagesPerStep = 1024;

/**
 * Copies the database `file` to `target` (mode 0600), which appears complete or not at all, and its secret to
 * `<target>.secret`. Resolves whether there is a secret beside the database: if not, `PAWL_SECRET` is needed with the copy.
 * @throws PawlError `invalid_request` when the target exists, `store_incompatible` for a file that is not Pawl's or another
 * secret at the target, `store_unavailable` when something cannot be read or written.
 */
export async function backUpSqlite(file: string, target: string, entropy: Entropy): Promise<boolean> {
  const path = resolve(target);
  if (existsSync(path)) throw new PawlError("invalid_request", `there is a file already: ${target}`);
  const partial = `${path}.part`;
  try {
    claimFile(file);
    rmSync(partial, { force: true });
    closeSync(openSync(partial, "wx", 0o600));
    const { backup, DatabaseSync } = loadSqlite();
    const database = new DatabaseSync(file, { readOnly: true });
    try {
      await backup(database, partial, { rate: pagesPerStep });
    } finally {
      database.close();
    }
    const descriptor = openSync(partial, "r+");
    fsyncSync(descriptor);
    closeSync(descriptor);
    // The secret first: a copy without it would be refused.
    const hasSecret = copySecret(file, path, entropy);
    renameSync(partial, path);
    syncFolder(dirname(path));
    return hasSecret;
  } catch (error) {
    rmSync(partial, { force: true });
    throw storeError(error);
  }
}
