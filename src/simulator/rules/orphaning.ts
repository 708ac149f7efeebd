// Rotation at refresh with a grace period in which the old token is rotated again, which orphans the first child; an
// orphan, and the old token after the grace period, end the session. Follows SuperTokens core 12.1 (CDI 5.6): only the
// current and the previous token are stored, the grace period is 30 s (0 to 300).
// Simplified: the grace period counts from the first rotation of the old token; a repeated one does not extend it.

import type { RuleSet } from "../rule-server.ts";
import { modelled } from "./model.ts";

interface State {
  readonly current: number;
  readonly previous: number | undefined;
  readonly rotatedAt: number;
}

const graceOrphanMilliseconds = 30_000;

/** See the head of this file. */
export const orphaning: RuleSet = modelled<State>(
  "orphaning",
  "grace 30 s: a reuse replaces the first successor",
  "SuperTokens core 12.1 (CDI 5.6)",
  {
    begin: (token, now) => ({ current: token, previous: undefined, rotatedAt: now }),
    refresh: (state, token, now, fresh) => {
      if (token === state.current) {
        return { state: { current: fresh, previous: token, rotatedAt: now }, gives: fresh };
      }
      const isInTime = token === state.previous && now - state.rotatedAt <= graceOrphanMilliseconds;
      return isInTime ? { state: { ...state, current: fresh }, gives: fresh } : { state, gives: "alarm" };
    },
  },
);
