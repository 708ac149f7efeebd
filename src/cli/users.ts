// `pawl users add|list|disable|enable|reset`: accounts of the server, from its machine.
// Owns the wording; the rules are those of server/accounts.

import { disableUser as endUser } from "../server/accounts/ending.ts";
import type { AccountView } from "../server/accounts/types.ts";
import { printable } from "../server/log.ts";
import { refuseMemory } from "../server/stores.ts";
import type { Invocation } from "./commands.ts";
import { columns, instant, readLimit, seconds, textFlag } from "./layout.ts";
import { withStore } from "./opened.ts";
import { readNewPassword } from "./password.ts";
import { print, printJson } from "./terminal.ts";

function emailOf(invocation: Invocation): string {
  return invocation.operands[0] ?? "";
}

function shown({ createdAt, passwordChangedAt, ...account }: AccountView): object {
  return { ...account, created_at: seconds(createdAt), password_changed_at: seconds(passwordChangedAt) };
}

/** `pawl users add <email> [--name <name>] [--password-stdin]` */
export async function addUser(invocation: Invocation): Promise<number> {
  const { terminal, flags, json } = invocation;
  // A mistake in the configuration is told before a password is typed.
  refuseMemory(invocation.settings().store);
  const password = await readNewPassword(terminal, flags["password-stdin"] === true);
  return withStore(
    invocation,
    async ({ accounts }) => {
      const user = await accounts.add(emailOf(invocation), password, textFlag(flags, "name"));
      if (json) printJson(terminal, shown(user));
      else print(terminal, `added ${printable(user.email)} (${user.id})`);
      return 0;
    },
    true,
  );
}

/** `pawl users list [--after <id>] [--limit <n>]` */
export async function listUsers(invocation: Invocation): Promise<number> {
  const { terminal, flags, json } = invocation;
  const limit = readLimit(flags.limit);
  return withStore(invocation, async ({ accounts }) => {
    const users = await accounts.list(textFlag(flags, "after"), limit);
    const next = users.length === limit ? (users.at(-1)?.id ?? null) : null;
    if (json) {
      printJson(terminal, { users: users.map(shown), next });
      return 0;
    }
    const rows = users.map((user) => [
      user.id,
      user.email,
      user.name ?? "",
      instant(user.createdAt),
      user.disabled ? "disabled" : "active",
    ]);
    print(terminal, columns(["ID", "E-MAIL", "NAME", "CREATED (UTC)", "STATE"], rows));
    if (next !== null) print(terminal, `more: --after ${next}`);
    return 0;
  });
}

/** `pawl users disable <email>`: no sign-in any more, and every session ends now. */
export async function disableUser(invocation: Invocation): Promise<number> {
  const { terminal, json } = invocation;
  return withStore(invocation, async ({ accounts, sessions }) => {
    const { account, revoked } = await endUser(accounts, sessions, emailOf(invocation));
    if (json) printJson(terminal, { user: shown(account), revoked });
    else print(terminal, `disabled ${printable(account.email)}; sessions ended: ${revoked}`);
    return 0;
  });
}

/** `pawl users enable <email>` */
export async function enableUser(invocation: Invocation): Promise<number> {
  const { terminal, json } = invocation;
  return withStore(invocation, async ({ accounts }) => {
    const user = await accounts.enable(emailOf(invocation));
    if (json) printJson(terminal, { user: shown(user) });
    else print(terminal, `enabled ${printable(user.email)}`);
    return 0;
  });
}

/** `pawl users reset <email>`: the link is a secret; it goes to standard output and nowhere else. */
export async function resetUser(invocation: Invocation): Promise<number> {
  const { terminal, json } = invocation;
  return withStore(invocation, async ({ accounts, sessions }) => {
    const { token, expiresAt } = await accounts.createReset(emailOf(invocation));
    // In the fragment, so that no server or proxy ever logs it.
    const link = `${sessions.issuer}/reset#${token}`;
    if (json) printJson(terminal, { link, expires_at: seconds(expiresAt) });
    else print(terminal, link);
    return 0;
  });
}
