// A thief: one copy of the jar, a perfect network, no access to the owner's attempt keys, and a plan. He stops when he is
// told that the session is over. Owns the strategies; what he got is recorded for the judge in tally.ts.

import { seedOf } from "./chance.ts";
import { noFault } from "./faults.ts";
import { send } from "./network.ts";
import type { Theft } from "./plan.ts";
import { minuteMilliseconds } from "./plan.ts";
import type { Answer } from "./rule-server.ts";
import type { ThiefRecord, World } from "./world.ts";
import { later, nameOf, tell } from "./world.ts";

interface Thief {
  readonly world: World;
  readonly theft: Theft;
  readonly record: ThiefRecord;
  token: string;
  keysDrawn: number;
  key: string | undefined;
  isWaiting: boolean;
  isOut: boolean;
}

/** The thief who polls does so every few seconds while the owner is there, and rarely while he is away. */
const pollMilliseconds = 5_000;
const idlePollMilliseconds: number = 30 * minuteMilliseconds;
/** After so many refreshes in vain a poller is content with a slow pace. */
const pollsMax = 3_000;
const waitAfterRefusal = 20_000;
const answerTimeout = 5_000;

/** Copies the jar and begins. Without a token in it there is nothing to steal. */
export function steal(world: World, theft: Theft): void {
  const { token } = world.jar;
  if (token === undefined) return;
  const record: ThiefRecord = {
    copiedAt: world.now,
    epoch: world.jar.epoch,
    firstAskedAt: undefined,
    servedAt: [],
    ownerServedAt: [],
    ownerRenewedAt: [],
    alarmAt: undefined,
    lapsedAt: undefined,
    outAt: undefined,
  };
  world.thief = record;
  const thief = { world, theft, record, token, keysDrawn: 0, key: undefined, isWaiting: false, isOut: false };
  tell(world, "thief", () => `copies the jar (${nameOf(world, "token", token)}); he ${habit(theft)}`);
  begin(thief);
}

function habit({ strategy, keys, confirms }: Theft): string {
  const words = {
    "own pace": "refreshes at his own pace",
    "acts first": "acts at once and goes on",
    lockstep: "acts in lockstep with the owner",
    trails: "acts some minutes after everything the owner does",
    polls: "polls every few seconds",
    sleeps: "sleeps first, then refreshes at his own pace",
  } as const;
  return `${words[strategy]}, ${keys === "own" ? "with keys of his own" : "without keys"}${confirms ? ", and confirms" : ""}`;
}

function begin(thief: Thief): void {
  const { world, theft } = thief;
  if (theft.strategy === "polls") poll(thief, 0);
  else if (theft.strategy === "lockstep" || theft.strategy === "trails") follow(thief);
  else {
    const wait = { "acts first": 0, "own pace": theft.pace, sleeps: theft.sleeps }[theft.strategy];
    later(world, wait, () => goOn(thief));
  }
}

/** Acts a fixed time before or after everything the owner does. */
function follow(thief: Thief): void {
  const { world, theft } = thief;
  const actAt = (at: number): void => later(world, at + theft.offset - world.now, () => act(thief));
  world.onOwnerPlans = actAt;
  if (world.plannedAt > world.now) actAt(world.plannedAt);
  for (const visit of world.plan.visits) if (visit.at > world.now) actAt(visit.at);
}

function goOn(thief: Thief): void {
  if (thief.isOut) return;
  act(thief);
  later(thief.world, thief.theft.pace, () => goOn(thief));
}

function poll(thief: Thief, count: number): void {
  const { world } = thief;
  if (thief.isOut) return;
  act(thief);
  const isOwnerThere = world.now < world.visitEndsAt && count < pollsMax;
  const wait = isOwnerThere ? pollMilliseconds : nextPoll(world, count);
  later(world, wait, () => poll(thief, count + 1));
}

/** While the owner is away: every half hour, and again right before he comes. */
function nextPoll(world: World, count: number): number {
  const next = world.plan.visits[world.visit + 1]?.at ?? Number.POSITIVE_INFINITY;
  const untilVisit = next - 10_000 - world.now;
  return count < pollsMax && untilVisit > 0 ? Math.min(idlePollMilliseconds, untilVisit) : idlePollMilliseconds;
}

function keyOf(thief: Thief): string | undefined {
  const { world, theft } = thief;
  if (theft.keys === "none") return undefined;
  if (thief.key === undefined) {
    thief.keysDrawn += 1;
    const part = seedOf(world.seed, world.plan.user, -3, thief.keysDrawn).toString(16).padStart(8, "0");
    thief.key = `thief-${thief.keysDrawn}-${part}${part}`;
  }
  return thief.key;
}

/** One refresh, unless the answer to the last one is still to come. */
function act(thief: Thief): void {
  const { world, record, token } = thief;
  if (thief.isOut || thief.isWaiting) return;
  thief.isWaiting = true;
  record.firstAskedAt ??= world.now;
  const asked = world.now;
  const { epoch } = record;
  const onAnswer = (answer: Answer): void => receive(thief, answer);
  send(world, { from: "thief", operation: "refresh", token, attempt: keyOf(thief), fate: noFault, epoch, onAnswer });
  later(world, answerTimeout, () => {
    if (asked + answerTimeout <= world.now) thief.isWaiting = false;
  });
}

function receive(thief: Thief, answer: Answer): void {
  const { world, theft, record } = thief;
  thief.isWaiting = false;
  if (answer.status === 401) {
    thief.isOut = true;
    record.outAt = world.now;
    tell(world, "thief", () => `is out: ${answer.code}`);
    return;
  }
  if (answer.status !== 200) {
    later(world, waitAfterRefusal, () => act(thief));
    return;
  }
  record.servedAt.push(world.now);
  thief.key = undefined;
  if (answer.token === undefined) return;
  thief.token = answer.token;
  const { token } = thief;
  if (theft.confirms && world.server.confirm !== undefined) {
    const { epoch } = record;
    const onAnswer = (): void => {};
    send(world, { from: "thief", operation: "confirm", token, attempt: undefined, fate: noFault, epoch, onAnswer });
  }
}
