// From the words of the command line to a command and its flags. Strict: an unknown word or flag is wrong usage, with
// the nearest known one; nothing is guessed.
// Owns what counts as wrong usage; what a flag of the configuration accepts is the business of server/config.ts.

import { parseArgs } from "node:util";
import { optionRows } from "../server/config.ts";
import { suggestion } from "../server/nearest.ts";
import { type Command, commands, laterCommands } from "./commands.ts";

/** Wrong usage: exit code 2. */
export class UsageError extends Error {
  /** The command it was about, when that was clear. */
  readonly command: Command | undefined;

  constructor(message: string, command?: Command) {
    super(message);
    this.command = command;
  }
}

/** A command line, understood. */
export interface Parsed {
  readonly command: Command;
  readonly operands: readonly string[];
  /** Flags of the command itself. */
  readonly flags: Readonly<Record<string, string | true>>;
  /** Flags of the configuration. */
  readonly options: Readonly<Record<string, string>>;
  readonly json: boolean;
  /** `--help` was given. */
  readonly help: boolean;
}

const argumentsMax = 2048;

/** Finds the command that the first one or two words name. */
function findCommand(words: readonly string[]): { command: Command; used: number } {
  const two = words.slice(0, 2).join(" ");
  for (const name of [two, words[0]]) {
    const command = commands.find((each) => each.name === name);
    if (command !== undefined) return { command, used: command.name.split(" ").length };
  }
  const [first = "", second] = words;
  if (laterCommands.some((each) => each === first || each === two)) {
    throw new UsageError(`${laterCommands.includes(first) ? first : two} arrives in a later version`);
  }
  const group = commands
    .filter((each) => each.name.startsWith(`${first} `))
    .map((each) => each.name.slice(first.length + 1));
  if (group.length === 0) {
    const known = [...new Set(commands.map((each) => each.name.split(" ")[0] ?? ""))];
    throw new UsageError(`there is no command ${shown(first)}${suggestion(first, known)}`);
  }
  if (second === undefined) throw new UsageError(`${first} needs one of: ${group.join(", ")}`);
  const both = shown(`${first} ${second}`);
  throw new UsageError(`there is no command ${both}${suggestion(second, group)} (${group.join(", ")})`);
}

/** A word as it may be printed: the address of a database may have its password in it. */
export function shown(word: string): string {
  return looksLikeAddress(word) || word.includes("@") ? "an address here" : JSON.stringify(word);
}

/** True for what is, or was meant to be, the address of a database with its user and password. */
export function looksLikeAddress(word: string): boolean {
  return word.includes("://") || /^(postgres(ql)?|mysql|mariadb|rediss?):/i.test(word);
}

type FlagKinds = Readonly<Record<string, "text" | "switch">>;

function flagKinds(command: Command | undefined): FlagKinds {
  const configuration = optionRows.flatMap((row) => (row.flag === undefined ? [] : [[row.flag, "text"] as const]));
  return {
    ...(command === undefined || command.configured ? Object.fromEntries(configuration) : {}),
    ...(command === undefined ? Object.assign({}, ...commands.map((each) => each.flags)) : command.flags),
    ...(command === undefined || command.json ? { json: "switch" } : {}),
    help: "switch",
  };
}

function tokenize(words: readonly string[], kinds: FlagKinds): Token[] {
  const options: Record<string, { type: "string" | "boolean"; short?: string }> = {};
  for (const [name, kind] of Object.entries(kinds)) options[name] = { type: kind === "text" ? "string" : "boolean" };
  options.help = { type: "boolean", short: "h" };
  const { tokens } = parseArgs({ args: [...words], options, strict: false, allowPositionals: true, tokens: true });
  return tokens as Token[];
}

type Token =
  | { kind: "option"; name: string; rawName: string; value?: string; inlineValue?: boolean }
  | { kind: "positional"; value: string }
  | { kind: "option-terminator" };

/**
 * Understands a command line.
 * @throws UsageError
 */
export function parseCommandLine(argv: readonly string[]): Parsed {
  if (argv.length > argumentsMax) throw new UsageError(`more than ${argumentsMax} words`);
  // Which words name the command is only known once the values of flags are told apart from words.
  const words = tokenize(argv, flagKinds(undefined)).flatMap((each) =>
    each.kind === "positional" ? [each.value] : [],
  );
  const asksHelp = argv.includes("--help") || argv.includes("-h");
  if (argv.includes("--version") && words.length === 0) return parseCommandLine(["version"]);
  if (words.length === 0) {
    if (asksHelp) return parseCommandLine(["help"]);
    throw new UsageError("which command?");
  }
  if (asksHelp && !commands.some((each) => words.join(" ").startsWith(each.name))) {
    return parseCommandLine(["help", ...words.slice(0, 2)]);
  }
  const { command, used } = findCommand(words);
  const kinds = flagKinds(command);
  const tokens = tokenize(argv, kinds);
  const operands = tokens.flatMap((each) => (each.kind === "positional" ? [each.value] : [])).slice(used);
  const flags = readFlags(tokens, kinds, command);
  checkOperands(operands, command, flags.help === true);
  return split(command, operands, flags);
}

function readFlags(tokens: readonly Token[], kinds: FlagKinds, command: Command): Record<string, string | true> {
  const flags: Record<string, string | true> = {};
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const kind = Object.hasOwn(kinds, token.name) ? kinds[token.name] : undefined;
    if (kind === undefined) throw unknownFlag(token.rawName, token.name, kinds, command);
    if (Object.hasOwn(flags, token.name)) throw new UsageError(`${token.rawName} is given twice`, command);
    if (kind === "switch" && token.value !== undefined)
      throw new UsageError(`${token.rawName} takes no value`, command);
    const swallowed = token.inlineValue !== true && token.value?.startsWith("--");
    if (kind === "text" && (token.value === undefined || swallowed)) {
      throw new UsageError(`${token.rawName} needs a value`, command);
    }
    flags[token.name] = token.value ?? true;
  }
  return flags;
}

function unknownFlag(shown: string, name: string, kinds: FlagKinds, command: Command): UsageError {
  const hidden = optionRows.find((row) => row.flag === undefined && row.variable === variableLike(name));
  if (hidden !== undefined) {
    return new UsageError(`${shown} is no flag, other processes could read it: set ${hidden.variable}`, command);
  }
  const known = Object.keys(kinds).map((each) => `--${each}`);
  return new UsageError(`there is no flag ${JSON.stringify(shown)}${suggestion(shown, known)}`, command);
}

function variableLike(name: string): string {
  return `PAWL_${name.toUpperCase().replaceAll("-", "_")}`;
}

function checkOperands(operands: readonly string[], command: Command, asksHelp: boolean): void {
  const [least, most] = command.operands;
  if (asksHelp) return;
  if (operands.length < least) throw new UsageError(`${command.name} needs ${command.usage}`, command);
  if (operands.length > most) {
    const extra = String(operands[most]);
    throw new UsageError(`${command.name} does not take ${shown(extra)}`, command);
  }
}

function split(command: Command, operands: readonly string[], given: Record<string, string | true>): Parsed {
  const flags: Record<string, string | true> = {};
  const options: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    if (name === "json" || name === "help") continue;
    if (Object.hasOwn(command.flags, name)) flags[name] = value;
    else options[name] = value as string;
  }
  return { command, operands, flags, options, json: given.json === true, help: given.help === true };
}
