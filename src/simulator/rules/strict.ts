// Rotation with immediate reuse detection: a token works once, and using it again ends the family (RFC 9700 section
// 4.14.2). Follows node-oidc-provider 9.11 with rotation for every client, and Hydra and Better Auth's OAuth provider with
// their default grace of 0 s.
// Simplified: atomic, although node-oidc-provider reads and consumes in two steps (two requests at once may both win).

import type { RuleSet } from "../rule-server.ts";
import { modelled } from "./model.ts";

/** See the head of this file. */
export const strict: RuleSet = modelled<number>(
  "strict",
  "strict: a used token ends the session",
  "node-oidc-provider 9.11; Hydra and Better Auth (OAuth) by default",
  {
    begin: (token) => token,
    refresh: (current, token, _now, fresh) =>
      token === current ? { state: fresh, gives: fresh } : { state: current, gives: "alarm" },
  },
);
