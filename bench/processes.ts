// Starts, pins, watches and ends the processes of the benchmark. Servers go to one core and the load generator to the
// other where `taskset` exists, so that the generator never takes CPU from what it measures.
// Ends only processes that it started, by their handle.

import type { ChildProcess } from "node:child_process";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";

/** A process that never says what is expected of it is given up after this long. */
const patienceMilliseconds = 20_000;
/** Unit of the CPU times in /proc/<pid>/stat (proc(5), USER_HZ): 100 per second on every Linux. */
const ticksPerSecond = 100;

/** True when processes can be pinned: `taskset` is there and may use cores 0 and 1. */
export const canPin: boolean =
  availableParallelism() >= 2 && ["0", "1"].every((core) => spawnSync("taskset", ["-c", core, "true"]).status === 0);

export type Role = "server" | "generator" | "unpinned";

/** Options of {@link start}. */
export interface StartOptions {
  readonly role: Role;
  readonly cwd: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly onStderr?: (text: string) => void;
}

/** Starts `node ...args` on the core of its role. */
export function start(nodeArguments: readonly string[], options: StartOptions): ChildProcess {
  const command = [process.execPath, ...nodeArguments];
  if (canPin && options.role !== "unpinned") command.unshift("taskset", "-c", options.role === "server" ? "0" : "1");
  // A clean environment: no PAWL_ variable of the caller may change what is measured.
  const inherited = Object.entries(process.env).filter(
    ([name]) => !name.startsWith("PAWL_") && name !== "NODE_OPTIONS",
  );
  const child = spawn(command[0] as string, command.slice(1), {
    cwd: options.cwd,
    env: { ...Object.fromEntries(inherited), ...options.environment },
    stdio: ["pipe", "pipe", options.onStderr === undefined ? "inherit" : "pipe"],
  });
  if (options.onStderr !== undefined) child.stderr?.setEncoding("utf8").on("data", options.onStderr);
  return child;
}

/** The next line of `child` on stdout. */
export function nextLine(
  child: ChildProcess,
  what: string,
  milliseconds: number = patienceMilliseconds,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const finish = (act: () => void): void => {
      clearTimeout(timer);
      child.off("exit", onExit);
      lines.close();
      act();
    };
    const onExit = (code: number | null): void => finish(() => reject(new Error(`${what} ended with code ${code}`)));
    const timer = setTimeout(
      () => finish(() => reject(new Error(`${what} said nothing for ${milliseconds} ms`))),
      milliseconds,
    );
    child.once("exit", onExit);
    lines.once("line", (line) => finish(() => resolve(line)));
  });
}

/** Ends `child` with SIGTERM and, if it does not listen, SIGKILL. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), patienceMilliseconds);
  await exited;
  clearTimeout(timer);
}

/** CPU seconds that a process has used so far, or NaN where /proc is missing. */
export function cpuSeconds(pid: number): number {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return Number.NaN;
  // The second field is the name in parentheses and may hold spaces: count from the last parenthesis.
  const text = readFileSync(file, "latin1");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Resident memory of a process in MB (10^6 bytes), or NaN where /proc is missing. */
export function residentMegabytes(pid: number): number {
  const file = `/proc/${pid}/status`;
  if (!existsSync(file)) return Number.NaN;
  const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(file, "latin1"))?.[1];
  return (Number(kibibytes) * 1024) / 1e6;
}
