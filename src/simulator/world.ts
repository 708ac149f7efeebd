// The world of one user's story: the time, what is going to happen, the server, the jar, what was counted and told.
// Owns this state and the vocabulary of stories; who acts on it is in network.ts, client.ts and thief.ts.

import type { Fate, FaultCounts, FaultKind, FaultLevel } from "./faults.ts";
import { noFaults } from "./faults.ts";
import type { Plan } from "./plan.ts";
import { EventQueue } from "./queue.ts";
import type { Answer, RuleServer } from "./rule-server.ts";

/** One message under way to the server. */
export interface Message {
  readonly from: string;
  readonly operation: "refresh" | "confirm";
  readonly token: string;
  readonly attempt: string | undefined;
  readonly fate: Fate;
  /** Which of the person's sessions it is about: the count of his sign-ins. */
  readonly epoch: number;
  readonly sentAt: number;
  /** The second of a doubled message is 1. */
  readonly copy: 0 | 1;
  /** Called when the answer reaches the client; never when it is lost. */
  readonly onAnswer: (answer: Answer) => void;
}

/** Something to be done at an instant. Messages of one instant are served at once, so that they race. */
export type Task = { readonly message: Message } | { readonly run: () => void | Promise<void> };

/** What clients of one user share: a cookie jar, or the file in which processes keep their credential. */
export interface Jar {
  token: string | undefined;
  /** When the token dies unused and when the session ends for good (true time). */
  expiresAt: number;
  endsAt: number;
  /** Counts sign-ins. */
  epoch: number;
  /** The attempt key that clients share, while no answer to it was stored. */
  sharedKey: string | undefined;
  /** Clients that wait for their turn, first come first served. */
  readonly line: (() => void)[];
  isTaken: boolean;
}

/** An end of a session that the person noticed. */
export interface Logout {
  readonly at: number;
  readonly code: string;
}

/** One line of a story. */
export interface StoryLine {
  readonly at: number;
  readonly who: string;
  readonly what: string;
}

/** What the thief got, and when the owner was served meanwhile. All instants in milliseconds. */
export interface ThiefRecord {
  readonly copiedAt: number;
  /** The session that was robbed. The owner may have begun another one since. */
  readonly epoch: number;
  firstAskedAt: number | undefined;
  readonly servedAt: number[];
  readonly ownerServedAt: number[];
  /** Of these, when the owner got a new refresh token as well. */
  readonly ownerRenewedAt: number[];
  /** When the session was ended because a used token was noticed. */
  alarmAt: number | undefined;
  /** The person signed out, without an alarm. */
  lapsedAt: number | undefined;
  /** When the thief was told that the session is over. */
  outAt: number | undefined;
}

/** Counts over one story. */
export interface StoryCounts {
  events: number;
  signIns: number;
  refreshes: number;
  confirms: number;
  endedByTime: number;
  endedByPerson: number;
  isCapped: boolean;
}

/** Everything about one story that changes. */
export interface World {
  readonly seed: number;
  readonly level: FaultLevel;
  readonly plan: Plan;
  readonly endAt: number;
  readonly server: RuleServer;
  readonly queue: EventQueue<Task>;
  now: number;
  /** When the last refresh was sent, and the one before it. */
  sentLast: number;
  sentBefore: number;
  /** Until when nobody can reach the server. */
  downUntil: number;
  visit: number;
  visitEndsAt: number;
  readonly jar: Jar;
  readonly injected: FaultCounts;
  readonly counts: StoryCounts;
  readonly falseLogouts: Logout[];
  thief: ThiefRecord | undefined;
  /** When the owner is going to refresh next; a thief who follows him knows, and listens for what comes after. */
  plannedAt: number;
  onOwnerPlans: ((at: number) => void) | undefined;
  readonly story: StoryLine[] | undefined;
  /** Names of tokens and keys in the story. */
  readonly names: Map<string, string>;
}

/** A world in which nothing has happened yet. */
export function createWorld(
  input: Pick<World, "seed" | "level" | "plan" | "endAt" | "server"> & { readonly isTold: boolean },
): World {
  const { isTold, ...given } = input;
  return {
    ...given,
    queue: new EventQueue(),
    now: 0,
    sentLast: Number.NEGATIVE_INFINITY,
    sentBefore: Number.NEGATIVE_INFINITY,
    downUntil: 0,
    visit: 0,
    visitEndsAt: 0,
    jar: { token: undefined, expiresAt: 0, endsAt: 0, epoch: 0, sharedKey: undefined, line: [], isTaken: false },
    injected: noFaults(),
    counts: {
      events: 0,
      signIns: 0,
      refreshes: 0,
      confirms: 0,
      endedByTime: 0,
      endedByPerson: 0,
      isCapped: false,
    },
    falseLogouts: [],
    thief: undefined,
    plannedAt: 0,
    onOwnerPlans: undefined,
    story: isTold ? [] : undefined,
    names: new Map(),
  };
}

/** Does `run` after `milliseconds`. */
export function later(world: World, milliseconds: number, run: () => void | Promise<void>): void {
  world.queue.add(world.now + Math.max(0, Math.round(milliseconds)), { run });
}

/** Adds a line to the story, if somebody reads it. */
export function tell(world: World, who: string, what: () => string): void {
  world.story?.push({ at: world.now, who, what: what() });
}

/** Counts one injected fault. */
export function inject(world: World, kind: FaultKind, who: string): void {
  world.injected[kind] += 1;
  tell(world, who, () => `fault: ${kind}`);
}

/** The name of a token or key in the story: in the order in which they appeared. */
export function nameOf(world: World, kind: "token" | "key", text: string | undefined): string {
  if (text === undefined) return `no ${kind}`;
  const known = world.names.get(text);
  if (known !== undefined) return known;
  const count = [...world.names.values()].filter((name) => name.startsWith(kind)).length;
  const name = `${kind} ${count + 1}`;
  world.names.set(text, name);
  return name;
}
