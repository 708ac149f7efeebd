// `pawl sessions create`: a session without a password, for tests and operators; printed as the session response that a
// client would get (CONTRACT section 2). What it prints is a credential: it goes to standard output and nowhere else.

import { PawlError } from "../core/errors.ts";
import type { Transport } from "../core/record.ts";
import { parseScope } from "../engine/scopes.ts";
import type { Grant, IssueInput, Sessions } from "../engine/types.ts";
import type { User } from "../http/accounts.ts";
import { createHandler } from "../http/handler.ts";
import { createClients, firstParty } from "../http/oauth-clients.ts";
import { grantable, tokenResponse } from "../http/oauth-endpoints.ts";
import { UsageError } from "./arguments.ts";
import type { Invocation } from "./commands.ts";
import { textFlag } from "./layout.ts";
import { type Opened, withStore } from "./opened.ts";
import { subjectOf } from "./subjects.ts";
import { printJson } from "./terminal.ts";

function readTransport(text: string | undefined): Transport {
  if (text === undefined || text === "cookie") return "cookie";
  if (text === "body") return "body";
  throw new UsageError("--transport takes body or cookie");
}

/** The registered client that `--client` names, with what it is granted. */
async function clientOf(
  { sessions }: Opened,
  invocation: Invocation,
): Promise<Pick<IssueInput, "clientId" | "delegation">> {
  const [id, scope] = [textFlag(invocation.flags, "client"), textFlag(invocation.flags, "scope")];
  if (id === undefined) {
    if (scope !== undefined) throw new UsageError("--scope needs --client");
    return {};
  }
  const { store, platform } = sessions;
  const client = await createClients(invocation.settings().clients, store, platform.clock).find(id);
  if (client === undefined || id === firstParty) {
    throw new PawlError("not_found", `there is no client ${JSON.stringify(id)}; \`pawl clients list\` shows them`);
  }
  const scopes = grantable(client, scope === undefined ? undefined : parseScope(scope));
  return {
    clientId: id,
    delegation: client.audience === undefined ? { scopes } : { scopes, audience: client.audience },
  };
}

/** `pawl sessions create --user <email> [--transport body|cookie] [--label <name>] [--client <id> [--scope <names>]]` */
export async function createSession(invocation: Invocation): Promise<number> {
  const { flags, terminal } = invocation;
  const userFlag = textFlag(flags, "user");
  if (userFlag === undefined) throw new UsageError("sessions create needs --user <email>");
  const isClients = textFlag(flags, "client") !== undefined;
  if (isClients && flags.transport !== undefined) throw new UsageError("--client and --transport exclude each other");
  const transport = isClients ? "body" : readTransport(textFlag(flags, "transport"));
  const label = textFlag(flags, "label") ?? "made by pawl sessions create";
  return withStore(invocation, async (opened) => {
    const { sessions, accounts } = opened;
    const held = await clientOf(opened, invocation);
    const user = await accounts.find(await subjectOf(opened, userFlag));
    if (user === undefined) throw new PawlError("not_found", "there is no such account, or it is disabled");
    // Nobody proved anything: no authentication method is claimed (RFC 8176).
    const grant = await sessions.issue({ subject: user.id, transport, amr: [], label, ...held });
    if (!(await accounts.stillValid(user))) {
      await sessions.revoke(grant.record.sid, "revoked_by_operator");
      throw new PawlError("not_found", "the account was disabled meanwhile");
    }
    printJson(terminal, isClients ? tokenResponse(grant) : signedIn(sessions, grant, user));
    return 0;
  });
}

/** The session response that a client would get. */
function signedIn(sessions: Sessions, grant: Grant, user: User): object {
  const { headers, body } = createHandler({ sessions }).signedInParts(grant, user);
  const response = JSON.parse(String(body)) as Record<string, unknown>;
  // With the cookie transport the token is in the header only; without it the session could not be used.
  const cookie = headers[headers.indexOf("set-cookie") + 1];
  return grant.record.transport === "cookie" ? { ...response, set_cookie: cookie } : response;
}
