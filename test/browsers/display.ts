// A screen for WebKitGTK, which has no headless mode: the one of whoever runs the tests, or Xvfb on a display that
// Xvfb picks itself. Started at most once a process and ended with it.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { within } from "./deadline.ts";

const xvfbPath = "/usr/bin/Xvfb";
const readyMillisecondsMax = 10_000;

/** Whether there is a screen, or a program that makes one. */
export const hasDisplay: boolean = existsSync(xvfbPath) || process.env.DISPLAY !== undefined;

let started: Promise<string> | undefined;

/** The name of a display that can be used. */
export function display(): Promise<string> {
  started ??= process.env.DISPLAY ? Promise.resolve(process.env.DISPLAY) : startXvfb();
  return started;
}

async function startXvfb(): Promise<string> {
  const child: ChildProcess = spawn(
    xvfbPath,
    ["-displayfd", "3", "-screen", "0", "1280x900x24", "-nolisten", "tcp", "-noreset"],
    { stdio: ["ignore", "ignore", "ignore", "pipe"] },
  );
  process.once("exit", () => child.kill("SIGKILL"));
  const chosen = child.stdio[3] as Readable;
  const failed = once(child, "exit").then(() => Promise.reject(new Error("Xvfb ended")));
  // To the end: Xvfb writes number and line break one after the other, and dies when nobody takes the second.
  const number = await within(Promise.race([text(chosen), failed]), readyMillisecondsMax, "Xvfb");
  failed.catch(() => undefined);
  // Nothing here waits for Xvfb: the process of the tests ends when its tests have.
  child.unref();
  return `:${number.trim()}`;
}
