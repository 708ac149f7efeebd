// The attempt key of a refresh (`Idempotency-Key`, CONTRACT section 4): drawn once, written down before it is sent, kept
// until its answer has arrived and is stored. Shared by tabs, because they share one cookie jar: a tab that takes up the
// unanswered attempt of another gets the identical successor, not a sibling.
// The key is no token: without the refresh token it opens nothing.

import type { Memory } from "./memory.ts";

const attemptShape = /^[\w-]{16,128}$/;
const attemptBytes = 16;

/** Keeps one attempt key. */
export interface Attempts {
  /** The key of the unanswered attempt: ours, else one that another tab left, else a new one. */
  current(): Promise<string>;
  /** Its answer has arrived. */
  done(): Promise<void>;
}

/** Attempt keys under `name` in `memory`. */
export function createAttempts(memory: Memory, name: string): Attempts {
  let mine: string | undefined;
  const read = async (): Promise<string | undefined> => {
    const left = (await memory.get(name)) ?? "";
    return attemptShape.test(left) ? left : undefined;
  };
  return {
    async current() {
      const left = await read();
      mine ??= left;
      if (mine === undefined || mine !== left) {
        const key = mine ?? draw();
        await memory.set(name, key);
        // Another tab may have written at the same time: whoever wrote last wins, for both.
        mine ??= (await read()) ?? key;
      }
      return mine;
    },
    async done() {
      const answered = mine;
      mine = undefined;
      // A key that another tab has drawn since belongs to that tab.
      if (answered !== undefined && (await memory.get(name)) === answered) await memory.set(name, null);
    },
  };
}

function draw(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(attemptBytes));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
