// What a thief holds, and whether he stays too long: which of his tokens are still of use, which refreshes of the owner
// count towards the bounds of I2, and when those are broken. Owns that count; makes no move and asks no server.

import { standingOf } from "./lineage.ts";
import type { Stage } from "./moves.ts";
import type { Reply } from "./server.ts";
import type { Thief, ThiefPlan, Violation, World } from "./world.ts";
import { zoneMilliseconds } from "./world.ts";

/** The thief after a request of the owner that was answered with `reply`, or came to nothing. */
export function countedFor(stage: Stage, thief: Thief, reply: Reply | undefined, at: number): Thief {
  const plan = stage.scenario.thief as ThiefPlan;
  const acted = { ...thief, ownerActedAt: at };
  if (reply === undefined) return acted;
  const served = { ...acted, ownerGotAt: at, actedSince: false };
  if (reply.token === undefined) {
    if (!thief.isServed || at - thief.settledAt < zoneMilliseconds) return served;
    return { ...served, settles: Math.min(thief.settles + 1, plan.settlesBound + 1), settledAt: at };
  }
  const quiet = { ...served, settles: 0, settledAt: at - zoneMilliseconds };
  if (at - thief.countedAt < zoneMilliseconds) return quiet;
  const refreshes = thief.ownerRefreshes + (thief.isServed ? 1 : 0);
  return { ...quiet, ownerRefreshes: Math.min(refreshes, plan.refreshesBound), countedAt: at };
}

/** I2, when the owner was served. */
export function judgeRound(stage: Stage, thief: Thief): Violation | undefined {
  if (thief.late) return { invariant: "I2", what: "owner and thief both still have access" };
  if (thief.settles <= (stage.scenario.thief?.settlesBound ?? 0)) return undefined;
  return { invariant: "I2", what: "the owner is kept from a new token" };
}

/** The thief without what can only give him away; tokens of one parent are as good as the newest of them. */
export function pruned(stage: Stage, world: World, thief: Thief): Thief {
  if (stage.scenario.thief?.forgets === false) return thief;
  const useful = thief.tokens.filter((token) => {
    const { standing, behind } = standingOf(stage.lineage, world.record, token);
    return standing !== "dead" && standing !== "foreign" && standing !== "older" && behind <= 1;
  });
  return { ...thief, tokens: useful };
}

/** The tokens of a thief who got one more. */
export function kept(
  stage: Stage,
  tokens: readonly string[],
  got: string | undefined,
  plan: ThiefPlan,
): readonly string[] {
  if (got === undefined || tokens.includes(got)) return tokens;
  if (!plan.forgets) return [...tokens, got];
  const { parent } = stage.lineage.known(got).descent;
  return [...tokens.filter((each) => stage.lineage.known(each).descent.parent !== parent), got].slice(-plan.tokensMax);
}
