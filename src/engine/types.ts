// What the engine offers and takes, as types: the vocabulary between engine/, http/, server/, cli/ and host
// applications. Owns no behaviour.

import type { AccessClaims } from "../core/access-token.ts";
import type { SessionEnd, SessionEvent } from "../core/events.ts";
import type { Policy, PolicyOptions } from "../core/policy.ts";
import type { Platform, PurgeStep, RevocationPage, Store } from "../core/ports.ts";
import type { HistoryEntry, SessionRecord, Transport } from "../core/record.ts";
import type { Algorithm, PublicJwk } from "../core/signature.ts";
import type { RevocationFeedState } from "./revocation-feed.ts";

export type { Algorithm, PublicJwk } from "../core/signature.ts";

/** What an application's claims are made from. */
export interface ClaimsContext {
  readonly subject: string;
  readonly sid: string;
  readonly clientId: string;
  readonly amr: readonly string[];
  /** Seconds. */
  readonly authTime: number;
  /** What a registered client was granted, space-separated; empty = none. */
  readonly scope: string;
}

/** Options of {@link createSessions}. Only `store` is required. */
export interface SessionsOptions extends PolicyOptions {
  readonly store: Store;
  /** `iss` of access tokens: the external base URL. Default `http://localhost:4000`. */
  readonly issuer?: string | undefined;
  /** `aud` of access tokens. Default: the issuer. */
  readonly audience?: string | undefined;
  /**
   * Default: that of the newest signing key, `ES256` on an empty store. Another one than the newest key's publishes a
   * new key. `RS256` is for interoperability only.
   */
  readonly algorithm?: Algorithm | undefined;
  /**
   * How long a signing key signs before the next one takes over by itself: published first, then signing after 300 s; of many
   * processes on one store one makes it. Seconds, default 7,776,000 (90 days), 86,400 to 34,560,000; 0: only by hand.
   */
  readonly keyRotationSeconds?: number | undefined;
  /**
   * At least 32 random bytes, base64url; during a rotation several, comma-separated, newest first. Default: what the
   * store provides (an embedded file store keeps `<file>.secret`, a memory store draws one per process).
   */
  readonly secret?: string | undefined;
  /**
   * Clock, randomness and timers. Default: those of the machine. With a store that tells the time (`Store.now`) the clock
   * is corrected by it, so that nodes agree.
   */
  readonly platform?: Platform | undefined;
  /**
   * Adds claims of the application (roles, a tenant) to each access token when it is made. A plain JSON object of at most
   * 4,096 bytes; names that Pawl or a standard gives a meaning are refused. When it rejects, or takes longer than 5 s, the
   * request is answered with `store_unavailable` and nothing has changed. Asked again when `bumpClaims` comes in between.
   * @example
   * claims: async ({ subject }) => ({ roles: await rolesOf(subject) })
   */
  readonly claims?:
    | ((about: ClaimsContext) => Readonly<Record<string, unknown>> | Promise<Readonly<Record<string, unknown>>>)
    | undefined;
}

/** Where a request came from, as far as the session remembers it. */
export interface Origin {
  /** Cut to 255 characters. */
  readonly userAgent?: string | undefined;
  readonly ip?: string | undefined;
}

/** A new sign-in. The caller has already checked who it is. */
export interface IssueInput extends Origin {
  /** The user id, 1 to 255 characters; becomes `sub`. */
  readonly subject: string;
  /** How the refresh token travels. Default `cookie`. */
  readonly transport?: Transport | undefined;
  /** How the person proved who they are (RFC 8176). Default `["pwd"]`. At most 8 names of 32 characters. */
  readonly amr?: readonly string[] | undefined;
  /** A name for the device, at most 64 characters. */
  readonly label?: string | undefined;
  /** Default `first-party`. */
  readonly clientId?: string | undefined;
  /** When they proved it (`auth_time`). Seconds since the epoch, not in the future. Default now. */
  readonly authTime?: number | undefined;
  /** How strongly the person proved it (`acr`), 1 to 255 characters. Default: not said. */
  readonly acr?: string | undefined;
  /**
   * For a registered client: what it is granted. The session can then be refreshed at `/oauth/token` only, by that
   * client. At most 32 scopes, 255 characters together; `audience` is `aud` of its access tokens, default the deployment's.
   */
  readonly delegation?:
    | { readonly scopes?: readonly string[] | undefined; readonly audience?: string | undefined }
    | undefined;
}

