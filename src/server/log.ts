// The log of the server: one JSON object a line for machines, one line of text for a terminal, on stderr.
// Owns levels and encoding: control characters are encoded, so that nobody forges a line or an escape sequence, and
// anything that looks like a token is cut out, even where a mistake elsewhere let it in. Never throws.

import type { Clock } from "../core/ports.ts";
import type { LogLevel } from "./config.ts";

/** What may be logged beside the message. Bounded by {@link valueCharactersMax}. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Writes log lines. */
export interface Log {
  error(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** True when lines of this level are written: for callers that would work to build one. */
  writes(level: "error" | "info" | "debug"): boolean;
}

const ranks: Readonly<Record<LogLevel, number>> = { silent: 0, error: 1, info: 2, debug: 3 };
const valueCharactersMax = 2048;

/** Refresh tokens, JWTs (also the beginning of one), reset links and bearer credentials. Linear in the text. */
const tokenShapes = /pawl_rt_[A-Za-z0-9_-]+|eyJ[A-Za-z0-9_.-]{16,}|(?<=\/reset#)[^\s"]+|(?<=[Bb]earer )[^\s"]+/g;

/** C0, DEL, C1, line separators and the characters that reorder text (RFC 9839, Unicode bidi controls). */
const unprintable =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is encoded here
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/gu;

/** The text without tokens, with every unprintable character as `\uXXXX`, cut to a bound. */
export function printable(text: string): string {
  // Masked before it is cut: half a token may not look like one any more.
  const masked = text.replace(tokenShapes, "[token]");
  const bounded = masked.length > valueCharactersMax ? `${masked.slice(0, valueCharactersMax)}…` : masked;
  return bounded.replace(unprintable, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function plain(value: string | number | boolean): string | number | boolean {
  return typeof value === "string" ? printable(value) : value;
}

function asText(at: number, level: string, message: string, fields: LogFields): string {
  const shown = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${plain(value as string)}`);
  return [new Date(at).toISOString().slice(11, 19), level.padEnd(5), printable(message), ...shown].join(" ");
}

function asJson(at: number, level: string, message: string, fields: LogFields): string {
  const entry: Record<string, unknown> = { time: new Date(at).toISOString(), level, message: printable(message) };
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) entry[name] = plain(value);
  return JSON.stringify(entry);
}

/** Creates a log. `write` gets whole lines, newline included. */
export function createLog(options: {
  readonly level: LogLevel;
  /** Text for people instead of JSON. */
  readonly terminal: boolean;
  readonly clock: Clock;
  readonly write: (line: string) => void;
}): Log {
  const rank = ranks[options.level];
  const format = options.terminal ? asText : asJson;
  const line = (level: "error" | "info" | "debug", message: string, fields: LogFields = {}): void => {
    if (ranks[level] > rank) return;
    options.write(`${format(options.clock.now(), level, message, fields)}\n`);
  };
  return {
    error: (message, fields) => line("error", message, fields),
    info: (message, fields) => line("info", message, fields),
    debug: (message, fields) => line("debug", message, fields),
    writes: (level) => ranks[level] <= rank,
  };
}
