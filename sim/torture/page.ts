// Blocks of pages that are written by programs: between two markers with a name, so that everything around them stays as
// people wrote it. Owns the markers and the form of tables.

import { readFileSync, writeFileSync } from "node:fs";

const beginOf = (name: string): string => `<!-- ${name}:begin -->`;
const endOf = (name: string): string => `<!-- ${name}:end -->`;

/** The block of this name on a page, markers included. */
export function blockIn(page: string, name: string): string {
  const [begin, end] = [beginOf(name), endOf(name)];
  const [from, until] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || until < from) throw new Error(`the page has no ${begin} … ${end}`);
  return page.slice(from, until + end.length);
}

/** A block of this name, its paragraphs apart. */
export function blockNamed(name: string, paragraphs: readonly string[]): string {
  return [beginOf(name), ...paragraphs, endOf(name)].join("\n\n");
}

/** Puts `block` in the place of the one of this name in a file. */
export function replaceBlock(path: string, name: string, block: string): void {
  const page = readFileSync(path, "utf8");
  writeFileSync(
    path,
    page.replace(blockIn(page, name), () => block),
  );
}

/** A table of figures; the first `texts` columns are text. */
export function tableFrom(head: readonly string[], rows: readonly (readonly string[])[], texts = 1): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const rule = head.map((_, column) => (column < texts ? "---" : "---:"));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}
