// Lists of the Redis store, page by page: which members an index has, and then what is stored under them. Two steps,
// because a script may only touch keys that it was told, so what went in between is simply left out. Owns the sizes of the
// steps: Redis does nothing else while a script runs. Decides nothing about sessions.

import type { StoredDocument } from "../core/ports.ts";
import type { SessionRecord } from "../core/record.ts";
import { sidBytes } from "./record-bounds.ts";
import type { Calls } from "./redis-calls.ts";
import type { RedisArgument } from "./redis-driver.ts";
import * as layout from "./redis-layout.ts";
import { pageScript, readScript } from "./redis-scripts.ts";

/** What every call of the store works with. */
export interface Base {
  readonly calls: Calls;
  readonly keys: layout.Keys;
  /** A fresh mark for a write. */
  readonly mark: () => Uint8Array;
}

/** A member of the index of ids, and what is stored of its session: `null` = it is gone. */
export interface IdEntry {
  readonly sid: string;
  readonly subject: string;
  readonly value: Buffer | null;
}

/** Sessions that one script reads. */
const sessionsMax = 500;
/** Documents that one script reads; they can be large. */
const documentsMax = 64;

interface Range {
  readonly order: "ZRANGEBYLEX" | "ZREVRANGEBYLEX";
  readonly start: RedisArgument;
  readonly end: RedisArgument;
}

async function members(calls: Calls, index: string, { order, start, end }: Range, limit: number): Promise<Buffer[]> {
  return (await calls.run(pageScript, [index], [order, start, end, String(limit)])) as Buffer[];
}

async function values(calls: Calls, keys: readonly string[]): Promise<(Buffer | null)[]> {
  return keys.length === 0 ? [] : ((await calls.run(readScript, keys)) as (Buffer | null)[]);
}

/**
 * At most `limit` entries of the index of ids behind the id `after`, fewer where that would be too much for one step.
 * `next` is where to go on; `undefined` = the index ends here.
 */
export async function idPages(
  { calls, keys }: Base,
  after: Uint8Array | undefined,
  limit: number,
): Promise<{ readonly entries: readonly IdEntry[]; readonly next: Buffer | undefined }> {
  const count = Math.min(limit, sessionsMax);
  const start = after === undefined ? "-" : layout.behindId(after);
  const found = await members(calls, keys.ids, { order: "ZRANGEBYLEX", start, end: "+" }, count);
  const named = found.map(layout.readIdMember);
  const stored = await values(
    calls,
    named.map(({ sid }) => keys.session(sid)),
  );
  const entries = named.map((name, index) => ({ ...name, value: stored[index] ?? null }));
  const last = named.at(-1);
  return { entries, next: found.length < count || last === undefined ? undefined : sidBytes(last.sid) };
}

/** The newest `limit` sessions of a subject that nobody has ended, newest first. */
export async function subjectPages({ calls, keys }: Base, subject: string, limit: number): Promise<SessionRecord[]> {
  const found: SessionRecord[] = [];
  let start: RedisArgument = "+";
  while (found.length < limit) {
    const count = Math.min(limit - found.length, sessionsMax);
    const page = await members(calls, keys.subject(subject), { order: "ZREVRANGEBYLEX", start, end: "-" }, count);
    const sids = page.map(layout.readSubjectMember);
    const stored = await values(calls, sids.map(keys.session));
    for (const [index, sid] of sids.entries()) {
      const value = stored[index];
      const record = value ? layout.unpackSession(sid, value) : undefined;
      // Ended since the index was read.
      if (record !== undefined && record.ended === undefined) found.push(record);
    }
    const last = page.at(-1);
    if (page.length < count || last === undefined) break;
    start = Buffer.concat([Buffer.from("("), last]);
  }
  return found;
}

/** Documents whose key starts with `prefix`, in key order, after the key `after`. */
export async function documentPages(
  { calls, keys }: Base,
  prefix: string,
  after: string | undefined,
  limit: number,
): Promise<StoredDocument[]> {
  const found: StoredDocument[] = [];
  const isBehind = after !== undefined && Buffer.compare(Buffer.from(after), Buffer.from(prefix)) >= 0;
  let start = isBehind ? `(${after}` : `[${prefix}`;
  while (found.length < limit) {
    const count = Math.min(limit - found.length, documentsMax);
    const page = await members(calls, keys.documents, { order: "ZRANGEBYLEX", start, end: "+" }, count);
    // Keys with one prefix are neighbours, so the list ends where the prefix does.
    const texts = page.map(String).filter((key) => key.startsWith(prefix));
    const stored = await values(calls, texts.map(keys.document));
    for (const [index, key] of texts.entries()) {
      const value = stored[index];
      if (value) found.push(layout.unpackDocument(key, value));
    }
    if (texts.length < count) break;
    start = `(${texts.at(-1)}`;
  }
  return found;
}
