// `pawl serve`: one server in this process, from the options to the ready line to the end of the process.
// Owns the ready line, the signals and what goes to which stream; the server itself is server/server.ts.

import { nodePlatform } from "../platform/node.ts";
import { createLog } from "../server/log.ts";
import { startServer } from "../server/server.ts";
import type { Invocation } from "./commands.ts";
import { print } from "./terminal.ts";

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
  process.on("uncaughtException", (error: Error) => {
    // What is broken this badly is restarted by whoever watches the process; the store is durable at any instant.
    log.error("unexpected failure, the server ends", { detail: error.stack ?? String(error) });
    process.exit(1);
  });
  // Also a signal during the start must end in an orderly way.
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => resolve(signal));
  });
  const server = await startServer({ settings, directory: terminal.directory, log });
  print(terminal, `pawl ready ${server.issuer} pid=${process.pid} store=${server.storeKind}`);
  const signal = await stopped;
  log.info("stopping", { signal });
  await server.close();
  log.info("stopped");
  return 0;
}
