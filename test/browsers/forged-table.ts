// The table of forged requests in docs/reference/browsers.md: what each engine did with each of them. Owns its shape;
// reads it to compare, writes the columns of the engines that ran.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineName } from "./tab.ts";

const path = join(import.meta.dirname, "../../docs/reference/browsers.md");
const begin = "<!-- forged requests: written by PAWL_TEST_UPDATE=1 node --test test/browsers/forged.test.ts -->";
const end = "<!-- end of forged requests -->";
const columns: readonly EngineName[] = ["chromium", "firefox", "webkit"];

/** What one engine did, by `<from> | <request>`. */
export type Outcomes = ReadonlyMap<string, string>;

/** What the page says of `engine`. */
export function committedOutcomes(engine: EngineName): Outcomes {
  const at = columns.indexOf(engine);
  return new Map([...readRows()].map(([row, cells]) => [row, cells[at] as string]));
}

/** Writes what `engine` did into the page, and drops rows that it did not play. */
export function writeOutcomes(engine: EngineName, outcomes: Outcomes): void {
  const at = columns.indexOf(engine);
  const known = readRows();
  /** Requests with the same fate from the same place share a line. */
  const lines = new Map<string, { readonly from: string; readonly requests: string[]; readonly cells: string[] }>();
  for (const [row, outcome] of outcomes) {
    const [from = "", request = ""] = row.split(" | ");
    const cells = (known.get(row) ?? columns.map(() => "–")).with(at, outcome);
    const line = lines.get([from, ...cells].join()) ?? { from, requests: [], cells };
    line.requests.push(request);
    lines.set([from, ...cells].join(), line);
  }
  const table = [
    "| From | Requests | Chromium | Firefox | WebKitGTK |",
    "|---|---|---|---|---|",
    ...[...lines.values()].map(
      ({ from, requests, cells }) => `| ${from} | ${requests.join("; ")} | ${cells.join(" | ")} |`,
    ),
  ];
  const text = readFileSync(path, "utf8");
  const [before] = text.split(begin);
  const [, after] = text.split(end);
  writeFileSync(path, `${before}${begin}\n\n${table.join("\n")}\n\n${end}${after}`);
}

function readRows(): Map<string, string[]> {
  const table = readFileSync(path, "utf8").split(begin)[1]?.split(end)[0] ?? "";
  const lines = [...table.matchAll(/^\| (.*) \|$/gm)].slice(1).map((match) => (match[1] as string).split(" | "));
  return new Map(
    lines.flatMap(([from, requests = "", ...cells]) =>
      requests.split("; ").map((request): [string, string[]] => [`${from} | ${request}`, cells]),
    ),
  );
}
