// Installs the clients and resource servers that others wrote, and runs their programs: one JSON object in, one out.
// Owns the bounds of such a program; what it does and must print is its own and its test's business.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { installPackages } from "../install-packages.ts";

/** Where the programs live. */
export const interopFolder: string = import.meta.dirname;
const programMillisecondsMax = 60_000;
const outputCharactersMax = 1_000_000;

/** Makes sure that the packages are there. @returns name and version of each */
export function installInterop(): Readonly<Record<string, string>> {
  return installPackages(interopFolder, () => undefined);
}

/** A program of the system, by its full path: what the search path finds first may be another one. */
export interface SystemProgram {
  readonly path: string;
  /** Files of the libraries it needs beside itself. */
  readonly needs: readonly string[];
}

/** Why `program` cannot run here; `false` where it can. In CI it is a failure, not a skip. */
export function missing({ path, needs }: SystemProgram): string | false {
  const absent = [path, ...needs].find((file) => !existsSync(file));
  return absent === undefined || process.env.CI === "true" ? false : `${absent} is not installed`;
}

/** How a program is run. */
export interface ProgramRun {
  readonly path: string;
  readonly words: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Runs a program of this folder with `input` as JSON on its standard input; gives the JSON that it prints. */
export async function runProgram<Output>(run: ProgramRun, input: unknown): Promise<Output> {
  const child = spawn(run.path, run.words, {
    cwd: interopFolder,
    env: { PATH: "/usr/bin:/bin", LANG: "C.UTF-8", ...run.environment },
    stdio: ["pipe", "pipe", "pipe"],
    timeout: programMillisecondsMax,
    killSignal: "SIGKILL",
  });
  const seen = { out: "", errors: "" };
  const collect = (name: keyof typeof seen) => (text: string) => {
    seen[name] += text;
    if (seen[name].length > outputCharactersMax) child.kill("SIGKILL");
  };
  child.stdout.setEncoding("utf8").on("data", collect("out"));
  child.stderr.setEncoding("utf8").on("data", collect("errors"));
  // A program that ends without having read all says why by itself.
  child.stdin.on("error", () => undefined).end(JSON.stringify(input));
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once("error", reject).once("close", (...end) => resolve(end));
  });
  if (code !== 0) throw new Error(`${run.words.join(" ")} ended with ${code ?? signal}: ${seen.errors}${seen.out}`);
  return JSON.parse(seen.out) as Output;
}

/** Runs a program for Node.js of this folder. */
export function runNodeProgram<Output>(file: string, input: unknown): Promise<Output> {
  return runProgram({ path: process.execPath, words: [join(interopFolder, file)] }, input);
}
