// `pawl sessions create`: a session without a password, for tests and operators; printed as the session response that a
// client would get (CONTRACT section 2). What it prints is a credential: it goes to standard output and nowhere else.

import { PawlError } from "../core/errors.ts";
import type { Transport } from "../core/record.ts";
import { createHandler } from "../http/handler.ts";
import { UsageError } from "./arguments.ts";
import type { Invocation } from "./commands.ts";
import { textFlag } from "./layout.ts";
import { withStore } from "./opened.ts";
import { subjectOf } from "./subjects.ts";
import { printJson } from "./terminal.ts";

function readTransport(text: string | undefined): Transport {
  if (text === undefined || text === "cookie") return "cookie";
  if (text === "body") return "body";
  throw new UsageError("--transport takes body or cookie");
}

/** `pawl sessions create --user <email> [--transport body|cookie] [--label <name>]` */
export async function createSession(invocation: Invocation): Promise<number> {
  const { flags, terminal } = invocation;
  const userFlag = textFlag(flags, "user");
  if (userFlag === undefined) throw new UsageError("sessions create needs --user <email>");
  const transport = readTransport(textFlag(flags, "transport"));
  const label = textFlag(flags, "label") ?? "made by pawl sessions create";
  return withStore(invocation, async (opened) => {
    const { sessions, accounts } = opened;
    const user = await accounts.find(await subjectOf(opened, userFlag));
    if (user === undefined) throw new PawlError("not_found", "there is no such account, or it is disabled");
    // Nobody proved anything: no authentication method is claimed (RFC 8176).
    const grant = await sessions.issue({ subject: user.id, transport, amr: [], label });
    if (!(await accounts.stillValid(user))) {
      await sessions.revoke(grant.record.sid, "revoked_by_operator");
      throw new PawlError("not_found", "the account was disabled meanwhile");
    }
    const { headers, body } = createHandler({ sessions }).signedInParts(grant, user);
    const response = JSON.parse(String(body)) as Record<string, unknown>;
    // With the cookie transport the token is in the header only; without it the session could not be used.
    const cookie = headers[headers.indexOf("set-cookie") + 1];
    printJson(terminal, transport === "cookie" ? { ...response, set_cookie: cookie } : response);
    return 0;
  });
}
