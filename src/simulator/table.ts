// The result of a run as text for a terminal: a table, what the columns mean, what was injected.
// Owns the layout; the figures are those of tally.ts.

import { faultKinds, noFaults } from "./faults.ts";
import { ruleSets, twoPhase } from "./rule-sets.ts";
import type { Outcome } from "./simulate.ts";
import type { Row } from "./tally.ts";
import { grouped, rate, spreadWords } from "./words.ts";

const heading = [
  "RULES",
  "FAULTS",
  "FALSE LOGOUTS",
  "PEOPLE",
  "THIEVES",
  "NOTICED",
  "AFTER",
  "p95",
  "ACCESS FOR",
  "p95",
  "TO THE END",
] as const;
const isNumber = (column: number): boolean => column >= 2;

/** The table, one row for each rule set and level. */
export function tableOf(outcome: Outcome): string {
  const cells = [heading, ...outcome.rows.map(cellsOf)];
  const widths = heading.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const lines = cells.map((row) =>
    row
      .map((cell, column) => (isNumber(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
  // A blank line between levels.
  return lines
    .flatMap((line, index) => {
      const [row, before] = [outcome.rows[index - 1], outcome.rows[index - 2]];
      return row !== undefined && before !== undefined && row.faults !== before.faults ? ["", line] : [line];
    })
    .join("\n");
}

function cellsOf(row: Row): readonly string[] {
  const { thieves, detection, access } = row;
  const noticed = thieves === 0 ? "–" : `${Math.round((100 * (thieves - detection.never)) / thieves)} %`;
  return [
    row.rules,
    row.faults,
    rate(row.false_logouts_per_user_month),
    `${row.users_logged_out}/${row.users}`,
    String(thieves),
    noticed,
    ...spreadWords(detection, thieves),
    ...spreadWords(access, thieves),
    thieves === 0 ? "–" : String(access.never),
  ];
}

/** What the columns mean, what ran, what was injected. */
export function notesOf(outcome: Outcome, seconds: number): string {
  const { rows, seed, users, days } = outcome;
  const sum = (of: (row: Row) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const injected = noFaults();
  for (const row of rows) for (const kind of faultKinds) injected[kind] += row.faults_injected[kind];
  const kinds = faultKinds.filter((kind) => injected[kind] > 0).map((kind) => `${kind} ${grouped(injected[kind])}`);
  const ours = rows.filter((row) => row.rules === twoPhase.name);
  const away = ours.reduce((total, row) => total + row.owner_stayed_away, 0);
  const capped = sum((row) => row.capped);
  const shown = new Set(rows.map((row) => row.rules));
  return [
    "FALSE LOGOUTS: per user-month, of users nobody robbed; ends by time and by signing out do not count. PEOPLE: how many of",
    "them it met at least once. NOTICED: thieves whose session was ended because a used token came back; AFTER and ACCESS:",
    `median and 95 % of the time from the thief's first request until then, and until his last successful one (+ up to 15 min`,
    `for the access token); "never" = not within the ${days} simulated days. TO THE END: thieves who were still served then.`,
    ...(away === 0
      ? []
      : [`Under pawl ${away} owners stayed away for longer than a token lives unused: nobody could notice.`]),
    "",
    ...ruleSets
      .filter(({ name }) => shown.has(name))
      .map(({ name, title, follows }) => `${name.padEnd(11)}  ${title} (${follows})`),
    "",
    `Seed ${seed}, ${grouped(users)} users, ${days} days: ${grouped(sum((row) => row.refreshes))} refreshes and ${grouped(
      sum((row) => row.confirms),
    )} confirms in ${seconds.toFixed(1)} s${capped > 0 ? `; ${capped} stories capped` : ""}.`,
    `Injected: ${kinds.length === 0 ? "nothing" : kinds.join(", ")}.`,
  ].join("\n");
}
