// One account as it is stored: a JSON document at `users/<id>`, found through `emails/<compared address>`.
// Owns the shape, its keys and its reading and writing. The password is an argon2id PHC string; nothing here logs it.

import { PawlError } from "../../core/errors.ts";
import type { StoredDocument } from "../../core/ports.ts";
import type { AccountView } from "./types.ts";

/** Where accounts stand. */
export const usersPrefix = "users/";
/** Where the ids of addresses stand. */
export const emailsPrefix = "emails/";
/** Longest name, in UTF-16 units. */
export const nameCharactersMax = 128;
/** Random bytes of an id. */
export const idBytes = 12;

const idShape = /^[A-Za-z0-9_-]{16}$/;
const controlCharacter = /\p{Cc}/u;

/** A stored account. Instants are milliseconds. */
export interface Account {
  readonly id: string;
  readonly email: string;
  readonly name: string | null;
  /** PHC string. */
  readonly password: string;
  /** 1 for the first password, one more for each change; not for a rehash. Tells changes of one millisecond apart. */
  readonly passwordVersion: number;
  readonly disabled: boolean;
  readonly createdAt: number;
  readonly passwordChangedAt: number;
}

/** An account with the version of its document, for compare-and-set. */
export interface ReadAccount {
  readonly account: Account;
  readonly version: number;
}

/** The document key of an id; any text is accepted, only well-formed ids exist. */
export function userKey(id: string): string {
  return usersPrefix + id;
}

/** The document key of a compared address. */
export function emailKey(compared: string): string {
  return emailsPrefix + compared;
}

/** True for a text that can be an account's id. */
export function isAccountId(id: string): boolean {
  return idShape.test(id);
}

/** The document text of an account. */
export function encodeAccount(account: Account): string {
  return JSON.stringify(account);
}

function damaged(key: string): PawlError {
  return new PawlError("internal_error", `the stored document ${key.slice(0, 32)} is damaged`);
}

function parse(document: StoredDocument): unknown {
  try {
    return JSON.parse(document.value);
  } catch {
    throw damaged(document.key);
  }
}

/** Reads an account. @throws PawlError `internal_error` when the document is not one. */
export function decodeAccount(document: StoredDocument): ReadAccount {
  const raw = parse(document) as Partial<Record<keyof Account, unknown>> | null;
  const { id, email, name, password, passwordVersion, disabled, createdAt, passwordChangedAt } = raw ?? {};
  const texts = typeof id === "string" && typeof email === "string" && typeof password === "string";
  const numbers =
    typeof passwordVersion === "number" && typeof createdAt === "number" && typeof passwordChangedAt === "number";
  const named = name === null || typeof name === "string";
  if (!texts || !numbers || !named || typeof disabled !== "boolean" || userKey(id) !== document.key) {
    throw damaged(document.key);
  }
  const account = { id, email, name, password, passwordVersion, disabled, createdAt, passwordChangedAt };
  return { account, version: document.version };
}

/** The document text behind an address. */
export function encodeId(id: string): string {
  return JSON.stringify(id);
}

/** Reads the id behind an address. @throws PawlError `internal_error`. */
export function decodeId(document: StoredDocument): string {
  const id = parse(document);
  if (typeof id !== "string" || !isAccountId(id)) throw damaged(emailsPrefix);
  return id;
}

/** The account without its password. */
export function viewAccount(account: Account): AccountView {
  const { id, email, name, disabled, createdAt, passwordChangedAt } = account;
  return Object.freeze({ id, email, name, disabled, createdAt, passwordChangedAt });
}

/** A name as it is kept: trimmed, NFC, `null` when empty. @throws PawlError `invalid_request`. */
export function readName(name: string | undefined): string | null {
  const text = name ?? "";
  const bad = typeof text !== "string" || text.length > nameCharactersMax || controlCharacter.test(text);
  if (bad || !text.isWellFormed()) {
    const detail = `name must be at most ${nameCharactersMax} characters without control characters`;
    throw new PawlError("invalid_request", detail, { field: "name" });
  }
  const kept = text.trim().normalize("NFC");
  return kept === "" ? null : kept;
}
