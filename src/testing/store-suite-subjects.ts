// How the suites get at the store under test, and stores that are opened for a test and closed after it.
// Owns no promise; store-suite.ts and session-suite.ts do.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { it } from "node:test";
import type { Store } from "../core/ports.ts";

/** How the suite gets at the store under test. */
export interface StoreUnderTest {
  /** A store on a fresh, empty database, not opened yet. */
  create(): Promise<Store>;
  /** A second instance on the database of `store`, not opened yet. Leave it out where instances cannot share one. */
  reopen?(store: Store): Promise<Store>;
  /** Every byte that the database of `store` has on disk, file by file. Leave it out where nothing is on disk. */
  raw?(store: Store): Promise<Buffer[]>;
}

/** A store that is open, and closed again when the test ends. */
export type OpenStore = (t: TestContext) => Promise<Store>;
/** A second open instance on the same database. */
export type OpenAgain = (t: TestContext, store: Store) => Promise<Store>;

/** What the parts of the suite work with. */
export interface Subjects {
  readonly open: OpenStore;
  readonly reopen: OpenAgain;
  /** Declares a test that needs two instances; where there cannot be two, nothing is promised and nothing declared. */
  readonly withTwo: (promise: string, check: (t: TestContext) => Promise<void>) => void;
  readonly canReopen: boolean;
}

/** Opens stores and sees to it that they are closed. */
export function createSubjects({ create, reopen }: StoreUnderTest): Subjects {
  const opened = async (t: TestContext, store: Store): Promise<Store> => {
    t.after(() => store.close());
    await store.open();
    return store;
  };
  return {
    open: async (t) => opened(t, await create()),
    reopen: async (t, store) => {
      assert.ok(reopen);
      return opened(t, await reopen(store));
    },
    withTwo: (promise, check) => {
      if (reopen) it(promise, check);
    },
    canReopen: reopen !== undefined,
  };
}
