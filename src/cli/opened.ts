// What the commands work on: the engine and the accounts of the configured store, opened while the server may be
// running on it, and closed again whatever happens.
// Owns opening and closing; knows no command.

import type { Sessions } from "../engine/types.ts";
import type { ServerAccounts } from "../server/accounts/types.ts";
import { issuerFor } from "../server/issuer.ts";
import { createStore, engineOptions, recallIssuer, refuseMemory, refuseMissing } from "../server/stores.ts";
import type { Invocation } from "./commands.ts";
import { complain } from "./terminal.ts";

/** An open store with everything above it. */
export interface Opened {
  readonly sessions: Sessions;
  readonly accounts: ServerAccounts;
}

/**
 * Opens the configured store, runs `work`, closes the store. A database that does not exist is only created for
 * `create`: a mistyped name must not look like an empty database.
 * @throws PawlError `invalid_option`, `store_unavailable`, `store_incompatible`.
 */
export async function withStore(
  invocation: Invocation,
  work: (opened: Opened) => Promise<number>,
  create = false,
): Promise<number> {
  const settings = invocation.settings();
  const { directory } = invocation.terminal;
  for (const warning of settings.warnings) complain(invocation.terminal, warning);
  refuseMemory(settings.store);
  if (!create) refuseMissing(settings.store, directory);
  const { createSessions } = await import("../engine/create-sessions.ts");
  const { createAccounts } = await import("../server/accounts/accounts.ts");
  const issuer =
    settings.issuer ?? (await recallIssuer(settings.store, directory, create)) ?? issuerFor(settings, settings.port);
  const store = await createStore(settings.store, directory, create);
  // Without an algorithm of its own: a command must not change the one that the running server was given.
  const { algorithm: _theServers, ...options } = engineOptions(settings, store, issuer);
  // Nor make a key because it is time: that is the server's too.
  const sessions = await createSessions({ ...options, keyRotationSeconds: 0 });
  try {
    const accounts = createAccounts({ store, platform: sessions.platform, registration: "open", throttle: false });
    return await work({ sessions, accounts });
  } finally {
    await sessions.close();
  }
}
