// E-mail addresses as account names: what is accepted, and when two spellings are the same address.
// Owns shape and normal form. The shape is that of HTML's <input type=email>, with letters of every script (RFC 6532);
// whether a mailbox exists only a message to it can tell. Invisible and control characters are never accepted: two
// addresses that look the same must be the same.

import { PawlError } from "../../core/errors.ts";

/** Longest accepted address, in UTF-16 units (RFC 5321 section 4.5.3.1.3 allows a path of 256 with its brackets). */
export const emailCharactersMax = 254;

const label = "[\\p{L}\\p{M}\\p{N}](?:[\\p{L}\\p{M}\\p{N}-]{0,61}[\\p{L}\\p{M}\\p{N}])?";
const shape = new RegExp(`^[\\p{L}\\p{M}\\p{N}.!#$%&'*+/=?^_\`{|}~-]{1,64}@${label}(?:\\.${label})*$`, "u");

/** An accepted address: as it is shown, and as it is compared. */
export interface EmailAddress {
  /** Trimmed, NFC. */
  readonly shown: string;
  /** Lower-case besides; the key of the account. */
  readonly compared: string;
}

/** Reads an address, or `undefined` when it is none. */
export function readEmail(text: string): EmailAddress | undefined {
  if (typeof text !== "string" || text.length > 4 * emailCharactersMax) return undefined;
  const shown = text.trim().normalize("NFC");
  // Lower-casing can take a text out of NFC (H with U+0331), so it is normalised once more.
  const compared = shown.toLowerCase().normalize("NFC");
  if (shown.length > emailCharactersMax || compared.length > emailCharactersMax || !shape.test(shown)) return undefined;
  return { shown, compared };
}

/** Reads an address that must be one. @throws PawlError `invalid_request`. */
export function requireEmail(text: string): EmailAddress {
  const address = readEmail(text);
  if (address !== undefined) return address;
  throw new PawlError("invalid_request", `email must be an address of at most ${emailCharactersMax} characters`, {
    field: "email",
  });
}
