// From packed bytes back to a session record (record-packing.ts makes them). Every read is checked: damaged bytes, those
// of another row and those of an unknown format are a typed error, never a wrong record. Knows no database.

import { PawlError } from "../core/errors.ts";
import { sessionEnds } from "../core/events.ts";
import type { HandOut, HistoryEntry, ServerAttempt, SessionRecord } from "../core/record.ts";
import { arrivals, historyEntriesMax, methodsMax, retiredTimesMax } from "../core/record.ts";
import { attemptBytes, generationMax, hashBytes, millisecondsMax, secondsMax, sidBytes } from "./record-bounds.ts";
import type { PackedRecord } from "./record-layout.ts";
import {
  additionsMax,
  arrivalMask,
  checksum,
  checksumAt,
  countShift,
  crowdedShift,
  extendedRecordFormat,
  formats,
  hasAcr,
  hasAgain,
  hasClaimsNotBefore,
  hasDelegation,
  hasEnded,
  hasHandOut,
  hasServerAttempt,
  headBytes,
  isBodyTransport,
  isSharedAttempt,
  packedBytesMax,
  recordFormat,
  sharedBeforeShift,
  tracesMax,
} from "./record-layout.ts";
import { textCharactersMax, unpackText } from "./text-codec.ts";

function damaged(why: string): never {
  throw new PawlError("store_incompatible", `a stored session cannot be read: ${why}`);
}

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

function takeAdditions(
  reader: Reader,
  createdSecond: number,
): Pick<SessionRecord, "delegation" | "claimsNotBefore" | "acr"> {
  if (reader.data[0] !== extendedRecordFormat) return {};
  const additions = takeByte(reader);
  if (additions === 0 || additions > additionsMax) damaged("its additions are out of bounds");
  const has = (bit: number): boolean => (additions & bit) !== 0;
  return {
    ...(has(hasDelegation) && { delegation: { scope: takeText(reader), audience: takeText(reader) } }),
    ...(has(hasClaimsNotBefore) && { claimsNotBefore: takeDifference(reader, createdSecond, secondsMax) }),
    ...(has(hasAcr) && { acr: takeText(reader) }),
  };
}

/** Checks frame, checksum and format, and opens the content for reading. */
function openPacked(packed: PackedRecord): { reader: Reader; sid: Buffer } {
  const { buffer, byteOffset, byteLength } = packed.data;
  const data = new Uint8Array(buffer, byteOffset, byteLength);
  const sid = sidBytes(packed.sid) ?? damaged("its id is malformed");
  if (data.length <= headBytes || data.length > packedBytesMax) damaged("its length is wrong");
  if (!formats.includes(data[0] as number)) {
    damaged(`its format is ${data[0]}, this version of Pawl reads formats ${formats.join(", ")}`);
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
  const additions = takeAdditions(reader, createdSecond);
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
    ...additions,
  };
}
