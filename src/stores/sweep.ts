// Parts of sweeps and lists that are the same for every database with rows: which rows a purge takes, where its next step
// goes on, where a list of documents ends. Knows no database.

import type { PurgeStep, StoredDocument } from "../core/ports.ts";
import type { SessionRecord } from "../core/record.ts";
import { firstSid } from "./arguments.ts";
import { sidText } from "./record-bounds.ts";
import { unpackRecord } from "./record-codec.ts";
import type { PackedRecord } from "./record-layout.ts";

/** A row that cannot be read is left for a person to look at; it must not stop the sweep. */
export function isLapsed(packed: PackedRecord, lapsed: (record: SessionRecord) => boolean): boolean {
  let record: SessionRecord;
  try {
    record = unpackRecord(packed);
  } catch {
    return false;
  }
  return lapsed(record);
}

/** What one purge step did and found. */
export interface Swept {
  readonly limit: number;
  readonly from: string | undefined;
  /** The number of sessions that were examined, and the id of the last. */
  readonly examined: number;
  readonly last: Uint8Array | undefined;
  readonly sessionsRemoved: number;
  readonly entriesRemoved: number;
}

/** The answer of a purge step. */
export function purgeStep({ limit, from, examined, last, sessionsRemoved, entriesRemoved }: Swept): PurgeStep {
  const more = examined === limit || entriesRemoved === limit;
  return {
    removed: sessionsRemoved + entriesRemoved,
    next: more ? (last === undefined ? (from ?? firstSid) : sidText(last)) : undefined,
  };
}

/** Keys with one prefix are neighbours, so a page ends where the prefix does. */
export function whilePrefix(documents: StoredDocument[], prefix: string): StoredDocument[] {
  const end = documents.findIndex(({ key }) => !key.startsWith(prefix));
  return end === -1 ? documents : documents.slice(0, end);
}
