// The way between clients and the server: messages and answers are lost, late, doubled and overtake each other, the
// server crashes between read and commit, its store forgets a write. Each request lives at most grace.
// Owns the injection of what faults.ts drew; decides nothing about sessions.

import type { Fate } from "./faults.ts";
import { graceMilliseconds } from "./faults.ts";
import type { Answer } from "./rule-server.ts";
import type { Message, World } from "./world.ts";
import { inject, nameOf, tell } from "./world.ts";

const downMilliseconds = 3_000;

/** Sends a message. Its answer may never come: clients have a timeout of their own. */
export function send(world: World, input: Omit<Message, "sentAt" | "copy">): void {
  const message: Message = { ...input, sentAt: world.now, copy: 0 };
  const { fate, from, operation, token, attempt } = message;
  tell(world, from, () => {
    const key = operation === "refresh" ? `, ${nameOf(world, "key", attempt)}` : "";
    return `${operation} with ${nameOf(world, "token", token)}${key}`;
  });
  if (operation === "refresh") {
    world.sentBefore = world.sentLast;
    world.sentLast = world.now;
  }
  if (fate.isRequestLost) {
    inject(world, "request lost", from);
    return;
  }
  if (fate.isRequestLate) inject(world, "request late", from);
  world.queue.add(world.now + fate.requestDelay, { message });
  if (fate.secondAfter === undefined) return;
  inject(world, "request doubled", from);
  world.queue.add(world.now + fate.requestDelay + fate.secondAfter, { message: { ...message, copy: 1 } });
}

/** Serves the messages that arrived at one instant, all at once. */
export async function serve(world: World, arrived: readonly Message[]): Promise<void> {
  const messages = arrived.filter((message) => world.now <= message.sentAt + graceMilliseconds);
  if (world.now < world.downUntil) {
    for (const message of messages) deliver(world, message, { status: 503 });
    return;
  }
  const crash = messages.find((message) => message.copy === 0 && message.fate.crash !== undefined)?.fate.crash;
  if (crash !== undefined) world.server.failCommits(crash);
  const answers = await Promise.all(messages.map((message) => ask(world, message)));
  for (const [index, answer] of answers.entries()) observe(world, messages[index] as Message, answer);
  if (crash !== undefined) {
    await restart(world, crash);
    return;
  }
  for (const [index, answer] of answers.entries()) deliver(world, messages[index] as Message, answer);
  const forgotten = messages.find((message) => message.copy === 0 && message.fate.isWriteLost);
  if (forgotten !== undefined) await failOver(world, forgotten);
}

/**
 * The store forgets the last write. What is promised for that (row 6 of CONTRACT section 4) is a client that asks for one
 * thing at a time and goes on from what it was given: with several answers under way, the forgotten write may be the one
 * that knew of the second, and a server that does not know of it cannot wait for it.
 */
async function failOver(world: World, message: Message): Promise<void> {
  const { plan, visit, level, now } = world;
  const { isAnswerLost, isAnswerLate, isRequestLate, secondAfter } = message.fate;
  const hasOneAttempt = plan.keys === "shared" || (plan.keys === "own" && plan.visits[visit]?.tabs === 1);
  const isDisturbed = isAnswerLost || isAnswerLate || isRequestLate || secondAfter !== undefined;
  const isCrowded = now - world.sentBefore < graceMilliseconds || plan.device === "server-rendered";
  const isRace = !hasOneAttempt || isDisturbed || isCrowded;
  if (isRace && level !== "beyond") return;
  if (await world.server.loseLastWrite()) inject(world, isRace ? "failover in a race" : "store failover", "store");
}

function ask(world: World, message: Message): Promise<Answer> {
  const { server, now, counts } = world;
  if (message.operation === "refresh") {
    counts.refreshes += 1;
    return server.refresh(now, message.token, message.attempt);
  }
  counts.confirms += 1;
  return server.confirm === undefined ? Promise.resolve({ status: 204 }) : server.confirm(now, message.token);
}

/** What the server did is known here even if nobody hears of it. */
function observe(world: World, message: Message, answer: Answer): void {
  tell(world, "server", () => `answers ${message.from}: ${describeAnswer(world, answer)}`);
  const { thief } = world;
  if (answer.status !== 401 || thief === undefined || message.epoch !== thief.epoch) return;
  // A process that died after it had ended the session could not tell anybody; nobody else ends sessions here.
  if (answer.isAlarm || answer.code === "session_revoked") thief.alarmAt ??= world.now;
}

async function restart(world: World, crash: NonNullable<Fate["crash"]>): Promise<void> {
  inject(world, crash === "before" ? "crash before commit" : "crash after commit", "server");
  world.server.failCommits(undefined);
  world.downUntil = world.now + downMilliseconds;
  await world.server.restart(world.now);
}

function deliver(world: World, message: Message, answer: Answer): void {
  const { fate, copy, sentAt, from } = message;
  if (fate.secondAfter !== undefined && copy !== fate.answerOf) return;
  if (fate.isAnswerLost) {
    inject(world, "answer lost", from);
    return;
  }
  const at = world.now + fate.answerDelay;
  if (at > sentAt + graceMilliseconds) return;
  if (fate.isAnswerLate) inject(world, "answer late", from);
  world.queue.add(at, { run: () => message.onAnswer(answer) });
}

/** An answer in words. */
export function describeAnswer(world: World, answer: Answer): string {
  switch (answer.status) {
    case 200:
      return answer.token === undefined
        ? "200, no new token (settle)"
        : `200 with ${nameOf(world, "token", answer.token)}`;
    case 401:
      return `401 ${answer.code}`;
    case 409:
      return "409 superseded";
    default:
      return `${answer.status}`;
  }
}
