// Packs a session record into few bytes and back: what every database store keeps in one column, and memory too.
//
//   format(1) checksum(4) flags(1) [traces(1)] times … hashes(3 x 32) … texts … zeros
//
// Numbers are variable-length (7 bits a byte, low first), instants are differences from a neighbouring instant, so most
// take one to three bytes. The three hashes have their space from the first day and the whole is padded in steps, so a
// row hardly ever changes its size and a refresh overwrites it in place. The id, the subject and the version are columns
// of their own. Owns the format; knows no database.

import { crc32 } from "node:zlib";
import { PawlError } from "../core/errors.ts";
import { sessionEnds } from "../core/events.ts";
import type { HandOut, HistoryEntry, ServerAttempt, SessionRecord } from "../core/record.ts";
import { arrivals, historyEntriesMax, methodsMax, retiredTimesMax } from "../core/record.ts";
import {
  attemptBytes,
  checkRecord,
  generationMax,
  hashBytes,
  millisecondsMax,
  secondsMax,
  sidBytes,
} from "./record-bounds.ts";
import { packText, textBytesMax, textCharactersMax, unpackText } from "./text-codec.ts";

/** The first byte of a packed record. A later format gets the next number and keeps reading these. */
export const recordFormat = 1;
/** The format of a record with traces of concurrent use; most records never have any, so most rows stay in the first. */
export const tracedRecordFormat = 2;
const headBytes = 5;
const checksumAt = 1;
const hasHandOut = 0x01;
const hasServerAttempt = 0x02;
const hasEnded = 0x04;
const isBodyTransport = 0x08;
const countShift = 4;
const crowdedShift = 6;
// The byte of traces: bits 0 and 1 are the position in `arrivals`, bits 4 and 5 the shared generations before.
const arrivalMask = 0x03;
const hasAgain = 0x04;
const isSharedAttempt = 0x08;
const sharedBeforeShift = 4;
const tracesMax = 0x3f;
/** Texts of the largest record: four single ones, the methods, two per history entry; and room for all the rest. */
const packedBytesMax = (4 + methodsMax + 2 * historyEntriesMax) * textBytesMax + 1024;
const scratch = Buffer.alloc(packedBytesMax);

/** A packed record with the columns it belongs to. */
export interface PackedRecord {
  readonly sid: string;
  readonly subject: string;
  readonly version: number;
  readonly data: Uint8Array;
}

function damaged(why: string): never {
  throw new PawlError("store_incompatible", `a stored session cannot be read: ${why}`);
}

// --- packing -------------------------------------------------------------------------------------------------------

/** Where the next byte of `scratch` goes. Packing is synchronous, so one buffer serves all. */
let end = 0;

function putByte(value: number): void {
  scratch[end] = value;
  end += 1;
}

function putNumber(value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    scratch[end] = (rest % 0x80) | 0x80;
    end += 1;
    rest = Math.floor(rest / 0x80);
  }
  putByte(rest);
}

/** A difference of either sign: 0, -1, 1, -2, … become 0, 1, 2, 3, … */
function putDifference(value: number, from: number): void {
  const difference = value - from;
  putNumber(difference >= 0 ? difference * 2 : -difference * 2 - 1);
}

function putBytes(bytes: Uint8Array): void {
  scratch.set(bytes, end);
  end += bytes.length;
}

function putText(text: string): void {
  end = packText(scratch, end, text);
}

function flagsOf(record: SessionRecord): number {
  const { handOut } = record;
  return (
    (handOut === undefined ? 0 : hasHandOut | (handOut.count << countShift) | (handOut.crowdedBursts << crowdedShift)) |
    (record.serverAttempt === undefined ? 0 : hasServerAttempt) |
    (record.ended === undefined ? 0 : hasEnded) |
    (record.transport === "body" ? isBodyTransport : 0)
  );
}

