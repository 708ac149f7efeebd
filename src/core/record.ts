// The record of one session: the plain, immutable value that a store keeps one row of and that decide() works on.
// Owns the shape and its bounds. Holds no token: of tokens only SHA-256 hashes (CONTRACT section 3).

import type { SessionEnd } from "./events.ts";

/** How many retirement times a record keeps (CONTRACT section 4). */
export const retiredTimesMax = 16;
/** How many history entries a record keeps; the newest win. */
export const historyEntriesMax = 8;

/** The longest subject, in characters. */
export const subjectCharactersMax = 255;
/** The most authentication methods (`amr`) a record holds. */
export const methodsMax = 8;

/** 16 bytes as base64url: of the last character only two bits count, the others are zero. */
const sidShape = /^[A-Za-z0-9_-]{21}[AQgw]$/;

/** True for the one canonical spelling of a session id. */
export function isSid(text: string): boolean {
  return sidShape.test(text);
}

/** The id right before `sid` in the order of stores; `undefined` for the first one. */
export function sidBefore(sid: string): string | undefined {
  const bytes = Buffer.from(sid, "base64url");
  let at = bytes.length - 1;
  // Borrows from the byte before, as in a subtraction.
  while (at >= 0 && bytes[at] === 0) {
    bytes[at] = 255;
    at -= 1;
  }
  if (at < 0) return undefined;
  bytes[at] = (bytes[at] as number) - 1;
  return bytes.toString("base64url");
}

/** How a refresh token travels. */
export type Transport = "cookie" | "body";

/** How generation n+1 was handed out so far: its present burst (CONTRACT section 4). */
export interface HandOut {
  /** Hand-outs in the present burst; counted up to 2 ("more than one"). */
  readonly count: number;
  /** Milliseconds: first and last hand-out of the burst. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** Seconds: expiry of every token of this burst. */
  readonly expiresAt: number;
  /** The secret that derives every token of this burst. */
  readonly keyId: number;
  /** Bursts that had more than one hand-out, this one included; counted up to 2 ("more than one"). */
  readonly crowdedBursts: number;
  /**
   * Whether a token of generation n+1 was presented while it was contended, so that an answer is known to have arrived:
   * not yet, in the present burst, or in an earlier one.
   */
  readonly arrived: Arrival;
}

/** When the first proof came that an answer arrived; the position is the stored form, so only append. */
export const arrivals = ["no", "in this burst", "earlier"] as const;
export type Arrival = (typeof arrivals)[number];

/** The attempt that the server drew for requests without an `Idempotency-Key`. */
export interface ServerAttempt {
  /** 16 random bytes. */
  readonly value: Uint8Array;
  /** Milliseconds. */
  readonly firstUsedAt: number;
  /** The generation it hands out. */
  readonly generation: number;
  /** True once several requests for that generation got the same token through it. */
  readonly isShared: boolean;
  /** How many generations in a row, right before that one, were handed out through a shared attempt; up to 2. */
  readonly sharedBefore: number;
}

/** Something worth remembering about a session, kept in its record so that "why did it end" has an answer. */
export interface HistoryEntry {
  /** Milliseconds. */
  readonly at: number;
  /** An event type (see events.ts). */
  readonly type: string;
  /** What was seen: generations, addresses; never a token. At most 120 characters. */
  readonly detail: string;
}

/** What a registered client was given (RFC 6749 section 1.3): it can refresh at `/oauth/token` only, under its own name. */
export interface Delegation {
  /** The granted scope, space-separated; empty = none. At most 255 characters. */
  readonly scope: string;
  /** `aud` of its access tokens; empty = that of the deployment. At most 255 characters. */
  readonly audience: string;
}

/** One session. Instants ending in `At` are milliseconds unless said otherwise. */
export interface SessionRecord {
  /** 16 bytes as 22 base64url characters; time-ordered. */
  readonly sid: string;
  /** The subject (user id), 1 to 255 characters. */
  readonly subject: string;
  /** For compare-and-set; 1 for a new row. */
  readonly version: number;
  readonly createdAt: number;
  /** Seconds: absolute end, never extended. */
  readonly expiresAt: number;
  readonly lastSeenAt: number;
  /** Seconds: when the person last proved who they are. */
  readonly authTime: number;
  readonly amr: readonly string[];
  /** How strongly the person proved it, in the words of the application (RFC 9068 section 2.2.1); absent = not said. */
  readonly acr?: string;
  readonly clientId: string;
  /** Present for a session that a registered client holds. */
  readonly delegation?: Delegation;
  /** Seconds: access tokens dated before hold claims that are out of date; absent = none do. */
  readonly claimsNotBefore?: number;
  readonly transport: Transport;
  /** At most 255 characters; empty = unknown. */
  readonly userAgent: string;
  readonly ip: string;
  readonly label: string;

  /** n: the generation of the current token. */
  readonly generation: number;
  /** SHA-256 of the current token's secret (32 bytes), its expiry (seconds) and the secret it was made under. */
  readonly currentHash: Uint8Array;
  readonly currentExpiresAt: number;
  readonly currentKeyId: number;
  /** Hashes of generations n-1 and n-2; 32 zero bytes where there is none. */
  readonly previousHash: Uint8Array;
  readonly olderHash: Uint8Array;
  /** Milliseconds: when the current token was last handed out again, after it was current (row 4). */
  readonly currentAgainAt: number | undefined;
  /** Generation n+1; `undefined` while nothing of it was handed out. */
  readonly handOut: HandOut | undefined;
  readonly serverAttempt: ServerAttempt | undefined;
  /** When generations n-1, n-2, … were retired, newest first; at most {@link retiredTimesMax}. */
  readonly retiredAt: readonly number[];

  /** Set once the session was ended by somebody; expiry by time leaves it undefined. */
  readonly ended: { readonly at: number; readonly reason: SessionEnd } | undefined;
  /** Oldest first, at most {@link historyEntriesMax}. */
  readonly history: readonly HistoryEntry[];
}
