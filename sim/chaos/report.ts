// Turns results of chaos into text: the lines of a run, the table of docs/reference/faults.md.
// Judges nothing: what counts as a failure is run.ts's business.

import type { Machine } from "../../bench/machine.ts";
import { blockNamed, tableFrom } from "../torture/page.ts";
import type { ChaosResult } from "./run.ts";

export const faultsBlockName = "chaos";

/** Results of all, with what a figure cannot do without. */
export interface FaultsTable {
  readonly machine: Machine;
  readonly date: string;
  readonly command: string;
  readonly runs: readonly Omit<ChaosResult, "violations">[];
}

function injectedOf({ injected }: Pick<ChaosResult, "injected">): string {
  return Object.entries(injected)
    .map(([what, count]) => `${count} ${what}`)
    .join(", ");
}

/** What a run shows of itself. */
export function linesOf(result: ChaosResult): string {
  const { scenario, database, nodes, violations } = result;
  const verdict = violations.length === 0 ? "held" : `${violations.length} VIOLATIONS`;
  const lines = [
    `${scenario} on ${database}, ${nodes} nodes: ${verdict}`,
    `  injected   ${injectedOf(result)}; ${result.seconds} s in all`,
    `  people     ${result.people}; ${result.lost} lost their session, ${result.endedByOperator} ended by the operator`,
    `  refreshes  ${result.refreshes} with a new token, ${result.settles} settled, ${result.superseded} superseded`,
    `  meanwhile  ${result.busy} answered 503, ${result.unanswered} not answered`,
    `  sign-outs  ${result.signOuts} answered, ${result.undone} undone, ${result.forgotten} lost with the database`,
    `  rolled     ${result.rolledForward} tokens ahead of the store went on`,
    `  recovery   ${result.recoveryMilliseconds} ms until every node answered; feed ${result.feedMilliseconds} ms`,
    ...violations.slice(0, 10).map(({ rule, what }) => `  ${rule.toUpperCase()}: ${what}`),
  ];
  return `${lines.join("\n")}\n`;
}

const head = [
  "fault",
  "store",
  "injected",
  "people",
  "refreshes",
  "503",
  "no answer",
  "sessions lost",
  "sign-outs",
  "undone",
  "lost with the store",
  "recovered after",
];

/** One line a run. */
export function faultsTableOf(runs: FaultsTable["runs"]): string {
  const rows = runs.map((run) => [
    run.title,
    run.database,
    injectedOf(run),
    String(run.people),
    String(run.refreshes + run.settles),
    String(run.busy),
    String(run.unanswered),
    String(run.lost),
    String(run.signOuts),
    String(run.undone),
    String(run.forgotten),
    `${(run.recoveryMilliseconds / 1000).toFixed(1)} s`,
  ]);
  return tableFrom(head, rows, 3);
}

/** What docs/reference/faults.md shows of the results. */
export function faultsBlockOf({ machine, date, command, runs }: FaultsTable): string {
  const circumstances = `Three nodes each. ${machine.cpu}, ${machine.cores} cores, Node.js ${machine.node}; ${date.slice(0, 10)}; \`${command}\`.`;
  return blockNamed(faultsBlockName, [faultsTableOf(runs), circumstances]);
}
