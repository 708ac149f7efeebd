// Small texts that survive a reload, over a storage that may be missing, full, locked or forbidden: what it refuses is
// kept here for the life of the page. Never throws. Knows no names and no meanings.

import type { ClientStorage } from "./types.ts";

/** Where small texts are kept. */
export interface Memory {
  get(name: string): Promise<string | null>;
  /** Resolves whether the storage took it. A synchronous storage has it before this returns. */
  set(name: string, value: string | null): Promise<boolean>;
}

/** A storage that does not answer counts as one that refuses. */
const storageMillisecondsMax = 5000;

/** A memory over what `find` gives; `find` may throw (a private window, a policy, no browser). */
export function createMemory(find: () => ClientStorage): Memory {
  const refused = new Map<string, string | null>();
  return {
    async get(name) {
      try {
        return (await bounded(find().getItem(name))) ?? refused.get(name) ?? null;
      } catch {
        return refused.get(name) ?? null;
      }
    },
    async set(name, value) {
      refused.delete(name);
      try {
        await bounded(value === null ? find().removeItem(name) : find().setItem(name, value));
        return true;
      } catch {
        refused.set(name, value);
        return false;
      }
    },
  };
}

function bounded<Value>(value: Value | Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(reject, storageMillisecondsMax);
    Promise.resolve(value)
      .finally(() => clearTimeout(timer))
      .then(resolve, reject);
  });
}

/** A storage for as long as the program runs. */
export function createVolatileStorage(): ClientStorage {
  const entries = new Map<string, string>();
  return {
    getItem: (name) => entries.get(name) ?? null,
    setItem: (name, value) => entries.set(name, value),
    removeItem: (name) => entries.delete(name),
  };
}
