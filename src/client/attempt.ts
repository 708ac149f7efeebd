// The attempt key of a refresh (`Idempotency-Key`, CONTRACT section 4): drawn once, kept until its answer has arrived.
// Shared through localStorage, because tabs share one cookie jar: a tab that takes up the unanswered attempt of another
// gets the identical successor, not a sibling. The key is no token: without the refresh token it opens nothing.

/** The part of `Storage` that is used. */
export type AttemptStorage = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** Where small texts survive a reload; never throws. */
export interface Memory {
  get(name: string): string | null;
  set(name: string, value: string | null): void;
}

const attemptShape = /^[\w-]{16,128}$/;
const attemptBytes = 16;

/** A {@link Memory} over a storage that may be missing, full or forbidden. */
export function createMemory(given: AttemptStorage | undefined): Memory {
  const own = new Map<string, string>();
  const attempt = <Value>(use: (storage: AttemptStorage) => Value): Value | undefined => {
    try {
      return use(given ?? localStorage);
    } catch {
      return undefined; // Storage is off here (private window, policy, no browser): memory serves this page.
    }
  };
  return {
    get: (name) => attempt((storage) => storage.getItem(name)) ?? own.get(name) ?? null,
    set(name, value) {
      if (value === null) {
        own.delete(name);
        attempt((storage) => storage.removeItem(name));
      } else {
        own.set(name, value);
        attempt((storage) => storage.setItem(name, value));
      }
    },
  };
}

/** Keeps one attempt key. */
export interface Attempts {
  /** The key of the unanswered attempt: ours, else one that another tab left, else a new one. */
  current(): string;
  /** Its answer has arrived. */
  done(): void;
}

/** Attempt keys under `name` in `memory`. */
export function createAttempts(memory: Memory, name: string): Attempts {
  let mine: string | undefined;
  return {
    current() {
      const left = memory.get(name);
      mine ??= left !== null && attemptShape.test(left) ? left : draw();
      if (left !== mine) memory.set(name, mine);
      return mine;
    },
    done() {
      // A key that another tab has drawn since belongs to that tab.
      if (mine !== undefined && memory.get(name) === mine) memory.set(name, null);
      mine = undefined;
    },
  };
}

function draw(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(attemptBytes));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
