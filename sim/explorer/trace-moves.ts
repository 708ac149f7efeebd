// The words that named traces are written in: what a trace is, the moves it is made of, and its two kinds.
// Owns no trace and no rule.

import type { Move } from "./moves.ts";
import type { Lane } from "./world.ts";
import { zoneMilliseconds } from "./world.ts";

/** One trace. */
export interface Trace {
  readonly name: string;
  /** What happens, in one sentence. */
  readonly about: string;
  /** Where it comes from, in a few words. */
  readonly breaks: string;
  readonly lanes: readonly Lane[];
  /** True when there is a thief in it. */
  readonly robbed: boolean;
  readonly moves: readonly Move[];
  /**
   * `signed in`: the session lives and the jar's token rotates when all is quiet. `revoked`: reuse was noticed. `thief
   * out`: the session lives, and the last thing the thief did was refused.
   */
  readonly end: "signed in" | "revoked" | "thief out";
}

export const refresh = (lane = 0): Move => ({ kind: "send", lane, operation: "refresh" });
export const confirm: Move = { kind: "send", lane: 0, operation: "confirm" };
export const work = (flight = 0): Move => ({ kind: "process", flight });
export const read = (flight: number): Move => ({ kind: "read", flight });
export const double = (flight: number): Move => ({ kind: "double", flight });
export const land = (flight = 0): Move => ({ kind: "land", flight });
export const wait = (milliseconds: number): Move => ({ kind: "wait", milliseconds });
export const copy: Move = { kind: "copy the jar" };
export const owner: Move = { kind: "round", lane: 0, operation: "refresh", lost: false };
export const ownerConfirms: Move = { kind: "round", lane: 0, operation: "confirm", lost: false };
export const ownerLoses: Move = { kind: "round", lane: 0, operation: "refresh", lost: true };
export const thief = (lane: Lane = "key", token = 0): Move => ({ kind: "thief", token, lane, operation: "refresh" });
export const quarterHour: Move = wait(900_000);
export const soon: Move = wait(2_000);
export const zone: Move = wait(zoneMilliseconds);
export const halfZone: Move = wait(zoneMilliseconds / 2);
/** Into the part of a crowded burst of half a soft zone in which nothing more is handed out. */
export const closing: Move = wait(45_000);
/** Refresh, answered, stored. */
export const whole = (lane = 0): readonly Move[] => [refresh(lane), work(), land()];
/** The answer stored, and confirmed at once. */
export const confirmed: readonly Move[] = [confirm, work()];
export const times = (count: number, moves: readonly Move[]): readonly Move[] =>
  Array.from({ length: count }, () => moves).flat();

export type Told = Pick<Trace, "name" | "about" | "breaks">;

export function honest(told: Told, lanes: readonly Lane[], ...moves: readonly (Move | readonly Move[])[]): Trace {
  return { ...told, lanes, robbed: false, moves: moves.flat(), end: "signed in" };
}

export function robbed(
  told: Told,
  lanes: readonly Lane[],
  end: "revoked" | "thief out",
  ...moves: readonly (Move | readonly Move[])[]
): Trace {
  return { ...told, lanes, robbed: true, moves: moves.flat(), end };
}
