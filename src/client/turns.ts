// Changes of the session one after the other, in this tab and, where possible, in all.
// Knows no calls.

import { quietly } from "./error.ts";
import type { Tabs } from "./tabs.ts";

/** Lets `follow`ed work go on when a turn is done: the next turn waits for it, the caller does not. */
export type Follow = (work: Promise<unknown>) => void;

type InTurn = <Value>(
  task: (aloneUntil: number, follow: Follow) => Promise<Value>,
  milliseconds?: number,
) => Promise<Value>;

/** Turns of this tab. */
export function createTurns(tabs: Tabs | undefined): InTurn {
  /** Settles when every earlier turn has; never rejects. */
  let last: Promise<unknown> = Promise.resolve();
  return (task, milliseconds) =>
    new Promise((resolve, reject) => {
      const turn = async (aloneUntil: number): Promise<void> => {
        let tail: Promise<unknown> | undefined;
        await task(aloneUntil, (work) => {
          tail = work;
        }).then(resolve, reject);
        await quietly(tail);
      };
      last = last.then(() => tabs?.inTurn(turn, milliseconds) ?? turn(0));
    });
}
