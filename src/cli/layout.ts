// How lists and instants look on a terminal: aligned columns, UTC times, user-supplied text with its control characters
// encoded. Owns layout, and the unit of instants in JSON.

import { printable } from "../server/log.ts";
import { UsageError } from "./arguments.ts";

/** Aligned columns under a heading. Cells are made printable here. */
export function columns(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [heading, ...rows.map((row) => row.map(printable))];
  const widths = heading.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return cells.map(line).join("\n");
}

/** `2026-11-23 20:51` in UTC. */
export function instant(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 16).replace("T", " ");
}

/** Whole seconds since the epoch, as every instant in JSON is. */
export function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}

/** The text, cut to `characters`. */
export function shortened(text: string, characters: number): string {
  return text.length > characters ? `${text.slice(0, characters - 1)}…` : text;
}

/** The value of `--limit`: 1 to 1,000, default 100. */
export function readLimit(value: string | true | undefined): number {
  if (value === undefined) return 100;
  const limit = typeof value === "string" && /^\d{1,4}$/.test(value) ? Number(value) : 0;
  if (limit < 1 || limit > 1000) throw new UsageError("--limit takes a whole number from 1 to 1000");
  return limit;
}

/** The value of a flag that takes text. */
export function textFlag(flags: Readonly<Record<string, string | true>>, name: string): string | undefined {
  const value = flags[name];
  return typeof value === "string" ? value : undefined;
}