/** A refresh token with the attempt it is presented under. */
export interface PresentInput extends Origin {
  readonly refreshToken: string;
  /** The `Idempotency-Key`: 16 to 128 characters of `A-Z a-z 0-9 - _`. */
  readonly attempt?: string | undefined;
  /** Milliseconds: nothing is committed after this instant (`store_unavailable`). Default now + grace. */
  readonly deadlineAt?: number | undefined;
  /**
   * The client that presents it, once it is authenticated; absent = the first-party endpoints. A token of a session that
   * it does not hold is `refresh_token_invalid`, and nothing changes. `scope`: what of its grant the access token gets.
   */
  readonly client?: { readonly id: string; readonly scope?: string | undefined } | undefined;
}

/** What a successful issue, refresh or re-authentication gives. */
export interface Grant {
  readonly accessToken: string;
  /** Seconds the access token lives. */
  readonly expiresIn: number;
  /** Absent when the outcome was a settle, or for a re-authentication: the client keeps the one it has. */
  readonly refreshToken: string | undefined;
  /** Seconds until the refresh token dies unused. */
  readonly refreshTokenTimeout: number;
  /** Seconds until the session ends for good. */
  readonly authorizationExpiresIn: number;
  /** The scope of the access token, space-separated; absent = none. */
  readonly scope: string | undefined;
  readonly outcome: "issued" | "rotated" | "handed_out_again" | "settled" | "reauthenticated";
  readonly record: SessionRecord;
}

/** A checked access token of a live session. */
export interface Authenticated {
  readonly subject: string;
  readonly sid: string;
  /** Seconds. */
  readonly authTime: number;
  readonly claims: AccessClaims;
  readonly record: SessionRecord;
}

/** A token that can be used right now (RFC 7662 section 2.2). */
export type Inspected =
  | { readonly kind: "access"; readonly claims: AccessClaims; readonly record: SessionRecord }
  /** `expiresAt`: seconds. */
  | { readonly kind: "refresh"; readonly expiresAt: number; readonly record: SessionRecord };

/** A public view of one session; all instants in seconds (CONTRACT section 2). */
export interface SessionView {
  readonly id: string;
  readonly created_at: number;
  /** Coarsened to 5 minutes, like `idle_expires_at`. */
  readonly last_seen_at: number;
  readonly idle_expires_at: number;
  readonly expires_at: number;
  readonly user_agent: string | null;
  readonly ip: string | null;
  readonly label: string | null;
  readonly amr: readonly string[];
  readonly auth_time: number;
  readonly bound: null;
}

/** Why and when a session ended (or that it lives), with its history: `pawl sessions show`. */
export interface SessionStory {
  readonly session: SessionView;
  readonly subject: string;
  readonly state: "live" | "ended" | "expired" | "idle_expired";
  readonly reason: SessionEnd | undefined;
  /** Milliseconds. */
  readonly endedAt: number | undefined;
  readonly generation: number;
  readonly history: readonly HistoryEntry[];
}

/** A signing key as shown to operators. */
export interface KeyView {
  readonly kid: string;
  readonly alg: Algorithm;
  readonly state: "published" | "active" | "retiring";
  /** Seconds. */
  readonly createdAt: number;
}

/** The session engine. Every method rejects with PawlError; `store_unavailable` is never a verdict on a session. */
export interface Sessions {
  readonly policy: Policy;
  readonly issuer: string;
  readonly audience: string;
  /** What the engine runs on: its clock is the one that the store's nodes agree on. */
  readonly platform: Platform;
  /** The store the sessions live in; the server keeps its accounts there as documents. */
  readonly store: Store;

