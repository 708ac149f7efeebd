// The report as one HTML file that needs nothing else: no script, no font, no picture from elsewhere; light and dark as the
// reader has it. Owns the page and its style sheet; drawings are report-charts.ts, figures are tally.ts.

import type { FaultLevel } from "./faults.ts";
import { faultFactor, faultKinds } from "./faults.ts";
import { escaped, mapOf, noticedOf, ratesOf } from "./report-charts.ts";
import { ruleSets } from "./rule-sets.ts";
import type { Outcome } from "./simulate.ts";
import type { Row } from "./tally.ts";
import { countWords, grouped, rate, spreadWords } from "./words.ts";

/** Where the figures come from: without version and machine a figure is none. */
export interface ReportOrigin {
  readonly version: string;
  readonly node: string;
  readonly platform: string;
}

const style = `
:root { color-scheme: light dark; --page: #fbfbf9; --ink: #1c1d1f; --soft: #5d6067; --line: #dfe0dc; --other: #7b8290;
  --ours: #0b6e4f; --card: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --page: #15171a; --ink: #eceded; --soft: #a2a7ae; --line: #2e3237;
  --other: #8d95a3; --ours: #4cc38a; --card: #1b1e22; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 64rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; margin: 2.75rem 0 .25rem; }
p { margin: .4rem 0; max-width: 46rem; } .soft { color: var(--soft); }
figure { margin: 1rem 0 0; padding: 1rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
svg { display: block; width: 100%; height: auto; font: 13px system-ui, sans-serif; }
svg text { fill: var(--ink); } svg .tick { fill: var(--soft); font-size: 12px; } svg .axis { fill: var(--soft); }
svg .name { font-weight: 500; paint-order: stroke; stroke: var(--card); stroke-width: 4px; } svg text.ours { fill: var(--ours); font-weight: 700; }
svg .grid { stroke: var(--line); } svg .whisker { stroke-width: 2; } svg line.other { stroke: var(--other); opacity: .55; }
svg line.ours { stroke: var(--ours); } svg circle.other { fill: var(--other); } svg circle.ours { fill: var(--ours); }
svg circle { stroke: var(--card); stroke-width: 1.5; } svg circle.level { fill-opacity: .75; }
.scroll { overflow-x: auto; margin-top: 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .84rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: .35rem .55rem; border-bottom: 1px solid var(--line); text-align: right; }
th { color: var(--soft); font-weight: 500; vertical-align: bottom; }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
tr.first td { border-top: 2px solid var(--line); } tr.ours td { color: var(--ours); font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.2rem; margin: 1rem 0; } dt { font-weight: 600; }
dd { margin: 0; color: var(--soft); } code { font: .9em ui-monospace, monospace; }`;

