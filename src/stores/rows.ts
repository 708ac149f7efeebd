// Rows of a database, by the names of their columns, and the values of the Store port in them: the same for every database
// whose library gives rows as objects. Knows no SQL and no database.

import type { Revocation, RevocationPage, StoredDocument } from "../core/ports.ts";
import type { SessionRecord } from "../core/record.ts";
import { checkLimit } from "./arguments.ts";
import { type FeedEntry, feedPage, readCursor, resumeFeed } from "./feed.ts";
import { sidBytes, sidText } from "./record-bounds.ts";
import type { PackedRecord } from "./record-layout.ts";
import { isLapsed } from "./sweep.ts";

/** A row, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>;

/** A row of `sessions`; what it was selected by is given. */
export function packedOf(row: Row, known: { readonly sid?: string; readonly subject?: string } = {}): PackedRecord {
  const { sid = sidText(row.sid as Uint8Array), subject = row.sub as string } = known;
  return { sid, subject, version: Number(row.version), data: row.data as Uint8Array };
}

/** A row of `documents`. */
export function documentOf({ key, version, value }: Row): StoredDocument {
  return { key: key as string, version: Number(version), value: value as string };
}

function entryOf({ seq, sid, sub, nbf, exp }: Row): FeedEntry {
  const named = sid === null ? { sub: sub as string } : { sid: sidText(sid as Uint8Array) };
  return { sequence: Number(seq), revocation: { ...named, notBefore: Number(nbf), exp: Number(exp) } };
}

/**
 * A page of the feed. `ask` gives, as one sight of the table, the entries after a number (`part` is `page`), the entry of
 * that number (`seen`) and the newest (`newest`).
 */
export async function readFeed(
  ask: (after: number, limit: number) => Promise<readonly Row[]>,
  cursor: string | undefined,
  limit: number,
): Promise<RevocationPage> {
  const position = readCursor(cursor);
  const rows = await ask(position?.sequence ?? 0, checkLimit(limit));
  const entries = (part: string): FeedEntry[] => rows.filter((row) => row.part === part).map(entryOf);
  const { restarted } = resumeFeed(position, entries("seen")[0]);
  if (restarted) return { ...(await readFeed(ask, undefined, limit)), restarted };
  const page = entries("page").sort((one, other) => one.sequence - other.sequence);
  return feedPage(page, entries("newest")[0], limit, restarted);
}

/** What a purge removes, by id and version, so that a row that was used meanwhile stays. */
export function lapsedOf(
  rows: readonly Row[],
  lapsed: (record: SessionRecord) => boolean,
): { readonly sid: Buffer; readonly version: number }[] {
  return rows
    .filter((row) => isLapsed(packedOf(row), lapsed))
    .map((row) => ({ sid: Buffer.from(row.sid as Uint8Array), version: Number(row.version) }));
}

/** The four columns of an entry: id, subject, not before, expiry. */
export function revocationColumns({
  sid,
  sub,
  notBefore,
  exp,
}: Revocation): [Buffer | null, string | null, number, number] {
  return [sid === undefined ? null : (sidBytes(sid) as Buffer), sub ?? null, notBefore, exp];
}
