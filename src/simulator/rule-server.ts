// What a rule set looks like to simulated clients: the calls they can make and the answers they can get, the same for the
// real engine (engine-server.ts) and for the rule sets it is compared with (rules/). Owns the vocabulary only.

/** What a client is told. Instants are milliseconds of true time. */
export type Answer =
  /** Without a token: an access token only, the client keeps the refresh token it has. */
  | { readonly status: 200; readonly token: string | undefined; readonly expiresAt: number }
  | { readonly status: 204 }
  /** The session is over for this client; with `isAlarm` because a used token was noticed. */
  | { readonly status: 401; readonly code: string; readonly isAlarm: boolean }
  | { readonly status: 409 }
  | { readonly status: 503 };

/** A new sign-in. */
export interface SignedIn {
  readonly token: string;
  /** When it dies unused, and when the session ends for good. */
  readonly expiresAt: number;
  readonly endsAt: number;
}

/** One deployment of one rule set, as one user's clients and his thief see it. `at` is true time in milliseconds. */
export interface RuleServer {
  signIn(at: number): Promise<SignedIn>;
  refresh(at: number, token: string, attempt: string | undefined): Promise<Answer>;
  /** `undefined` where the rule set has no such call. */
  readonly confirm: ((at: number, token: string) => Promise<Answer>) | undefined;
  logout(at: number, token: string): Promise<void>;
  /** The server's clock is set by `milliseconds`. */
  stepClock(milliseconds: number): void;
  /** What happens to commits from now on: refused, or made and never acknowledged. `undefined` = all is well. */
  failCommits(how: "before" | "after" | undefined): void;
  /** The process starts anew on what its store holds. */
  restart(at: number): Promise<void>;
  /** The store forgets the write it acknowledged last, if that was at this instant; resolves whether it was. */
  loseLastWrite(): Promise<boolean>;
}

/** One rule set. */
export interface RuleSet {
  /** As in `--only`. */
  readonly name: string;
  readonly title: string;
  /** The product and version it follows. */
  readonly follows: string;
  /** A fresh deployment. Equal seeds behave equally. */
  open(at: number, seed: number): Promise<RuleServer>;
}

/** Lifetimes, the same for every rule set, in milliseconds: idle 7 days, absolute 30 days. */
export const idleMilliseconds: number = 604_800_000;
export const sessionMilliseconds: number = 2_592_000_000;
