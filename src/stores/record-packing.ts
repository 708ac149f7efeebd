// Packs a session record into few bytes: what every database store keeps in one column, and memory too.
//
//   format(1) checksum(4) flags(1) [traces(1)] times … hashes(3 x 32) … texts … [additions] zeros
//
// Numbers are variable-length (7 bits a byte, low first), instants are differences from a neighbouring instant, so most
// take one to three bytes. The three hashes have their space from the first day and the whole is padded in steps, so a
// row hardly ever changes its size and a refresh overwrites it in place. The id, the subject and the version are columns
// of their own. Owns the order of writing; record-codec.ts reads it back.

import { sessionEnds } from "../core/events.ts";
import type { SessionRecord } from "../core/record.ts";
import { arrivals } from "../core/record.ts";
import { checkRecord } from "./record-bounds.ts";
import {
  checksum,
  checksumAt,
  countShift,
  crowdedShift,
  extendedRecordFormat,
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
  tracedRecordFormat,
} from "./record-layout.ts";
import { packText } from "./text-codec.ts";

const scratch = Buffer.alloc(packedBytesMax);

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

/** Which of the members are there that most records do not have. */
function additionsOf({ delegation, claimsNotBefore, acr }: SessionRecord): number {
  return (
    (delegation === undefined ? 0 : hasDelegation) |
    (claimsNotBefore === undefined ? 0 : hasClaimsNotBefore) |
    (acr === undefined ? 0 : hasAcr)
  );
}

function putAdditions({ delegation, claimsNotBefore, acr }: SessionRecord, additions: number, second: number): void {
  putByte(additions);
  if (delegation !== undefined) {
    putText(delegation.scope);
    putText(delegation.audience);
  }
  if (claimsNotBefore !== undefined) putDifference(claimsNotBefore, second);
  if (acr !== undefined) putText(acr);
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
  const additions = additionsOf(record);
  end = headBytes;
  putByte(flagsOf(record));
  if (traces !== 0 || additions !== 0) putByte(traces);
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
  if (additions === 0) return seal(sid, traces === 0 ? recordFormat : tracedRecordFormat);
  putAdditions(record, additions, createdSecond);
  return seal(sid, extendedRecordFormat);
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

const paddedBytesMin = 160;
const paddingStepBytes = 8;

/** Small records get room to grow, larger ones grow in steps: a changed size moves the row inside its page. */
function paddedLength(length: number): number {
  return Math.max(paddedBytesMin, Math.ceil(length / paddingStepBytes) * paddingStepBytes);
}
