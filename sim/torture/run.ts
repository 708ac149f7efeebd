// One run: starts server and network, fills the slots with sessions until the time is up, kills the server now and then,
// checks what is left, and sums up. Owns the order of all that; the parts own what happens in them.

import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { audit, weigh } from "./audit.ts";
import type { Dialect, Reply } from "./dialect.ts";
import { type FaultKind, faultKinds } from "./faults.ts";
import { foreignHost, startHost } from "./host.ts";
import { startNetwork } from "./network.ts";
import { liveSession } from "./owner.ts";
import { planKills, planSession, planVictims } from "./plan.ts";
import { Session } from "./session.ts";
import { rob } from "./thief.ts";
import { createWallet, within } from "./wallet.ts";
import { type Counts, type Violation, World } from "./world.ts";

/** What to run. */
export interface RunOptions {
  readonly seed: number;
  readonly dialect: Dialect;
  readonly seconds: number;
  readonly graceSeconds: number;
  /** Sessions at the same time. */
  readonly slots: number;
  /** Server processes on the one database. Default 1. */
  readonly nodes?: number;
  /** A server that runs already, on this machine. */
  readonly url?: string;
}

/** What came of it. */
export interface RunResult {
  readonly name: string;
  readonly title: string;
  readonly seed: number;
  readonly seconds: number;
  readonly graceSeconds: number;
  readonly counts: Counts;
  readonly kills: number;
  /** Answers of each node, when there are several. */
  readonly answers: readonly number[];
  readonly faults: Readonly<Record<FaultKind, number>>;
  /** Honest sessions that ended without a theft. */
  readonly lost: number;
  /** Sessions whose answered sign-out did not hold. */
  readonly resurrected: number;
  readonly violations: readonly Violation[];
}

const signInTriesMax = 20;
const signInRetryMilliseconds = 200;
const signInPollMilliseconds = 10;

/** Runs the torture once. */
export async function torture(options: RunOptions): Promise<RunResult> {
  const { seed, dialect, seconds, graceSeconds, slots, nodes = 1, url } = options;
  const host = url === undefined ? await startHost(dialect, graceSeconds, nodes) : foreignHost(url);
  const graceMilliseconds = graceSeconds * 1000;
  const network = await startNetwork(new URL(host.origin), graceMilliseconds);
  const world = new World({ seed, dialect, seconds, graceMilliseconds, host, network });
  setMaxListeners(0, world.over.signal);
  const sessions: Session[] = [];
  try {
    const timer = setTimeout(() => world.over.abort(), seconds * 1000);
    const killing = host.killAgainAndAgain(planKills(seed), planVictims(seed, nodes), world.over.signal);
    const filled = Array.from({ length: slots }, (_, slot) => fillSlot(world, slot, sessions));
    await Promise.all([killing, ...filled]).finally(() => {
      clearTimeout(timer);
      world.over.abort();
    });
    await world.quiet();
    await audit(world, sessions);
    await weigh(world);
  } finally {
    world.over.abort();
    await network.close();
    await host.dispose();
  }
  const faults = Object.fromEntries(faultKinds.map((kind) => [kind, network.tally[kind]])) as RunResult["faults"];
  const { counts, violations } = world;
  const lost = violations.filter(({ invariant }) => invariant === "I1").length;
  const resurrected = violations.filter(({ invariant }) => invariant === "I5").length;
  const { name, title } = dialect;
  const { kills, answers } = host;
  const circumstances = { name, title, seed, seconds, graceSeconds };
  return { ...circumstances, counts, kills, answers, faults, lost, resurrected, violations };
}

/** One session after the other, until the time is up. */
async function fillSlot(world: World, slot: number, sessions: Session[]): Promise<void> {
  for (let round = 0; !world.over.signal.aborted; round += 1) {
    const plan = planSession(world.seed, slot, round);
    const transport = world.dialect.transports.includes(plan.transport) ? plan.transport : "body";
    const session = await signIn(world, { ...plan, transport });
    sessions.push(session);
    if (session.theft !== undefined) void world.track(rob(world, session));
    await liveSession(world, session);
  }
}

/** Password hashing is slow on purpose: a crowd at the door would wait longer than grace. */
const signInsMax = 2;

/** Signs in, beside the faulty network: what is tortured is the life of a session. */
async function signIn(world: World, plan: Session["plan"]): Promise<Session> {
  while (world.signingIn >= signInsMax) await sleep(signInPollMilliseconds);
  world.signingIn += 1;
  try {
    return await enterSession(world, plan);
  } finally {
    world.signingIn -= 1;
  }
}

async function enterSession(world: World, plan: Session["plan"]): Promise<Session> {
  const { dialect, host, seed } = world;
  const wallet = createWallet(plan.transport);
  const requests = dialect.enter(`torture-${seed}-${plan.slot}-${plan.round}`, plan.transport);
  const enter = async (): Promise<Reply | undefined> => {
    let reply: Reply | undefined;
    for (const request of requests) {
      reply = await within(10_000, (signal) =>
        wallet.send(host.origin, request, { signal, isWanted: () => true, tokenIn: dialect.tokenIn }),
      );
      if (reply.status !== 409) break;
    }
    return reply;
  };
  let last: unknown;
  for (let tries = 0; tries < signInTriesMax; tries += 1) {
    const reply = await host.uninterrupted(enter).catch((error: unknown) => {
      last = error;
      return undefined;
    });
    if (reply !== undefined) last = `${reply.status} ${JSON.stringify(reply.json)}`;
    if (reply !== undefined && reply.status < 300) {
      world.counts.sessions += 1;
      return new Session(world, plan, wallet);
    }
    if (reply !== undefined && reply.status < 500 && reply.status !== 429 && reply.status !== 408) {
      throw new Error(`signing in was answered ${reply.status} ${String(reply.json.code ?? "")}`);
    }
    // Whether the server made a session before the answer was lost, nobody knows.
    world.counts.signInsUnanswered += 1;
    await sleep(signInRetryMilliseconds);
  }
  throw new Error(`nobody could sign in after ${signInTriesMax} tries: ${String(last)}`);
}
