// The real program in child processes of a test: `pawl serve` on a free port in a temporary folder, and single commands
// beside it. Ends every process it started, by its id, and removes every folder, when the test file is done.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const folders: string[] = [];
const running = new Set<ChildProcess>();

after(() => {
  for (const child of running) child.kill("SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** Compiled code of the program, shared by the processes of one test file: starting from source takes half the time. */
const compileCache = temporaryFolder();

/** A folder of its own for one deployment. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "pawl-program-"));
  folders.push(folder);
  return folder;
}

/** What a process did. */
export interface Finished {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string;
}

/** How a process is started. */
export interface Run {
  readonly folder: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string;
}

function start(argv: readonly string[], { folder, environment = {} }: Run): ChildProcess {
  // Of the surroundings only the path: a PAWL_* variable of whoever runs the tests must not change them.
  const child = spawn(process.execPath, [main, ...argv], {
    cwd: folder,
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: compileCache, ...environment },
    stdio: ["pipe", "pipe", "pipe"],
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

function collect(child: ChildProcess): { out: string; errors: string } {
  const seen = { out: "", errors: "" };
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    seen.out += chunk;
  });
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    seen.errors += chunk;
  });
  return seen;
}

/** Runs one command to its end. */
export async function pawl(argv: readonly string[], run: Run): Promise<Finished> {
  const child = start(argv, run);
  const seen = collect(child);
  child.stdin?.end(run.input ?? "");
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...seen };
}

/** A running server. */
export interface Server {
  readonly origin: string;
  readonly port: number;
  readonly process: ChildProcess;
  readonly folder: string;
  /** Everything printed so far. */
  readonly seen: { readonly out: string; readonly errors: string };
  /** Sends a signal and resolves once the process has ended. */
  stop(signal?: NodeJS.Signals): Promise<Finished>;
}

/** Starts `pawl serve`, on any free port unless `argv` names one, and waits for the ready line. */
export async function serve(argv: readonly string[] = [], run: Partial<Run> = {}): Promise<Server> {
  const folder = run.folder ?? temporaryFolder();
  const port = argv.includes("--port") ? [] : ["--port", "0"];
  const child = start(["serve", ...port, ...argv], { ...run, folder });
  const seen = collect(child);
  const closed = once(child, "close") as Promise<[number | null]>;
  await Promise.race([once(child.stdout as NodeJS.ReadableStream, "data"), closed]);
  const ready = /^pawl ready (\S+) pid=\d+ store=\w+\n/.exec(seen.out);
  assert.ok(ready, `no ready line: ${seen.out} ${seen.errors}`);
  const origin = ready[1] as string;
  return {
    origin,
    port: Number(new URL(origin).port),
    process: child,
    folder,
    seen,
    stop: async (signal = "SIGTERM") => {
      child.kill(signal);
      const [code] = await closed;
      return { code, ...seen };
    },
  };
}

/** One answer. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a test reads out of an answer is checked by its assertions
  readonly json: any;
}

/** Sends one request, with exactly these headers (fetch would add its own and forbid some). */
export function send(
  server: { readonly port: number; readonly host?: string },
  method: string,
  path: string,
  options: { readonly headers?: Record<string, string>; readonly body?: unknown } = {},
): Promise<Answer> {
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  const type = body === undefined ? {} : { "content-type": "application/json" };
  const headers = { host: `localhost:${server.port}`, ...type, ...options.headers };
  return new Promise((resolve, reject) => {
    const host = server.host ?? "127.0.0.1";
    const outgoing = request({ host, port: server.port, method, path, headers, agent: false }, (incoming) => {
      let text = "";
      incoming.setEncoding("utf8");
      incoming.on("data", (chunk: string) => {
        text += chunk;
      });
      incoming.on("error", reject);
      incoming.on("end", () => {
        const json =
          incoming.headers["content-type"]?.includes("json") === true && text !== "" ? JSON.parse(text) : undefined;
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, json });
      });
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** An account's e-mail address and password, good for every rule. */
export const ann = { email: "ann@example.com", password: "four unlikely words together" } as const;

/** Registers and resolves the session response (body transport). */
export async function register(
  server: Server,
  who: { email: string; password: string } = ann,
): Promise<Answer["json"]> {
  const { status, json } = await send(server, "POST", "/auth/register", { body: { ...who, transport: "body" } });
  assert.equal(status, 201, JSON.stringify(json));
  return json;
}
