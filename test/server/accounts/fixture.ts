// What the tests of the accounts share: a clock that stands still until it is told, accounts over a real store, and a
// good password. Owns no assertion but one.

import assert from "node:assert/strict";
import { type ErrorCode, PawlError } from "../../../src/core/errors.ts";
import type { Platform, Store } from "../../../src/core/ports.ts";
import { nodePlatform } from "../../../src/platform/node.ts";
import { createAccounts } from "../../../src/server/accounts/accounts.ts";
import type { AccountsOptions, ServerAccounts } from "../../../src/server/accounts/types.ts";
import { memoryStore } from "../../../src/stores/memory.ts";

export const goodPassword = "a quiet fjord at dawn";
export const otherPassword = "seven lamps on the pier";

/** The machine's platform with a clock that only `pass` moves. */
export interface StillPlatform extends Platform {
  pass(seconds: number): void;
}

export function stillPlatform(): StillPlatform {
  let now = 1_800_000_000_000;
  const pass = (seconds: number): void => {
    now += seconds * 1000;
  };
  return { ...nodePlatform, clock: { now: () => now }, pass };
}

export interface Fixture {
  readonly store: Store;
  readonly platform: StillPlatform;
  readonly accounts: ServerAccounts;
}

/** Accounts over a memory store, registration open. `wrap` puts something between accounts and store. */
export async function createFixture(
  options: Partial<AccountsOptions> = {},
  wrap: (store: Store) => Store = (store) => store,
): Promise<Fixture> {
  const store = wrap(memoryStore());
  await store.open();
  const platform = stillPlatform();
  const accounts = createAccounts({ store, platform, registration: "open", ...options });
  return { store, platform, accounts };
}

/** The error a promise rejects with; it must be a PawlError of this code. */
export async function refusal(promise: Promise<unknown>, code: ErrorCode): Promise<PawlError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof PawlError, `not a PawlError: ${String(error)}`);
    assert.equal(error.code, code);
    return error;
  }
  assert.fail(`resolved instead of ${code}`);
}

/** A rendezvous: the first `parties` callers wait until all of them have come; later ones pass. */
export function createGate(parties: number): () => Promise<void> {
  let arrived = 0;
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return async () => {
    arrived += 1;
    if (arrived >= parties) open();
    await opened;
  };
}

/** A store whose first write is overtaken: `first` runs to its end before it. */
export function overtakeWrites(inner: Store, first: () => Promise<unknown>): Store {
  let overtaken = false;
  return {
    ...inner,
    writeDocuments: async (changes) => {
      if (!overtaken) {
        overtaken = true;
        await first();
      }
      return inner.writeDocuments(changes);
    },
  };
}
