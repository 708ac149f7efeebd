// Where every refresh token of an exploration came from, and what it is to a session now. The engine keeps none of this:
// it is the explorer's own bookkeeping, by which states that differ in nothing but random bytes are told to be the same.
// Owns the register of tokens; judges nothing.

import type { SessionRecord } from "../../src/core/record.ts";
import type { RefreshToken } from "../../src/core/refresh-token.ts";
import { sameBytes, tokenHash } from "../../src/core/refresh-token.ts";

/** A token that was handed out. */
export interface Known {
  readonly opened: RefreshToken;
  readonly hash: Uint8Array;
  readonly parent: string | undefined;
  /** Names the attempt it was derived with: `c:` and the client's key, or `s:` and the server's. */
  readonly attempt: string;
  /** Milliseconds: when it was first handed out. */
  readonly at: number;
}

/** The register. */
export interface Lineage {
  known(token: string): Known;
  /** Notes a token that was handed out for `parent`; one that is known already stays as it is. */
  note(token: string, parent: string | undefined, attempt: string, at: number): void;
  /** The register's token whose hash is current in `record`. */
  current(record: SessionRecord): string | undefined;
}

/** Creates a register; `open` takes a token apart. */
export function createLineage(open: (token: string) => RefreshToken): Lineage {
  const tokens = new Map<string, Known>();
  const byHash = new Map<string, string>();
  const keyOf = (hash: Uint8Array): string => Buffer.from(hash).toString("latin1");
  return {
    known(token) {
      const found = tokens.get(token);
      if (found === undefined) throw new Error("a token that nobody handed out");
      return found;
    },
    note(token, parent, attempt, at) {
      if (tokens.has(token)) return;
      const opened = open(token);
      const hash = tokenHash(opened.secret);
      tokens.set(token, { opened, hash, parent, attempt, at });
      byHash.set(keyOf(hash), token);
    },
    current: (record) => byHash.get(keyOf(record.currentHash)),
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
  const { opened, hash, parent } = lineage.known(token);
  const behind = record.generation - opened.generation;
  const current = lineage.current(record);
  const parentOf = (one: string | undefined): string | undefined =>
    one === undefined ? undefined : lineage.known(one).parent;
  if (behind === 0) return { standing: sameBytes(hash, record.currentHash) ? "current" : "dead", behind };
  if (behind > 0) return { standing: parentOf(current) === token ? "predecessor" : "older", behind };
  if (behind === -1) return { standing: parent === current ? "successor" : "foreign", behind };
  const grand = behind === -2 && parentOf(parent) === current;
  return { standing: grand ? "successor's successor" : "foreign", behind };
}
