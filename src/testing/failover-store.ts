// A database that is replicated asynchronously and fails over: its newest acknowledged writes can be lost, exactly as if
// they had never been made, versions included. Owns the log of writes and the replay on a fresh store; knows no rule.
// Single calls that fail are faulty-store.ts.

import type { Entropy, PurgeStep, Store } from "../core/ports.ts";

/** A store that can lose its newest writes. */
export interface FailoverStore extends Store {
  /**
   * Loses the newest `writes` acknowledged writes (`insert`, `commit` and `writeDocuments` that resolved true, `purge` that
   * removed something), and goes on with what is left. Call it while no other call is under way.
   * @throws RangeError when there are not that many
   */
  failOver(writes: number): Promise<void>;
  /** How many acknowledged writes there are. */
  readonly writes: number;
}

type Write = (store: Store) => Promise<unknown>;

const writesMax = 100_000;

/**
 * Makes a store that can fail over. Each fail-over fills a fresh store with the writes that are left.
 * @param create makes an empty store, not opened yet; an embedded one keeps the secret of the first
 * @throws RangeError at the write beyond 100,000: this is for tests
 * @example
 * const store = await createFailoverStore(async () => memoryStore());
 * const sessions = await createSessions({ store });
 * await store.failOver(1);
 */
export async function createFailoverStore(create: () => Promise<Store>): Promise<FailoverStore> {
  let store = await create();
  let log: Write[] = [];
  let secret: Promise<string> | undefined;
  const { kind, embeddedSecret } = store;
  /** Performs a write, and remembers it if it changed something. */
  const write = async <Result extends boolean | PurgeStep>(work: (on: Store) => Promise<Result>): Promise<Result> => {
    if (log.length >= writesMax) throw new RangeError(`at most ${writesMax} writes are remembered`);
    const result = await work(store);
    if (typeof result === "boolean" ? result : result.removed > 0) log.push(work);
    return result;
  };
  return {
    kind,
    open: () => store.open(),
    read: (sid) => store.read(sid),
    insert: (record) => write((on) => on.insert(record)),
    commit: (...input) => write((on) => on.commit(...input)),
    listBySubject: (...input) => store.listBySubject(...input),
    listAll: (...input) => store.listAll(...input),
    revocationsAfter: (...input) => store.revocationsAfter(...input),
    purge: (...input) => write((on) => on.purge(...input)),
    readDocument: (key) => store.readDocument(key),
    writeDocuments: (changes) => write((on) => on.writeDocuments(changes)),
    listDocuments: (...input) => store.listDocuments(...input),
    ...(embeddedSecret && {
      embeddedSecret: (entropy: Entropy) => {
        secret ??= embeddedSecret.call(store, entropy);
        return secret;
      },
    }),
    ping: () => store.ping(),
    close: () => store.close(),
    failOver: async (writes) => {
      if (!Number.isInteger(writes) || writes < 0 || writes > log.length) {
        throw new RangeError(`there are ${log.length} writes to lose`);
      }
      const kept = log.slice(0, log.length - writes);
      const next = await create();
      await next.open();
      for (const each of kept) await each(next);
      await store.close();
      store = next;
      log = kept;
    },
    get writes() {
      return log.length;
    },
  };
}
