// The drawings of the report as inline SVG: false logouts against the time a thief keeps access, and both of them rule set
// by rule set. Colours are classes of the page's style sheet, so that light and dark follow the reader.
// Owns scales and marks; every figure comes from the rows.

import type { Row } from "./tally.ts";
import { duration, rate } from "./words.ts";

const hourSeconds = 3600;
const daySeconds: number = 24 * hourSeconds;

/** Text that may stand in HTML. */
export function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function text(x: number, y: number, words: string, anchor: "start" | "middle" | "end", style = ""): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}"${style && ` class="${style}"`}>${escaped(words)}</text>`;
}

function line(x1: number, y1: number, x2: number, y2: number, style: string): string {
  const [a, b, c, d] = [x1, y1, x2, y2].map((value) => value.toFixed(1));
  return `<line x1="${a}" y1="${b}" x2="${c}" y2="${d}" class="${style}"/>`;
}

function dot(x: number, y: number, radius: number, style: string, title: string): string {
  return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="${radius}" class="${style}"><title>${escaped(title)}</title></circle>`;
}

interface Tick {
  readonly at: number;
  readonly words: string;
}

interface Scale {
  readonly ticks: readonly Tick[];
  /** From 0 to 1. */
  place(value: number): number;
}

const rateFloor = 0.01;
const rateTop = 100;

/** False logouts per user-month: logarithmic from 0.01 to 100, with a place of its own for none at all. */
const rates: Scale = {
  ticks: [0, 0.01, 0.1, 1, 10, 100].map((at) => ({ at, words: at === 0 ? "none" : String(at) })),
  place: (value) => (value <= 0 ? 0 : 0.12 + 0.88 * logShare(value, rateFloor, rateTop)),
};

/** Times: logarithmic from a second to the end of the simulated time, with a place of its own for never. */
function times(days: number): Scale {
  const end = days * daySeconds;
  const all: readonly Tick[] = [
    { at: 1, words: "once" },
    { at: 60, words: "1 min" },
    { at: 900, words: "15 min" },
    { at: 6 * hourSeconds, words: "6 h" },
    { at: 2 * daySeconds, words: "2 d" },
    { at: 10 * daySeconds, words: "10 d" },
  ];
  const ticks = [...all.filter(({ at }) => at < end), { at: Number.POSITIVE_INFINITY, words: "never ends" }];
  return { ticks, place: (value) => (value > end ? 1 : 0.9 * logShare(value, 1, end)) };
}

function logShare(value: number, low: number, high: number): number {
  const share = (Math.log(value) - Math.log(low)) / (Math.log(high) - Math.log(low));
  return Math.min(1, Math.max(0, share));
}

function secondsOf(value: number | null): number {
  return value ?? Number.POSITIVE_INFINITY;
}

function isOurs(row: Row): boolean {
  return row.rules === "pawl";
}

interface Mark {
  readonly row: Row;
  readonly x: number;
  readonly y: number;
  readonly top: number;
}

const map = { width: 720, height: 430, left: 84, right: 96, top: 18, bottom: 56 } as const;

/** False logouts (across) against the time thieves keep access (up; dot: median, whisker: 95 %), at one level of faults. */
export function mapOf(rows: readonly Row[], days: number): string {
  const up = times(days);
  const across = (value: number): number => map.left + rates.place(value) * (map.width - map.left - map.right);
  const height = (seconds: number): number =>
    map.height - map.bottom - up.place(seconds) * (map.height - map.top - map.bottom);
  const base = map.height - map.bottom;
  const grid = [
    ...rates.ticks.map(({ at, words }) => {
      const x = across(at);
      return line(x, map.top, x, base, "grid") + text(x, base + 20, words, "middle", "tick");
    }),
    ...up.ticks.map(({ at, words }) => {
      const y = height(at);
      return line(map.left, y, map.width - map.right, y, "grid") + text(map.left - 10, y + 4, words, "end", "tick");
    }),
  ];
  const marks = rows.map((row): Mark => {
    const { median, p95 } = row.access;
    const x = across(row.false_logouts_per_user_month);
    return { row, x, y: height(secondsOf(median)), top: height(secondsOf(p95)) };
  });
  const title = "false logouts per user-month";
  const axis = text((map.left + map.width - map.right) / 2, map.height - 10, title, "middle", "axis");
  return figure(map.width, map.height, [...grid, axis, ...drawMarks(marks)], "False logouts against a thief's time");
}

function drawMarks(marks: readonly Mark[]): string[] {
  const drawn = marks.map(({ row, x, y, top }) => {
    const style = isOurs(row) ? "ours" : "other";
    const words = `${row.rules}: ${rate(row.false_logouts_per_user_month)} false logouts per user-month; access ${duration(row.access.median)} (median), ${duration(row.access.p95)} (95 %)`;
    return line(x, y, x, top, `whisker ${style}`) + dot(x, top, 4, `end ${style}`, words) + dot(x, y, 7, style, words);
  });
  return [...drawn, ...labels(marks)];
}

const labelHeight = 15;

/** Names beside the upper ends of the whiskers, moved down until none covers another. */
function labels(marks: readonly Mark[]): string[] {
  const placed: { readonly x: number; readonly y: number; readonly width: number }[] = [];
  const byHeight = [...marks].sort((a, b) => a.top - b.top || a.x - b.x);
  return byHeight.map(({ row, x, top }) => {
    const width = row.rules.length * 7.6 + 12;
    const covers = (y: number): boolean =>
      placed.some((other) => Math.abs(other.y - y) < labelHeight && x < other.x + other.width && other.x < x + width);
    let y = top + 4;
    while (covers(y)) y += 1;
    placed.push({ x, y, width });
    return text(x + 10, y, row.rules, "start", isOurs(row) ? "name ours" : "name");
  });
}

const strip = { width: 720, left: 104, right: 120, top: 26, row: 34 } as const;

/** One line for each rule set, one dot for each level of faults: false logouts per user-month. */
export function ratesOf(rows: readonly Row[]): string {
  const names = [...new Set(rows.map((row) => row.rules))];
  const height = strip.top + names.length * strip.row + 28;
  const across = (value: number): number => strip.left + rates.place(value) * (strip.width - strip.left - strip.right);
  const base = height - 28;
  const grid = rates.ticks.map(({ at, words }) => {
    const x = across(at);
    return line(x, strip.top - 10, x, base, "grid") + text(x, base + 18, words, "middle", "tick");
  });
  const lines = names.flatMap((name, index) => {
    const y = strip.top + index * strip.row + strip.row / 2;
    const those = rows.filter((row) => row.rules === name);
    const xs = those.map((row) => across(row.false_logouts_per_user_month));
    const style = name === "pawl" ? "ours" : "other";
    const dots = those.map((row, position) => {
      const words = `${name}, faults ${row.faults}: ${rate(row.false_logouts_per_user_month)}`;
      return dot(xs[position] as number, y, 3 + 2 * position, `level ${style}`, words);
    });
    const worst = Math.max(...those.map((row) => row.false_logouts_per_user_month));
    return [
      text(strip.left - 12, y + 4, name, "end", `name ${style}`),
      line(Math.min(...xs), y, Math.max(...xs), y, `whisker ${style}`),
      ...dots,
      text(strip.width - strip.right + 14, y + 4, worst === 0 ? "none" : `≤ ${rate(worst)}`, "start", "tick"),
    ];
  });
  return figure(strip.width, height, [...grid, ...lines], "False logouts per user-month, by rule set");
}

/** One line for each rule set: when thieves are noticed (dot: median, line: up to 95 %), and how many never. */
export function noticedOf(rows: readonly Row[], days: number): string {
  const scale = times(days);
  const height = strip.top + rows.length * strip.row + 28;
  const across = (seconds: number): number =>
    strip.left + scale.place(seconds) * (strip.width - strip.left - strip.right);
  const base = height - 28;
  const grid = scale.ticks.map(({ at, words }) => {
    const x = across(at);
    const label = at === 1 ? "at once" : at === Number.POSITIVE_INFINITY ? "never" : words;
    return line(x, strip.top - 10, x, base, "grid") + text(x, base + 18, label, "middle", "tick");
  });
  const lines = rows.flatMap((row, index) => {
    const y = strip.top + index * strip.row + strip.row / 2;
    const style = isOurs(row) ? "ours" : "other";
    const [from, to] = [across(secondsOf(row.detection.median)), across(secondsOf(row.detection.p95))];
    const { never } = row.detection;
    const words = `${row.rules}: ${duration(row.detection.median)} (median), ${duration(row.detection.p95)} (95 %)`;
    return [
      text(strip.left - 12, y + 4, row.rules, "end", `name ${style}`),
      line(from, y, to, y, `whisker ${style}`),
      dot(to, y, 4, `end ${style}`, words),
      dot(from, y, 7, style, words),
      text(strip.width - strip.right + 14, y + 4, `${never} of ${row.thieves} never`, "start", "tick"),
    ];
  });
  return figure(strip.width, height, [...grid, ...lines], "Time until a thief is noticed, by rule set");
}

function figure(width: number, height: number, parts: readonly string[], title: string): string {
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">${parts.join("")}</svg>`;
}
