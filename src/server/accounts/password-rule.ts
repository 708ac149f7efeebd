// Which passwords are accepted (NIST SP 800-63B-4 section 3.1.1.2): long enough, not common, not made of what anybody
// knows about the account. Owns the rule, the stable words of its reasons and the normal form that is hashed. No
// composition rules, no trimming, no expiry; never puts a password into an error.

import { PawlError } from "../../core/errors.ts";
import { isCommonPassword, readings } from "./common-passwords.ts";

/** Fewest characters by default, when a password is the only factor. */
export const passwordLengthDefault = 15;
/** The lowest minimum an operator may set. */
export const passwordLengthFloor = 8;
/** The highest minimum an operator may set: this many characters are accepted in every script. */
export const passwordLengthCeiling = 128;
/** Most bytes of UTF-8 as typed: at least 256 characters of any script. */
export const passwordBytesMax = 1024;

/** Why a password is refused; `facts.reasons` of `weak_password`. */
export type WeakPasswordReason = "too_short" | "too_long" | "common" | "contains_context";

/** What anybody may know about an account. */
export interface PasswordContext {
  /** Words of the service. */
  readonly service: readonly string[];
  readonly email: string;
  readonly name: string | null;
}

const sentences: Readonly<Record<WeakPasswordReason, string>> = {
  too_short: "it is too short",
  too_long: `it is longer than ${passwordBytesMax} bytes`,
  common: "it is among the passwords that are tried first",
  contains_context: "it is made of the name of the service, the account or its owner",
};

const contextCharactersMin = 3;
/** A password that leaves fewer letters than this beside the context words is made of them. */
const ownLettersMin = 8;
/** And with more digits and signs than this it is not. */
const ownDecorationMax = 10;
const decoration = /[\p{N}\p{P}\p{S}]/gu;
const notWord = /[^\p{L}\p{N}]+/u;

/** The form of a password that is hashed: NFC, so that every keyboard makes the same bytes. */
export function normalisePassword(password: string): string {
  return password.normalize("NFC");
}

function contextWords({ service, email, name }: PasswordContext): string[] {
  const [local = "", domain = ""] = email.split("@");
  // The last label (com, org) is nobody's in particular.
  const labels = domain.split(".").slice(0, -1);
  const words = [...service, local, ...local.split(notWord), ...labels, ...(name ?? "").split(notWord)];
  const compared = words.map((word) => word.normalize("NFKC").toLowerCase());
  // Longest first, so that a part does not break up the whole.
  return [...new Set(compared)]
    .filter((word) => [...word].length >= contextCharactersMin)
    .sort((one, other) => other.length - one.length);
}

function isMadeOfContext(password: string, context: PasswordContext): boolean {
  const words = contextWords(context);
  return readings(password.normalize("NFKC").toLowerCase()).some((text) => {
    const rest = words.reduce((left, word) => left.replaceAll(word, " "), text);
    if (rest === text) return false;
    const own = rest.replace(/\s+/gu, "");
    const letters = own.replace(decoration, "");
    const signs = own.length - letters.length;
    return ([...letters].length < ownLettersMin && signs <= ownDecorationMax) || isCommonPassword(own);
  });
}

/** Every reason to refuse a password; empty = accepted. */
export function passwordReasons(password: string, lengthMin: number, context: PasswordContext): WeakPasswordReason[] {
  // Measured first and as typed: nothing longer is worth a look, and 128 characters fit whatever NFC makes of them.
  if (Buffer.byteLength(password) > passwordBytesMax) return ["too_long"];
  const reasons: WeakPasswordReason[] = [];
  const normal = normalisePassword(password);
  if ([...normal].length < lengthMin) reasons.push("too_short");
  if (isCommonPassword(normal)) reasons.push("common");
  if (isMadeOfContext(normal, context)) reasons.push("contains_context");
  return reasons;
}

/**
 * Accepts a new password or says why not; returns the form to hash.
 * @throws PawlError `weak_password` with every {@link WeakPasswordReason}; `invalid_request` for broken Unicode.
 */
export function requireGoodPassword(password: string, lengthMin: number, context: PasswordContext): string {
  // Unpaired surrogates all become the same byte sequence: different passwords would be one.
  if (typeof password !== "string" || !password.isWellFormed()) {
    throw new PawlError("invalid_request", "the password must be well-formed Unicode text", { field: "password" });
  }
  const reasons = passwordReasons(password, lengthMin, context);
  if (reasons.length === 0) return normalisePassword(password);
  const why = reasons.map((reason) =>
    reason === "too_short" ? `it has fewer than ${lengthMin} characters` : sentences[reason],
  );
  throw new PawlError("weak_password", `The password was refused: ${why.join("; ")}.`, { reasons });
}
