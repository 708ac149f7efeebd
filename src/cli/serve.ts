// `pawl serve`: a server, from the options to the ready line to the end of the process; with --workers, several processes
// of one (workers.ts is the parent, worker.ts what this process is then).
// Owns the ready line, the signals and what goes to which stream; the server itself is server/server.ts.

import cluster, { type Worker } from "node:cluster";
import { PawlError } from "../core/errors.ts";
import { nodePlatform } from "../platform/node.ts";
import type { Settings } from "../server/config.ts";
import { createLog, type Log } from "../server/log.ts";
import { startServer } from "../server/server.ts";
import type { Invocation } from "./commands.ts";
import { textFlag } from "./layout.ts";
import { print } from "./terminal.ts";

/** How long after its end a server may be kept alive by what others have not closed. */
const lingerMilliseconds = 1_000;

/** `pawl serve` */
export async function serve(invocation: Invocation): Promise<number> {
  const { terminal } = invocation;
  const settings = invocation.settings();
  const log = createLog({
    level: settings.log,
    terminal: terminal.errors.isTTY === true,
    clock: nodePlatform.clock,
    write: (line) => terminal.errors.write(line),
  });
  const workers = await readWorkers(textFlag(invocation.flags, "workers"), settings);
  if (cluster.worker !== undefined) return serveAsWorker(cluster.worker, invocation, settings, log);
  if (workers === 1) return serveHere(invocation, settings, log);
  const { runWorkers } = await import("./workers.ts");
  return runWorkers(workers, settings, log, (line) =>
    print(terminal, line.replace(/ pid=\d+ /, ` pid=${process.pid} `)),
  );
}

async function readWorkers(text: string | undefined, settings: Settings): Promise<number> {
  if (text === undefined) return 1;
  const { workersMax } = await import("./workers.ts");
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > workersMax) {
    const why = `--workers must be a whole number from 1 to ${workersMax}`;
    throw new PawlError("invalid_option", why, { field: "workers" });
  }
  if (count > 1 && settings.store.kind === "memory") {
    const why = "--workers needs a store that processes share, such as sqlite:<file>; memory: is one process alone";
    throw new PawlError("invalid_option", why, { field: "workers" });
  }
  return count;
}

async function serveAsWorker(worker: Worker, invocation: Invocation, settings: Settings, log: Log): Promise<number> {
  try {
    return await serveHere(invocation, settings, log);
  } finally {
    // The line to the parent would keep this process alive, and losing it unannounced would make the exit code 0.
    worker.exitedAfterDisconnect = true;
    if (process.connected) process.disconnect();
  }
}

async function serveHere({ terminal }: Invocation, settings: Settings, log: Log): Promise<number> {
  process.on("uncaughtException", (error: Error) => {
    // What is broken this badly is restarted by whoever watches the process; the store is durable at any instant.
    log.error("unexpected failure, the server ends", { detail: error.stack ?? String(error) });
    process.exit(1);
  });
  // Also a signal during the start must end in an orderly way.
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => resolve(signal));
  });
  const parent = cluster.isWorker ? (await import("./worker.ts")).connectWithParent() : undefined;
  const server = await startServer({
    settings,
    directory: terminal.directory,
    log,
    ...(parent === undefined ? {} : { shareMetrics: parent.shareMetrics, warns: cluster.worker?.id === 1 }),
  });
  const line = `pawl ready ${server.issuer} pid=${process.pid} store=${server.storeKind}`;
  if (parent === undefined) print(terminal, line);
  else parent.ready(line);
  const signal = await stopped;
  if (parent === undefined) log.info("stopping", { signal });
  await server.close();
  if (parent === undefined) log.info("stopped");
  // A connection to a database that is silent stays open until the other end says that it has heard of the end.
  nodePlatform.scheduler.every(lingerMilliseconds, () => process.exit(0));
  return 0;
}
