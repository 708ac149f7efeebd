// `pawl sessions list|show|why`: what sessions there are, and what became of them. Reads only.
// Owns the wording of an ending; shows no token, there is none in the store.

import { PawlError } from "../core/errors.ts";
import type { SessionEnd } from "../core/events.ts";
import type { SessionRecord } from "../core/record.ts";
import type { SessionStory } from "../engine/types.ts";
import { stateOf } from "../engine/views.ts";
import { printable } from "../server/log.ts";
import type { Invocation } from "./commands.ts";
import { columns, instant, readLimit, seconds, shortened, textFlag } from "./layout.ts";
import { type Opened, withStore } from "./opened.ts";
import { subjectOf } from "./subjects.ts";
import { print, printJson } from "./terminal.ts";

/** Rows one store call reads while a list is filtered. */
const pageRows = 1000;

interface Page {
  readonly records: readonly SessionRecord[];
  /** Pass as `--after` to go on; `null` at the end. */
  readonly next: string | null;
}

/** At most `limit` sessions after `after` that `wanted` accepts; reads page by page, never the whole store at once. */
async function collect(
  { sessions }: Opened,
  wanted: (record: SessionRecord) => boolean,
  after: string | undefined,
  limit: number,
): Promise<Page> {
  const records: SessionRecord[] = [];
  let position = after;
  for (;;) {
    const page = await sessions.listAll(position, pageRows);
    for (const record of page) {
      if (!wanted(record)) continue;
      records.push(record);
      if (records.length === limit) return { records, next: record.sid };
    }
    position = page.at(-1)?.sid;
    if (page.length < pageRows || position === undefined) return { records, next: null };
  }
}

/** `pawl sessions list [--user <email>] [--ended] [--after <id>] [--limit <n>]` */
export async function listSessions(invocation: Invocation): Promise<number> {
  const { flags, terminal, json } = invocation;
  const limit = readLimit(flags.limit);
  return withStore(invocation, async (opened) => {
    const { sessions } = opened;
    const user = textFlag(flags, "user");
    const subject = user === undefined ? undefined : await subjectOf(opened, user);
    const now = sessions.platform.clock.now();
    const wanted = (record: SessionRecord): boolean =>
      (subject === undefined || record.subject === subject) &&
      (flags.ended === true || stateOf(record, now) === "live");
    const { records, next } = await collect(opened, wanted, textFlag(flags, "after"), limit);
    if (json) {
      const shown = records.map((record) => ({
        ...sessions.view(record),
        subject: record.subject,
        state: stateOf(record, now),
        reason: record.ended?.reason ?? null,
      }));
      printJson(terminal, { sessions: shown, next });
      return 0;
    }
    const rows: string[][] = [];
    for (const record of records) rows.push(await rowOf(opened, record, now));
    print(terminal, columns(["ID", "USER", "CREATED (UTC)", "LAST SEEN", "STATE", "FROM"], rows));
    if (next !== null) print(terminal, `more: --after ${next}`);
    return 0;
  });
}

async function rowOf({ accounts }: Opened, record: SessionRecord, now: number): Promise<string[]> {
  const user = await accounts.find(record.subject);
  const state = record.ended === undefined ? stateOf(record, now) : `ended (${record.ended.reason})`;
  const from = [record.label, record.ip, shortened(record.userAgent, 40)].filter((each) => each !== "").join(" ");
  return [
    record.sid,
    user?.email ?? record.subject,
    instant(record.createdAt),
    instant(record.lastSeenAt),
    state,
    from,
  ];
}

async function storyOf({ sessions }: Opened, invocation: Invocation): Promise<SessionStory> {
  const story = await sessions.story(invocation.operands[0] ?? "");
  if (story === undefined) throw new PawlError("not_found", "there is no such session, or it was purged");
  return story;
}

/** `pawl sessions show <id>` */
export async function showSession(invocation: Invocation): Promise<number> {
  const { terminal, json } = invocation;
  return withStore(invocation, async (opened) => {
    const story = await storyOf(opened, invocation);
    if (json) {
      const { endedAt, history, reason = null, ...rest } = story;
      printJson(terminal, { ...rest, reason, ended_at: endedSeconds(endedAt), history: inSeconds(history) });
      return 0;
    }
    const { session } = story;
    const user = await opened.accounts.find(story.subject);
    const facts: [string, string][] = [
      ["session", session.id],
      ["user", user?.email == null ? story.subject : `${user.email} (${story.subject})`],
      ["state", story.reason === undefined ? story.state : `${story.state} (${story.reason})`],
      ["created", instant(session.created_at * 1000)],
      ["last seen", instant(session.last_seen_at * 1000)],
      ["idle until", instant(session.idle_expires_at * 1000)],
      ["ends", instant(session.expires_at * 1000)],
      ["generation", String(story.generation)],
      ["address", session.ip ?? "unknown"],
      ["device", [session.label, session.user_agent].filter((each) => each !== null).join(", ") || "unknown"],
    ];
    for (const [name, value] of facts) print(terminal, `${name.padEnd(11)} ${printable(value)}`);
    printHistory(invocation, story);
    return 0;
  });
}

function endedSeconds(endedAt: number | undefined): number | null {
  return endedAt === undefined ? null : seconds(endedAt);
}

function inSeconds(history: SessionStory["history"]): object[] {
  return history.map((entry) => ({ ...entry, at: seconds(entry.at) }));
}

const endings: Readonly<Record<SessionEnd, string>> = {
  logout: "The person signed out on this device.",
  revoked: "The person ended it from another device.",
  revoked_by_operator: "An operator ended it.",
  session_limit: "The person has too many sessions; this was the one used least recently.",
  password_change: "The password was changed; that ends every session from before.",
  user_disabled: "The account was disabled.",
  refresh_token_reused:
    "A refresh token that was used up came back: two parties held tokens of this session, one of them is not the owner.",
};

function whyOf(story: SessionStory): string {
  if (story.state === "live") return "It has not ended: the session is live.";
  if (story.state === "expired") return "It reached the end of its lifetime, counted from sign-in.";
  if (story.state === "idle_expired") return "It was not used for longer than the idle lifetime.";
  return story.reason === undefined ? "It was ended." : endings[story.reason];
}

/** `pawl sessions why <id>` */
export async function whySession(invocation: Invocation): Promise<number> {
  const { terminal, json } = invocation;
  return withStore(invocation, async (opened) => {
    const story = await storyOf(opened, invocation);
    const why = whyOf(story);
    if (json) {
      const { state, reason = null, endedAt, history } = story;
      const ended = { state, reason, ended_at: endedSeconds(endedAt) };
      printJson(terminal, { id: story.session.id, ...ended, why, history: inSeconds(history) });
      return 0;
    }
    print(terminal, story.endedAt === undefined ? why : `${instant(story.endedAt)}  ${why}`);
    printHistory(invocation, story);
    return 0;
  });
}

function printHistory({ terminal }: Invocation, story: SessionStory): void {
  for (const entry of story.history) {
    const detail = entry.detail === "" ? "" : `: ${printable(entry.detail)}`;
    print(terminal, `  ${instant(entry.at)}  ${entry.type}${detail}`);
  }
}
