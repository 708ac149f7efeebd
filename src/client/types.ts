// The public types of `pawl/client`: what an application gives and what it gets.
// Owns no behaviour. The members of User and DeviceSession are those of CONTRACT section 2, written out here so that
// the declarations of this entry point need nothing but the DOM library.

import type { Credentials } from "./credential.ts";

/** The person who is signed in. */
export interface User {
  readonly id: string;
  readonly email: string | null;
  readonly name: string | null;
}

/** One session of the person, on one device. Instants are seconds since the epoch, by the server's clock. */
export interface DeviceSession {
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
  readonly bound: "dpop" | "dbsc" | null;
  /** True on the session of the caller; only in lists. */
  readonly current?: boolean;
}

/** Why nobody is signed in: `signed_out` (this client did it) or the terminal code of the server. */
export type SignedOutReason =
  | "signed_out"
  | "refresh_token_missing"
  | "refresh_token_invalid"
  | "refresh_token_expired"
  | "session_expired"
  | "session_revoked"
  | "refresh_token_reused";

/** What of a session a page shows all the time. What changes with every use is in `devices.list()` only. */
export type SnapshotSession = Omit<DeviceSession, "last_seen_at" | "idle_expires_at" | "user_agent" | "ip" | "current">;

/** What the client knows: the same object until something of it changes: a refresh changes nothing. */
export interface SessionSnapshot {
  /** `unknown` until the first answer of the server: the cookie cannot be read here. */
  readonly status: "unknown" | "signed-in" | "signed-out";
  readonly user: User | null;
  readonly session: SnapshotSession | null;
  /** Set while the status is `signed-out`. */
  readonly reason: SignedOutReason | null;
}

/** The session as an observable store, as `useSyncExternalStore` and its like take it. Both need no `this`. */
export interface SessionStore {
  readonly getSnapshot: () => SessionSnapshot;
  /** Calls `listener` (once, however often it was added) after each change; returns the way to stop. */
  readonly subscribe: (listener: () => void) => () => void;
}

/** Options of `createClient`. */
export interface ClientOptions {
  /** The issuer, such as `https://auth.example.com`; of a longer address its origin. Default: the origin of the page. */
  readonly baseUrl?: string | undefined;
  /** Further exact origins that get the access token from `fetch`. Default none; at most 16. */
  readonly allowedOrigins?: readonly string[] | undefined;
  /**
   * The longest one request to the issuer may take, in seconds. Default 10; the client aborts earlier where the server's
   * `request_timeout` asks for it.
   */
  readonly timeoutSeconds?: number | undefined;
  /** Called after a session ended, by the server's verdict or by `signOut`; never for a fault. */
  readonly onSignedOut?: ((reason: SignedOutReason) => void) | undefined;
  /** Sends requests. Default: the global `fetch`. */
  readonly fetch?: ((request: Request) => Promise<Response>) | undefined;
  /**
   * Where the refresh token is. Default: in the httpOnly cookie of a browser, which this code never sees. Node.js, Deno,
   * Bun and React Native have none: `storedCredentials(storage)` of `pawl/client/stored`.
   */
  readonly credentials?: Credentials | undefined;
  /**
   * With a cookie: where the key of an unanswered refresh is kept, and a sign-out that the server has not heard of, so that
   * another tab or the next page load goes on with it. It is not a token. Default: `localStorage`, else memory.
   */
  readonly storage?: Pick<Storage, "getItem" | "setItem" | "removeItem"> | undefined;
}

/**
 * The session of this browser. Every promise but that of `fetch` settles within a bounded time. Rejections are `ClientError`,
 * or the reason of a signal; `fetch` also rejects as the global one does.
 */
export interface Client {
  /** Creates an account and signs in. Rejects with `account_exists`, `weak_password`, `registration_closed`, … */
  signUp(input: { email: string; password: string; name?: string }): Promise<User>;
  /** Signs in. Rejects with `invalid_credentials`, `rate_limited`, … */
  signIn(input: { email: string; password: string }): Promise<User>;
  /**
   * Signs out here at once, whatever is in flight, and then at the server. Resolves `false` when the server could not be
   * told: it is told once the network is back, also after a reload, and before any other call.
   */
  signOut(): Promise<boolean>;
  /**
   * `fetch` with the access token, which goes to the issuer and to `allowedOrigins` only. A 401 whose
   * `WWW-Authenticate` says `invalid_token` (RFC 6750 section 3.1) is answered with one refresh and one replay; a
   * body that is a stream, or larger than 1 MiB, is not replayed. A signal ends the waiting, not the shared refresh. Where
   * the refresh before the call, or after a 401, got no answer, it rejects with that `ClientError`.
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** A usable access token, refreshed where needed; `null` when nobody is signed in. */
  getAccessToken(options?: { signal?: AbortSignal }): Promise<string | null>;
  /** Refreshes now; joins a refresh in flight. Resolves whether somebody is signed in. */
  refresh(): Promise<boolean>;
  readonly session: SessionStore;
  /** Proves again who is there: a new access token with `auth_time` now. Rejects with `invalid_credentials`. */
  reauthenticate(input: { password: string }): Promise<void>;
  /** Changes the password. Every earlier session of the person ends; this client goes on with a new one. */
  changePassword(input: { currentPassword: string; newPassword: string }): Promise<void>;
  readonly devices: {
    /** The live sessions of the person, newest first. */
    list(): Promise<readonly DeviceSession[]>;
    /** Ends one of them; the own one is signed out. */
    revoke(id: string): Promise<void>;
    /** Ends all but the own one. Resolves how many. */
    revokeOthers(): Promise<number>;
  };
}
