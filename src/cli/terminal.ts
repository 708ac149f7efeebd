// Where the command line reads and writes: the streams of the process, behind an interface that tests can provide.
// Owns nothing else; a closed pipe (`pawl sessions list | head`) is no error.

import type { Readable, Writable } from "node:stream";

/** Standard streams, environment and working folder of one run. */
export interface Terminal {
  readonly input: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly output: Writable;
  readonly errors: Writable & { readonly isTTY?: boolean };
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The working folder: pawl.config.json and relative files are found from here. */
  readonly directory: string;
}

/** Prints one line on standard output. */
export function print(terminal: Terminal, line: string): void {
  terminal.output.write(`${line}\n`);
}

/** Prints one value as JSON on standard output. */
export function printJson(terminal: Terminal, value: unknown): void {
  print(terminal, JSON.stringify(value, null, 2));
}

/** Prints one line on standard error, after `pawl: `. */
export function complain(terminal: Terminal, line: string): void {
  terminal.errors.write(`pawl: ${line}\n`);
}

/** The streams of this process. */
export function processTerminal(): Terminal {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // Whoever read our output went away: there is nobody left to tell, and a server goes on.
      if (error.code !== "EPIPE") throw error;
    });
  }
  return {
    input: process.stdin,
    output: process.stdout,
    errors: process.stderr,
    environment: process.env,
    directory: process.cwd(),
  };
}
