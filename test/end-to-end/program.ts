// Starts the built program (dist/) as a process of its own in a temporary folder, for the end-to-end tests. Collects
// everything it prints, so that the tests can search it. Ends only processes it started.

import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const main: string = join(import.meta.dirname, "../../dist/cli/main.js");
const readyMillisecondsMax = 10_000;

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
export function programEnvironment(extra: Record<string, string>): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(PAWL_|PORT$|HOST$)/.test(name));
  return { ...Object.fromEntries(inherited), ...extra };
}

/** Starts `pawl serve` on `folder`/pawl.db and waits for its ready line. */
export async function startProgram(
  folder: string,
  options: {
    readonly port?: number;
    readonly arguments?: readonly string[];
    readonly environment?: Record<string, string>;
  } = {},
): Promise<Program> {
  const store = `sqlite:${join(folder, "pawl.db")}`;
  const child = spawn(
    process.execPath,
    [main, "serve", "--port", String(options.port ?? 0), "--store", store, ...(options.arguments ?? [])],
    { cwd: folder, env: programEnvironment(options.environment ?? {}), stdio: ["ignore", "pipe", "pipe"] },
  );
  const written: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => written.push(text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => written.push(text));
  const line = await readyLine(child, written);
  const origin = /^pawl ready (\S+) pid=\d+ store=sqlite$/m.exec(line)?.[1];
  assert.ok(origin, `no ready line in: ${line}`);
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

async function readyLine(child: ChildProcess, written: readonly string[]): Promise<string> {
  const timer = setTimeout(() => child.kill("SIGKILL"), readyMillisecondsMax);
  try {
    while (!/^pawl ready .*$/m.test(written.join(""))) {
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

/** One JSON call; bodies are sent as application/json. */
export async function call(
  origin: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<{ readonly status: number; readonly json: Record<string, unknown>; readonly headers: Headers }> {
  const response = await fetch(new URL(path, origin), {
    method: body === undefined ? "GET" : "POST",
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  return { status: response.status, json: text === "" ? {} : JSON.parse(text), headers: response.headers };
}