/** The page. */
export function reportPage(outcome: Outcome, origin: ReportOrigin): string {
  const { seed, users, days, rows } = outcome;
  const level = shownLevel(rows);
  const shown = rows.filter((row) => row.faults === level);
  const never = `“Never” is counted at the end of the ${days} simulated days.`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Rotation rules compared</title><style>${style}</style></head><body><main>
<h1>Who is logged out, and how long a thief stays</h1>
<p class="soft">The same ${grouped(users)} simulated people, networks, crashes and thieves for ${days} days under each set of
rotation rules. Seed ${seed}; Pawl ${escaped(origin.version)}, Node ${escaped(origin.node)}, ${escaped(origin.platform)};
<code>${escaped(outcome.command)}</code></p>
<p>${verdict(outcome)}</p>
<h2>False logouts against a thief’s time</h2>
<p class="soft">Faults: ${level}. Left is better for people, low is bad for thieves. Dot: half of the thieves have lost access by
then; end of the line: 95 %. ${never} The last access token lives up to 15 minutes more. Where lines end in days, the owner was away: no rule set notices
anybody before the owner comes back, and one who stays away for more than the 7 idle days comes back with a token that has
expired and proves nothing.</p>
<figure>${mapOf(shown, days)}</figure>
<h2>False logouts per user-month</h2>
<p class="soft">Of people whom nobody robbed, per month of use. Small to large dot: ${levelsOf(rows).join(", ")} faults. Without
any fault there are still several tabs, pages and processes that refresh at once.</p>
<figure>${ratesOf(rows)}</figure>
<h2>Until a thief is noticed</h2>
<p class="soft">Faults: ${level}. From the thief’s first request until a used token ends the session: dot the median, line up to 95 %.
${never}</p>
<figure>${noticedOf(shown, days)}</figure>
<h2>All figures</h2>
<div class="scroll">${tableOf(rows)}</div>
<h2>What was compared</h2>
<dl>${ruleSets.map(({ name, title, follows }) => `<dt>${name}</dt><dd>${escaped(title)} (${escaped(follows)})</dd>`).join("")}</dl>
<p class="soft">Pawl’s rows are the engine itself. The others are small models of the rules in the products’ source or documentation,
with lifetimes (7 days idle, 30 days at most) and clients the same for all; what was simplified is said at the head of each file.</p>
<h2>What was injected</h2>
<div class="scroll">${faultTable(rows)}</div>
</main></body></html>
`;
}

function levelsOf(rows: readonly Row[]): FaultLevel[] {
  return [...new Set(rows.map((row) => row.faults))];
}

function shownLevel(rows: readonly Row[]): FaultLevel {
  const levels = levelsOf(rows);
  return levels.includes("normal") ? "normal" : (levels.at(-1) ?? "none");
}

function verdict({ rows, failures_total }: Outcome): string {
  const ours = rows.filter((row) => row.rules === "pawl" && row.faults !== "beyond");
  if (ours.length === 0) return "";
  const months = ours.reduce((sum, row) => sum + row.user_months, 0);
  const logouts = ours.reduce((sum, row) => sum + row.false_logouts, 0);
  const thieves = ours.reduce((sum, row) => sum + row.thieves, 0);
  const noticed = ours.reduce((sum, row) => sum + row.thieves - row.detection.never, 0);
  const failed = failures_total === 0 ? "" : ` <strong>${failures_total} promises were not kept.</strong>`;
  return `<strong>Pawl, two-phase: ${logouts} false logouts in ${grouped(Math.round(months))} user-months, ${noticed} of ${thieves} thieves noticed.</strong>${failed}`;
}

function tableOf(rows: readonly Row[]): string {
  const heads = ["rules", "faults", "false logouts<br>per user-month", "people<br>logged out", "thieves", "noticed"];
  const more = [
    "noticed after<br>median",
    "<br>95 %",
    "owner’s refreshes<br>until then",
    "<br>95 %",
    "access for<br>median",
    "<br>95 %",
    "served<br>to the end",
  ];
  const body = rows.map((row, index) => {
    const { thieves, detection, access, owner_refreshes } = row;
    const cells = [
      row.rules,
      row.faults,
      rate(row.false_logouts_per_user_month),
      `${row.users_logged_out} of ${row.users}`,
      String(thieves),
      thieves === 0 ? "–" : `${Math.round((100 * (thieves - detection.never)) / thieves)} %`,
      ...spreadWords(detection, thieves),
      ...countWords(owner_refreshes, thieves),
      ...spreadWords(access, thieves),
      String(access.never),
    ];
    const classes = [row.rules === "pawl" ? "ours" : "", row.faults !== rows[index - 1]?.faults ? "first" : ""];
    return `<tr class="${classes.join(" ").trim()}">${cells.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`;
  });
  return `<table><thead><tr>${[...heads, ...more].map((head) => `<th>${head}</th>`).join("")}</tr></thead><tbody>${body.join("")}</tbody></table>`;
}

/** What met Pawl's engine, or the first rule set of the run. */
function faultTable(rows: readonly Row[]): string {
  const rules = rows.find((row) => row.rules === "pawl")?.rules ?? rows[0]?.rules;
  const those = rows.filter((row) => row.rules === rules);
  const head = ["fault", "", ...those.map((row) => `${row.faults} (× ${faultFactor[row.faults]})`)];
  const line = (name: string, of: (row: Row) => number): string =>
    `<tr><td>${name}</td><td></td>${those.map((row) => `<td>${grouped(of(row))}</td>`).join("")}</tr>`;
  const body = [
    line("refreshes", (row) => row.refreshes),
    line("confirms", (row) => row.confirms),
    ...faultKinds.map((kind) => line(kind, (row) => row.faults_injected[kind])),
  ];
  return `<p class="soft">Under the rules <code>${rules ?? ""}</code>; what a rule set makes of its sessions changes how many requests meet faults.</p>
<table><thead><tr>${head.map((each) => `<th>${each}</th>`).join("")}</tr></thead><tbody>${body.join("")}</tbody></table>`;
}
