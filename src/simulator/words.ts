// How figures of the simulator read: durations, rates and instants as people say them, the same in table, report and
// story. Owns the wording; computes nothing.

import type { Spread } from "./tally.ts";

const minute = 60;
const hour: number = 60 * minute;
const day: number = 24 * hour;

/** `40 s`, `12 min`, `5.3 h`, `2.1 d`; `never` for `null`. */
export function duration(seconds: number | null): string {
  if (seconds === null) return "never";
  if (seconds < 2 * minute) return `${seconds} s`;
  if (seconds < 2 * hour) return `${Math.round(seconds / minute)} min`;
  return seconds < 2 * day ? `${oneDigit(seconds / hour)} h` : `${oneDigit(seconds / day)} d`;
}

function oneDigit(value: number): string {
  return value.toFixed(1).replace(/\.0$/, "");
}

/** `–` when nobody came. */
export function spreadWords(spread: Spread, thieves: number): readonly [median: string, p95: string] {
  return thieves === 0 ? ["–", "–"] : [duration(spread.median), duration(spread.p95)];
}

/** The same for counts. */
export function countWords(spread: Spread, thieves: number): readonly [median: string, p95: string] {
  const words = (count: number | null): string => (count === null ? "never" : String(count));
  return thieves === 0 ? ["–", "–"] : [words(spread.median), words(spread.p95)];
}

/** A rate with as many digits as it deserves; 0 is exactly none. */
export function rate(value: number): string {
  if (value === 0) return "0";
  if (value >= 9.95) return value.toFixed(0);
  return value >= 0.995 ? value.toFixed(1) : value.toPrecision(2);
}

/** `1,234`. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `day 4, 13:32:09.123`, from milliseconds since the beginning. */
export function instantWords(milliseconds: number): string {
  const days = Math.floor(milliseconds / (day * 1000));
  const rest = new Date(milliseconds % (day * 1000)).toISOString().slice(11, 23);
  return `day ${days + 1}, ${rest}`;
}
