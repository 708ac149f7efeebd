// Where a new password comes from: standard input (--password-stdin) or a hidden prompt on a terminal; never an
// argument, which every process of the machine can read.
// Owns reading it; what makes a good password is the business of server/accounts.

import { PawlError } from "../core/errors.ts";
import { UsageError } from "./arguments.ts";
import type { Terminal } from "./terminal.ts";

/** Far above the longest password accepted; more input is refused, not cut. */
const passwordBytesMax = 4096;

/** Reads the password from standard input up to its end; one line break at the end is not part of it. */
export async function passwordFromInput(terminal: Terminal): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of terminal.input) {
    const bytes = Buffer.from(chunk as Uint8Array);
    length += bytes.length;
    if (length > passwordBytesMax)
      throw new UsageError(`the password on standard input is above ${passwordBytesMax} bytes`);
    chunks.push(bytes);
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
    return text.replace(/\r?\n$/, "");
  } catch {
    throw new UsageError("the password on standard input is not UTF-8");
  }
}

/** Asks twice on a terminal, without showing what is typed. */
export async function passwordFromPrompt(terminal: Terminal): Promise<string> {
  // What was typed ahead of a prompt belongs to it.
  const ahead: string[] = [];
  const first = await readHidden(terminal, "Password: ", ahead);
  const second = await readHidden(terminal, "Once more: ", ahead);
  if (first !== second) throw new PawlError("invalid_request", "the two passwords differ; nothing was changed");
  return first;
}

/** One line from a terminal in raw mode: nothing is echoed, editing is backspace only. */
function readHidden(terminal: Terminal, prompt: string, ahead: string[]): Promise<string> {
  const { input, errors } = terminal;
  errors.write(prompt);
  input.setRawMode?.(true);
  return new Promise((resolve, reject) => {
    const typed: string[] = [];
    const finish = (settle: () => void): void => {
      input.off("data", onData);
      input.pause();
      input.setRawMode?.(false);
      errors.write("\n");
      settle();
    };
    const onData = (chunk: Buffer | string): void => {
      ahead.push(...chunk.toString());
      for (;;) {
        const key = ahead.shift();
        if (key === undefined) break;
        if (key === "\r" || key === "\n") {
          finish(() => resolve(typed.join("")));
          break;
        }
        if (key === "\u0003" || key === "\u0004") {
          finish(() => reject(new PawlError("invalid_request", "given up; nothing was changed")));
          break;
        }
        if (key === "\u007f" || key === "\b") typed.pop();
        else if (key >= " " && typed.length < passwordBytesMax) typed.push(key);
      }
    };
    input.on("data", onData);
    input.resume();
    onData("");
  });
}

/** The password, from where this run gets it. */
export async function readNewPassword(terminal: Terminal, fromInput: boolean): Promise<string> {
  if (fromInput) return passwordFromInput(terminal);
  if (terminal.input.isTTY === true) return passwordFromPrompt(terminal);
  throw new UsageError("no terminal to ask for the password on: pipe it in and say --password-stdin");
}
