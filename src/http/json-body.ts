// Request bodies: bytes to a JSON object, and members of it to checked values. Owns strictness: UTF-8 only, an object
// only, own members only (a `__proto__` member stays an ordinary, ignored member). Unknown members are ignored; of a
// repeated member the last counts, as JSON.parse has it.

import { isUtf8 } from "node:buffer";
import { PawlError } from "../core/errors.ts";
import type { Transport } from "../core/record.ts";

/** A parsed body. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The body of a request that has none. */
export const emptyBody: JsonObject = Object.freeze(Object.create(null) as JsonObject);

/** The object in `bytes`, or `undefined` when they are no JSON object in UTF-8. No bytes = no members. */
export function parseJsonObject(bytes: Uint8Array): JsonObject | undefined {
  if (bytes.length === 0) return emptyBody;
  // Checked first: the decoder would put replacement characters where bytes are wrong. A byte order mark stays, and
  // JSON.parse refuses it.
  if (!isUtf8(bytes)) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    // The message of JSON.parse quotes the body, which may hold a password: it is dropped here.
    return undefined;
  }
}

/** True for `application/json`, whose only parameter, if any, is a charset of UTF-8. */
export function isJsonType(contentType: string | undefined): boolean {
  if (contentType === "application/json") return true;
  return contentType !== undefined && /^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?;?$/i.test(contentType.trim());
}

/** A member that is a string if it is there at all. @throws PawlError `invalid_request`. */
export function optionalString(body: JsonObject, name: string): string | undefined {
  if (!Object.hasOwn(body, name)) return undefined;
  const value = body[name];
  if (typeof value !== "string") refuse(name, "must be a string");
  // Half of a surrogate pair has no UTF-8 form: two different texts would become the same bytes.
  if (/\p{Surrogate}/u.test(value)) refuse(name, "must be well-formed Unicode");
  return value;
}

/** A member that must be a string. @throws PawlError `invalid_request`. */
export function requiredString(body: JsonObject, name: string): string {
  return optionalString(body, name) ?? refuse(name, "is missing");
}

/** The `transport` member. @throws PawlError `invalid_request`. */
export function transportIn(body: JsonObject): Transport | undefined {
  const value = optionalString(body, "transport");
  if (value === undefined || value === "cookie" || value === "body") return value;
  return refuse("transport", "must be cookie or body");
}

function refuse(name: string, why: string): never {
  throw new PawlError("invalid_request", `${name} ${why}`, { field: name });
}
