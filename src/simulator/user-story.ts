// One user's life from the first visit to the end of the simulated time, under one rule set and one level of faults: a
// function of (seed, user, days, level, rule set) and of nothing else, so that it replays exactly.
// Owns the course of events; what clients and thieves do is in client.ts and thief.ts.

import { seedOf } from "./chance.ts";
import type { Tab } from "./client.ts";
import { abort, createTabs, forget, need, reload, signIn } from "./client.ts";
import type { FaultLevel } from "./faults.ts";
import { graceMilliseconds } from "./faults.ts";
import { serve } from "./network.ts";
import type { Visit } from "./plan.ts";
import { dayMilliseconds, minuteMilliseconds, planUser } from "./plan.ts";
import type { RuleSet } from "./rule-server.ts";
import { steal } from "./thief.ts";
import type { Message, ThiefRecord, World } from "./world.ts";
import { createWorld, inject, later, tell } from "./world.ts";

/** Which story. */
export interface StoryInput {
  readonly ruleSet: RuleSet;
  readonly level: FaultLevel;
  readonly seed: number;
  readonly user: number;
  readonly days: number;
  /** Keep the lines of the story. */
  readonly isTold: boolean;
}

/** Events of one story are at most this many; a story that reaches it is reported as capped. */
export const eventsMax = 200_000;
/** A server's clock is off by no more than this, in milliseconds; beyond what is promised, by more. */
const offsetMax = 30_000;
const offsetMaxBeyond = 20 * minuteMilliseconds;

/** Lives one user's story. */
export async function liveStory(input: StoryInput): Promise<World> {
  const { ruleSet, level, seed, user, days, isTold } = input;
  const plan = planUser(seed, user, days, level);
  const server = await ruleSet.open(0, seedOf(seed, user));
  const world = createWorld({ seed, level, plan, endAt: days * dayMilliseconds, server, isTold });
  const tabs = createTabs(world);
  schedule(world, tabs);
  await live(world);
  return world;
}

async function live(world: World): Promise<void> {
  const { queue, counts, endAt } = world;
  for (let event = queue.take(); event !== undefined && event.at <= endAt; event = queue.take()) {
    world.now = event.at;
    counts.events += 1;
    if ("run" in event.task) await event.task.run();
    else await serve(world, takeArrivals(world, event.task.message));
    if (isThiefDone(world.thief)) return;
    if (counts.events < eventsMax) continue;
    counts.isCapped = true;
    return;
  }
  world.now = Math.max(world.now, Math.min(endAt, world.now));
}

/** Nothing more can happen to the session that was robbed. */
function isThiefDone(thief: ThiefRecord | undefined): boolean {
  return (thief?.alarmAt ?? thief?.outAt ?? thief?.lapsedAt) !== undefined;
}

/** Every message that arrives at this instant. */
function takeArrivals(world: World, first: Message): Message[] {
  const messages = [first];
  for (let next = world.queue.peek(); next?.at === world.now && "message" in next.task; next = world.queue.peek()) {
    messages.push(next.task.message);
    world.queue.take();
  }
  return messages;
}

function schedule(world: World, tabs: readonly Tab[]): void {
  const { plan } = world;
  let offset = 0;
  const most = world.level === "beyond" ? offsetMaxBeyond : offsetMax;
  for (const [index, visit] of plan.visits.entries()) {
    world.queue.add(visit.at, { run: () => visitBegins(world, tabs, visit, index) });
    if (visit.serverStep !== 0 && Math.abs(offset + visit.serverStep) <= most) {
      offset += visit.serverStep;
      world.queue.add(visit.at + Math.round(visit.lasts / 2), { run: () => stepServerClock(world, visit) });
    }
  }
  const { theft } = plan;
  if (theft !== undefined) world.queue.add(theft.at, { run: () => steal(world, theft) });
}

function stepServerClock(world: World, visit: Visit): void {
  inject(world, Math.abs(visit.serverStep) > graceMilliseconds ? "big clock step" : "server clock step", "server");
  tell(world, "server", () => `its clock is set by ${visit.serverStep} ms`);
  world.server.stepClock(visit.serverStep);
}

async function visitBegins(world: World, tabs: readonly Tab[], visit: Visit, index: number): Promise<void> {
  world.visit = index;
  world.visitEndsAt = visit.at + visit.lasts;
  // A page that is rendered on a server comes first, and the tab that shows it refreshes while it loads.
  const open = tabs.filter((tab) => tab.isPage || tab.index < visit.tabs);
  for (const tab of open) {
    tab.isOpen = true;
    tab.sent = 0;
  }
  tell(world, "person", () => `visits with ${open.map((tab) => tab.name).join(", ")}`);
  await signIn(world);
  wake(world, open);
  if (visit.reloads.length > 0) planReloads(world, open, visit);
  if (visit.sleep !== undefined) planSleep(world, open, visit.sleep);
  if (visit.clientStepAfter !== undefined) {
    later(world, visit.clientStepAfter, () => {
      inject(world, "client clock step", "client");
      for (const tab of open) need(world, tab);
    });
  }
  later(world, visit.lasts, () => visitEnds(world, open, visit));
}

/** Everybody needs an access token within a moment. */
function wake(world: World, open: readonly Tab[]): void {
  for (const tab of open) later(world, tab.isPage ? 0 : 40 + tab.index * 90, () => need(world, tab));
}

function planReloads(world: World, open: readonly Tab[], visit: Visit): void {
  const page = open.find((tab) => tab.isPage);
  const first = open.find((tab) => !tab.isPage);
  for (const after of visit.reloads) {
    later(world, after, () => {
      if (page !== undefined) need(world, page);
      if (first !== undefined) reload(world, first);
    });
  }
}

function planSleep(world: World, open: readonly Tab[], sleep: NonNullable<Visit["sleep"]>): void {
  later(world, sleep.after, () => {
    if (open.some((tab) => tab.pending !== undefined)) inject(world, "sleep in flight", "client");
    for (const tab of open) abort(world, tab);
  });
  later(world, sleep.after + sleep.for, () => {
    tell(world, "client", () => "wakes up");
    wake(world, open);
  });
}

async function visitEnds(world: World, open: readonly Tab[], visit: Visit): Promise<void> {
  for (const tab of open) {
    abort(world, tab);
    tab.isOpen = false;
  }
  const { token } = world.jar;
  if (!visit.isLast || token === undefined) return;
  tell(world, "person", () => "signs out");
  world.counts.endedByPerson += 1;
  await world.server.logout(world.now, token);
  if (world.thief?.epoch === world.jar.epoch) world.thief.lapsedAt = world.now;
  forget(world);
}
