// `pawl/client/stored`: the refresh token in a storage, for Node.js, Deno, Bun and React Native, which have no cookie jar
// of a browser. Other processes may share the storage, so it is read again each time, and nothing counts as arrived
// before it is stored: a keychain that is locked loses nobody.

import type { Credential, Credentials } from "./credential.ts";
import { ClientError } from "./error.ts";
import { type ClientStorage, createMemory, type Memory } from "./memory.ts";

export type { Credentials } from "./credential.ts";
export type { ClientStorage } from "./memory.ts";

/** A storage that does not answer counts as one that refuses. */
const storageMillisecondsMax = 5000;

/**
 * Keeps the refresh token in `storage` (body transport), which only the person must be able to read. Default: in memory,
 * for as long as the program runs.
 *
 * ```ts
 * import { createClient } from "pawl/client";
 * import { storedCredentials } from "pawl/client/stored";
 *
 * const entries = new Map<string, string>(); // React Native: a keychain; a command line: a file of mode 0600
 * const storage = {
 *   getItem: (name: string) => entries.get(name) ?? null,
 *   setItem: (name: string, value: string) => entries.set(name, value),
 *   removeItem: (name: string) => entries.delete(name),
 * };
 * const client = createClient({ baseUrl: "https://auth.example.com", credentials: storedCredentials(storage) });
 * ```
 */
export function storedCredentials(storage: ClientStorage = createVolatileStorage()): Credentials {
  const patient: ClientStorage = {
    getItem: (name) => bounded(storage.getItem(name)),
    setItem: (name, value) => bounded(storage.setItem(name, value)),
    removeItem: (name) => bounded(storage.removeItem(name)),
  };
  return (name) => {
    const memory = createMemory(() => patient);
    return { memory, credential: createCredential(memory, patient, `${name}:token`), name };
  };
}

function createCredential(memory: Memory, storage: ClientStorage, name: string): Credential {
  let last: string | null = null;
  return {
    async present() {
      try {
        last = (await storage.getItem(name)) ?? (await memory.get(name));
      } catch {
        // A storage that cannot be read says nothing of who is signed in: the token of before, or no verdict at all.
        if (last === null) throw new ClientError("storage_unavailable");
      }
      return last === null ? null : { refresh_token: last };
    },
    async keep({ refresh_token: token }, presented) {
      // None: the server settled, and the token in hand stays good.
      if (typeof token !== "string") return true;
      const stored = await memory.get(name);
      if (stored === token) return true;
      // Another process has gone on from there, or signed in: its token is newer than ours.
      const isOurs = presented === undefined || stored === presented.refresh_token;
      const isKept = isOurs && (await memory.set(name, token));
      if (isKept || presented === undefined) last = token;
      return isKept;
    },
    async forget(presented) {
      if (presented !== null && (await memory.get(name)) !== presented.refresh_token) return false;
      await memory.set(name, null);
      return true;
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
