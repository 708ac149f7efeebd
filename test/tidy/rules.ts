// The rules about single files: forbidden calls, sizes, headers, names, left-over marks, escapes from the type system,
// traces of a machine. Owns the lists and limits; each rule returns violations and changes nothing.

import type { FunctionSpan } from "./scan.ts";
import { functionsOf, maskText } from "./scan.ts";
import type { SourceFile, Violation } from "./tree.ts";
import { codeIn, placeOf } from "./tree.ts";

/** Lines a file may have. */
export const fileLinesMax = 400;
/** Lines a function may have, its parameters included. */
export const functionLinesMax = 70;
/** Comment lines a file of the product starts with, at least; tests and benchmarks need one less. */
export const headerLinesMin = 2;

function matches(file: SourceFile, text: string, pattern: RegExp, why: string): Violation[] {
  return [...text.matchAll(pattern)].map((match) => `${placeOf(file, match.index)} ${match[0].trim()}: ${why}`);
}

// Reached through the ports of core/ports.ts everywhere but in platform/; client/ and console/ run in browsers, and verifier/ has a file of
// its own, as it runs without Node.js.
const platformCall = new RegExp(
  [
    String.raw`\bDate\.now\b`,
    String.raw`\bnew\s+Date\s*\(\s*\)`,
    String.raw`\bnew\s+Date\b(?!\s*\()`,
    String.raw`(?<![\w$.])Date\s*\(`,
    String.raw`\bMath\.random\b`,
    String.raw`\b(?:randomBytes|randomFill|randomFillSync|randomInt|randomUUID|getRandomValues)\b`,
    String.raw`\bgenerateKey(?:Pair)?(?:Sync)?\b`,
    String.raw`\b(?:setTimeout|setInterval|setImmediate)\b`,
    String.raw`\bperformance\.(?:now|timeOrigin)\b`,
    String.raw`\bprocess\.hrtime\b`,
  ].join("|"),
  "g",
);

/** Clock, randomness and timers outside platform/. */
export function checkPlatformCalls(files: readonly SourceFile[]): Violation[] {
  return codeIn(files, "src/")
    .filter(({ path }) => !/^src\/(platform\/|client\/|console\/|verifier\/platform\.ts$)/.test(path))
    .flatMap((file) =>
      matches(file, withoutNewDate(maskText(file.text)), platformCall, "only src/platform/ may touch this"),
    );
}

/** `new Date(x)` with an argument reads no clock: hidden from the rule about plain `Date()`. */
function withoutNewDate(code: string): string {
  return code.replace(/\bnew\s+Date\s*\((?!\s*\))/g, (found) => " ".repeat(found.length));
}

/** Lines that a file or function had when its rule came; each may only shrink. */
export interface SizeBaseline {
  /** Path to lines. */
  readonly files: Readonly<Record<string, number>>;
  /** Path to the lines of its longest function. */
  readonly functions: Readonly<Record<string, number>>;
}

// A public suite is a function that lists tests: each test is bounded, their list is not.
const suiteFile = /^src\/testing\/.*-suite/;

/** The lines of a function that are not those of a function within it. */
function ownLines(span: FunctionSpan, spans: readonly FunctionSpan[]): number {
  const inner = new Set<number>();
  for (const other of spans) {
    if (other === span || other.firstLine < span.firstLine || other.lastLine > span.lastLine) continue;
    for (let line = other.firstLine; line <= other.lastLine; line += 1) inner.add(line);
  }
  return span.lastLine - span.firstLine + 1 - inner.size;
}

