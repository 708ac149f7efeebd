// A small scanner of TypeScript text: which characters are code, which are comments or strings; what a file imports;
// how long its functions are. TypeScript 7 has no JavaScript API, so this stands in for one. Judges nothing.

import { stripTypeScriptTypes } from "node:module";

/** The text with the inside of comments, strings and regular expressions blanked; same length, same lines. */
export function maskText(text: string): string {
  const out = [...text];
  const blank = (from: number, until: number): void => {
    for (let at = from; at < until; at += 1) if (out[at] !== "\n") out[at] = " ";
  };
  // Inside `${ }` of a template: how many braces are open, innermost last.
  const holes: number[] = [];
  let at = 0;
  while (at < text.length) {
    const two = text.slice(at, at + 2);
    const one = text[at] as string;
    let end = at + 1;
    if (two === "//") {
      end = endOf(text, at, "\n");
      blank(at, end);
    } else if (two === "/*") {
      end = endOf(text, at + 2, "*/") + 2;
      blank(at, end);
    } else if (one === '"' || one === "'") {
      end = endOfQuoted(text, at + 1, one);
      blank(at + 1, end - 1);
    } else if (one === "/" && startsPattern(text, out, at)) {
      end = endOfPattern(text, at + 1);
      blank(at + 1, end - 1);
    } else if (one === "`" || (one === "}" && holes.at(-1) === 0)) {
      if (one === "}") holes.pop();
      end = endOfTemplatePart(text, at + 1);
      const opens = text[end - 1] === "{";
      blank(at + 1, end - (opens ? 2 : 1));
      if (opens) holes.push(0);
    } else if (holes.length > 0 && (one === "{" || one === "}")) {
      holes.push((holes.pop() as number) + (one === "{" ? 1 : -1));
    }
    at = end;
  }
  return out.join("");
}

function endOf(text: string, from: number, mark: string): number {
  const found = text.indexOf(mark, from);
  return found < 0 ? text.length : found;
}

function endOfQuoted(text: string, from: number, quote: string): number {
  let at = from;
  while (at < text.length && text[at] !== quote && text[at] !== "\n") at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

/** Just behind the closing backtick, or behind the `${` that opens a hole. */
function endOfTemplatePart(text: string, from: number): number {
  let at = from;
  while (at < text.length && text[at] !== "`") {
    if (text.startsWith("${", at)) return at + 2;
    at += text[at] === "\\" ? 2 : 1;
  }
  return at + 1;
}

function endOfPattern(text: string, from: number): number {
  let inClass = false;
  let at = from;
  while (at < text.length && text[at] !== "\n" && (inClass || text[at] !== "/")) {
    if (text[at] === "[") inClass = true;
    if (text[at] === "]") inClass = false;
    at += text[at] === "\\" ? 2 : 1;
  }
  return at + 1;
}

const wordsBeforePattern = /(?:^|[^\w$.])(return|typeof|case|in|of|do|else|void|delete|throw|await|yield)$/;

/** A slash starts a pattern where no value can have ended: after an operator, an opening bracket or such a word. */
function startsPattern(text: string, masked: readonly string[], at: number): boolean {
  let before = at - 1;
  while (before >= 0 && /\s/.test(masked[before] as string)) before -= 1;
  if (before < 0) return true;
  const last = text[before] as string;
  if (/[\w$]/.test(last)) return wordsBeforePattern.test(text.slice(Math.max(0, before - 12), before + 1));
  return !/[)\]"'`]/.test(last);
}

/** One import, export-from or dynamic import. */
export interface ImportUse {
  readonly specifier: string;
  /** True when nothing is left of it once types are stripped. */
  readonly typeOnly: boolean;
  /** Where the quoted specifier starts. */
  readonly at: number;
}

const importShapes = [
  /\b(?:import|export)\s+(?:type\s+)?(?:[\w$]+\s*,?\s*)?(?:\*\s*(?:as\s+[\w$]+\s*)?|\{[^}]*\}\s*)?from\s*(["'])/g,
  /\bimport\s*(["'])/g,
  /\bimport\s*\(\s*(["'`])/g,
];

/** Every import of a TypeScript text, in order. */
export function importsOf(text: string): readonly ImportUse[] {
  const masked = maskText(text);
  const stripped = strip(text);
  const uses: ImportUse[] = [];
  for (const shape of importShapes) {
    for (const match of masked.matchAll(shape)) {
      const at = match.index + match[0].length - 1;
      const quote = text[at] as string;
      const specifier = text.slice(at + 1, endOf(text, at + 1, quote));
      uses.push({ specifier, typeOnly: stripped[at] !== quote, at });
    }
  }
  return uses.sort((a, b) => a.at - b.at);
}

function strip(text: string): string {
  // Node calls the function experimental on first use; that line has no place in the output of a test run.
  const { emitWarning } = process;
  process.emitWarning = (): void => {};
  try {
    return stripTypeScriptTypes(text);
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** One function with a body in braces. */
export interface FunctionSpan {
  /** The first and the last line, from 1; the parameters count. */
  readonly firstLine: number;
  readonly lastLine: number;
}

const wordsOfStatements = /(?:^|[^\w$.])(if|for|while|switch|catch|with|await)\s*$/;

/** Every function with a body: declarations, methods and arrow functions. */
export function functionsOf(text: string): readonly FunctionSpan[] {
  const code = maskText(strip(text));
  const spans: FunctionSpan[] = [];
  const open: { readonly bracket: string; readonly at: number; readonly functionFrom: number | undefined }[] = [];
  let lastRound: { readonly from: number; readonly until: number } | undefined;
  for (let at = 0; at < code.length; at += 1) {
    const bracket = code[at] as string;
    if ("([{".includes(bracket)) {
      open.push({ bracket, at, functionFrom: bracket === "{" ? functionStart(code, at, lastRound) : undefined });
    } else if (")]}".includes(bracket)) {
      const opened = open.pop();
      if (opened === undefined) throw new Error(`unbalanced ${bracket} at ${at}`);
      if (bracket === ")") lastRound = { from: opened.at, until: at };
      if (opened.functionFrom !== undefined) spans.push(spanOf(code, opened.functionFrom, at));
    }
  }
  return spans.sort((a, b) => a.firstLine - b.firstLine);
}

function spanOf(code: string, from: number, until: number): FunctionSpan {
  const lineOf = (position: number): number => code.slice(0, position).split("\n").length;
  return { firstLine: lineOf(from), lastLine: lineOf(until) };
}

/** Where the function starts whose body opens at `at`; undefined when the brace is no function body. */
function functionStart(
  code: string,
  at: number,
  round: { readonly from: number; readonly until: number } | undefined,
): number | undefined {
  const head = code.slice(0, at).trimEnd();
  const isArrow = head.endsWith("=>");
  if (!isArrow && !head.endsWith(")")) return undefined;
  const parameters = isArrow ? head.slice(0, -2).trimEnd() : head;
  if (!parameters.endsWith(")")) return isArrow ? at : undefined;
  if (round === undefined || round.until !== parameters.length - 1) return isArrow ? at : undefined;
  if (!isArrow && wordsOfStatements.test(code.slice(Math.max(0, round.from - 12), round.from))) return undefined;
  return round.from;
}
