// One run of the command line: understand the words, run the command, turn what went wrong into one line on standard
// error and an exit code (CONTRACT section 7). Owns the exit codes. Prints no stack and no secret.

import { PawlError } from "../core/errors.ts";
import { readSettings, readStoreSetting } from "../server/config.ts";
import { printable } from "../server/log.ts";
import { parseCommandLine, UsageError } from "./arguments.ts";
import type { Command, Run } from "./commands.ts";
import { complain, print, processTerminal, type Terminal } from "./terminal.ts";

/** Exit codes (CONTRACT section 7). */
export const exitCodes: {
  readonly done: 0;
  readonly couldNot: 1;
  readonly wrongUsage: 2;
  readonly storeUnreachable: 3;
} = { done: 0, couldNot: 1, wrongUsage: 2, storeUnreachable: 3 };

/** The code of each command, loaded on demand: `pawl serve` starts without reading that of the others. */
const loaders: Readonly<Record<string, () => Promise<Run>>> = {
  serve: async () => (await import("./serve.ts")).serve,
  "users add": async () => (await import("./users.ts")).addUser,
  "users list": async () => (await import("./users.ts")).listUsers,
  "users disable": async () => (await import("./users.ts")).disableUser,
  "users enable": async () => (await import("./users.ts")).enableUser,
  "users reset": async () => (await import("./users.ts")).resetUser,
  "sessions list": async () => (await import("./sessions.ts")).listSessions,
  "sessions show": async () => (await import("./sessions.ts")).showSession,
  "sessions why": async () => (await import("./sessions.ts")).whySession,
  "sessions revoke": async () => (await import("./revoke.ts")).revokeSessions,
  "sessions create": async () => (await import("./create.ts")).createSession,
  "clients add": async () => (await import("./clients.ts")).addClient,
  "clients list": async () => (await import("./clients.ts")).listClients,
  "clients remove": async () => (await import("./clients.ts")).removeClient,
  "keys list": async () => (await import("./keys.ts")).listKeys,
  "keys rotate": async () => (await import("./keys.ts")).rotateKeys,
  "keys revoke": async () => (await import("./keys.ts")).revokeKey,
  "store copy": async () => (await import("./store.ts")).copy,
  "store backup": async () => (await import("./store.ts")).backup,
  "store restore": async () => (await import("./store.ts")).restore,
  purge: async () => (await import("./purge.ts")).purge,
  simulate: async () => (await import("./simulate.ts")).simulate,
  version: async () => (await import("./version.ts")).version,
  help: async () => (await import("./usage.ts")).help,
};

/** Runs one command line and resolves its exit code; never rejects. */
export async function run(argv: readonly string[], terminal: Terminal): Promise<number> {
  let running: Command | undefined;
  try {
    const { command, operands, flags, options, json, help } = parseCommandLine(argv);
    if (help) {
      const { usageOf } = await import("./usage.ts");
      print(terminal, usageOf(command));
      return exitCodes.done;
    }
    const sources = { flags: options, environment: terminal.environment, directory: terminal.directory };
    running = command;
    const load = loaders[command.name] as () => Promise<Run>;
    const execute = await load();
    return await execute({
      operands,
      flags,
      json,
      settings: () => readSettings(sources),
      store: () => readStoreSetting(sources),
      terminal,
    });
  } catch (error) {
    return explain(error, terminal, running);
  }
}

async function explain(error: unknown, terminal: Terminal, running: Command | undefined): Promise<number> {
  if (error instanceof UsageError) {
    complain(terminal, printable(error.message));
    const { usageOfAll } = await import("./usage.ts");
    const command = error.command ?? running;
    terminal.errors.write(
      command === undefined
        ? `${usageOfAll()}\n`
        : `Usage: pawl ${command.name} ${command.usage}\n\`pawl help ${command.name}\` says more.\n`,
    );
    return exitCodes.wrongUsage;
  }
  if (error instanceof PawlError) {
    const reasons = error.facts.reasons === undefined ? "" : ` (${error.facts.reasons.join(", ")})`;
    complain(terminal, printable(error.detail + reasons));
    if (error.code === "invalid_option") return exitCodes.wrongUsage;
    return error.code === "store_unavailable" ? exitCodes.storeUnreachable : exitCodes.couldNot;
  }
  const { code, message } = error as NodeJS.ErrnoException;
  complain(terminal, printable(code === undefined ? `unexpected: ${message}` : `${message}`));
  return exitCodes.couldNot;
}

/** Runs the command line of this process. */
export async function runProcess(): Promise<void> {
  const terminal = processTerminal();
  process.exitCode = await run(process.argv.slice(2), terminal);
}
