// Rotation with a time leeway: the token before the newest one is accepted for 30 s and gets the successor that exists
// already; after that, and for anything older, reuse ends the family. Follows the documented behaviour of Auth0 ("reuse
// interval") and Okta (default 30 s); only the last token is covered, and the leeway counts from its first use.
// Simplified: the documents leave open whether a second use gets the same or a new successor; the same is kinder to
// honest clients, and is what OpenAuth does.

import type { RuleSet } from "../rule-server.ts";
import { modelled } from "./model.ts";

interface State {
  readonly current: number;
  readonly previous: number | undefined;
  readonly rotatedAt: number;
}

const leewayMilliseconds = 30_000;

/** See the head of this file. */
export const leeway: RuleSet = modelled<State>(
  "leeway",
  "time leeway: the previous token works for 30 s",
  "Auth0 and Okta (documentation)",
  {
    begin: (token, now) => ({ current: token, previous: undefined, rotatedAt: now }),
    refresh: (state, token, now, fresh) => {
      if (token === state.current) {
        return { state: { current: fresh, previous: token, rotatedAt: now }, gives: fresh };
      }
      const isInTime = token === state.previous && now - state.rotatedAt <= leewayMilliseconds;
      return { state, gives: isInTime ? state.current : "alarm" };
    },
  },
);
