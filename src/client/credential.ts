// What authenticates a refresh, a confirm and a sign-out: the cookie, which this code never sees, or with the body
// transport the refresh token from the storage. Other processes may share that storage, so it is read again each time,
// and nothing counts as arrived before it is stored: a keystore that is locked loses nobody.

import type { Memory } from "./memory.ts";
import type { Answer } from "./transport.ts";

/** Members of a request body that authenticate it; none with a cookie. */
export interface Proof {
  readonly refresh_token?: string;
}

/** The refresh token, wherever it is. */
export interface Credential {
  /** The member of a sign-out by which a session is named afterwards. */
  readonly mark: "sid" | "refresh_token";
  /** `null`: nobody is signed in here. */
  present(): Promise<Proof | null>;
  /** Stores the token that an answer to `presented` brought. `false`: it is not there, so it must not be confirmed. */
  keep(answer: Answer, presented?: Proof): Promise<boolean>;
  /** Forgets what was presented; something newer stays. Resolves whether it is gone. */
  forget(presented: Proof | null): Promise<boolean>;
}

/** The cookie of the browser. */
export const cookieCredential: Credential = {
  mark: "sid",
  present: async () => ({}),
  keep: async () => true,
  forget: async () => true,
};

/** A token under `name` in `memory`. */
export function storedCredential(memory: Memory, name: string): Credential {
  return {
    mark: "refresh_token",
    async present() {
      const token = await memory.get(name);
      return token === null ? null : { refresh_token: token };
    },
    async keep({ refresh_token: token }, presented) {
      // None: the server settled, and the token in hand stays good.
      if (typeof token !== "string") return true;
      const stored = await memory.get(name);
      if (stored === token) return true;
      // Another process has gone on from there, or signed in: its token is newer than ours.
      if (presented !== undefined && stored !== presented.refresh_token) return false;
      return memory.set(name, token);
    },
    async forget(presented) {
      if (presented === null) return true;
      if ((await memory.get(name)) !== presented.refresh_token) return false;
      await memory.set(name, null);
      return true;
    },
  };
}
