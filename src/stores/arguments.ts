// Checks of what callers hand to a store, the same for every store, so that a value which one database would cut, reject
// or reorder is refused by all. Owns the bounds; knows no database.

import { PawlError } from "../core/errors.ts";
import type { DocumentChange, Revocation } from "../core/ports.ts";
import type { SessionRecord } from "../core/record.ts";
import { isSubject, secondsMax, sidBytes } from "./record-bounds.ts";
import { isPlainText } from "./text-codec.ts";

/** The most rows one call may ask for or examine. */
export const rowsMax = 10_000;
/** The most changes of one `writeDocuments` call. */
export const documentChangesMax = 16;
/** The longest document key, in characters. */
export const documentKeyCharactersMax = 512;
/** The longest document, in characters (1 Mi). */
export const documentCharactersMax = 1_048_576;
/** Random bytes of a secret that an embedded store makes. */
export const embeddedSecretBytes = 32;

function refuse(detail: string): never {
  throw new PawlError("invalid_request", detail);
}

/** Nothing is before this id, so a sweep that goes on after it starts at the beginning. */
export const firstSid = "AAAAAAAAAAAAAAAAAAAAAA";

/** Returns `limit`. @throws PawlError `invalid_request` unless it is a whole number from 1 to {@link rowsMax}. */
export function checkLimit(limit: number): number {
  return Number.isInteger(limit) && limit >= 1 && limit <= rowsMax
    ? limit
    : refuse(`limit must be a whole number from 1 to ${rowsMax}`);
}

/** The bytes of an optional position in id order. @throws PawlError `invalid_request` when it is not an id. */
export function readSidArgument(sid: string | undefined): Buffer | undefined {
  if (sid === undefined) return undefined;
  return sidBytes(sid) ?? refuse("the position is not a session id");
}

/** @throws PawlError `invalid_request` for a version that does not follow, or a malformed feed entry. */
export function checkCommit(next: SessionRecord, expectedVersion: number, revocation: Revocation | undefined): void {
  if (next.version !== expectedVersion + 1) refuse("the version of a commit must be the expected one plus one");
  if (revocation === undefined) return;
  const { sid, sub, notBefore, exp } = revocation;
  if ((sid === undefined) === (sub === undefined)) refuse("a revocation names either a session or a subject");
  if (sid !== undefined && sidBytes(sid) === undefined) refuse("a revocation names a malformed session id");
  if (sub !== undefined && !isSubject(sub)) refuse("a revocation names a malformed subject");
  for (const at of [notBefore, exp]) {
    if (!Number.isInteger(at) || at < 0 || at > secondsMax) refuse("an instant of a revocation is out of bounds");
  }
}

/** @throws PawlError `invalid_request` for too many changes, two of one key, or texts a database cannot hold exactly. */
export function checkDocumentChanges(changes: readonly DocumentChange[]): void {
  if (changes.length > documentChangesMax) refuse(`at most ${documentChangesMax} documents change at once`);
  if (new Set(changes.map((change) => change.key)).size !== changes.length) refuse("a document changes twice");
  for (const { key, expectedVersion, value } of changes) {
    if (key.length === 0 || key.length > documentKeyCharactersMax || !isPlainText(key)) {
      refuse("a document key is empty, too long or not plain text");
    }
    if (!Number.isSafeInteger(expectedVersion) || expectedVersion < 0) refuse("a document version is malformed");
    if (value !== null && (value.length > documentCharactersMax || !isPlainText(value))) {
      refuse("a document is too long or not plain text");
    }
  }
}
