// `pawl keys list|rotate|revoke`: the signing keys of access tokens. Running servers pick changes up by themselves.
// Owns the wording only; shows no private key.

import type { KeyView } from "../engine/types.ts";
import type { Invocation } from "./commands.ts";
import { columns, instant } from "./layout.ts";
import { withStore } from "./opened.ts";
import { complain, print, printJson } from "./terminal.ts";

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

/** `pawl keys revoke <key id>`: for a key that may have leaked. */
export async function revokeKey(invocation: Invocation): Promise<number> {
  const [kid = ""] = invocation.operands;
  const { terminal, json } = invocation;
  return withStore(invocation, async ({ sessions }) => {
    const revoked = await sessions.revokeKey(kid);
    if (json) printJson(terminal, { revoked, keys: sessions.keys().map(shown) });
    else if (revoked) print(terminal, table(sessions.keys()));
    else complain(terminal, `there is no signing key ${JSON.stringify(kid)}; \`pawl keys list\` shows them`);
    return revoked ? 0 : 1;
  });
}
