// Starts servers as processes of their own in a given folder: the built program (dist/), or what it is compared with.
// Collects what they print, so that a caller can search it. Ends only processes it started, by their handle, and all of
// them when this process ends.

import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The built program. */
export const builtProgram: string = join(import.meta.dirname, "../dist/cli/main.js");
const readyMillisecondsMax = 20_000;

/** A running program. */
export interface Program {
  readonly origin: string;
  readonly port: number;
  readonly pid: number;
  /** Everything it wrote to stdout and stderr so far. */
  output(): string;
  /** kill -9. */
  kill(): Promise<void>;
  /** SIGTERM; resolves the exit code. */
  stop(): Promise<number | null>;
}

/** A fresh temporary folder, and the way to remove it. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "pawl-e2e-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** The environment of a program: ours without any PAWL_ variable that happens to be set, plus `extra`. */
export function programEnvironment(extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(PAWL_|PORT$|HOST$)/.test(name));
  return { ...Object.fromEntries(inherited), ...extra };
}

/** How `pawl serve` is started. */
export interface PawlOptions {
  readonly port?: number;
  readonly arguments?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** The program; {@link builtProgram} by default. */
  readonly main?: string;
}

/** Starts `pawl serve` on `folder`/pawl.db, or the PAWL_STORE of its environment, and waits for its ready line. */
export function startProgram(folder: string, options: PawlOptions = {}): Promise<Program> {
  const environment = { PAWL_STORE: `sqlite:${join(folder, "pawl.db")}`, ...options.environment };
  const words = ["serve", "--port", String(options.port ?? 0), ...(options.arguments ?? [])];
  return startServer(folder, [options.main ?? builtProgram, ...words], environment);
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts `node ...nodeArguments` in `folder` and waits for a line `<name> ready <origin> …`. */
export async function startServer(
  folder: string,
  nodeArguments: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Program> {
  const child = spawn(process.execPath, nodeArguments, {
    cwd: folder,
    env: programEnvironment(environment),
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  const written: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => written.push(text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => written.push(text));
  const line = await readyLine(child, written);
  const origin = readyShape.exec(line)?.[1] as string;
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await once(child, "exit");
    }
    return child.exitCode;
  };
  return {
    origin,
    port: Number(new URL(origin).port),
    pid: child.pid as number,
    output: () => written.join(""),
    kill: async () => {
      await end("SIGKILL");
    },
    stop: () => end("SIGTERM"),
  };
}

const readyShape = /^\w+ ready (\S+) pid=\d+.*\n/m;

async function readyLine(child: ChildProcess, written: readonly string[]): Promise<string> {
  const timer = setTimeout(() => child.kill("SIGKILL"), readyMillisecondsMax);
  try {
    while (!readyShape.test(written.join(""))) {
      const ended = await Promise.race([
        once(child, "exit").then(() => true),
        once(child.stdout ?? child, "data").then(() => false),
      ]);
      if (ended) throw new Error(`the program ended before it was ready: ${written.join("")}`);
    }
    return written.join("");
  } finally {
    clearTimeout(timer);
  }
}
