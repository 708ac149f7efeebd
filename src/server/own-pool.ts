// A store over a pool of its own, which ends with it, and the loading of database libraries that the application may or may
// not have installed. Knows no database.

import type { Store } from "../core/ports.ts";

/** Imports an optional package; `undefined` when it is not installed. */
export type LoadPackage = (name: string) => Promise<{ readonly default: unknown } | undefined>;

/** {@link LoadPackage} from beside Pawl. */
export async function importPackage(name: string): ReturnType<LoadPackage> {
  try {
    return (await import(name)) as { readonly default: unknown };
  } catch {
    return undefined;
  }
}

/** The store; `endPool` is called once, after it is closed. */
export function withOwnPool(store: Store, endPool: () => Promise<void>): Store {
  let ending: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    await store.close();
    // Some libraries complain about connections that were only being made; there is nobody left to care.
    await endPool().catch(() => undefined);
  };
  const close = (): Promise<void> => {
    ending ??= end();
    return ending;
  };
  return {
    ...store,
    close,
    async open() {
      try {
        await store.open();
      } catch (error) {
        // Nobody closes what could not be opened, and its connections would keep the process.
        await close().catch(() => undefined);
        throw error;
      }
    },
  };
}
