// What authenticates a refresh, a confirm and a sign-out. Here: the cookie, which this code never sees.
// stored.ts has the other kind, for programs without a cookie jar.

import type { Memory } from "./memory.ts";
import type { Answer } from "./transport.ts";

/** Members of a request body that authenticate it; none with a cookie. */
export interface Proof {
  readonly refresh_token?: string;
}

/** The refresh token, wherever it is. */
export interface Credential {
  /** `null`: nobody is signed in here. */
  present(): Promise<Proof | null>;
  /** Stores the token that an answer to `presented` brought. `false`: it is not there, so it must not be confirmed. */
  keep(answer: Answer, presented?: Proof): Promise<boolean>;
  /** Forgets what was presented; something newer stays. Resolves whether it is gone. */
  forget(presented: Proof | null): Promise<boolean>;
}

/** What a client keeps, and where. */
export interface Keeping {
  readonly memory: Memory;
  readonly credential: Credential;
  /** Sets this client's entries in the memory apart from those for other issuers. */
  readonly name: string;
}

/** Credentials of a program: what is kept where, under names that start with `name`. */
export type Credentials = (name: string) => Keeping;

const done = async (): Promise<boolean> => true;

/** The cookie of the browser. */
export const cookieCredential: Credential = { present: async () => ({}), keep: done, forget: done };