/** What concurrent requests left behind; 0 = nothing. */
function tracesOf({ handOut, serverAttempt, currentAgainAt }: SessionRecord): number {
  return (
    (handOut === undefined ? 0 : arrivals.indexOf(handOut.arrived)) |
    (currentAgainAt === undefined ? 0 : hasAgain) |
    (serverAttempt?.isShared === true ? isSharedAttempt : 0) |
    ((serverAttempt?.sharedBefore ?? 0) << sharedBeforeShift)
  );
}

/**
 * Packs everything of a record but id, subject and version.
 * @throws PawlError `invalid_request` for a record outside the bounds of core/record.ts.
 */
export function packRecord(record: SessionRecord): Buffer {
  const sid = checkRecord(record);
  const { handOut, serverAttempt, ended, createdAt, lastSeenAt } = record;
  const createdSecond = Math.floor(createdAt / 1000);
  const traces = tracesOf(record);
  end = headBytes;
  putByte(flagsOf(record));
  if (traces !== 0) putByte(traces);
  putDifference(createdAt, sid.readUIntBE(0, 6));
  putDifference(lastSeenAt, createdAt);
  putDifference(record.expiresAt, createdSecond);
  putDifference(record.authTime, createdSecond);
  putNumber(record.generation);
  putBytes(record.currentHash);
  putDifference(record.currentExpiresAt, createdSecond);
  putByte(record.currentKeyId);
  putBytes(record.previousHash);
  putBytes(record.olderHash);
  if (handOut !== undefined) {
    putDifference(handOut.lastAt, lastSeenAt);
    putDifference(handOut.firstAt, handOut.lastAt);
    putDifference(handOut.expiresAt, record.currentExpiresAt);
    putByte(handOut.keyId);
  }
  if (serverAttempt !== undefined) {
    putBytes(serverAttempt.value);
    putDifference(serverAttempt.firstUsedAt, lastSeenAt);
    putDifference(serverAttempt.generation, record.generation);
  }
  if (ended !== undefined) {
    putDifference(ended.at, lastSeenAt);
    putByte(sessionEnds.indexOf(ended.reason));
  }
  if (record.currentAgainAt !== undefined) putDifference(record.currentAgainAt, lastSeenAt);
  putLists(record);
  return seal(sid, traces === 0 ? recordFormat : tracedRecordFormat);
}

function putLists(record: SessionRecord): void {
  putText(record.clientId);
  putText(record.userAgent);
  putText(record.ip);
  putText(record.label);
  putByte(record.amr.length);
  for (const method of record.amr) putText(method);
  putByte(record.retiredAt.length);
  let before = record.lastSeenAt;
  for (const at of record.retiredAt) {
    putDifference(at, before);
    before = at;
  }
  putByte(record.history.length);
  before = record.createdAt;
  for (const entry of record.history) {
    putDifference(entry.at, before);
    before = entry.at;
    putText(entry.type);
    putText(entry.detail);
  }
}

/** The finished bytes: padded, with format and checksum in front. */
function seal(sid: Buffer, format: number): Buffer {
  const length = paddedLength(end);
  const data = Buffer.alloc(length);
  scratch.copy(data, 0, 0, end);
  data[0] = format;
  data.writeUInt32LE(checksum(data, sid), checksumAt);
  return data;
}

/** Over everything after it and the id, so that a row that got under another id is noticed as well. */
function checksum(data: Uint8Array, sid: Buffer): number {
  return crc32(data.subarray(headBytes), crc32(sid));
}

const paddedBytesMin = 160;
const paddingStepBytes = 8;

/** Small records get room to grow, larger ones grow in steps: a changed size moves the row inside its page. */
function paddedLength(length: number): number {
  return Math.max(paddedBytesMin, Math.ceil(length / paddingStepBytes) * paddingStepBytes);
}

// --- unpacking -----------------------------------------------------------------------------------------------------

