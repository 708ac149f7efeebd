// Writes docs/concepts/rotation/: a sequence diagram for each named trace that is worth a picture, played on the real
// engine, so that no picture can say what the engine does not do. test/tools/rotation-diagrams.test.ts asserts zero diff.
// Owns the choice of traces and the names of the files. Usage: npm run diagrams

import { mkdirSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import type { Trace } from "../sim/explorer/traces.ts";
import { traces } from "../sim/explorer/traces.ts";
import { draw } from "./diagrams/draw.ts";
import { play } from "./diagrams/play.ts";
import type { Story } from "./diagrams/story.ts";

/** Where the pictures live, relative to the root of the repository. */
export const diagramsPath = "docs/concepts/rotation";

/** The traces that are drawn, in the order of docs/concepts/rotation.md. */
const drawn: readonly string[] = [
  "lost answer",
  "two tabs",
  "zombie request",
  "reload storm",
  "Monday and Tuesday",
  "handed out again, late",
  "one lost write",
  "switch to strict",
  "thief first",
  "owner first",
  "late thief in the soft zone",
  "ancient token",
  "thief in lockstep",
  "lockstep without keys",
  "thief who polls",
  "kept from a successor",
];

/** One picture. */
export interface Diagram {
  readonly trace: Trace;
  readonly story: Story;
  /** Relative to {@link diagramsPath}. */
  readonly file: string;
  readonly svg: string;
}

/** The file of a trace: its name in small letters, with hyphens. */
function fileOf(name: string): string {
  return `${name.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.svg`;
}

/** Every picture. */
export async function rotationDiagrams(): Promise<readonly Diagram[]> {
  const diagrams: Diagram[] = [];
  for (const name of drawn) {
    const trace = traces.find((each) => each.name === name);
    if (trace === undefined) throw new Error(`there is no trace ${JSON.stringify(name)}`);
    const story = await play(trace);
    diagrams.push({ trace, story, file: fileOf(name), svg: draw(story) });
  }
  return diagrams;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const folder = new URL(`../${diagramsPath}/`, import.meta.url);
  mkdirSync(folder, { recursive: true });
  for (const { file, svg } of await rotationDiagrams()) writeFileSync(new URL(file, folder), svg);
}
