// The readable story of one user: who did what when, and what was answered; the end says how it went.
// Owns the layout of stories; the lines were written while the story was lived.

import { duration, instantWords } from "./words.ts";
import type { World } from "./world.ts";

/** The lines of a story that was told; `last` keeps only so many of them. */
export function narrate(world: World, last?: number): string[] {
  const lines = (world.story ?? []).map(({ at, who, what }) => `${instantWords(at)}  ${who.padEnd(9)}  ${what}`);
  const shown = last === undefined ? lines : lines.slice(-last);
  const left = lines.length - shown.length;
  return [introduction(world), ...(left > 0 ? [`(${left} lines before)`] : []), ...shown, ...verdict(world)];
}

/** The lines up to and including the first false logout, at most `last` of them. */
export function narrateFailure(world: World, last: number): string[] {
  const at = world.falseLogouts[0]?.at ?? Number.POSITIVE_INFINITY;
  return narrate({ ...world, story: (world.story ?? []).filter((line) => line.at <= at) }, last);
}

function introduction({ seed, level, plan }: World): string {
  const keys = { shared: "one attempt key for all", own: "attempt keys of their own", none: "no attempt keys" }[
    plan.keys
  ];
  const many =
    plan.tabs > 1 ? `, up to ${plan.tabs} at once, ${plan.takesTurns ? "one after the other" : "unsynchronised"}` : "";
  return `User ${plan.user} of seed ${seed}, faults ${level}: ${plan.device}${many}; ${keys}; ${plan.confirms ? "confirms" : "never confirms"}.`;
}

function verdict(world: World): string[] {
  const { thief, falseLogouts, counts } = world;
  const isRobbed = world.plan.theft !== undefined;
  const lines = (isRobbed ? [] : falseLogouts).map(({ at, code }) => `FALSE LOGOUT at ${instantWords(at)}: ${code}`);
  if (thief === undefined)
    return [...lines, `End: ${counts.refreshes} refreshes, ${falseLogouts.length} false logouts.`];
  const { firstAskedAt, servedAt, alarmAt, outAt, lapsedAt } = thief;
  const since = (at: number): string => duration(Math.round((at - (firstAskedAt ?? at)) / 1000));
  const ending =
    alarmAt !== undefined
      ? `a used token was noticed ${since(alarmAt)} after the thief's first request`
      : outAt !== undefined
        ? "his access ended without an alarm"
        : lapsedAt !== undefined
          ? "the owner signed out, without an alarm"
          : "nobody noticed";
  return [...lines, `End: the thief was served ${servedAt.length} times; ${ending}.`];
}
