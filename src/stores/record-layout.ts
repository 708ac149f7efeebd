// The layout of a packed record, shared by packing and unpacking: formats, flags, bounds, checksum.
// record-packing.ts says what stands where.

import { crc32 } from "node:zlib";
import { historyEntriesMax, methodsMax } from "../core/record.ts";
import { textBytesMax } from "./text-codec.ts";

/** The first byte of a packed record. A later format gets the next number and keeps reading these. */
export const recordFormat = 1;
/** The format of a record with traces of concurrent use; most records never have any, so most rows stay in the first. */
export const tracedRecordFormat = 2;
/** The format of a record with what OAuth clients and renewed claims add, behind the rest. It always has traces. */
export const extendedRecordFormat = 3;
export const formats: readonly number[] = [recordFormat, tracedRecordFormat, extendedRecordFormat];
// The byte of additions.
export const hasDelegation = 0x01;
export const hasClaimsNotBefore = 0x02;
export const hasAcr = 0x04;
export const additionsMax = 0x07;
export const headBytes = 5;
export const checksumAt = 1;
export const hasHandOut = 0x01;
export const hasServerAttempt = 0x02;
export const hasEnded = 0x04;
export const isBodyTransport = 0x08;
export const countShift = 4;
export const crowdedShift = 6;
// The byte of traces: bits 0 and 1 are the position in `arrivals`, bits 4 and 5 the shared generations before.
export const arrivalMask = 0x03;
export const hasAgain = 0x04;
export const isSharedAttempt = 0x08;
export const sharedBeforeShift = 4;
export const tracesMax = 0x3f;
/** Texts of the largest record: seven single ones, the methods, two per history entry; and room for all the rest. */
export const packedBytesMax: number = (7 + methodsMax + 2 * historyEntriesMax) * textBytesMax + 1024;
/** A packed record with the columns it belongs to. */
export interface PackedRecord {
  readonly sid: string;
  readonly subject: string;
  readonly version: number;
  readonly data: Uint8Array;
}

/** Over everything after it and the id, so that a row that got under another id is noticed as well. */
export function checksum(data: Uint8Array, sid: Buffer): number {
  return crc32(data.subarray(headBytes), crc32(sid));
}
