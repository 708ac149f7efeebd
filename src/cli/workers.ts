// `pawl serve --workers N`: several processes of one server that share its port. This is the parent, which serves nothing:
// it starts workers, tells that all of them serve, replaces one that died, and ends them.
// Owns their lives and how metrics of several processes become one. The workers accept from one socket that node:cluster
// gives them: a connection that waits is nobody's until it is accepted. (A parent that deals connections out loses those it
// has dealt to a worker that dies; with SO_REUSEPORT each worker has a queue of its own, which dies with it.)

import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { createServer } from "node:http";
import { listen } from "../adapters/node-listen.ts";
import { nodePlatform } from "../platform/node.ts";
import type { Settings } from "../server/config.ts";
import type { Log } from "../server/log.ts";
import { mergeMetrics } from "../server/metrics-merge.ts";

const { clock, scheduler } = nodePlatform;
/** The most workers: more than any machine that one database file, or one address, keeps busy. */
export const workersMax = 64;
/** The pause before a worker is replaced: doubled each time one dies young, up to the last one. */
const pauseMillisecondsMin = 100;
const pauseMillisecondsMax = 10_000;
/** A worker that lived this long counts as good: the next one is started after the shortest pause. */
const goodLifeMilliseconds = 30_000;
/** How long workers may take to end: 10 s for requests, and some for the store. */
const endingMilliseconds = 15_000;
/** How long workers may take to tell their figures; who is late is left out. */
const figuresMilliseconds = 1_000;

/** What a worker tells its parent. */
export type FromWorker =
  | { readonly type: "ready"; readonly line: string }
  | { readonly type: "metrics wanted"; readonly id: number }
  | { readonly type: "metrics"; readonly id: string; readonly text: string };

/** What the parent tells a worker. */
export type ToWorker =
  | { readonly type: "metrics"; readonly id: number; readonly text: string }
  | { readonly type: "metrics wanted"; readonly id: string };

/**
 * Runs `count` workers until a signal comes. Resolves the exit code: that of the first worker when it could not start,
 * else 0.
 * @param ready is told once all workers serve, with the ready line of the first one
 */
export async function runWorkers(
  count: number,
  settings: Settings,
  log: Log,
  ready: (line: string) => void,
): Promise<number> {
  let isStopping = false;
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => resolve(signal));
  }).then((signal) => {
    isStopping = true;
    log.info("stopping", { signal });
  });
  // Counts only if it is said before anything else.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  await fixPort(settings);
  answerForAll();
  // The first one alone: it makes what an empty store needs, and what is wrong is said once.
  const first = cluster.fork();
  const line = await Promise.race([readyLine(first), exitCode(first), stopped]);
  if (typeof line === "number") return line;
  if (line !== undefined) {
    const all = othersServe(first, count);
    keepAlive(first, () => isStopping, log);
    for (let others = 1; others < count; others += 1) keepAlive(cluster.fork(), () => isStopping, log);
    await Promise.race([all.then(() => ready(line)), stopped]);
    await stopped;
  }
  await endAll(log);
  log.info("stopped");
  return 0;
}

/** Where any port will do, one is chosen here: workers that come later must listen on the same. */
async function fixPort({ host, port }: Settings): Promise<void> {
  if (port !== 0) return;
  const listening = await listen(() => createServer(), host, port);
  await Promise.all(listening.servers.map((server) => new Promise((resolve) => server.close(resolve))));
  const words = process.argv.slice(2);
  const others = words.filter((word, at) => !/^--port(=|$)/.test(word) && words[at - 1] !== "--port");
  cluster.setupPrimary({ args: [...others, "--port", String(listening.port)] });
}

/** Resolves the ready line of a worker, once it serves. */
function readyLine(worker: Worker): Promise<string> {
  return new Promise((resolve) => {
    worker.on("message", (message: FromWorker) => {
      if (message.type === "ready") resolve(message.line);
    });
  });
}

/** Resolves once `count` workers serve at the same time, whichever had to be replaced before; `first` does already. */
function othersServe(first: Worker, count: number): Promise<void> {
  const serving = new Set([first]);
  return new Promise((resolve) => {
    const onMessage = (worker: Worker, message: FromWorker): void => {
      if (message.type === "ready") serving.add(worker);
      if (serving.size < count) return;
      cluster.off("message", onMessage);
      resolve();
    };
    cluster.on("message", onMessage);
    cluster.on("exit", (worker) => serving.delete(worker));
  });
}

async function exitCode(worker: Worker): Promise<number> {
  const [code] = (await once(worker, "exit")) as [number | null];
  return code ?? 1;
}

/** Replaces a worker that dies, and its replacements, with pauses that double while they die young. */
function keepAlive(worker: Worker, isStopping: () => boolean, log: Log, pause: number = pauseMillisecondsMin): void {
  const startedAt = clock.now();
  worker.once("exit", (code: number | null, signal: string | null) => {
    if (isStopping()) return;
    const isGood = clock.now() - startedAt >= goodLifeMilliseconds;
    const wait = isGood ? pauseMillisecondsMin : pause;
    const how = signal ?? code ?? "unknown";
    log.error("a worker died and is replaced", { pid: worker.process.pid, how, pauseMilliseconds: wait });
    scheduler.wait(wait).then(() => {
      if (!isStopping()) keepAlive(cluster.fork(), isStopping, log, Math.min(2 * wait, pauseMillisecondsMax));
    });
  });
}

function workers(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
}

/** Ends every worker in an orderly way; what does not end in time is killed. */
async function endAll(log: Log): Promise<void> {
  const running = workers();
  const gone = Promise.all(running.map(exitCode));
  for (const worker of running) worker.process.kill("SIGTERM");
  const stopWaiting = scheduler.every(endingMilliseconds, () => {
    for (const worker of workers()) {
      log.error("a worker did not end in time", { pid: worker.process.pid });
      worker.process.kill("SIGKILL");
    }
  });
  await gone;
  stopWaiting();
}

/** A worker that died a moment ago still counts as connected: that it cannot be told is no failure of the parent. */
function tell(worker: Worker, message: ToWorker): void {
  if (worker.isConnected()) worker.send(message, () => undefined);
}

/** Any worker may be asked for the metrics: it asks here, and gets those of all as one text. */
function answerForAll(): void {
  let rounds = 0;
  cluster.on("message", (asking, message: FromWorker) => {
    if (message.type !== "metrics wanted") return;
    rounds += 1;
    const id = String(rounds);
    const texts: string[] = [];
    const asked = workers().filter((worker) => worker.isConnected());
    const finish = (): void => {
      stopWaiting();
      cluster.off("message", collect);
      tell(asking, { type: "metrics", id: message.id, text: mergeMetrics(texts) });
    };
    const collect = (_: Worker, reply: FromWorker): void => {
      if (reply.type !== "metrics" || reply.id !== id) return;
      texts.push(reply.text);
      if (texts.length === asked.length) finish();
    };
    const stopWaiting = scheduler.every(figuresMilliseconds, finish);
    cluster.on("message", collect);
    for (const worker of asked) tell(worker, { type: "metrics wanted", id });
  });
}
