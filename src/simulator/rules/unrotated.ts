// No rotation: one token for the whole session, whose expiry slides with its use. Follows Better Auth's sessions and the
// Lucia pattern. Nothing can be lost, and a stolen token works for as long as its owner's.
// Simplified: the expiry slides with every use, not once a day.

import type { RuleSet } from "../rule-server.ts";
import { modelled } from "./model.ts";

/** See the head of this file. */
export const unrotated: RuleSet = modelled<number>(
  "unrotated",
  "no rotation: sliding expiry",
  "Better Auth sessions, Lucia pattern",
  {
    begin: (token) => token,
    refresh: (state, token) => ({ state, gives: token }),
  },
);
