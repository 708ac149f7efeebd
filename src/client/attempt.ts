// The attempt key of a refresh (`Idempotency-Key`, CONTRACT section 4): drawn once, written down before it is sent, kept
// until its answer has arrived and is stored. Shared by tabs, because they share one cookie jar: a tab that takes up the
// unanswered attempt of another gets the identical successor, not a sibling.
// The key is no token: without the refresh token it opens nothing.

import type { Keeping } from "./credential.ts";

/** Nine numbers: more than enough entropy, and never fewer than 16 characters. */
const attemptNumbers = 9;

/** Keeps one attempt key. */
export interface Attempts {
  /** The key of the unanswered attempt: ours, else one that another tab left, else a new one. */
  current(): Promise<string>;
  /** Its answer has arrived. */
  done(): Promise<void>;
}

/** Attempt keys in what `keeping` has. */
export function createAttempts({ memory, name }: Omit<Keeping, "credential">): Attempts {
  const entry = `${name}:attempt`;
  let mine: string | undefined;
  const read = async (): Promise<string | undefined> => {
    const left = String(await memory.get(entry));
    return /^[\w-]{16,128}$/.test(left) ? left : undefined;
  };
  return {
    async current() {
      mine ??= (await read()) ?? crypto.getRandomValues(new Uint32Array(attemptNumbers)).join("-");
      await memory.set(entry, mine);
      // Another tab may have written at the same time: whoever wrote last wins, for both.
      mine = (await read()) ?? mine;
      return mine;
    },
    async done() {
      const answered = mine;
      mine = undefined;
      // A key that another tab has drawn since belongs to that tab.
      if ((await memory.get(entry)) === answered) await memory.set(entry, null);
    },
  };
}
