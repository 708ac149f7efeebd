// What is still to be ended: `endings/<user id>` is written in the same atomic step that changes a password or disables
// a user, and removed once the sessions are over. A crash or a failing store in between leaves it, and whoever finds it
// finishes. Owns the document; which changes write one is accounts.ts, when left-over ones are looked for ending.ts.

import { type SessionEnd, sessionEnds } from "../../core/events.ts";
import type { Clock, DocumentChange, Store, StoredDocument } from "../../core/ports.ts";
import type { Sessions } from "../../engine/types.ts";
import { isAccountId } from "./account.ts";

/** Where endings stand. */
export const endingsPrefix = "endings/";
/**
 * Sessions that began so long after the marker's instant end, too: the instant is taken before the write, and a sign-in
 * with the old password may have come in between. Nobody's new session is hit: a sign-in finishes the marker first.
 */
export const writeSeconds = 5;

interface Ending {
  readonly reason: SessionEnd;
  /** Milliseconds: sessions that began before this instant are to end. */
  readonly at: number;
}

/** The endings in the store. */
export interface EndingMarkers {
  /** The change that writes the marker, or renews one that is left over; part of the step that changes the account. */
  mark(id: string, reason: SessionEnd): Promise<DocumentChange>;
  /** Ends what the marker of this account says, then removes it; nothing when there is none. */
  finish(id: string, sessions: Pick<Sessions, "revokeAll">): Promise<void>;
  /** Ids of accounts with a marker, in id order. */
  list(after: string | undefined, limit: number): Promise<string[]>;
}

function decode(document: StoredDocument, now: number): Ending {
  // Something had to end here. What cannot be read must not spare it, nor stop the owner's sign-ins for ever.
  const unreadable: Ending = { reason: "revoked", at: now };
  try {
    const { reason, at } = JSON.parse(document.value) as Partial<Ending>;
    return reason !== undefined && sessionEnds.includes(reason) && Number.isFinite(at)
      ? { reason, at: at as number }
      : unreadable;
  } catch {
    return unreadable;
  }
}

/** Creates the markers over an opened store. */
export function createEndingMarkers(store: Store, clock: Clock): EndingMarkers {
  const keyOf = (id: string): string => endingsPrefix + id;
  return {
    async mark(id, reason) {
      const expectedVersion = (await store.readDocument(keyOf(id)))?.version ?? 0;
      const ending: Ending = { reason, at: clock.now() };
      return { key: keyOf(id), expectedVersion, value: JSON.stringify(ending) };
    },
    async finish(id, sessions) {
      const document = isAccountId(id) ? await store.readDocument(keyOf(id)) : undefined;
      if (document === undefined) return;
      const { reason, at } = decode(document, clock.now());
      await sessions.revokeAll(id, reason, undefined, at + writeSeconds * 1000);
      // Lost against a newer change, whose marker stays for its own sessions, or against somebody who finished, too.
      await store.writeDocuments([{ key: document.key, expectedVersion: document.version, value: null }]);
    },
    async list(after, limit) {
      const documents = await store.listDocuments(endingsPrefix, after === undefined ? after : keyOf(after), limit);
      return documents.map(({ key }) => key.slice(endingsPrefix.length));
    },
  };
}
