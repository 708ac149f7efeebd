// The level of sessions: two engines on the store under test and two on a memory store, with the same clock and the same
// seeded entropy, do the same random things; so answers are equal to the last byte, tokens included. Of two calls at once
// each waits before every store call for its turn, in a drawn order: races are the same on both sides.

import type { SessionEvent } from "../core/events.ts";
import { createPolicy } from "../core/policy.ts";
import type { Platform, Store } from "../core/ports.ts";
import { createSecretRing, deriveSecretKeys, preferredKeyId, secretFingerprint } from "../core/secret-keys.ts";
import { createSessions } from "../engine/create-sessions.ts";
import type { Grant, Sessions, SessionsOptions } from "../engine/types.ts";
import { nodePlatform } from "../platform/node.ts";
import { memoryStore } from "../stores/memory.ts";
import type { Call, Cast, Move } from "./differential-moves.ts";
import { castSubjects, drawMove, learn } from "./differential-moves.ts";
import type { Pair, Trial } from "./differential-run.ts";
import { answerOf } from "./differential-store.ts";
import type { Random } from "./random.ts";
import type { SimulatedPlatform } from "./simulated.ts";
import { createSimulatedPlatform } from "./simulated.ts";

const secret = Buffer.alloc(32, 42);
/** Short times, so that all of them pass within some hundred steps. */
const times = { graceSeconds: 5, accessTtlSeconds: 60, idleTtlSeconds: 600, sessionTtlSeconds: 3000, sessionsMax: 3 };
const lanesPerSide = 2;
const rowsSeen = 1000;
const turnsMax = 10_000;

/** One engine, and the door before its store. */
interface Lane {
  readonly platform: Platform;
  sessions: Sessions;
  readonly door: Door;
}

/** While shut, store calls wait here to be let through one by one. */
interface Door {
  isShut: boolean;
  readonly waiting: (() => Promise<void>)[];
}

/** A store with its engines. */
interface Side {
  readonly store: Store;
  readonly clock: SimulatedPlatform["clock"];
  readonly lanes: Lane[];
  /** What subscribers were told since the last look. */
  events: SessionEvent[];
  cursor: string | undefined;
}

/** The same store behind a door. Opening and closing it is nobody's business here but the trial's. */
function behind(door: Door, store: Store): Store {
  const guard =
    <Input extends unknown[], Result>(call: (...input: Input) => Promise<Result>) =>
    (...input: Input): Promise<Result> => {
      if (!door.isShut) return call(...input);
      return new Promise((resolve, reject) => {
        door.waiting.push(() => call(...input).then(resolve, reject));
      });
    };
  return {
    kind: store.kind,
    open: async () => {},
    close: async () => {},
    read: guard(store.read.bind(store)),
    insert: guard(store.insert.bind(store)),
    commit: guard(store.commit.bind(store)),
    listBySubject: guard(store.listBySubject.bind(store)),
    listAll: guard(store.listAll.bind(store)),
    revocationsAfter: guard(store.revocationsAfter.bind(store)),
    purge: guard(store.purge.bind(store)),
    readDocument: guard(store.readDocument.bind(store)),
    writeDocuments: guard(store.writeDocuments.bind(store)),
    listDocuments: guard(store.listDocuments.bind(store)),
    ping: guard(store.ping.bind(store)),
  };
}

async function openSide(store: Store, seed: number): Promise<Side> {
  await store.open();
  const { clock } = createSimulatedPlatform();
  const side: Side = { store, clock, lanes: [], events: [], cursor: undefined };
  for (let lane = 0; lane < lanesPerSide; lane += 1) {
    const { entropy } = createSimulatedPlatform({ seed: seed + lane });
    // Background tasks would run between steps, on each side at another moment: purge and reload are steps instead.
    const platform: Platform = { clock, entropy, scheduler: { ...nodePlatform.scheduler, every: () => () => {} } };
    const door: Door = { isShut: false, waiting: [] };
    side.lanes.push({ platform, door, sessions: await start(side, platform, door, "two-phase") });
  }
  return side;
}

async function start(
  side: Side,
  platform: Platform,
  door: Door,
  rotation: NonNullable<SessionsOptions["rotation"]>,
): Promise<Sessions> {
  const sessions = await createSessions({
    ...times,
    rotation,
    platform,
    store: behind(door, side.store),
    secret: secret.toString("base64url"),
    // Its signatures are the same for the same input; those of ES256 are not.
    algorithm: "EdDSA",
  });
  sessions.subscribe((event) => side.events.push(event));
  return sessions;
}

