// Small texts that survive a reload, over a storage that may be missing, full or forbidden. Never throws.
// Knows no names and no meanings.

/**
 * Where small texts are kept: `localStorage`, React Native's `AsyncStorage`, a keychain, a file. Methods may return
 * promises.
 */
export interface ClientStorage {
  getItem(name: string): string | null | Promise<string | null>;
  setItem(name: string, value: string): unknown;
  removeItem(name: string): unknown;
}

/** Where small texts are kept. */
export interface Memory {
  get(name: string): Promise<string | null>;
  /** Resolves whether the storage took it. A synchronous storage has it before this returns. */
  set(name: string, value: string | null): Promise<boolean>;
}

/**
 * A memory over what `find` gives; `find` may throw (a private window, a policy, no browser). What the storage refuses is
 * kept for as long as the page lives; what it has goes before.
 */
export function createMemory(find: () => ClientStorage): Memory {
  const refused: Record<string, string | null> = {};
  return {
    async get(name) {
      let value: string | null = null;
      try {
        value = await find().getItem(name);
      } catch {}
      return value ?? refused[name] ?? null;
    },
    async set(name, value) {
      refused[name] = value;
      try {
        await (value === null ? find().removeItem(name) : find().setItem(name, value));
        return delete refused[name];
      } catch {
        return false;
      }
    },
  };
}