/** A position in packed bytes. Every read is checked against their end. */
interface Reader {
  /** Not a Buffer: its `slice` copies. */
  readonly data: Uint8Array;
  at: number;
}

function takeByte(reader: Reader): number {
  const value = reader.data[reader.at];
  if (value === undefined) damaged("it is cut short");
  reader.at += 1;
  return value;
}

function takeNumber(reader: Reader): number {
  let value = 0;
  for (let unit = 1; unit < Number.MAX_SAFE_INTEGER; unit *= 0x80) {
    const byte = takeByte(reader);
    value += (byte & 0x7f) * unit;
    if (byte < 0x80) return value;
  }
  return damaged("a number is too long");
}

function takeDifference(reader: Reader, from: number, max: number): number {
  const coded = takeNumber(reader);
  const value = from + (coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2);
  return value >= 0 && value <= max ? value : damaged("an instant is out of bounds");
}

/** A copy, so that no record shares memory with a database buffer. */
function takeBytes(reader: Reader, length: number): Uint8Array {
  const bytes = reader.data.slice(reader.at, reader.at + length);
  if (bytes.length !== length) damaged("it is cut short");
  reader.at += length;
  return bytes;
}

function takeText(reader: Reader): string {
  const head = takeNumber(reader);
  const found = unpackText(reader.data, reader.at, head) ?? damaged("a text is malformed");
  if (found.text.length > textCharactersMax) damaged("a text is too long");
  reader.at = found.end;
  return found.text;
}

function takeCount(reader: Reader, max: number): number {
  const count = takeByte(reader);
  return count <= max ? count : damaged("a list is too long");
}

function takeTraces(reader: Reader, format: number): number {
  if (format === recordFormat) return 0;
  const traces = takeByte(reader);
  return traces <= tracesMax ? traces : damaged("its traces are out of bounds");
}

function takeHandOut(
  reader: Reader,
  flags: number,
  traces: number,
  lastSeenAt: number,
  currentExpiresAt: number,
): HandOut | undefined {
  if ((flags & hasHandOut) === 0) return undefined;
  const lastAt = takeDifference(reader, lastSeenAt, millisecondsMax);
  const firstAt = takeDifference(reader, lastAt, millisecondsMax);
  const expiresAt = takeDifference(reader, currentExpiresAt, secondsMax);
  const keyId = takeByte(reader);
  const arrived = arrivals[traces & arrivalMask] ?? damaged("its traces are out of bounds");
  const count = (flags >> countShift) & 3;
  return { count, firstAt, lastAt, expiresAt, keyId, crowdedBursts: flags >> crowdedShift, arrived };
}

function takeServerAttempt(
  reader: Reader,
  flags: number,
  traces: number,
  lastSeenAt: number,
  generation: number,
): ServerAttempt | undefined {
  if ((flags & hasServerAttempt) === 0) return undefined;
  const value = takeBytes(reader, attemptBytes);
  const firstUsedAt = takeDifference(reader, lastSeenAt, millisecondsMax);
  return {
    value,
    firstUsedAt,
    generation: takeDifference(reader, generation, generationMax),
    isShared: (traces & isSharedAttempt) !== 0,
    sharedBefore: traces >> sharedBeforeShift,
  };
}

function takeEnded(reader: Reader, flags: number, lastSeenAt: number): SessionRecord["ended"] {
  if ((flags & hasEnded) === 0) return undefined;
  const at = takeDifference(reader, lastSeenAt, millisecondsMax);
  return { at, reason: sessionEnds[takeByte(reader)] ?? damaged("it ended for a reason this version does not know") };
}

function takeRetired(reader: Reader, lastSeenAt: number): number[] {
  const retiredAt: number[] = [];
  let at = lastSeenAt;
  for (let left = takeCount(reader, retiredTimesMax); left > 0; left -= 1) {
    at = takeDifference(reader, at, millisecondsMax);
    retiredAt.push(at);
  }
  return retiredAt;
}

