// SQLite files of tests: each in a folder of its own below the temporary folder, all removed at the end.

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { Store } from "../../src/core/ports.ts";
import type { SqliteOptions } from "../../src/stores/sqlite.ts";
import { sqliteStore } from "../../src/stores/sqlite.ts";

/** Files of one test file. */
export interface SqliteFiles {
  /** The path of a database that does not exist yet. */
  fresh(): string;
  /** A store on this file, which {@link SqliteFiles.of} then knows. */
  remember(file: string, options?: SqliteOptions): Store;
  /** The file of a store. */
  of(store: Store): string;
  /** The files the database has on disk; its secret, which is a file of its own, only if asked for. */
  onDisk(file: string, withSecret?: boolean): string[];
}

/** Creates them; call at the top level of a test file. */
export function createSqliteFiles(): SqliteFiles {
  const folder = mkdtempSync(join(tmpdir(), "pawl-test-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const known = new WeakMap<Store, string>();
  let count = 0;
  return {
    fresh: () => {
      count += 1;
      return join(folder, String(count), "pawl.db");
    },
    remember: (file, options) => {
      const store = sqliteStore(file, options);
      known.set(store, file);
      return store;
    },
    of: (store) => known.get(store) as string,
    onDisk: (file, withSecret = false) =>
      ["", "-wal", "-shm", ...(withSecret ? [".secret"] : [])]
        .map((suffix) => file + suffix)
        .filter((path) => existsSync(path)),
  };
}
