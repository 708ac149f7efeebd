// From the options to a store and an engine, for the server and the command line alike: both must open the same
// database under the same rules. Owns the mapping; the drivers are loaded on demand.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { PawlError } from "../core/errors.ts";
import type { Store } from "../core/ports.ts";
import type { SessionsOptions } from "../engine/types.ts";
import type { Settings } from "./config.ts";
import type { StoreChoice } from "./option-values.ts";

/**
 * The store that the options name, not opened yet. `directory` is what a relative file is relative to.
 * @param canCreate false: a shared database without a store of Pawl is refused when it is opened
 * @param warn is told what looks unsafe about the database
 */
export async function createStore(
  choice: StoreChoice,
  directory: string,
  canCreate = true,
  warn: (sentence: string) => void = () => {},
): Promise<Store> {
  switch (choice.kind) {
    case "memory":
      return (await import("../stores/memory.ts")).memoryStore();
    case "sqlite":
      return (await import("../stores/sqlite.ts")).sqliteStore(resolve(directory, choice.file));
    case "postgres":
      return await (await import("./postgres-pool.ts")).openPostgres(choice.url, canCreate);
    case "mysql":
      return await (await import("./mysql-pool.ts")).openMysql(choice.url, canCreate);
    case "redis":
      return await (await import("./redis-client.ts")).redisStoreAt(choice.url, { canCreate, warn });
  }
}

/** True when opening the store would create it. */
export function storeIsNew(choice: StoreChoice, directory: string): boolean {
  return choice.kind === "sqlite" && !existsSync(resolve(directory, choice.file));
}

/** The options of the engine. */
export function engineOptions(settings: Settings, store: Store, issuer: string): SessionsOptions {
  return {
    ...settings.policy,
    store,
    issuer,
    algorithm: settings.algorithm,
    ...(settings.keyRotationSeconds === undefined ? {} : { keyRotationSeconds: settings.keyRotationSeconds }),
    ...(settings.audience === undefined ? {} : { audience: settings.audience }),
    ...(settings.secret === undefined ? {} : { secret: settings.secret }),
  };
}

const issuerKey = "server/issuer";

/** Keeps the issuer of the running server in the store, so that the command line makes tokens and links that fit. */
export async function rememberIssuer(store: Store, issuer: string): Promise<void> {
  const before = await store.readDocument(issuerKey);
  if (before?.value === issuer) return;
  // Two servers that start at once: one of them wins, either answer is right.
  await store.writeDocuments([{ key: issuerKey, expectedVersion: before?.version ?? 0, value: issuer }]);
}

/** The issuer of the server that last started on this store. */
export async function recallIssuer(
  choice: StoreChoice,
  directory: string,
  canCreate: boolean,
): Promise<string | undefined> {
  if (choice.kind === "memory" || storeIsNew(choice, directory)) return undefined;
  const store = await createStore(choice, directory, canCreate);
  try {
    await store.open();
    return (await store.readDocument(issuerKey))?.value;
  } finally {
    await store.close();
  }
}

/** @throws PawlError `invalid_option` for a store that another process cannot open. */
export function refuseMemory(choice: StoreChoice): void {
  if (choice.kind !== "memory") return;
  const why =
    "a memory: store lives inside the server process; commands need a store that the server shares with them, such as sqlite:<file>";
  throw new PawlError("invalid_option", why, { field: "store" });
}

/** @throws PawlError `store_unavailable`: a mistyped name must not create an empty database. */
export function refuseMissing(choice: StoreChoice, directory: string): void {
  if (choice.kind !== "sqlite" || !storeIsNew(choice, directory)) return;
  throw new PawlError("store_unavailable", `there is no database at ${choice.file}; \`pawl serve\` creates one`);
}
