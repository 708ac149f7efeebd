// Two subjects, one row of random steps, and the first step after which they are not the same: the frame of the
// differential suite. A trial draws steps as plain data, performs them on both sides and looks at both; this file
// repeats that, compares, and tells a difference as a story that its seed repeats. Knows no store and no session.

import { isDeepStrictEqual } from "node:util";
import type { Random } from "./random.ts";
import { createRandom } from "./random.ts";

/** The same question answered by memory + `decide` and by the store under test. */
export interface Pair {
  readonly expected: unknown;
  readonly actual: unknown;
}

/** One row of steps on both sides, while it lasts. */
export interface Trial {
  /** Draws and performs one step; resolves what it was, in words, and what each side answered. */
  step(): Promise<{ readonly words: string; readonly answers: Pair }>;
  /** Everything that can be seen of both sides now, under the name of what it is. */
  look(): Promise<Readonly<Record<string, Pair>>>;
  close(): Promise<void>;
}

/** Two sides that are not the same. */
export interface Difference {
  /** The seed that repeats it. */
  readonly seed: number;
  /** The step after which it showed, counted from 1. */
  readonly step: number;
  /** What differs: `the answer`, or the name under which it was seen. */
  readonly where: string;
  /** The story: seed, steps so far, and both values. Holds no token. */
  readonly report: string;
}

const stepsTold = 40;
const placesTold = 12;
const valueCharactersMax = 200;

/** Performs `steps` random steps; resolves the first difference, or `undefined`. */
export async function findDifference(
  name: string,
  begin: (random: Random) => Promise<Trial>,
  seed: number,
  steps: number,
): Promise<Difference | undefined> {
  const trial = await begin(createRandom(seed));
  const told: string[] = [];
  try {
    for (let step = 1; step <= steps; step += 1) {
      const { words, answers } = await trial.step();
      told.push(`${String(step).padStart(5)}  ${words}`);
      const seen = { "the answer": answers, ...(await trial.look()) };
      for (const [where, pair] of Object.entries(seen)) {
        if (isDeepStrictEqual(pair.actual, pair.expected)) continue;
        return { seed, step, where, report: story(name, { seed, step, where }, told, pair) };
      }
    }
    return undefined;
  } finally {
    await trial.close();
  }
}

function story(
  name: string,
  { seed, step, where }: Pick<Difference, "seed" | "step" | "where">,
  told: readonly string[],
  pair: Pair,
): string {
  const left = told.length - stepsTold;
  const differing = [...places(pair.expected, pair.actual, "")];
  return [
    `${name} is not what memory gives: ${where} differs after step ${step} of seed ${seed}.`,
    `Repeat it with the option seeds: [${seed}]. The steps so far:`,
    ...(left > 0 ? [`       (${left} earlier steps)`] : []),
    ...told.slice(-stepsTold),
    `${where}:`,
    ...differing.slice(0, placesTold),
    ...(differing.length > placesTold ? [`  and ${differing.length - placesTold} more`] : []),
  ].join("\n");
}

/** The places at which two values differ, each with what is there. */
function* places(expected: unknown, actual: unknown, place: string): Generator<string> {
  if (isDeepStrictEqual(expected, actual)) return;
  if (!isTree(expected) || !isTree(actual) || Array.isArray(expected) !== Array.isArray(actual)) {
    yield `  ${place || "it"}: memory ${shown(expected)}, here ${shown(actual)}`;
    return;
  }
  for (const name of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    const step = Array.isArray(expected) ? `[${name}]` : `${place === "" ? "" : "."}${name}`;
    yield* places(Reflect.get(expected, name), Reflect.get(actual, name), place + step);
  }
}

/** True for a list or an object that is looked into; bytes are a value. */
function isTree(value: unknown): value is object {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array);
}

function shown(value: unknown): string {
  const text =
    value instanceof Uint8Array ? `bytes ${Buffer.from(value).toString("hex")}` : (JSON.stringify(value) ?? "nothing");
  return text.length > valueCharactersMax ? `${text.slice(0, valueCharactersMax)}…` : text;
}