/** Files and functions that are too long, and baseline entries that are no longer needed. */
export function checkSizes(files: readonly SourceFile[], baseline: SizeBaseline): Violation[] {
  const code = codeIn(files, "src/", "sim/", "tools/", "bench/");
  const violations: Violation[] = [];
  const judge = (path: string, kind: keyof SizeBaseline, lines: number, place: string, max: number): void => {
    const allowed = baseline[kind][path];
    if (lines > (allowed ?? max)) violations.push(`${place} has ${lines} lines, at most ${allowed ?? max} (${kind})`);
    if (allowed !== undefined && lines < allowed) {
      violations.push(`${path} needs ${lines} of the ${allowed} lines in size-baseline.json (${kind}): lower it`);
    }
  };
  for (const file of code) {
    judge(file.path, "files", file.text.split("\n").length - 1, file.path, fileLinesMax);
    let longest = { lines: 0, firstLine: 1 };
    const spans = functionsOf(file.text);
    for (const span of spans) {
      const lines = suiteFile.test(file.path) ? ownLines(span, spans) : span.lastLine - span.firstLine + 1;
      if (lines > longest.lines) longest = { lines, firstLine: span.firstLine };
    }
    judge(file.path, "functions", longest.lines, `${file.path}:${longest.firstLine}`, functionLinesMax);
  }
  const known = new Set(code.map(({ path }) => path));
  for (const path of [...Object.keys(baseline.files), ...Object.keys(baseline.functions)]) {
    if (!known.has(path)) violations.push(`${path} is in size-baseline.json and does not exist: remove it`);
  }
  return violations;
}

/** Files that do not say at the top what they own. */
export function checkHeaders(files: readonly SourceFile[]): Violation[] {
  return codeIn(files, "src/", "sim/", "test/", "tools/", "bench/").flatMap((file) => {
    const lines = file.text.split("\n");
    if (lines[0]?.startsWith("#!")) lines.shift();
    const comments = lines.findIndex((line) => !line.startsWith("//"));
    const wanted = /^(test|bench)\//.test(file.path) ? headerLinesMin - 1 : headerLinesMin;
    return comments >= wanted
      ? []
      : [`${file.path}:1 starts with ${comments} comment lines: say in ${wanted} to 8 what it owns and must not do`];
  });
}

/** Folders and files whose name says nothing. */
export function checkNames(files: readonly SourceFile[]): Violation[] {
  const empty = /(^|\/)(utils?|helpers?|common|misc|shared)(\/|\.[a-z.]+$)/;
  return files.filter(({ path }) => empty.test(path)).map(({ path }) => `${path}:1 has a name that says nothing`);
}

// In two pieces each, so that this list does not find itself.
const marks = new RegExp(String.raw`\b(?:${["TO" + "DO", "FIX" + "ME", "HA" + "CK", "XX" + "X"].join("|")})\b`, "g");

/** Marks of work that was left for later. */
export function checkMarks(files: readonly SourceFile[]): Violation[] {
  return codeIn(files, "src/", "sim/", "test/", "tools/", "bench/").flatMap((file) =>
    matches(file, file.text, marks, "finish it, or write an issue"),
  );
}

/** Ways around the type system. */
export function checkEscapes(files: readonly SourceFile[]): Violation[] {
  return codeIn(files, "src/").flatMap((file) => [
    ...matches(file, maskText(file.text), /(?::|\bas|<|,|\|)\s*any\b|\bany\[\]/g, "use unknown and narrow it"),
    ...matches(file, file.text, /@ts-(?:ignore|expect-error|nocheck)\b/g, "make the types right instead"),
  ]);
}

const machineTraces: readonly (readonly [RegExp, string])[] = [
  [/(?<![\w.~-])\/(?:work|root|home|Users)\/[\w.-]+/g, "is a path of one machine"],
  [/\b[A-Z]:\\+Users\\+\w+/g, "is a path of one machine"],
  [/"resolved":\s*"[^"]*"/g, "names a registry: npm finds packages without it"],
  [/\b(?:npm_config_)?registry\s*=\s*\S+/gi, "names a registry"],
  [/https?:\/\/registry\.[\w.-]+/g, "names a registry"],
];

/** Paths of a build machine and hosts of package registries. */
export function checkMachineTraces(files: readonly SourceFile[]): Violation[] {
  // The tests of this rule have to write down what it looks for.
  return files
    .filter(({ path }) => !path.startsWith("test/tidy/"))
    .flatMap((file) => machineTraces.flatMap(([pattern, why]) => matches(file, file.text, pattern, why)));
}
