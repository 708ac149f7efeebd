// Makes races visible: a gate that opens when everybody has arrived, and a store whose reads wait at it. Without one a
// fast store (memory, synchronous SQLite) finishes read and write of one request before the next begins, and no two
// requests ever meet. Owns no assertion.

import type { Store } from "../core/ports.ts";

/** A gate. */
export interface ArrivalGate {
  /** Resolves when as many have arrived as the gate waits for; later arrivals pass at once. */
  arrive(): Promise<void>;
}

/** Creates a gate that opens with the `count`-th arrival. */
export function createArrivalGate(count: number): ArrivalGate {
  let arrived = 0;
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    arrive: () => {
      arrived += 1;
      if (arrived >= count) open();
      return opened;
    },
  };
}

/** The same store, but a `read` answers only when the gate has opened: everybody has read before anybody writes. */
export function gateReads(store: Store, gate: ArrivalGate): Store {
  return {
    ...store,
    read: async (sid) => {
      const record = await store.read(sid);
      await gate.arrive();
      return record;
    },
  };
}
