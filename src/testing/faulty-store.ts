// A store that fails on purpose: every call can be answered late, refused, lost after it happened, acknowledged and
// forgotten, or done twice, as a script says. Wraps any store and changes no data of its own; whether the engine bears
// it is for tests to say. A database that loses its newest writes as a whole is failover-store.ts.

import { PawlError } from "../core/errors.ts";
import type { Store } from "../core/ports.ts";

/** The calls that can fail: all of {@link Store} but `close`. */
export type StoreMethod = (typeof storeMethods)[number];

/** Every {@link StoreMethod}. */
export const storeMethods = [
  "open",
  "read",
  "insert",
  "commit",
  "listBySubject",
  "listAll",
  "revocationsAfter",
  "purge",
  "readDocument",
  "writeDocuments",
  "listDocuments",
  "embeddedSecret",
  "ping",
] as const;

/** One call as it reaches the store. */
export interface StoreCall {
  readonly method: StoreMethod;
  /** 0 for the first call since the script was set, whatever its method. */
  readonly position: number;
  /** 0 for the first call of this method since the script was set. */
  readonly turn: number;
}

/** What goes wrong with one call. */
export type StoreFault =
  /** Rejects with `store_unavailable`; nothing happened. */
  | { readonly kind: "throw before" }
  /** Happens, then rejects with `store_unavailable`: the caller cannot know. */
  | { readonly kind: "throw after" }
  /** A write that is acknowledged and never happened. Only `insert`, `commit`, `writeDocuments` and `purge`. */
  | { readonly kind: "forget" }
  /** Happens twice, as when a driver repeats a call whose answer was lost; the second answer is given. */
  | { readonly kind: "twice" }
  /**
   * Happens after `before` and answers after `after`. Either moves a simulated clock, or waits, or lets others act in
   * between; without one there is no delay on that side.
   */
  | { readonly kind: "late"; readonly before?: () => unknown; readonly after?: () => unknown };

/** Says what goes wrong with a call; `undefined` = nothing. */
export type StoreScript = (call: StoreCall) => StoreFault | undefined;

/** A store whose calls fail as told. */
export interface FaultyStore extends Store {
  /** Sets the script of all calls from now on and begins to count anew; `undefined` = everything works. */
  play(script: StoreScript | undefined): void;
  /** The calls since the script was set, in order; the first 10,000. */
  readonly calls: readonly StoreCall[];
}

const callsMax = 10_000;
/** What an acknowledged write that never happened answers. */
const acknowledgements: Partial<Record<StoreMethod, unknown>> = {
  insert: true,
  commit: true,
  writeDocuments: true,
  purge: { removed: 0, next: undefined },
};

/**
 * Wraps `store` so that its calls can fail. Without a script it is the same store.
 * @throws TypeError when a script lets a call be forgotten that is no write
 * @example
 * const store = createFaultyStore(memoryStore());
 * const sessions = await createSessions({ store });
 * // The first commit happens, and its answer is lost.
 * store.play(({ method, turn }) => (method === "commit" && turn === 0 ? { kind: "throw after" } : undefined));
 */
export function createFaultyStore(store: Store): FaultyStore {
  let script: StoreScript | undefined;
  let calls: StoreCall[] = [];
  let turns = new Map<StoreMethod, number>();
  let position = 0;
  const pass =
    <Input extends unknown[], Result>(method: StoreMethod, work: (...input: Input) => Promise<Result>) =>
    async (...input: Input): Promise<Result> => {
      const turn = turns.get(method) ?? 0;
      const call: StoreCall = { method, position, turn };
      turns.set(method, turn + 1);
      position += 1;
      if (calls.length < callsMax) calls.push(call);
      const fault = script?.(call);
      return await suffer(fault, method, () => work(...input));
    };
  const { embeddedSecret, now, watchRevocations } = store;
  return {
    kind: store.kind,
    open: pass("open", () => store.open()),
    read: pass("read", (sid) => store.read(sid)),
    insert: pass("insert", (record) => store.insert(record)),
    commit: pass("commit", (...input) => store.commit(...input)),
    listBySubject: pass("listBySubject", (...input) => store.listBySubject(...input)),
    listAll: pass("listAll", (...input) => store.listAll(...input)),
    revocationsAfter: pass("revocationsAfter", (...input) => store.revocationsAfter(...input)),
    purge: pass("purge", (...input) => store.purge(...input)),
    readDocument: pass("readDocument", (key) => store.readDocument(key)),
    writeDocuments: pass("writeDocuments", (changes) => store.writeDocuments(changes)),
    listDocuments: pass("listDocuments", (...input) => store.listDocuments(...input)),
    ...(embeddedSecret && { embeddedSecret: pass("embeddedSecret", (entropy) => embeddedSecret.call(store, entropy)) }),
    // The database's clock and its hints are what they are: whoever uses them has to bear their absence anyway.
    ...(now && { now: () => now.call(store) }),
    ...(watchRevocations && { watchRevocations: (listener: () => void) => watchRevocations.call(store, listener) }),
    ping: pass("ping", () => store.ping()),
    close: () => store.close(),
    play: (next) => {
      script = next;
      calls = [];
      turns = new Map();
      position = 0;
    },
    get calls() {
      return calls;
    },
  };
}

async function suffer<Result>(
  fault: StoreFault | undefined,
  method: StoreMethod,
  work: () => Promise<Result>,
): Promise<Result> {
  switch (fault?.kind) {
    case undefined:
      return await work();
    case "throw before":
      throw unreachable();
    case "throw after":
      await work();
      throw unreachable();
    case "twice":
      await work();
      return await work();
    case "late": {
      await fault.before?.();
      const result = await work();
      await fault.after?.();
      return result;
    }
    default:
      if (!(method in acknowledgements)) throw new TypeError(`${method} is no write, it cannot be forgotten`);
      return acknowledgements[method] as Result;
  }
}

function unreachable(): PawlError {
  return new PawlError("store_unavailable", "the database cannot be reached", {
    cause: new Error("connection reset"),
    retryAfterSeconds: 1,
  });
}
