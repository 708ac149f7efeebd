// What sign-ins, password changes and late answers do to a browser's cookie: every sequence of them up to a length, on
// the real HTTP layer (routes, gate, cookies) over the real engine. Each is played from a fresh sign-in, since a browser,
// its jar and the answers it still waits for have no state that could be gone on from twice.
// Owns the moves and three promises: no verdict on a refresh deletes a cookie (CONTRACT section 2), nothing issued before
// a password change works after it, and nothing old ends a session that is newer.

import { createSessions } from "../../src/engine/create-sessions.ts";
import type { Sessions } from "../../src/engine/types.ts";
import type { Handler } from "../../src/http/handler.ts";
import { createHandler } from "../../src/http/handler.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { createSuiteAccounts } from "../../src/testing/http-suite-accounts.ts";
import type { SimulatedPlatform } from "../../src/testing/simulated.ts";
import { createSimulatedPlatform } from "../../src/testing/simulated.ts";
import type { Found } from "./search.ts";
import type { Violation } from "./world.ts";
import { zoneMilliseconds } from "./world.ts";

/** What can happen at the door. */
const doorMoves = [
  "sign in again",
  "refresh",
  "refresh, answer late",
  "the late answer arrives",
  "the first cookie is presented from elsewhere",
  "change the password",
  "a minute passes",
] as const;
export type DoorMove = (typeof doorMoves)[number];

/** The name in the report. */
export const doorsName = "sign-in and password";
export const doorsAbout = "sign-ins, password changes and late answers of a browser, through the HTTP layer";
/** Moves of the longest sequence that continuous integration plays. */
export const doorsLengthDefault = 4;

const issuer = "http://localhost:4000";
const cookieName = "pawl-dev-4000";
const email = "owner@example.test";

/** A browser in front of one server. */
interface Door {
  readonly platform: SimulatedPlatform;
  readonly sessions: Sessions;
  readonly handler: Handler;
  cookie: string | undefined;
  accessToken: string;
  password: string;
  /** The newest session; the one that nothing old may end. */
  sid: string;
  /** Sessions from before the last password change. */
  readonly outdated: Set<string>;
  readonly known: Set<string>;
  first: string;
  readonly late: string[][];
  keys: number;
}

interface Answer {
  readonly status: number;
  readonly setCookie: string[];
  readonly body: { readonly access_token?: string; readonly session?: { readonly id: string } };
}

