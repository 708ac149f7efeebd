// What a diagram shows: the shape of a story, in rows from top to bottom and calls that span rows. Plain values.
// Owns the shape; play.ts fills it and draw.ts draws it.

import type { Trace } from "../../sim/explorer/traces.ts";

/** A column. */
export type Lane = "tab 1" | "tab 2" | "owner" | "cookie jar" | "server" | "thief";

/** How a line of text is meant. */
export type Tone = "plain" | "good" | "waits" | "refused";

/** One sentence beside a row. */
export interface Line {
  readonly text: string;
  readonly tone: Tone;
}

/** The tokens the server knows: the current one, and the one it replaced. */
export interface ServerState {
  readonly current: string;
  readonly previous: string | undefined;
  readonly isOver: boolean;
}

/** One row, of one instant. */
export interface Row {
  readonly lines: Line[];
  /** A band across the picture, in place of anything else. */
  gap?: string;
  /** Something happened at one lane, without a message. */
  mark?: Lane;
  /** What the server knows once it did this row's work; shown where it changed. */
  state?: ServerState;
  /** The token that the jar or the thief holds from here on. */
  holds?: { readonly lane: Lane; readonly token: string };
}

/** One request and its answer. Rows are positions in {@link Story.rows}; no row = that never happened. */
export interface Call {
  readonly from: Lane;
  readonly operation: "refresh" | "confirm";
  readonly token: string;
  readonly sentRow: number;
  /** True for the copy that a network made. */
  readonly isDouble: boolean;
  workedRow?: number;
  arrivedRow?: number;
  /** The token in the answer. */
  gives?: string;
  tone: Tone;
}

/** A whole trace, played. */
export interface Story {
  readonly name: string;
  readonly about: string;
  readonly lanes: readonly Lane[];
  readonly rows: readonly Row[];
  readonly calls: readonly Call[];
  /** How it ended on the engine; `undefined` = in no way that a trace may promise. */
  readonly end: Trace["end"] | undefined;
}
