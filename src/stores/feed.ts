// Cursors and pages of the revocation feed, the same for every store. A cursor names the entry that its reader saw last by
// number and by content: a database that was put back from a copy, or lost its last writes, gives the same number to
// another entry, and reading on from there would miss something. Knows no database.

import { createHash } from "node:crypto";
import { PawlError } from "../core/errors.ts";
import type { Revocation, RevocationPage } from "../core/ports.ts";

/** A stored entry; numbers grow in the order in which entries became visible. */
export interface FeedEntry {
  readonly sequence: number;
  readonly revocation: Revocation;
}

/** Where a reader stands: behind the entry with this number, if that still is the entry it saw. */
export interface FeedPosition {
  readonly sequence: number;
  readonly check: string;
}

const feedStart = "0";
const checkCharacters = 8;
const cursorShape = new RegExp(`^([1-9]\\d{0,15})-([\\w-]{${checkCharacters}})$`);

/** The position in a cursor, `undefined` for the beginning. @throws PawlError `invalid_request` for what no store gives. */
export function readCursor(cursor: string | undefined): FeedPosition | undefined {
  if (cursor === undefined || cursor === feedStart) return undefined;
  const [, digits, check = ""] = cursorShape.exec(cursor) ?? [];
  const sequence = Number(digits);
  if (Number.isSafeInteger(sequence)) return { sequence, check };
  throw new PawlError("invalid_request", "the cursor of the revocation feed is malformed");
}

/** Where reading goes on; `seen` is the entry that the database has at `position` now. */
export function resumeFeed(
  position: FeedPosition | undefined,
  seen: FeedEntry | undefined,
): { readonly after: number; readonly restarted: boolean } {
  if (position === undefined) return { after: 0, restarted: false };
  const isKnown = seen !== undefined && cursorOf(seen) === `${position.sequence}-${position.check}`;
  return isKnown ? { after: position.sequence, restarted: false } : { after: 0, restarted: true };
}

/** A page. `newest` is the last entry of the feed: a page that is not full reaches that far. */
export function feedPage(
  entries: readonly FeedEntry[],
  newest: FeedEntry | undefined,
  limit: number,
  restarted: boolean,
): RevocationPage {
  const more = entries.length >= limit;
  const last = more ? entries.at(-1) : newest;
  return { cursor: last ? cursorOf(last) : feedStart, revocations: entries.map(revocationOf), restarted, more };
}

function revocationOf({ revocation }: FeedEntry): Revocation {
  return revocation;
}

function cursorOf({ sequence, revocation: { sid, sub, notBefore, exp } }: FeedEntry): string {
  const content = JSON.stringify([sid ?? "", sub ?? "", notBefore, exp]);
  return `${sequence}-${createHash("sha256").update(content).digest("base64url").slice(0, checkCharacters)}`;
}
