// Rotation with a grace period in which every use of an old token starts a chain of its own: all chains live on, and no
// one ever joins them again. A token that was used longer ago ends all of them. Follows Ory Hydra's graceful refresh
// (2026-07), here with 30 s; its default is 0 s (see strict.ts), its maximum 5 minutes.
// Simplified: used tokens are remembered for ever; Hydra forgets them 30 minutes after they expire.

import type { RuleSet } from "../rule-server.ts";
import { modelled } from "./model.ts";

interface State {
  /** The newest token of each chain. */
  readonly live: readonly number[];
  /** Tokens used within the grace period, and when first. */
  readonly used: readonly { readonly token: number; readonly at: number }[];
}

const graceChainMilliseconds = 30_000;
/** Of so many chains the newest count; more would need a thief who forks several times a day. */
const chainsMax = 500;

/** See the head of this file. */
export const graceChain: RuleSet = modelled<State>(
  "grace-chain",
  "grace 30 s: every reuse starts a chain of its own",
  "Ory Hydra, graceful refresh (2026-07)",
  {
    begin: (token) => ({ live: [token], used: [] }),
    refresh: (state, token, now, fresh) => {
      const used = state.used.filter((each) => now - each.at <= graceChainMilliseconds);
      if (state.live.includes(token)) {
        const live = [fresh, ...state.live.filter((each) => each !== token)].slice(0, chainsMax);
        return { state: { live, used: [...used, { token, at: now }] }, gives: fresh };
      }
      if (used.some((each) => each.token === token)) {
        return { state: { live: [fresh, ...state.live].slice(0, chainsMax), used }, gives: fresh };
      }
      return { state, gives: "alarm" };
    },
  },
);
