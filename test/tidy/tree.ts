// The files of a checkout, read once: what a fresh clone holds, found without git so that a copy of the folder does too.
// Owns which folders are skipped. Judges nothing.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** One text file. */
export interface SourceFile {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** Something a rule does not accept, in one line that starts with the place. */
export type Violation = string;

// What .gitignore names, and git itself.
const skippedFolders = new Set(["node_modules", "dist", "data", "coverage", ".git"]);
const binaryFile = /\.(png|jpe?g|gif|ico|woff2?|tgz|db|sqlite)$/;
const filesMax = 20_000;

/** Every text file below `root`, in path order. */
export function readTree(root: string): readonly SourceFile[] {
  const files: SourceFile[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!skippedFolders.has(entry.name)) visit(path);
      } else if (entry.isFile() && !binaryFile.test(entry.name)) {
        files.push({ path, text: readFileSync(join(root, path), "utf8") });
        if (files.length > filesMax) throw new Error(`more than ${filesMax} files below ${root}`);
      }
    }
  };
  visit("");
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The TypeScript and JavaScript files among `files` whose path starts with one of `folders`. */
export function codeIn(files: readonly SourceFile[], ...folders: readonly string[]): readonly SourceFile[] {
  return files.filter(({ path }) => /\.(ts|mjs|js)$/.test(path) && folders.some((each) => path.startsWith(each)));
}

/** `path:line` of a position in a file. */
export function placeOf(file: SourceFile, at: number): string {
  return `${file.path}:${file.text.slice(0, at).split("\n").length}`;
}
