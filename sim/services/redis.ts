// Redis servers of tests and of the torture: real processes on free ports, each in a folder of its own below the temporary
// folder; alone, with replica and Sentinels, or as a Cluster. Never touches a server that it did not start. Knows no store
// and no test runner.

import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../free-port.ts";

const execute = promisify(execFile);
const patienceMilliseconds = 30_000;
const startsMax = 3;
const running = new Set<ChildProcess>();
const folders: string[] = [];

function endAll(): void {
  for (const child of running) child.kill("SIGKILL");
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** Ends every server that this process started, and removes its files. */
export async function endRedis(): Promise<void> {
  const exits = [...running].map((child) => once(child, "exit"));
  for (const child of running) child.kill("SIGKILL");
  await Promise.all(exits);
  endAll();
}
process.on("exit", endAll);

/** A server process. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Runs one command with redis-cli and resolves what it prints. */
  command(...words: string[]): Promise<string>;
  /** Sends a signal to the process. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void;
  /** Ends the process at once, as a crash does. */
  crash(): Promise<void>;
  /** Starts it again on the same port and folder. */
  restart(): Promise<void>;
  /** Every file that it has on disk. */
  onDisk(): Buffer[];
}

/** Repeats `look` until it resolves true; fails after a long while. */
export async function eventually(what: string, look: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + patienceMilliseconds;
  while (performance.now() < end) {
    if (await look().catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`${what} did not come about within ${patienceMilliseconds} ms`);
}

async function command(port: number, words: readonly string[]): Promise<string> {
  const input = ["-e", "-p", String(port), ...words];
  const { stdout } = await execute("redis-cli", input, { timeout: patienceMilliseconds });
  return stdout.trim();
}

/** True when the server answers, if only that it wants a password. */
async function answers(port: number): Promise<boolean> {
  const { stdout } = await execute("redis-cli", ["-p", String(port), "PING"], { timeout: patienceMilliseconds });
  return /PONG|NOAUTH/.test(stdout);
}

/** Starts a process and resolves once it answers; rejects when it ends before. */
async function launch(port: number, words: readonly string[]): Promise<ChildProcess> {
  const child = spawn("redis-server", words, { stdio: ["ignore", "pipe", "inherit"] });
  running.add(child);
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output = (output + text).slice(-2_000);
  });
  const ended = once(child, "exit").then(() => {
    running.delete(child);
    throw new Error(`redis-server ended early: ${output}`);
  });
  const ready = eventually("redis-server", () => answers(port));
  ended.catch(() => {});
  await Promise.race([ready, ended]);
  return child;
}

/** Starts a server. Durable on every answer unless `words` say otherwise. */
export async function startRedis(...words: string[]): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), "pawl-redis-"));
  folders.push(folder);
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];
    const all = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, ...durable, ...words];
    try {
      return serverOf(port, folder, all, await launch(port, all));
    } catch (error) {
      // Somebody else may have taken the port meanwhile.
      if (attempt === startsMax) throw error;
    }
  }
}

function serverOf(port: number, folder: string, words: readonly string[], first: ChildProcess): RedisServer {
  let child = first;
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    command: (...each) => command(port, each),
    signal: (signal) => void child.kill(signal),
    crash: async () => {
      const exit = once(child, "exit");
      child.kill("SIGKILL");
      await exit;
    },
    restart: async () => {
      child = await launch(port, words);
    },
    onDisk: () =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => readFileSync(join(entry.parentPath, entry.name))),
  };
}

/** A primary with one replica, watched by three Sentinels. */
export interface RedisSentinels {
  readonly name: string;
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly primary: RedisServer;
  readonly replica: RedisServer;
  /** The port of the server that the Sentinels call primary now. */
  primaryPort(): Promise<number>;
}

const sentinelCount = 3;

/** Starts five processes. */
export async function startSentinels(): Promise<RedisSentinels> {
  const quick = ["--repl-diskless-sync-delay", "0", "--repl-timeout", "10"];
  const primary = await startRedis(...quick);
  const replica = await startRedis(...quick, "--replicaof", "127.0.0.1", String(primary.port));
  await eventually("the replica", async () =>
    (await replica.command("INFO", "replication")).includes("link_status:up"),
  );
  const name = "pawl";
  const nodes: { readonly host: string; readonly port: number }[] = [];
  for (let count = 0; count < sentinelCount; count += 1) {
    const folder = mkdtempSync(join(tmpdir(), "pawl-sentinel-"));
    folders.push(folder);
    const port = await freePort();
    const file = join(folder, "sentinel.conf");
    const lines = [
      `port ${port}`,
      "bind 127.0.0.1",
      `dir ${folder}`,
      `sentinel monitor ${name} 127.0.0.1 ${primary.port} 2`,
      `sentinel down-after-milliseconds ${name} 1000`,
      `sentinel failover-timeout ${name} 5000`,
    ];
    writeFileSync(file, `${lines.join("\n")}\n`);
    await launch(port, [file, "--sentinel"]);
    nodes.push({ host: "127.0.0.1", port });
  }
  for (const { port } of nodes) {
    await eventually("the Sentinels", async () => {
      const text = await command(port, ["SENTINEL", "MASTER", name]);
      return /num-slaves\n1\nnum-other-sentinels\n2/.test(text);
    });
  }
  const primaryPort = async (): Promise<number> => {
    const [first] = nodes as [{ readonly host: string; readonly port: number }];
    const text = await command(first.port, ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", name]);
    return Number(text.split("\n")[1]);
  };
  return { name, nodes, primary, replica, primaryPort };
}

const slots = 16_384;
const clusterNodes = 3;

/** Starts a Cluster of three primaries. */
export async function startCluster(): Promise<readonly RedisServer[]> {
  const nodes: RedisServer[] = [];
  const buses: number[] = [];
  for (let index = 0; index < clusterNodes; index += 1) {
    const bus = await freePort();
    const cluster = ["--cluster-enabled", "yes", "--cluster-port", String(bus), "--cluster-node-timeout", "5000"];
    const node = await startRedis(...cluster);
    const [first, last] = [index, index + 1].map((part) => Math.floor((part * slots) / clusterNodes)) as [
      number,
      number,
    ];
    await node.command("CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
    await node.command("CLUSTER", "ADDSLOTSRANGE", String(first), String(last - 1));
    nodes.push(node);
    buses.push(bus);
  }
  const [first] = nodes as [RedisServer];
  for (const [index, node] of nodes.entries()) {
    await first.command("CLUSTER", "MEET", "127.0.0.1", String(node.port), String(buses[index]));
  }
  for (const node of nodes) {
    await eventually("the Cluster", async () => {
      const info = await node.command("CLUSTER", "INFO");
      return info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${clusterNodes}`);
    });
  }
  return nodes;
}
