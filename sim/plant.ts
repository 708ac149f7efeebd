// Plants the bugs of explorer/bugs.ts one by one in a copy of src/ and sim/, and hunts each with the explorer of that copy:
// `node sim/plant.ts [name]`. Also the control: without a bug nothing may be found. Owns the copying and the hunt; the
// working tree is never touched. Exit code 1 when a bug got away, or the
// control found something.

import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Bug } from "./explorer/bugs.ts";
import { bugs } from "./explorer/bugs.ts";

const root = join(import.meta.dirname, "..");
const run = promisify(execFile);
/** States a hunt may look at: many times what the slowest needs. */
const huntStatesMax = 40_000;
const parallel = 2;

/** What the hunt for one bug brought. */
export interface Hunt {
  readonly bug: string;
  readonly found: boolean;
  /** The invariant that broke, or what the trace ended in. */
  readonly what: string;
  /** How it happens. */
  readonly story: readonly string[];
}

interface Report {
  readonly violation?: { readonly invariant: string; readonly what: string };
  /** Why a trace could not be played to its end: that is no find. */
  readonly error?: string;
  readonly story: readonly string[];
}

async function plantedCopy(bug: Pick<Bug, "name" | "edits">): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "pawl-planted-"));
  for (const name of ["src", "sim", "package.json"])
    await cp(join(root, name), join(folder, name), { recursive: true });
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  for (const { file, from, to } of bug.edits) {
    const source = await readFile(join(folder, file), "utf8");
    if (source.split(from).length !== 2) throw new Error(`${bug.name}: not found exactly once in ${file}: ${from}`);
    await writeFile(
      join(folder, file),
      source.replace(from, () => to),
    );
  }
  return folder;
}

/** Plants `bug` and hunts it where it says it is found. */
export async function hunt(bug: Bug): Promise<Hunt> {
  const folder = await plantedCopy(bug);
  try {
    const where =
      "trace" in bug.foundBy
        ? ["--trace", bug.foundBy.trace]
        : ["--only", bug.foundBy.scenario, "--states", String(bug.foundBy.states ?? huntStatesMax)];
    // A violation is exit code 1 with a report; anything else is no hunt.
    const output = await run(process.execPath, [join(folder, "sim/explore.ts"), ...where, "--json"], {
      cwd: folder,
    }).catch((error: { stdout?: string }) => ({ stdout: error.stdout ?? "" }));
    if (output.stdout === "") throw new Error(`${bug.name}: the explorer did not run`);
    const { violation, error, story } = JSON.parse(output.stdout) as Report;
    const what = violation === undefined ? (error ?? "nothing") : `${violation.invariant}: ${violation.what}`;
    return { bug: bug.name, found: violation !== undefined, what, story };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** As far as a control goes; test/sim/explore.test.ts searches the tree itself, which has no bug, much further. */
const controlStatesMax = 5_000;

/** The same hunts with nothing planted, one for every place where a bug is found. */
export const controls: readonly Bug[] = [
  ...new Set(bugs.map(({ foundBy }) => ("trace" in foundBy ? `trace ${foundBy.trace}` : foundBy.scenario))),
].map((place) => {
  const trace = place.startsWith("trace ") ? place.slice("trace ".length) : undefined;
  const foundBy = trace === undefined ? { scenario: place, states: controlStatesMax } : { trace };
  return { name: `nothing, in ${place}`, edits: [], foundBy };
});

/** Hunts several bugs, a few at a time. */
export async function huntAll(wanted: readonly Bug[]): Promise<readonly Hunt[]> {
  const queue = [...wanted];
  const hunts: Hunt[] = [];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) hunts.push(await hunt(next));
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return hunts;
}

if (import.meta.main) {
  const name = process.argv[2];
  const hunts = await huntAll(name === undefined ? bugs : bugs.filter((bug) => bug.name === name));
  for (const { bug, found, what, story } of hunts) {
    console.log(`${found ? "found" : "NOT FOUND"}  ${bug}: ${what}`);
    if (name !== undefined) console.log(story.join("\n"));
  }
  const control = name === undefined ? await huntAll(controls) : [];
  for (const { bug, what } of control) console.log(`control  ${bug}: ${what}`);
  const isClean = control.every(({ what }) => what === "nothing");
  process.exitCode = isClean && hunts.length > 0 && hunts.every(({ found }) => found) ? 0 : 1;
}
