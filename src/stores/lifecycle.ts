// The life of a networked store: opened once, however many ask for it at once; calls only while it is open; closed when the
// calls in flight have ended. Owns these states; knows no database.

import { PawlError } from "../core/errors.ts";
import { storeError } from "./group-commit.ts";

/** The states of one store. */
export interface Lifecycle {
  /** Opens; what fails may be tried again. */
  open(): Promise<void>;
  /** Runs a call; everything that the database throws becomes `store_unavailable`. */
  use<Result>(call: () => Promise<Result>): Promise<Result>;
  /** @throws PawlError `store_unavailable` while calls are refused. */
  assertOpen(): void;
  /** Refuses further calls, waits for those in flight, then lets go of what was opened. Idempotent. */
  close(): Promise<void>;
}

/** What there is to do at the ends of a life. */
export interface Ends {
  /** Resolves when the database can be used. */
  readonly open: () => Promise<void>;
  /** Called first when closing: ends what would go on by itself. */
  readonly close: () => void;
}

/** Creates the states of a store that is not open yet. */
export function createLifecycle(ends: Ends): Lifecycle {
  let state: "new" | "open" | "closed" = "new";
  let opening: Promise<void> | undefined;
  let closing: Promise<void> | undefined;
  const inFlight = new Set<Promise<unknown>>();

  const assertOpen = (): void => {
    if (state === "open") return;
    throw new PawlError("store_unavailable", state === "new" ? "the store is not open" : "the store is closed");
  };
  const close = async (): Promise<void> => {
    state = "closed";
    ends.close();
    await Promise.allSettled([opening, ...inFlight]);
  };
  return {
    open: async () => {
      if (state === "closed") assertOpen();
      opening ??= ends.open();
      try {
        await opening;
        if (state === "new") state = "open";
      } finally {
        if (state !== "open") opening = undefined;
      }
    },
    use: async (call) => {
      assertOpen();
      const running = call();
      inFlight.add(running);
      try {
        return await running;
      } catch (error) {
        throw storeError(error);
      } finally {
        inFlight.delete(running);
      }
    },
    assertOpen,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}
