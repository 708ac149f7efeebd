// The commands of pawl: words, usage and flags, as one table that parsing and the usage texts are made from.
// Owns the table and what a command gets to work with; holds no behaviour (run.ts loads that of each command).

import type { Settings } from "../server/config.ts";
import type { StoreChoice } from "../server/option-values.ts";
import type { Terminal } from "./terminal.ts";

/** What a command gets to work with. */
export interface Invocation {
  /** The words after the command. */
  readonly operands: readonly string[];
  /** Own flags that were given; `true` for one without a value. */
  readonly flags: Readonly<Record<string, string | true>>;
  readonly json: boolean;
  /** Read lazily: a command that needs no configuration is not refused for a mistake in it. */
  settings(): Settings;
  /** Only the store of the configuration, for what needs nothing else of it. */
  store(): StoreChoice;
  readonly terminal: Terminal;
}

/** Runs one command and resolves the exit code. */
export type Run = (invocation: Invocation) => Promise<number>;

/** One command. */
export interface Command {
  /** `users add`. */
  readonly name: string;
  /** What follows the name in the usage line. */
  readonly usage: string;
  readonly summary: string;
  /** Flags of its own, `json` and those of the configuration aside. */
  readonly flags: Readonly<Record<string, "text" | "switch">>;
  /** The least and the most words after the command. */
  readonly operands: readonly [number, number];
  /** True when it takes the flags of the configuration. */
  readonly configured: boolean;
  readonly json: boolean;
}

type Extra = Partial<Pick<Command, "flags" | "operands" | "configured" | "json">>;

function command(name: string, usage: string, summary: string, extra: Extra = {}): Command {
  return { name, usage, summary, flags: {}, operands: [0, 0], configured: true, json: false, ...extra };
}

const oneOperand: Extra = { operands: [1, 1], json: true };

/** Every command, in the order of the usage text. */
export const commands: readonly Command[] = [
  command("serve", "[--workers <n>] [options]", "run the server", { flags: { workers: "text" } }),
  command("users add", "<email> [--name <name>] [--password-stdin]", "create an account", {
    operands: [1, 1],
    flags: { name: "text", "password-stdin": "switch" },
    json: true,
  }),
  command("users list", "[--after <id>] [--limit <n>]", "list accounts", {
    flags: { after: "text", limit: "text" },
    json: true,
  }),
  command("users disable", "<email>", "forbid sign-in and end every session of the account", oneOperand),
  command("users enable", "<email>", "allow sign-in again", oneOperand),
  command("users reset", "<email>", "print a one-time link that sets a new password", oneOperand),
  command(
    "sessions list",
    "[--user <email>] [--ended] [--after <id>] [--limit <n>]",
    "list sessions; with --ended those that are over, too",
    { flags: { user: "text", ended: "switch", after: "text", limit: "text" }, json: true },
  ),
  command("sessions show", "<id>", "show one session", oneOperand),
  command("sessions why", "<id>", "say why a session ended", oneOperand),
  command("sessions revoke", "<id>... | --user <email> | --before <time>", "end sessions, at once", {
    operands: [0, 1000],
    flags: { user: "text", before: "text" },
    json: true,
  }),
  command(
    "sessions create",
    "--user <email> [--transport body|cookie] [--label <name>] | --user <email> --client <id> [--scope <names>]",
    "start a session and print its session response, or a client's token response (JSON)",
    { flags: { user: "text", transport: "text", label: "text", client: "text", scope: "text" }, json: true },
  ),
  command(
    "clients add",
    "<id> [--secret] [--scope <names>] [--audience <aud>] [--introspects <auds>] [--self-service]",
    "register an OAuth client; --secret makes one and prints it once",
    {
      operands: [1, 1],
      flags: { secret: "switch", scope: "text", introspects: "text", "self-service": "switch" },
      json: true,
    },
  ),
  command("clients list", "", "list OAuth clients", { json: true }),
  command("clients remove", "<id>", "remove an OAuth client; its refresh tokens stop working", oneOperand),
  command("keys list", "", "list signing keys", { json: true }),
  command("keys rotate", "", "publish a new signing key", { json: true }),
  command("keys revoke", "<key id>", "remove a signing key that may have leaked, at once", oneOperand),
  command(
    "store copy",
    "<from> [<to>] [--replace]",
    "bring another store (default: the configured one) to the state of a store",
    {
      operands: [1, 2],
      flags: { replace: "switch" },
      json: true,
    },
  ),
  command("store backup", "<file>", "copy the store into a SQLite file, while servers use it", oneOperand),
  command("store restore", "<file>", "put a backup in the place of the SQLite store, while nobody uses it", oneOperand),
  command("purge", "[--keep <duration>]", "remove what was over 7 days ago, or longer than --keep", {
    flags: { keep: "text" },
    json: true,
  }),
  command(
    "simulate",
    "[--seed <n>] [--users <n>] [--days <n>] [--faults <levels>] [--only <rules>] [--user <n>] [--story] [--out <folder>]",
    "compare rotation rules: false logouts and thieves, on simulated people and faults",
    {
      configured: false,
      json: true,
      flags: {
        seed: "text",
        users: "text",
        days: "text",
        faults: "text",
        only: "text",
        user: "text",
        story: "switch",
        out: "text",
      },
    },
  ),
  command("version", "", "print the version", { configured: false, json: true }),
  command("help", "[command]", "explain a command", { configured: false, operands: [0, 2] }),
];

/** Words of CONTRACT section 7 whose work is still to come. */
export const laterCommands: readonly string[] = ["doctor"];
