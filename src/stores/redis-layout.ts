// How the Redis store writes things down: names of keys, and the bytes of sessions, documents and feed entries. Owns the
// format; sends nothing. The scripts of redis-scripts.ts read the heads of values, so both change together.
//
//   session    version(8) mark(8) ended(1) length(2) subject … packed record …
//   document   version(8) mark(8) text …
//   entry      sequence:exp:notBefore:s<sid>  or  sequence:exp:notBefore:u<subject>
//
// The mark is drawn for each write: a driver that sends a command again after a broken connection gets the same answer.

import { PawlError } from "../core/errors.ts";
import type { Revocation, StoredDocument } from "../core/ports.ts";
import type { SessionRecord } from "../core/record.ts";
import type { FeedEntry } from "./feed.ts";
import { sidBytes, sidText } from "./record-bounds.ts";
import { unpackRecord } from "./record-codec.ts";
import { packRecord } from "./record-packing.ts";

/** The layout that this version writes; a later one gets the next number and migrates this one. */
export const layoutFormat = "1";
/** Bytes of the mark of a write. */
export const markBytes = 8;
/** How long a key outlives what it is about, in case nobody purges: 90 days. */
export const retentionMilliseconds = 7_776_000_000;

const versionBytes = 8;
const documentHeadBytes: number = versionBytes + markBytes;
const endedAt = documentHeadBytes;
const subjectSizeAt = 17;
const sessionHeadBytes = 19;
const sidByteLength = 16;
const isEnded = 0x31;
const isLive = 0x30;

/** The keys of one store. All of them hold the same hash tag, so that a Cluster keeps them on one node. */
export interface Keys {
  /** The format of everything else; there from the first `open`. */
  readonly format: string;
  /** Sorted set of every session: the 16 bytes of its id, then its subject. */
  readonly ids: string;
  /** Sorted set of feed entries by sequence. */
  readonly feed: string;
  /** The last sequence. */
  readonly sequence: string;
  /** Sorted set of the keys of all documents. */
  readonly documents: string;
  /** Where readers of the feed are told. */
  readonly channel: string;
  session(sid: string): string;
  /** Sorted set of the sessions of a subject that nobody has ended: the 16 bytes of their ids. */
  subject(subject: string): string;
  document(key: string): string;
}

/** The keys of the store with this prefix. */
export function keysOf(prefix: string): Keys {
  const tag = `{${prefix}}`;
  return {
    format: `${tag}:format`,
    ids: `${tag}:ids`,
    feed: `${tag}:feed`,
    sequence: `${tag}:sequence`,
    documents: `${tag}:documents`,
    channel: `${tag}:revocations`,
    session: (sid) => `${tag}:s:${sid}`,
    subject: (subject) => `${tag}:u:${subject}`,
    document: (key) => `${tag}:d:${key}`,
  };
}

function damaged(what: string): never {
  throw new PawlError("store_incompatible", `${what} cannot be read: the value in Redis is not one of ours`);
}

/** A version as its eight bytes; 0 stands for what is not there. */
export function versionText(version: number): Buffer {
  const bytes = Buffer.alloc(versionBytes);
  bytes.writeBigUInt64BE(BigInt(version));
  return bytes;
}

/** The bytes of the version in a value. */
export function versionIn(value: Buffer): Buffer {
  return value.subarray(0, versionBytes);
}

function versionOf(value: Buffer, what: string): number {
  const version = Number(value.readBigUInt64BE());
  return Number.isSafeInteger(version) && version > 0 ? version : damaged(what);
}

/**
 * The value of a session.
 * @throws PawlError `invalid_request` for a record out of bounds.
 */
export function packSession(record: SessionRecord, mark: Uint8Array): Buffer {
  const data = packRecord(record);
  const subject = Buffer.from(record.subject);
  const head = Buffer.alloc(sessionHeadBytes);
  versionText(record.version).copy(head);
  head.set(mark, versionBytes);
  head[endedAt] = record.ended === undefined ? isLive : isEnded;
  head.writeUInt16BE(subject.length, subjectSizeAt);
  return Buffer.concat([head, subject, data]);
}

/** The session in a value. @throws PawlError `store_incompatible`. */
export function unpackSession(sid: string, value: Buffer): SessionRecord {
  if (value.length < sessionHeadBytes) damaged("a stored session");
  const version = versionOf(value, "a stored session");
  const dataAt = sessionHeadBytes + value.readUInt16BE(subjectSizeAt);
  if (dataAt > value.length) damaged("a stored session");
  const subject = value.toString("utf8", sessionHeadBytes, dataAt);
  return unpackRecord({ sid, subject, version, data: value.subarray(dataAt) });
}

/** Milliseconds after which a session key may go by itself: the rest of the session, then the retention. */
export function timeToLive({ ended, expiresAt, lastSeenAt }: SessionRecord): number {
  // A difference, not an instant: what the clocks of server and database say of each other does not matter.
  const rest = ended === undefined ? expiresAt * 1000 - lastSeenAt : 0;
  return Math.max(0, rest) + retentionMilliseconds;
}

/** What stands for a session in the index of all ids. */
export function idMember(sid: string, subject: string): Buffer {
  return Buffer.concat([sidBytes(sid) as Buffer, Buffer.from(subject)]);
}

/** The session that a member of the index of all ids stands for. */
export function readIdMember(member: Buffer): { readonly sid: string; readonly subject: string } {
  if (member.length <= sidByteLength) damaged("the index of sessions");
  return { sid: sidText(member.subarray(0, sidByteLength)), subject: member.toString("utf8", sidByteLength) };
}

/** The session that a member of a subject's index stands for. */
export function readSubjectMember(member: Buffer): string {
  return member.length === sidByteLength ? sidText(member) : damaged("the index of a subject");
}

/** The start of a range behind all members of the index of ids with this id: no subject holds the byte 0xff. */
export function behindId(sid: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from("("), sid, Buffer.from([0xff])]);
}

/** The value of a document. */
export function packDocument(version: number, text: string, mark: Uint8Array): Buffer {
  return Buffer.concat([versionText(version), mark, Buffer.from(text)]);
}

/** The document in a value. @throws PawlError `store_incompatible`. */
export function unpackDocument(key: string, value: Buffer): StoredDocument {
  if (value.length < documentHeadBytes) damaged("a stored document");
  return { key, version: versionOf(value, "a stored document"), value: value.toString("utf8", documentHeadBytes) };
}

/** A feed entry without its sequence, which the script puts before it. */
export function packRevocation({ sid, sub, notBefore, exp }: Revocation): string {
  return `${exp}:${notBefore}:${sid === undefined ? `u${sub}` : `s${sid}`}`;
}

const entryShape = /^(\d{1,16}):(\d{1,13}):(\d{1,13}):([su])(.+)$/su;

/** The feed entry in a member of the feed; `undefined` for none. @throws PawlError `store_incompatible`. */
export function unpackEntry(member: Buffer | undefined): FeedEntry | undefined {
  if (member === undefined || member.length === 0) return undefined;
  const [, sequence, exp, notBefore, kind, name = ""] = entryShape.exec(member.toString()) ?? damaged("the feed");
  const named = kind === "s" ? { sid: name } : { sub: name };
  return { sequence: Number(sequence), revocation: { ...named, notBefore: Number(notBefore), exp: Number(exp) } };
}
