// `pawl keys list|rotate`: the signing keys of access tokens. A running server picks a new key up by itself.
// Owns the wording only; shows no private key.

import type { KeyView } from "../engine/types.ts";
import type { Invocation } from "./commands.ts";
import { columns, instant } from "./layout.ts";
import { withStore } from "./opened.ts";
import { print, printJson } from "./terminal.ts";

function table(keys: readonly KeyView[]): string {
  const rows = keys.map((key) => [key.kid, key.alg, key.state, instant(key.createdAt * 1000)]);
  return columns(["KEY ID", "ALGORITHM", "STATE", "CREATED (UTC)"], rows);
}

function shown({ createdAt, ...key }: KeyView): object {
  return { ...key, created_at: createdAt };
}

/** `pawl keys list` */
export async function listKeys(invocation: Invocation): Promise<number> {
  return withStore(invocation, async ({ sessions }) => {
    if (invocation.json) printJson(invocation.terminal, { keys: sessions.keys().map(shown) });
    else print(invocation.terminal, table(sessions.keys()));
    return 0;
  });
}

/** `pawl keys rotate`: the new key is published now and signs once every verifier must have seen it. */
export async function rotateKeys(invocation: Invocation): Promise<number> {
  return withStore(invocation, async ({ sessions }) => {
    const key = await sessions.rotateKeys();
    if (invocation.json) printJson(invocation.terminal, { key: shown(key) });
    else print(invocation.terminal, table([key]));
    return 0;
  });
}
