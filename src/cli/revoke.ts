// `pawl sessions revoke`: ends sessions by id, of one user, or from before an instant. The running server reads the
// session on each request, so it refuses them from the next one on.
// Owns the choice of sessions; ending one is the engine's business.

import { isLive } from "../engine/views.ts";
import { readDuration } from "../server/option-values.ts";
import { UsageError } from "./arguments.ts";
import type { Invocation } from "./commands.ts";
import { textFlag } from "./layout.ts";
import { type Opened, withStore } from "./opened.ts";
import { subjectOf } from "./subjects.ts";
import { complain, print, printJson } from "./terminal.ts";

const pageRows = 1000;
/** Sessions ended at once: a store shares a transaction, or its connections, among them. */
const endingsAtOnce = 64;

/** `pawl sessions revoke <id>... | --user <email> | --before <time>` */
export async function revokeSessions(invocation: Invocation): Promise<number> {
  const { operands, flags, terminal, json } = invocation;
  const user = textFlag(flags, "user");
  const before = textFlag(flags, "before");
  if (operands.length > 0 === (user !== undefined || before !== undefined)) {
    throw new UsageError("sessions revoke needs either session ids or --user and/or --before");
  }
  return withStore(invocation, async (opened) => {
    const missed: string[] = [];
    let revoked = 0;
    if (operands.length > 0) {
      for (const sid of operands) {
        if (await opened.sessions.revoke(sid, "revoked_by_operator")) revoked += 1;
        else missed.push(sid);
      }
    } else {
      const subject = user === undefined ? undefined : await subjectOf(opened, user);
      revoked = await revokeMatching(opened, subject, before);
    }
    if (json) printJson(terminal, { revoked, missed });
    else print(terminal, `sessions ended: ${revoked}`);
    if (!json) for (const sid of missed) complain(terminal, `${JSON.stringify(sid)} is unknown or already over`);
    return missed.length > 0 ? 1 : 0;
  });
}

async function revokeMatching(
  opened: Opened,
  subject: string | undefined,
  before: string | undefined,
): Promise<number> {
  const { sessions } = opened;
  if (subject !== undefined && before === undefined) return sessions.revokeAll(subject, "revoked_by_operator");
  const now = sessions.platform.clock.now();
  const limit = readInstant(before ?? "", now);
  let revoked = 0;
  for (let page = await sessions.listAll(undefined, pageRows); ; ) {
    const targets = page.filter(
      (record) =>
        record.createdAt < limit && isLive(record, now) && (subject === undefined || record.subject === subject),
    );
    for (let start = 0; start < targets.length; start += endingsAtOnce) {
      const endings = targets.slice(start, start + endingsAtOnce);
      const ended = await Promise.all(endings.map(({ sid }) => sessions.revoke(sid, "revoked_by_operator")));
      revoked += ended.filter(Boolean).length;
    }
    if (page.length < pageRows) return revoked;
    page = await sessions.listAll(page.at(-1)?.sid, pageRows);
  }
}

/** `2026-11-23T20:00:00Z` (with a zone), or a duration such as `2h` for that long ago; milliseconds. */
function readInstant(text: string, now: number): number {
  if (/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text)) {
    const at = Date.parse(text);
    // A day that its month does not have is taken for one of the next.
    const day = new Date(`${text.slice(0, 10)}T00:00:00Z`);
    if (!Number.isNaN(at) && day.toISOString().startsWith(text.slice(0, 10))) return at;
  }
  try {
    return now - readDuration(text) * 1000;
  } catch {
    throw new UsageError("--before takes an instant such as 2026-11-23T20:00:00Z, or how long ago such as 2h");
  }
}