async function post(door: Door, path: string, body: unknown, headers: Record<string, string>): Promise<Answer> {
  const response = await door.handler.fetch(
    new Request(`${issuer}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    }),
  );
  const text = await response.text();
  const setCookie = response.headers.getSetCookie();
  return { status: response.status, setCookie, body: text === "" ? {} : JSON.parse(text) };
}

async function openDoor(): Promise<Door> {
  const simulated = createSimulatedPlatform();
  const platform = { ...simulated, scheduler: { ...simulated.scheduler, every: () => () => {} } };
  const sessions = await createSessions({ store: memoryStore(), platform, issuer });
  const handler = createHandler({ sessions, accounts: createSuiteAccounts() });
  const empty = { cookie: undefined, accessToken: "", sid: "", first: "" };
  const sets = { outdated: new Set<string>(), known: new Set<string>(), late: [] };
  const door: Door = { platform, sessions, handler, password: "password 0", keys: 0, ...empty, ...sets };
  begin(door, await post(door, "/auth/register", { email, password: door.password }, {}));
  door.first = door.cookie as string;
  return door;
}

/** A new session's answer arrives. */
function begin(door: Door, answer: Answer): void {
  if (answer.status >= 300) throw new Error(`a sign-in was answered ${answer.status}`);
  door.sid = answer.body.session?.id as string;
  door.known.add(door.sid);
  door.accessToken = answer.body.access_token as string;
  store(door, answer.setCookie);
}

function store(door: Door, lines: readonly string[]): void {
  for (const line of lines) {
    const value = line.slice(cookieName.length + 1, line.indexOf(";"));
    door.cookie = value === "" ? undefined : value;
  }
}

async function refresh(door: Door, cookie: string): Promise<Answer & { readonly violation: Violation | undefined }> {
  door.keys += 1;
  const key = `attempt-of-the-door-${door.keys}`;
  const headers = { "x-pawl": "1", origin: issuer, cookie: `${cookieName}=${cookie}`, "idempotency-key": key };
  const answer = await post(door, "/auth/refresh", {}, headers);
  const isDeleted = answer.setCookie.some((line) => line.startsWith(`${cookieName}=;`));
  if (isDeleted) return { ...answer, violation: { invariant: "I1", what: "a refresh was answered with a deletion" } };
  const isOutdated = answer.status === 200 && door.outdated.has(answer.body.session?.id ?? "");
  if (isOutdated) return { ...answer, violation: { invariant: "I5", what: "a token outlived a password change" } };
  return { ...answer, violation: undefined };
}

/** Makes one move; `undefined` when it is not possible now. */
async function step(door: Door, move: DoorMove): Promise<{ readonly violation: Violation | undefined } | undefined> {
  const fine = { violation: undefined };
  switch (move) {
    case "sign in again":
      begin(door, await post(door, "/auth/login", { email, password: door.password }, {}));
      return fine;
    case "refresh":
    case "refresh, answer late": {
      if (door.cookie === undefined) return undefined;
      const answer = await refresh(door, door.cookie);
      if (move === "refresh, answer late") door.late.push(answer.setCookie);
      else store(door, answer.setCookie);
      return answer;
    }
    case "the late answer arrives": {
      const lines = door.late.shift();
      if (lines === undefined || lines.length === 0) return undefined;
      store(door, lines);
      return fine;
    }
    case "the first cookie is presented from elsewhere":
      return await refresh(door, door.first);
    case "change the password": {
      const next = `${door.password}0`;
      const body = { current_password: door.password, new_password: next };
      for (const sid of door.known) door.outdated.add(sid);
      const answer = await post(door, "/auth/password", body, { authorization: `Bearer ${door.accessToken}` });
      if (answer.status === 401) return undefined;
      door.password = next;
      begin(door, answer);
      return fine;
    }
    case "a minute passes":
      door.platform.clock.advance(zoneMilliseconds);
      // What was under way is lost by now.
      door.late.length = 0;
      return fine;
  }
}

/** Plays one sequence: the violation it ends in, or how many moves were possible. */
async function play(moves: readonly DoorMove[]): Promise<{ readonly violation?: Violation; readonly made: number }> {
  const door = await openDoor();
  try {
    for (const [made, move] of moves.entries()) {
      const done = await step(door, move);
      if (done === undefined) return { made };
      if (done.violation !== undefined) return { violation: done.violation, made: made + 1 };
      // The first session may end by its own old token; a newer one by nothing that was issued before it.
      const ended = door.known.size === 1 ? undefined : (await door.sessions.story(door.sid))?.reason;
      if (ended !== undefined) {
        return { violation: { invariant: "I1", what: `the newest session was ended: ${ended}` }, made: made + 1 };
      }
    }
    return { made: moves.length };
  } finally {
    await door.sessions.close();
  }
}

/** Plays every sequence of up to `lengthMax` moves, the shortest first. */
export async function exploreDoors(lengthMax: number): Promise<Omit<Found, "trace"> & { readonly story: string[] }> {
  let frontier: DoorMove[][] = [[]];
  let played = 0;
  const found = (depth: number, end: Found["end"]): Omit<Found, "trace" | "violation"> => ({
    scenario: doorsName,
    states: played,
    transitions: played,
    calls: played,
    depth,
    end,
  });
  for (let length = 1; length <= lengthMax; length += 1) {
    const next: DoorMove[][] = [];
    for (const prefix of frontier) {
      for (const move of doorMoves) {
        const moves = [...prefix, move];
        const { violation, made } = await play(moves);
        if (made < length) continue;
        played += 1;
        if (violation !== undefined) return { ...found(length, "violation"), violation, story: moves };
        next.push(moves);
      }
    }
    frontier = next;
  }
  return { ...found(lengthMax, "depth"), violation: undefined, story: [] };
}
