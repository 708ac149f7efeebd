// Other tabs of this origin: turns taken with Web Locks, news told over a BroadcastChannel. Both make things fast and
// prompt, and decide nothing: a browser without them, a tab that is frozen or a message that is lost costs a request
// more. News is never stored: it passes from memory to memory.

import type { Answer } from "./transport.ts";
import type { SignedOutReason } from "./types.ts";

/** What tabs tell each other. */
export type News =
  /** Somebody is signed in: the answer of the server, its `expires_in` counted from `at`. */
  | { readonly answer: Answer; readonly at: number }
  /** The session `sid` is over. */
  | { readonly reason: SignedOutReason; readonly sid: string };

/** The other tabs. */
export interface Tabs {
  /** Runs `task` while no other tab runs one, or after a bounded wait beside it; `isAlone` says which. */
  inTurn<Value>(task: (isAlone: boolean) => Promise<Value>): Promise<Value>;
  tell(news: News): void;
  /** Starts or ends listening. */
  listen(isOn: boolean): void;
}

/** A frozen tab that holds the turn delays others by this much at most. */
const waitMilliseconds = 3000;

/** No other tabs. */
export const noTabs: Tabs = { inTurn: (task) => task(false), tell() {}, listen() {} };

/** The tabs that share `name`. */
export function createTabs(name: string, hear: (news: News) => void): Tabs {
  let channel: BroadcastChannel | undefined;
  return {
    async inTurn(task) {
      const patience = new AbortController();
      const timer = setTimeout(() => patience.abort(), waitMilliseconds);
      let isOurs = false;
      try {
        return await navigator.locks.request(name, { signal: patience.signal }, () => {
          isOurs = true;
          clearTimeout(timer);
          return task(true);
        });
      } catch (error) {
        if (isOurs) throw error;
        return task(false);
      } finally {
        clearTimeout(timer);
      }
    },
    tell: (news) => channel?.postMessage(news),
    listen(isOn) {
      channel?.close();
      channel = undefined;
      if (!isOn) return;
      try {
        channel = new BroadcastChannel(name);
        channel.onmessage = ({ data }) => {
          try {
            hear(data);
          } catch {} // A tab with another version of this code.
        };
      } catch {} // An opaque origin, such as that of a sandboxed frame.
    },
  };
}
