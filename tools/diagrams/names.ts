// Short names for what a story shows: tokens by generation and letter, keys by number, spans of time in words.
// Owns the names; they are given in the order of appearance, so equal traces get equal names.

import type { Lineage } from "../../sim/explorer/lineage.ts";
import { zoneMilliseconds } from "../../sim/explorer/world.ts";

/** The names of one story. */
export interface Names {
  /** `T0`, `T1a`, `T1b` …: the generation, and a letter for each sibling. */
  token(token: string): string;
  /** True when the token had a name before. */
  isKnown(token: string): boolean;
  /** `key 1` …, `no key`. */
  key(key: string | undefined): string;
}

/** Creates the names of one story. */
export function createNames(lineage: Lineage): Names {
  const tokens = new Map<string, string>();
  const siblings = new Map<number, number>();
  const keys: string[] = [];
  return {
    isKnown: (token) => tokens.has(token),
    token(token) {
      const known = tokens.get(token);
      if (known !== undefined) return known;
      const { generation } = lineage.known(token).opened;
      const count = siblings.get(generation) ?? 0;
      siblings.set(generation, count + 1);
      const name = generation === 0 ? "T0" : `T${generation}${String.fromCharCode(97 + (count % 26))}`;
      tokens.set(token, name);
      return name;
    },
    key(key) {
      if (key === undefined) return "no key";
      if (!keys.includes(key)) keys.push(key);
      return `key ${keys.indexOf(key) + 1}`;
    },
  };
}

/** A span of time as a person says it; the few milliseconds by which the explorer stays below a bound are left out. */
export function spanWords(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (milliseconds === zoneMilliseconds) return `one soft zone (${seconds} s) later`;
  const minutes = Math.floor(seconds / 60);
  const rest = seconds % 60;
  if (seconds % 86_400 === 0) return seconds === 86_400 ? "a day later" : `${seconds / 86_400} days later`;
  if (minutes === 0) return `${seconds} s later`;
  return rest === 0 ? `${minutes} min later` : `${minutes} min ${rest} s later`;
}
