// How long an entry of the revocation feed must live: as long as the longest access token that any process on this store may
// have signed, not as this process signs. Where the lifetime was lowered, or nodes differ, an entry that lives one lifetime
// of the one who ends would lapse before the tokens it covers. Owns the store's document about it.

import type { Policy } from "../core/policy.ts";
import type { Clock, Store } from "../core/ports.ts";

const documentKey = "access-lifetime";
const writeRoundsMax = 16;
/** Who signs with the longest lifetime says so again this often. */
const renewMilliseconds = 600_000;
/** For so long it may be silent, busy or cut off, and still be believed to sign. */
const silenceMilliseconds = 3 * renewMilliseconds;

/** The longest lifetime in use, as far as a process knows. */
export interface AccessLifetime {
  /** Seconds. */
  longest(): number;
  /** Reads what other processes say, and says again what this one does. */
  reload(): Promise<void>;
}

interface Stored {
  readonly seconds: number;
  /** Milliseconds: when a process last said that it signs so. */
  readonly saidAt: number;
}

/** Says in the store, before anything is signed, how long this process signs. */
export async function openAccessLifetime(store: Store, clock: Clock, policy: Policy): Promise<AccessLifetime> {
  const own = policy.accessTtlSeconds;
  let known: Stored = { seconds: own, saidAt: 0 };
  const isCurrent = ({ seconds, saidAt }: Stored): boolean =>
    clock.now() < saidAt + silenceMilliseconds + seconds * 1000;
  const reload = async (): Promise<void> => {
    for (let round = 0; round < writeRoundsMax; round += 1) {
      const document = await store.readDocument(documentKey);
      const stored = document === undefined ? undefined : (JSON.parse(document.value) as Stored);
      const now = clock.now();
      const isOthers = stored !== undefined && stored.seconds > own && isCurrent(stored);
      const isFresh = stored?.seconds === own && Math.abs(now - stored.saidAt) < renewMilliseconds;
      if (stored !== undefined && (isOthers || isFresh)) {
        known = stored;
        return;
      }
      const value = JSON.stringify({ seconds: own, saidAt: now } satisfies Stored);
      const expectedVersion = document?.version ?? 0;
      if (await store.writeDocuments([{ key: documentKey, expectedVersion, value }])) {
        known = { seconds: own, saidAt: now };
        return;
      }
    }
  };
  await reload();
  return { longest: () => (isCurrent(known) ? Math.max(own, known.seconds) : own), reload };
}
