// The rules about documents: links lead somewhere, every option and every error code is described, nothing else is.
// Reads text only; asks nothing over the network.

import { dirname, join, normalize } from "node:path/posix";
import type { SourceFile, Violation } from "./tree.ts";

/** The anchor that a Markdown heading gets on GitHub. */
export function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-");
}

function withoutCodeBlocks(text: string): string {
  return text.replace(/^(```|~~~)[^\n]*\n[\s\S]*?^\1[^\n]*$/gm, (block) => block.replace(/[^\n]/g, " "));
}

function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const match of withoutCodeBlocks(text).matchAll(/^#{1,6}\s+(.+)$/gm)) {
    const anchor = anchorOf(match[1] as string);
    let name = anchor;
    for (let again = 1; anchors.has(name); again += 1) name = `${anchor}-${again}`;
    anchors.add(name);
  }
  return anchors;
}

/** Links between documents that lead nowhere. `existing` are all files, pictures included. */
export function checkLinks(files: readonly SourceFile[], exists: (path: string) => boolean): Violation[] {
  const documents = new Map(files.filter(({ path }) => path.endsWith(".md")).map((file) => [file.path, file]));
  const violations: Violation[] = [];
  for (const { path, text } of documents.values()) {
    const readable = withoutCodeBlocks(text).replace(/`[^`\n]*`/g, (code) => " ".repeat(code.length));
    for (const match of readable.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)|^\[[^\]]+\]:\s*(\S+)/gm)) {
      const link = match[1] ?? (match[2] as string);
      if (/^(https?|mailto):/.test(link)) continue;
      const line = text.slice(0, match.index).split("\n").length;
      const [file = "", anchor] = link.split("#");
      const target = file === "" ? path : normalize(join(dirname(path), decodeURIComponent(file)));
      if (!exists(target)) violations.push(`${path}:${line} links to ${link}: there is no such file`);
      else if (anchor !== undefined && !anchorsOf(documents.get(target)?.text ?? "").has(anchor)) {
        violations.push(`${path}:${line} links to ${link}: there is no such heading`);
      }
    }
  }
  return violations;
}

/** Words in the first column of the tables of a document, in backticks. */
export function describedIn(document: string): ReadonlySet<string> {
  const words = new Set<string>();
  for (const row of document.matchAll(/^\|([^|\n]*)\|/gm)) {
    for (const word of (row[1] as string).matchAll(/`([^`]+)`/g)) words.add(word[1] as string);
  }
  return words;
}

/** What one side has and the other has not. */
export function compareNames(
  real: Iterable<string>,
  described: Iterable<string>,
  document: string,
  kind: string,
): Violation[] {
  const exist = new Set(real);
  const known = new Set(described);
  return [
    ...[...exist].filter((name) => !known.has(name)).map((name) => `${document}:1 does not describe ${kind} ${name}`),
    ...[...known].filter((name) => !exist.has(name)).map((name) => `${document}:1 describes ${name}, no ${kind}`),
  ];
}
