// The parent of the newest token always works: a counter per session; the newest token counts on, the one before it gets
// the newest again, at any time, and so does every older one within 10 s of the last refresh. Anything else ends the
// session; a counter ahead of the database is refused and ends nothing. Follows Supabase Auth (refresh tokens of version 2,
// internal/tokens/service.go, 2026-08) with its default reuse interval.
// Simplified: the client takes every refusal for the end of the session, as its library does.

import type { RuleSet } from "../rule-server.ts";
import { modelled } from "./model.ts";

interface State {
  readonly counter: number;
  readonly refreshedAt: number;
}

const reuseMilliseconds = 10_000;

/** See the head of this file. */
export const parentValid: RuleSet = modelled<State>(
  "parent",
  "the parent of the newest token always works",
  "Supabase Auth, refresh tokens v2 (2026-08)",
  {
    countsTokens: true,
    begin: (token, now) => ({ counter: token, refreshedAt: now }),
    refresh: ({ counter, refreshedAt }, token, now) => {
      const behind = counter - token;
      if (behind < 0) return { state: { counter, refreshedAt }, gives: "refused" };
      const state = { counter: behind === 0 ? counter + 1 : counter, refreshedAt: now };
      const isAllowed = behind <= 1 || Math.abs(now - refreshedAt) < reuseMilliseconds;
      return { state, gives: isAllowed ? state.counter : "alarm" };
    },
  },
);