  /** Starts a session. Ends the least recently used ones beyond `sessionsMax`. */
  issue(input: IssueInput): Promise<Grant>;
  /**
   * Rotates a refresh token (CONTRACT section 4).
   * @throws `invalid_request` (attempt malformed), `refresh_token_invalid`, `refresh_token_expired`,
   * `session_expired`, `session_revoked`, `refresh_token_reused`, `refresh_token_superseded`, `store_unavailable`.
   */
  refresh(input: PresentInput): Promise<Grant>;
  /** The newest token has arrived: retires its predecessor. Throws as `refresh` does. */
  confirm(input: PresentInput): Promise<void>;
  /**
   * Ends the session of any authentic, unexpired refresh token of it; idempotent. With `sid`, only if it is that one.
   * Resolves the outcome: `mismatch` = token of another session than `sid`, nothing was done.
   */
  logout(input: { refreshToken: string; sid?: string }): Promise<"ended" | "already" | "unknown" | "mismatch">;
  /** Checks an access token and reads its session. @throws `invalid_token`. */
  authenticate(accessToken: string): Promise<Authenticated>;
  /** What a token is, `undefined` for one that cannot be used. Changes nothing, whatever token it is. */
  inspect(token: string): Promise<Inspected | undefined>;
  /**
   * Ends the session of an authentic, unexpired token of either kind (RFC 7009) if `clientId` holds it. Idempotent;
   * `mismatch` = another client's, nothing was done.
   */
  revokeToken(token: string, clientId: string): Promise<"ended" | "already" | "unknown" | "mismatch">;
  /**
   * The subject's claims have changed: access tokens from before are refused with `invalid_token` (not terminal), here at
   * once and by verifiers that read the feed, so that clients refresh. Sessions live on. Resolves how many there are.
   */
  bumpClaims(subject: string): Promise<number>;
  /** Live sessions of a subject, newest first. */
  list(subject: string): Promise<SessionRecord[]>;
  /** Sessions in id order for operators, ended ones included; `limit` 1 to 1,000. */
  listAll(after: string | undefined, limit: number): Promise<SessionRecord[]>;
  /** The story of one session, or `undefined` when it is unknown. */
  story(sid: string): Promise<SessionStory | undefined>;
  /** Ends one session. Resolves false when it is unknown or already over. With `subject`, only if it is theirs. */
  revoke(sid: string, reason: SessionEnd, subject?: string): Promise<boolean>;
  /**
   * Ends every session of a subject but `except`. Resolves how many were live.
   * @param createdBefore milliseconds: spares sessions that began at or after this instant. Default: none
   */
  revokeAll(subject: string, reason: SessionEnd, except?: string, createdBefore?: number): Promise<number>;
  /** The person proved who they are again: a new access token with `auth_time` now; the session goes on. */
  reauthenticate(sid: string, amr?: readonly string[], acr?: string): Promise<Grant>;
  /** The revocation feed after `cursor`. @throws `invalid_request` for a malformed cursor. */
  revocations(cursor?: string): Promise<RevocationPage>;
  /**
   * Follows the revocation feed after `cursor`: a first page at once, then one whenever there is something new, and an
   * empty one when nothing was for 15 seconds (everything up to now was told). Nothing is buffered: who asks late is told
   * late, and misses nothing. While the store fails nothing comes, then it goes on at the same cursor. Ends with `close`.
   * @throws at the first page: `invalid_request` for a malformed cursor, `store_unavailable`.
   * @example
   * for await (const page of sessions.followRevocations()) for (const { sid } of page.revocations) drop(sid);
   */
  followRevocations(cursor?: string): AsyncIterableIterator<RevocationPage>;
  /** What the feed is doing, for metrics. */
  revocationFeedState(): RevocationFeedState;
  /** The public signing keys, newest first. */
  jwks(): { readonly keys: readonly PublicJwk[] };
  /** Signing keys for operators. */
  keys(): readonly KeyView[];
  /** Publishes a new signing key; it signs after the JWKS maximum age. Resolves its view. */
  rotateKeys(): Promise<KeyView>;
  /**
   * Removes a signing key at once, for a key that may have leaked: its access tokens are refused here, and by verifiers as
   * soon as they read the JWKS again (within its maximum age). Nobody is signed out: clients refresh. Resolves false when
   * there is no such key.
   */
  revokeKey(kid: string): Promise<boolean>;
  /** What a client sees of a session. */
  view(record: SessionRecord): SessionView;
  /** Calls `listener` for each event after it is durable; returns the way to stop. A throwing listener is ignored. */
  subscribe(listener: (event: SessionEvent) => void): () => void;
  /**
   * Removes ended and expired sessions, one bounded step; pass `next` back as `from` to go on.
   * @param keepSeconds how long after its end a session's story is kept. Default 604,800 (7 days)
   */
  purge(from?: string, keepSeconds?: number): Promise<PurgeStep>;
  /** Resolves when the store answers. @throws `store_unavailable`. */
  ping(): Promise<void>;
  /** Stops timers and closes the store. Idempotent. */
  close(): Promise<void>;
}