/** Begins a row of steps on a fresh store and a memory store. */
export async function beginSessionTrial(create: () => Promise<Store>, random: Random): Promise<Trial> {
  const seed = Math.floor(random() * 1_000_000);
  const expected = await openSide(memoryStore(), seed);
  const actual = await openSide(await create(), seed);
  const cast: Cast = {
    random,
    policy: createPolicy(times),
    ring: createSecretRing([deriveSecretKeys(preferredKeyId(secretFingerprint(secret)), secret)]),
    now: expected.clock.now(),
    tokens: [],
    accessTokens: [],
    sids: [],
    records: [],
    attempts: 0,
  };
  const both = async (ask: (side: Side) => Promise<unknown>): Promise<Pair> => ({
    expected: await answerOf(() => ask(expected)),
    actual: await answerOf(() => ask(actual)),
  });
  return {
    step: async () => {
      const move = drawMove(cast);
      const words = tell(cast, move);
      const answers = { expected: await perform(expected, move), actual: await perform(actual, move) };
      if (move.kind === "clock") cast.now = move.at;
      takeNote(cast, answers.expected);
      cast.records = await expected.store.listAll(undefined, rowsSeen);
      return { words: `${words} -> ${outcomes(cast, answers.expected)}`, answers };
    },
    look: () => look(cast, both),
    close: async () => {
      for (const { store } of [expected, actual]) await store.close();
    },
  };
}

async function look(
  cast: Cast,
  both: (ask: (side: Side) => Promise<unknown>) => Promise<Pair>,
): Promise<Record<string, Pair>> {
  const nowSeconds = Math.floor(cast.now / 1000);
  return {
    "a stored session": await both(({ store }) => Promise.all(cast.sids.map((sid) => store.read(sid)))),
    "the list of all sessions": await both(({ store }) => store.listAll(undefined, rowsSeen)),
    "the list of a subject": await both(({ store }) =>
      Promise.all(castSubjects.map((subject) => store.listBySubject(subject, rowsSeen))),
    ),
    "the revocation feed": await both(
      async ({ store }) => (await store.revocationsAfter(undefined, nowSeconds, rowsSeen)).revocations,
    ),
    "what subscribers were told": await both(async (side) => {
      const told = side.events;
      side.events = [];
      return told;
    }),
  };
}

/** The answers of one step: one, or two of a pair. */
async function perform(side: Side, move: Move): Promise<readonly unknown[]> {
  switch (move.kind) {
    case "clock":
      side.clock.set(move.at);
      return [];
    case "restart":
      for (const lane of side.lanes) lane.sessions = await start(side, lane.platform, lane.door, move.rotation);
      return [];
    case "call":
      return [await answerOf(() => call(side, side.lanes[move.lane] as Lane, move.call))];
    default:
      return await performPair(side, move.calls, move.order);
  }
}

/** Both calls at once: after each store call everything that can run has run, then the next one in `order` goes. */
async function performPair(
  side: Side,
  calls: readonly [Call, Call],
  order: readonly number[],
): Promise<readonly unknown[]> {
  const { lanes } = side;
  const settle = (): Promise<void> => new Promise(nodePlatform.scheduler.soon);
  for (const { door } of lanes) door.isShut = true;
  const answers = calls.map((each, index) => answerOf(() => call(side, lanes[index] as Lane, each)));
  await settle();
  for (let turn = 0; turn < turnsMax; turn += 1) {
    const first = order[turn % order.length] === 1 ? 1 : 0;
    const next = lanes[first]?.door.waiting.shift() ?? lanes[1 - first]?.door.waiting.shift();
    if (next === undefined) break;
    await next();
    await settle();
  }
  for (const { door } of lanes) door.isShut = false;
  return await Promise.all(answers);
}

