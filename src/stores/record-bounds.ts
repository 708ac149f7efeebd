// The bounds of what a store takes: every number, text and list of a session record, and the one spelling of its id.
// Wide enough for everything the engine makes; what is outside would not come back from a database as it went in, so it
// is refused instead. Knows no format and no database.

import { PawlError } from "../core/errors.ts";
import { sessionEnds } from "../core/events.ts";
import type { HandOut, SessionRecord } from "../core/record.ts";
import {
  arrivals,
  historyEntriesMax,
  isSid,
  methodsMax,
  retiredTimesMax,
  subjectCharactersMax,
} from "../core/record.ts";
import { isPlainText, textCharactersMax } from "./text-codec.ts";

/** Instants in milliseconds are below this: 48 bits, the year 10889. */
export const millisecondsMax: number = 2 ** 48 - 1;
/** Instants in seconds are below this: the five bytes of a refresh token. */
export const secondsMax: number = 2 ** 40 - 1;
/** Generations are below this: the four bytes of a refresh token. */
export const generationMax: number = 2 ** 32 - 1;
/** Bytes of a token's hash (SHA-256). */
export const hashBytes = 32;
/** Bytes of an attempt that the server drew. */
export const attemptBytes = 16;

/** The 16 bytes of a session id, or `undefined` when the text is not the one canonical spelling of an id. */
export function sidBytes(sid: string): Buffer | undefined {
  return isSid(sid) ? Buffer.from(sid, "base64url") : undefined;
}

/** The text form of the 16 bytes of a session id. */
export function sidText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64url");
}

/** True for a subject that every database holds exactly: 1 to 255 characters of plain text. */
export function isSubject(subject: string): boolean {
  return subject.length > 0 && subject.length <= subjectCharactersMax && isPlainText(subject);
}

function refuse(field: string): never {
  throw new PawlError("invalid_request", `the session record cannot be stored: ${field} is out of bounds`, { field });
}

function checkWhole(field: string, value: number, max: number, min = 0): void {
  if (!Number.isInteger(value) || value < min || value > max) refuse(field);
}

function checkText(field: string, text: string): void {
  if (typeof text !== "string" || text.length > textCharactersMax) refuse(field);
}

/**
 * Checks a record and returns the bytes of its id.
 * @throws PawlError `invalid_request` for what a store cannot give back exactly.
 */
export function checkRecord(record: SessionRecord): Buffer {
  const sid = sidBytes(record.sid) ?? refuse("sid");
  const { handOut, serverAttempt, ended } = record;
  if (!isSubject(record.subject)) refuse("subject");
  checkWhole("version", record.version, Number.MAX_SAFE_INTEGER, 1);
  for (const at of [record.createdAt, record.lastSeenAt, ...record.retiredAt])
    checkWhole("instant", at, millisecondsMax);
  for (const at of [record.expiresAt, record.authTime, record.currentExpiresAt]) checkWhole("instant", at, secondsMax);
  checkWhole("generation", record.generation, generationMax);
  checkWhole("currentKeyId", record.currentKeyId, 255);
  for (const hash of [record.currentHash, record.previousHash, record.olderHash]) {
    if (hash.length !== hashBytes) refuse("hash");
  }
  if (record.currentAgainAt !== undefined) checkWhole("instant", record.currentAgainAt, millisecondsMax);
  if (handOut !== undefined) checkHandOut(handOut);
  if (serverAttempt !== undefined) {
    if (serverAttempt.value.length !== attemptBytes) refuse("serverAttempt");
    checkWhole("serverAttempt", serverAttempt.firstUsedAt, millisecondsMax);
    checkWhole("serverAttempt", serverAttempt.generation, generationMax);
    checkWhole("serverAttempt", serverAttempt.sharedBefore, 3);
  }
  checkAdditions(record);
  if (ended !== undefined) {
    checkWhole("ended", ended.at, millisecondsMax);
    if (!sessionEnds.includes(ended.reason)) refuse("ended");
  }
  if (record.retiredAt.length > retiredTimesMax) refuse("retiredAt");
  if (record.history.length > historyEntriesMax) refuse("history");
  if (record.amr.length > methodsMax) refuse("amr");
  for (const text of [record.clientId, record.userAgent, record.ip, record.label, ...record.amr])
    checkText("text", text);
  for (const entry of record.history) {
    checkWhole("history", entry.at, millisecondsMax);
    checkText("history", entry.type);
    checkText("history", entry.detail);
  }
  return sid;
}

function checkHandOut(handOut: HandOut): void {
  checkWhole("handOut", handOut.count, 3);
  checkWhole("handOut", handOut.crowdedBursts, 3);
  if (!arrivals.includes(handOut.arrived)) refuse("handOut");
  checkWhole("handOut", handOut.firstAt, millisecondsMax);
  checkWhole("handOut", handOut.lastAt, millisecondsMax);
  checkWhole("handOut", handOut.expiresAt, secondsMax);
  checkWhole("handOut", handOut.keyId, 255);
}

function checkAdditions({ delegation, claimsNotBefore, acr }: SessionRecord): void {
  if (claimsNotBefore !== undefined) checkWhole("claimsNotBefore", claimsNotBefore, secondsMax);
  if (acr !== undefined) checkText("acr", acr);
  if (delegation === undefined) return;
  checkText("delegation", delegation.scope);
  checkText("delegation", delegation.audience);
}