function takeHistory(reader: Reader, createdAt: number): HistoryEntry[] {
  const history: HistoryEntry[] = [];
  let at = createdAt;
  for (let left = takeCount(reader, historyEntriesMax); left > 0; left -= 1) {
    at = takeDifference(reader, at, millisecondsMax);
    history.push({ at, type: takeText(reader), detail: takeText(reader) });
  }
  return history;
}

/** Checks frame, checksum and format, and opens the content for reading. */
function openPacked(packed: PackedRecord): { reader: Reader; sid: Buffer } {
  const { buffer, byteOffset, byteLength } = packed.data;
  const data = new Uint8Array(buffer, byteOffset, byteLength);
  const sid = sidBytes(packed.sid) ?? damaged("its id is malformed");
  if (data.length <= headBytes || data.length > packedBytesMax) damaged("its length is wrong");
  if (data[0] !== recordFormat && data[0] !== tracedRecordFormat) {
    damaged(`its format is ${data[0]}, this version of Pawl reads formats ${recordFormat} and ${tracedRecordFormat}`);
  }
  const stored = new DataView(buffer, byteOffset, byteLength).getUint32(checksumAt, true);
  if (checksum(data, sid) !== stored) damaged("its checksum is wrong");
  return { reader: { data, at: headBytes }, sid };
}

/**
 * The record that was packed.
 * @throws PawlError `store_incompatible` when the bytes are damaged, of another row or of an unknown format.
 */
export function unpackRecord(packed: PackedRecord): SessionRecord {
  const { reader, sid } = openPacked(packed);
  const flags = takeByte(reader);
  const traces = takeTraces(reader, reader.data[0] as number);
  const createdAt = takeDifference(reader, sid.readUIntBE(0, 6), millisecondsMax);
  const createdSecond = Math.floor(createdAt / 1000);
  const lastSeenAt = takeDifference(reader, createdAt, millisecondsMax);
  const expiresAt = takeDifference(reader, createdSecond, secondsMax);
  const authTime = takeDifference(reader, createdSecond, secondsMax);
  const generation = takeNumber(reader);
  if (generation > generationMax) damaged("its generation is out of bounds");
  const currentHash = takeBytes(reader, hashBytes);
  const currentExpiresAt = takeDifference(reader, createdSecond, secondsMax);
  const currentKeyId = takeByte(reader);
  const previousHash = takeBytes(reader, hashBytes);
  const olderHash = takeBytes(reader, hashBytes);
  const handOut = takeHandOut(reader, flags, traces, lastSeenAt, currentExpiresAt);
  const serverAttempt = takeServerAttempt(reader, flags, traces, lastSeenAt, generation);
  const ended = takeEnded(reader, flags, lastSeenAt);
  const currentAgainAt = (traces & hasAgain) === 0 ? undefined : takeDifference(reader, lastSeenAt, millisecondsMax);
  const [clientId, userAgent, ip, label] = [takeText(reader), takeText(reader), takeText(reader), takeText(reader)];
  const amr = Array.from({ length: takeCount(reader, methodsMax) }, () => takeText(reader));
  const retiredAt = takeRetired(reader, lastSeenAt);
  const history = takeHistory(reader, createdAt);
  while (reader.at < reader.data.length) {
    if (takeByte(reader) !== 0) damaged("something follows its end");
  }
  return {
    sid: packed.sid,
    subject: packed.subject,
    version: packed.version,
    createdAt,
    expiresAt,
    lastSeenAt,
    authTime,
    amr,
    clientId,
    transport: (flags & isBodyTransport) === 0 ? "cookie" : "body",
    userAgent,
    ip,
    label,
    generation,
    currentHash,
    currentExpiresAt,
    currentKeyId,
    previousHash,
    olderHash,
    currentAgainAt,
    handOut,
    serverAttempt,
    retiredAt,
    ended,
    history,
  };
}