async function call(side: Side, { sessions }: Lane, each: Call): Promise<unknown> {
  switch (each.kind) {
    case "issue":
      return await sessions.issue(each.input);
    case "refresh":
      return await sessions.refresh(each.input);
    case "confirm":
      return await sessions.confirm(each.input);
    case "logout":
      return await sessions.logout(each.input);
    case "revoke":
      return await sessions.revoke(each.sid, "revoked", each.subject);
    case "revokeAll":
      return await sessions.revokeAll(each.subject, "password_change", each.except, each.before);
    case "reauthenticate":
      return await sessions.reauthenticate(each.sid, each.amr);
    case "authenticate":
      return await sessions.authenticate(each.accessToken);
    case "list":
      return await sessions.list(each.subject);
    case "listAll":
      return await sessions.listAll(each.after, each.limit);
    case "story":
      return await sessions.story(each.sid);
    case "purge":
      return await sessions.purge(undefined, each.keepSeconds);
    case "reload":
      return sessions.jwks();
    default: {
      const page = await sessions.revocations(each.isFresh ? undefined : side.cursor);
      side.cursor = page.cursor;
      return page.revocations;
    }
  }
}

/** The grant in an answer, if it is one. */
function grantIn(answer: unknown): Grant | undefined {
  const value = (answer as { value?: unknown }).value as Grant | undefined;
  return typeof value === "object" && value !== null && "accessToken" in value ? value : undefined;
}

/** Learns the tokens that were handed out. */
function takeNote(cast: Cast, answers: readonly unknown[]): void {
  for (const grant of answers.map(grantIn)) {
    if (grant === undefined) continue;
    cast.accessTokens.push(grant.accessToken);
    if (grant.refreshToken !== undefined) learn(cast, grant.refreshToken);
  }
}

/** A move in words; tokens and sessions have numbers here. */
function tell(cast: Cast, move: Move): string {
  if (move.kind === "clock") return `the clock goes ${move.why}`;
  if (move.kind === "restart") return `both engines start anew, ${move.rotation}`;
  if (move.kind === "call") return `engine ${move.lane + 1}: ${tellCall(cast, move.call)}`;
  return `at once, in order ${move.order.join("")}: ${move.calls.map((each) => tellCall(cast, each)).join(" | ")}`;
}

function sessionName(cast: Cast, sid: string | undefined): string {
  const index = sid === undefined ? -1 : cast.sids.indexOf(sid);
  return index === -1 ? String(sid) : `session ${index + 1}`;
}

function tokenName(cast: Cast, text: string): string {
  const index = cast.tokens.findIndex((token) => token.text === text);
  const known = cast.tokens[index];
  if (known === undefined) return "a forged token";
  return `token ${index + 1} (${sessionName(cast, known.sid)}, generation ${known.generation})`;
}

function tellCall(cast: Cast, each: Call): string {
  switch (each.kind) {
    case "issue":
      return `issue to ${each.input.subject} by ${each.input.transport}`;
    case "refresh":
    case "confirm": {
      const late = each.input.deadlineAt === undefined ? "" : ", too late";
      return `${each.kind} ${tokenName(cast, each.input.refreshToken)} with ${each.input.attempt ?? "no attempt"}${late}`;
    }
    case "logout":
      return `logout ${tokenName(cast, each.input.refreshToken)} of ${sessionName(cast, each.input.sid)}`;
    case "revokeAll":
      return `revokeAll ${each.subject} but ${sessionName(cast, each.except)}, created before ${each.before}`;
    case "authenticate":
      return `authenticate access token ${cast.accessTokens.indexOf(each.accessToken) + 1}`;
    case "revoke":
    case "reauthenticate":
    case "story":
      return `${each.kind} ${sessionName(cast, each.sid)}`;
    case "listAll":
      return `listAll ${each.limit} after ${sessionName(cast, each.after)}`;
    case "list":
      return `list ${each.subject}`;
    case "feed":
      return `read the feed from ${each.isFresh ? "the start" : "where it was left"}`;
    case "purge":
      return `purge what ended ${each.keepSeconds} s ago`;
    default:
      return "read the signing keys";
  }
}

/** What memory answered, in words. */
function outcomes(cast: Cast, answers: readonly unknown[]): string {
  const words = answers.map((answer) => {
    const { code, value } = answer as { code?: string; value?: unknown };
    if (code !== undefined) return code;
    const grant = grantIn(answer);
    if (grant === undefined) return typeof value === "object" ? "answered" : String(value);
    return grant.refreshToken === undefined
      ? grant.outcome
      : `${grant.outcome}: ${tokenName(cast, grant.refreshToken)}`;
  });
  return words.length === 0 ? "done" : words.join(" | ");
}
