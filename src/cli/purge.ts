// `pawl purge`: removes sessions that were over long ago, now and all of them. The server does the same by itself, a
// step a minute. Owns the loop; which rows have lapsed is the engine's business.

import { readDuration } from "../server/option-values.ts";
import { UsageError } from "./arguments.ts";
import type { Invocation } from "./commands.ts";
import { textFlag } from "./layout.ts";
import { withStore } from "./opened.ts";
import { print, printJson } from "./terminal.ts";

function readKeep(text: string | undefined): number | undefined {
  try {
    return text === undefined ? undefined : readDuration(text);
  } catch {
    throw new UsageError("--keep takes a duration such as 12h or 7d");
  }
}

/** `pawl purge [--keep <duration>]` */
export async function purge(invocation: Invocation): Promise<number> {
  const { terminal, json, flags } = invocation;
  const keepSeconds = readKeep(textFlag(flags, "keep"));
  return withStore(invocation, async ({ sessions }) => {
    let removed = 0;
    let position: string | undefined;
    do {
      const step = await sessions.purge(position, keepSeconds);
      removed += step.removed;
      position = step.next;
    } while (position !== undefined);
    if (json) printJson(terminal, { removed });
    else print(terminal, `removed: ${removed}`);
    return 0;
  });
}
