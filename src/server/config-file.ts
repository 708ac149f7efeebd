// pawl.config.json: one JSON object of option values, looked for in the working folder.
// Owns its name, its bound and what its members look like as text; which members exist is the table in config.ts.
// Never repeats the text of the file in an error: it may hold a secret.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PawlError } from "../core/errors.ts";
import { suggestion } from "./nearest.ts";

/** One option, as documented and as checked. */
export interface OptionRow {
  /** The member of pawl.config.json. */
  readonly member: string;
  readonly variable: string;
  /** Without dashes; `undefined` = no flag, because arguments can be read by every process of the machine. */
  readonly flag: string | undefined;
  /** In words, for the documentation; `undefined` = none. */
  readonly fallback: string | undefined;
  /** The accepted values, in words. */
  readonly accepts: string;
}

/** The configuration file. */
export const configFileName = "pawl.config.json";
const configBytesMax = 65_536;

function refuse(message: string, field: string): never {
  throw new PawlError("invalid_option", message, { field });
}

/** The members of pawl.config.json as texts; a member that is not an option is refused, the file is ours alone. */
export function readConfigFile(directory: string, rows: readonly OptionRow[]): ReadonlyMap<string, string> {
  const parsed = parseConfigFile(directory);
  const members = rows.map((row) => row.member);
  const texts = new Map<string, string>();
  for (const [member, value] of Object.entries(parsed)) {
    if (member === "$schema") continue;
    if (!members.includes(member)) {
      refuse(`${configFileName} has an unknown member ${JSON.stringify(member)}${suggestion(member, members)}`, member);
    }
    const text = configText(value);
    if (text === undefined) {
      const row = rows.find((each) => each.member === member);
      refuse(`"${member}" in ${configFileName} is not accepted: it takes ${row?.accepts ?? ""}`, member);
    } else {
      texts.set(member, text);
    }
  }
  return texts;
}

function parseConfigFile(directory: string): object {
  let text: string;
  try {
    text = readFileSync(join(directory, configFileName), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    return refuse(
      `${configFileName} cannot be read (${(error as NodeJS.ErrnoException).code ?? "error"})`,
      configFileName,
    );
  }
  if (text.length > configBytesMax) refuse(`${configFileName} is larger than ${configBytesMax} bytes`, configFileName);
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed;
  } catch {
    // The parser's message quotes the text, which may hold a secret.
  }
  return refuse(`${configFileName} must be one JSON object`, configFileName);
}

function configText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  if (typeof value === "boolean") return value ? "on" : "off";
  // A list of objects (clients) is read as JSON, like its variable.
  if (Array.isArray(value) && value.every((each) => typeof each === "object")) return JSON.stringify(value);
  const list = Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string");
  return list ? value.join(",") : undefined;
}
