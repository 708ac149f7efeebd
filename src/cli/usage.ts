// The usage texts: of pawl, of a group of commands, of one command; made from the tables of commands and options.
// Owns the wording and the layout.

import { optionRows } from "../server/config.ts";
import { UsageError } from "./arguments.ts";
import { type Command, commands, type Invocation } from "./commands.ts";
import { print } from "./terminal.ts";

function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

/** The usage of pawl as a whole. */
export function usageOfAll(): string {
  return [
    "Usage: pawl <command> [options]",
    "",
    ...aligned(commands.map((each) => [each.name, each.summary])),
    "",
    "`pawl help <command>` explains one. Exit codes: 0 done, 1 could not, 2 wrong usage, 3 store unreachable.",
  ].join("\n");
}

/** The usage of one command. */
export function usageOf(command: Command): string {
  const lines = [`Usage: pawl ${command.name} ${command.usage}`.trimEnd(), "", `  ${command.summary}`];
  if (command.json) lines.push("", "  --json  print JSON");
  if (command.configured) {
    const rows = optionRows.map((row): [string, string] => {
      const fallback = row.fallback === undefined ? "" : ` (default: ${row.fallback})`;
      return [
        `${row.flag === undefined ? "" : `--${row.flag}`.padEnd(16)}  ${row.variable}`.trim(),
        row.accepts + fallback,
      ];
    });
    const wide = rows.map(([left, right]): [string, string] => [
      left.startsWith("--") ? left : `${" ".repeat(18)}${left}`,
      right,
    ]);
    lines.push("", "Configuration: flag, variable, or member of pawl.config.json", ...aligned(wide));
  }
  return lines.join("\n");
}

/** `pawl help [command]`. */
export async function help(invocation: Invocation): Promise<number> {
  const name = invocation.operands.join(" ");
  const found = commands.filter((each) => each.name === name || each.name.startsWith(`${name} `));
  if (name === "") print(invocation.terminal, usageOfAll());
  else if (found.length === 0) throw new UsageError(`there is no command ${JSON.stringify(name)}`);
  else print(invocation.terminal, found.map(usageOf).join("\n\n"));
  return 0;
}
