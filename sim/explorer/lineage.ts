// Where every refresh token of an exploration came from, and what it is to a session now. The engine keeps none of this:
// it is the explorer's own bookkeeping, by which states that differ in nothing but random bytes are told to be the same.
// Owns the register of tokens; judges nothing.

import type { SessionRecord } from "../../src/core/record.ts";
import type { RefreshToken } from "../../src/core/refresh-token.ts";
import { tokenHash } from "../../src/core/refresh-token.ts";

/**
 * A secret and where it came from. One attempt made again in a later burst gives the same secret in a token with another
 * expiry, so another text: what the server compares is the hash, and so does everything here.
 */
export interface Descent {
  readonly hash: Uint8Array;
  /** Of the sign-in: nothing. */
  readonly parent: Descent | undefined;
  /** Names the attempt it was derived with: `c:` and the client's key, or `s:` and the server's. */
  readonly attempt: string;
  /** Milliseconds: when it was first handed out. */
  readonly at: number;
}

/** A token that was handed out. */
export interface Known {
  readonly opened: RefreshToken;
  readonly descent: Descent;
  /** The text of the token it was handed out for. */
  readonly parent: string | undefined;
}

/** The register. */
export interface Lineage {
  known(token: string): Known;
  /** Notes a token that was handed out for `parent`; one that is known already stays as it is. */
  note(token: string, parent: string | undefined, attempt: string, at: number): void;
  /** What is current in `record`. */
  currentOf(record: SessionRecord): Descent;
  /** A token of that descent, by its text: the last one noted. */
  current(record: SessionRecord): string | undefined;
}

/** Creates a register; `open` takes a token apart. */
export function createLineage(open: (token: string) => RefreshToken): Lineage {
  const tokens = new Map<string, Known>();
  const descents = new Map<string, { readonly descent: Descent; text: string }>();
  const currents = new WeakMap<SessionRecord, Descent>();
  const keyOf = (hash: Uint8Array): string => Buffer.from(hash).toString("latin1");
  const known = (token: string): Known => {
    const found = tokens.get(token);
    if (found === undefined) throw new Error("a token that nobody handed out");
    return found;
  };
  return {
    known,
    note(token, parent, attempt, at) {
      if (tokens.has(token)) return;
      const opened = open(token);
      const hash = tokenHash(opened.secret);
      const made = descents.get(keyOf(hash)) ?? {
        descent: { hash, parent: parent === undefined ? undefined : known(parent).descent, attempt, at },
        text: token,
      };
      made.text = token;
      descents.set(keyOf(hash), made);
      tokens.set(token, { opened, descent: made.descent, parent });
    },
    currentOf(record) {
      const before = currents.get(record);
      if (before !== undefined) return before;
      const found = descents.get(keyOf(record.currentHash));
      if (found === undefined) throw new Error("current is a token that nobody handed out");
      currents.set(record, found.descent);
      return found.descent;
    },
    current: (record) => descents.get(keyOf(record.currentHash))?.text,
  };
}

/** What a token is to a record. */
export type Standing =
  | "current"
  /** Of the current generation, not current. */
  | "dead"
  /** What current was made from. */
  | "predecessor"
  /** Any other token of an older generation. */
  | "older"
  | "successor"
  /** Two generations ahead, in the line of current. */
  | "successor's successor"
  /** Ahead, of another line. */
  | "foreign";

/** The standing of `token`, and how many generations it is behind (negative: ahead). */
export function standingOf(
  lineage: Lineage,
  record: SessionRecord,
  token: string,
): { readonly standing: Standing; readonly behind: number } {
  const { opened, descent } = lineage.known(token);
  const behind = record.generation - opened.generation;
  const current = lineage.currentOf(record);
  if (behind === 0) return { standing: descent === current ? "current" : "dead", behind };
  if (behind > 0) return { standing: current.parent === descent ? "predecessor" : "older", behind };
  if (behind === -1) return { standing: descent.parent === current ? "successor" : "foreign", behind };
  const grand = behind === -2 && descent.parent?.parent === current;
  return { standing: grand ? "successor's successor" : "foreign", behind };
}
