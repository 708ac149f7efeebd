// The tables of docs/reference/interop.md: what each client and resource server did when it was tried. Owns their shape;
// compares them with what a run saw, and writes them when it is asked to (`npm run interop`).

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const path = join(import.meta.dirname, "../../docs/reference/interop.md");

/** One line: who was tried, and what came of it. */
export type Row = readonly string[];

/** A table of the page. */
export interface Table {
  /** What its marks in the page say. */
  readonly name: string;
  readonly columns: Row;
}

function marks(name: string): { readonly begin: string; readonly end: string } {
  return { begin: `<!-- ${name}: written by npm run interop -->`, end: `<!-- end of ${name} -->` };
}

const render = (row: Row): string => `| ${row.join(" | ")} |`;

function committed({ name }: Table): { readonly before: string; readonly lines: string[]; readonly after: string } {
  const { begin, end } = marks(name);
  const [before = "", rest, again] = readFileSync(path, "utf8").split(begin);
  const [inner, after, twice] = rest?.split(end) ?? [];
  assert.ok(inner !== undefined && after !== undefined, `${path} has no place for ${name}`);
  assert.ok(again === undefined && twice === undefined, `${path} has two places for ${name}`);
  return { before, lines: inner.split("\n").filter((line) => line.startsWith("|")), after };
}

/**
 * Asserts that the page says of `rows` what was seen, or writes it with PAWL_TEST_UPDATE=1.
 * @param isWhole whether everything was tried; otherwise the page may have further rows
 */
export function holdTable(table: Table, rows: readonly Row[], isWhole: boolean): void {
  const { before, lines, after } = committed(table);
  const head = [render(table.columns), `|${"---|".repeat(table.columns.length)}`];
  const { begin, end } = marks(table.name);
  if (process.env.PAWL_TEST_UPDATE === "1") {
    assert.ok(isWhole, "the table is written by a run that skips nothing");
    const text = [...head, ...rows.map(render)].join("\n");
    writeFileSync(path, `${before}${begin}\n\n${text}\n\n${end}${after}`);
    return;
  }
  const seen = rows.map(render);
  const said = lines.slice(head.length).filter((line) => isWhole || seen.includes(line));
  assert.deepEqual([...lines.slice(0, head.length), ...said], [...head, ...seen], "run npm run interop");
}
