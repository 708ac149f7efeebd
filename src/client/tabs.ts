// Other tabs of this origin: turns taken with Web Locks, news told over a BroadcastChannel. Both make things fast and
// prompt, and decide nothing: a browser without them, a tab that is frozen or a message that is lost costs a request
// more. News is never stored: it passes from memory to memory.

import type { Answer } from "./transport.ts";
import type { SignedOutReason } from "./types.ts";

/** What tabs tell each other. */
export type News =
  /** Somebody is signed in: the answer of the server, its `expires_in` counted from `at`. */
  | { readonly answer: Answer; readonly at: number }
  /** The session `sid` is over; without one, whatever the shared cookie stands for. */
  | { readonly reason: SignedOutReason; readonly sid: string | undefined };

/** The other tabs. */
export interface Tabs {
  /**
   * Takes `turn`, which never rejects, while no other tab takes one, or beside it after a bounded wait. The turn learns
   * until when (performance.now()) no sign-in of another tab loses its patience and begins beside it; 0 when it is beside
   * one itself.
   */
  inTurn(turn: (aloneUntil: number) => Promise<void>, milliseconds?: number): Promise<void>;
  tell(news: News): void;
  /** Starts or ends listening. */
  listen(isOn: boolean): void;
}

/** A frozen tab that holds the turn delays others by this much at most. */
const waitMilliseconds = 3000;
/** And sign-ins by this much: the answer to a sign-out that is under way would delete their cookie. */
export const patientMilliseconds = 12_000;

/** The tabs that share `name`. */
export function createTabs(name: string, hear: (news: News) => void): Tabs {
  let channel: BroadcastChannel | undefined;
  return {
    async inTurn(turn, milliseconds = waitMilliseconds) {
      // Locks are granted in order: whoever waits behind us began to wait later. Only sign-ins matter.
      const aloneUntil = performance.now() + patientMilliseconds;
      try {
        // The signal ends the waiting, not the turn: where this rejects, the turn has not begun.
        const signal = AbortSignal.timeout(milliseconds);
        await navigator.locks.request(name, { signal }, () => turn(aloneUntil));
      } catch {
        await turn(0);
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
