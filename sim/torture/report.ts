// Turns results into text: the summary of a run with the stories of its violations, and JSON. Measures and judges
// nothing. Stories name tokens by generation and a short hash, never by themselves.

import type { RunResult } from "./run.ts";
import type { Violation } from "./world.ts";

const storyLinesMax = 40;
const storiesMax = 5;

/** The results as JSON. */
export function jsonOf(result: unknown): string {
  return `${JSON.stringify(result, null, 2)}\n`;
}

/** One line a figure. */
export function figuresOf({ counts, kills, answers, faults, seconds }: RunResult): string {
  const list = Object.entries(faults).map(([kind, count]) => `${kind} ${count}`);
  const lines = [
    ["sessions", `${counts.sessions} in ${Math.round(seconds)} s; ${counts.logouts} signed out`],
    [
      "refreshes",
      `${counts.refreshes} with a new token, ${counts.settles} settled, ${counts.superseded} superseded (409)`,
    ],
    ["confirms", String(counts.confirms)],
    ["no answer", `${counts.unanswered}; the server was busy for ${counts.busy}`],
    ["faults", list.join(", ")],
    ["kill -9", String(kills)],
    ...(answers.length > 0 ? [["nodes", `${answers.join(", ")} answers`] as const] : []),
    [
      "thefts",
      `${counts.thefts} (${counts.sharp} by the sharper bound): ${counts.detections} noticed, ${counts.shutOut} shut out, ${counts.inside} still inside; ${counts.thiefAnswers} answers to thieves`,
    ],
    ["refused", `${counts.refusals} tokens of ended sessions and old tokens, presented again`],
    ["overdue", `${counts.overdue} requests beyond grace by this machine, ${counts.inconclusive} sessions say nothing`],
  ] as const;
  return lines.map(([name, text]) => `  ${name.padEnd(10)} ${text}`).join("\n");
}

function storyOf({ invariant, what, session, story }: Violation): string {
  const lines = story.slice(-storyLinesMax).map((line) => `    ${line}`);
  return [`  ${invariant}: ${what}`, `    ${session}`, ...lines].join("\n");
}

/** The whole report of one run. */
export function summaryOf(result: RunResult): string {
  const { title, seed, violations, graceSeconds } = result;
  const broken = new Map<string, number>();
  for (const { invariant } of violations) broken.set(invariant, (broken.get(invariant) ?? 0) + 1);
  const verdict =
    violations.length === 0
      ? "no violation"
      : `${[...broken].map(([invariant, count]) => `${count} x ${invariant}`).join(", ")} VIOLATED (seed ${seed})`;
  const stories = violations.slice(0, storiesMax).map(storyOf);
  return `${[`${title}: ${verdict}; seed ${seed}, grace ${graceSeconds} s`, figuresOf(result), ...stories].join("\n\n")}\n`;
}
