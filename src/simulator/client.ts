// A simulated client as the contract asks for: one refresh at a time for each tab, an attempt key kept until its answer is
// stored, retries with the same key, 409 reads the jar again, only a terminal code signs out, confirm after storing.
// Owns the behaviour of tabs, pages and processes; their answers are judged here, by the true time.

import { createChance, seedOf } from "./chance.ts";
import type { Fate } from "./faults.ts";
import { drawFate } from "./faults.ts";
import { describeAnswer, send } from "./network.ts";
import type { Keys } from "./plan.ts";
import { minuteMilliseconds } from "./plan.ts";
import type { Answer, SignedIn } from "./rule-server.ts";
import type { World } from "./world.ts";
import { inject, later, nameOf, tell } from "./world.ts";

/** A tab, a page rendered on a server, an app or a process: one of those that share a jar. */
export interface Tab {
  readonly name: string;
  readonly index: number;
  /** A page rendered on a server: no key, no retry, no verdict, and it does not stay. */
  readonly isPage: boolean;
  readonly keys: Keys;
  isOpen: boolean;
  /** The request whose answer it waits for. */
  pending: number | undefined;
  /** It is refreshing: waiting for an answer, or for the next try. */
  isBusy: boolean;
  hasTurn: boolean;
  tries: number;
  key: string | undefined;
  /** Counts keys drawn, messages sent in this visit, and refreshes begun. */
  keysDrawn: number;
  sent: number;
  begun: number;
}

/** Access tokens live 15 minutes; clients refresh a minute before. */
export const refreshEvery: number = 14 * minuteMilliseconds;
const timeoutMilliseconds = 10_000;
/** Waits before each retry; after the last, the next need starts over (with the same key). */
const retryWaits: readonly number[] = [300, 1_000, 5_000, 20_000, 45_000, 60_000];
/** How early by the true time a session may end: the server's clock is off by a minute at most, a burst lasts as long. */
const endSlack = 4 * minuteMilliseconds;
const signInWait = 60_000;

/** The clients of a user, closed. */
export function createTabs(world: World): Tab[] {
  const { device, tabs, keys } = world.plan;
  const create = (name: string, index: number, isPage: boolean): Tab => ({
    name,
    index,
    isPage,
    keys: isPage ? "none" : keys,
    isOpen: false,
    pending: undefined,
    isBusy: false,
    hasTurn: false,
    tries: 0,
    key: undefined,
    keysDrawn: 0,
    sent: 0,
    begun: 0,
  });
  const word = device === "mobile" ? "app" : device === "agents" ? "process" : "tab";
  const all = Array.from({ length: tabs }, (_, index) => create(`${word} ${index + 1}`, index, false));
  return device === "server-rendered" ? [...all, create("page", tabs, true)] : all;
}

/** The client needs an access token now. Joins the refresh that is under way. */
export function need(world: World, tab: Tab): void {
  if (!tab.isOpen || tab.isBusy || world.jar.token === undefined) return;
  tab.isBusy = true;
  tab.tries = 0;
  tab.begun += 1;
  if (world.plan.takesTurns && !tab.isPage) askInTurn(world, tab);
  else ask(world, tab);
}

/** Asks once no other client of this jar refreshes, if it still needs to. */
function askInTurn(world: World, tab: Tab): void {
  const { begun } = tab;
  inTurn(world, tab, () => {
    if (tab.isBusy && tab.begun === begun) ask(world, tab);
    else leaveTurn(world, tab);
  });
}

/** Waits until no other client of this jar refreshes. */
function inTurn(world: World, tab: Tab, go: () => void): void {
  const { jar } = world;
  const enter = (): void => {
    tab.hasTurn = true;
    jar.isTaken = true;
    go();
  };
  if (jar.isTaken) jar.line.push(enter);
  else enter();
}

function leaveTurn(world: World, tab: Tab): void {
  if (!tab.hasTurn) return;
  tab.hasTurn = false;
  world.jar.isTaken = false;
  world.jar.line.shift()?.();
}

/** Whatever the client waits for, it does not wait any more: the page was left, or the machine sleeps. */
export function abort(world: World, tab: Tab): void {
  tab.pending = undefined;
  tab.isBusy = false;
  tab.begun += 1;
  // A key of all tabs is in storage, and one of this tab is in storage of this tab; only the copy in memory is gone.
  if (tab.keys === "shared") tab.key = undefined;
  leaveTurn(world, tab);
}

function fateOf(world: World, tab: Tab): Fate {
  tab.sent += 1;
  const { seed, plan, visit, level } = world;
  return drawFate(createChance(seed, plan.user, visit, tab.index, tab.sent), level, plan.device === "mobile");
}

/** The key of the unanswered attempt: ours, else one that another client left, else a new one. */
function keyOf(world: World, tab: Tab): string | undefined {
  if (tab.keys === "none") return undefined;
  if (tab.key === undefined && tab.keys === "shared") tab.key = world.jar.sharedKey;
  if (tab.key === undefined) {
    tab.keysDrawn += 1;
    const part = seedOf(world.seed, world.plan.user, tab.index, tab.keysDrawn).toString(16).padStart(8, "0");
    tab.key = `${tab.keys}-${tab.index}-${tab.keysDrawn}-${part}${part}`;
  }
  if (tab.keys === "shared") world.jar.sharedKey = tab.key;
  return tab.key;
}

function ask(world: World, tab: Tab): void {
  const { token, epoch } = world.jar;
  if (token === undefined) {
    abort(world, tab);
    return;
  }
  const fate = fateOf(world, tab);
  const id = tab.begun * 100 + tab.tries;
  tab.pending = id;
  const attempt = keyOf(world, tab);
  const onAnswer = (answer: Answer): void => {
    if (tab.pending === id && epoch === world.jar.epoch) settle(world, tab, answer);
    else land(world, tab, answer, fate);
  };
  send(world, { from: tab.name, operation: "refresh", token, attempt, fate, epoch, onAnswer });
  later(world, timeoutMilliseconds, () => {
    if (tab.pending === id) retry(world, tab, "no answer in time");
  });
}

/** An answer that nobody waits for: a browser may still take its cookie. */
function land(world: World, tab: Tab, answer: Answer, fate: Fate): void {
  const takesCookies = world.plan.device === "browser" || world.plan.device === "server-rendered";
  if (!takesCookies || !fate.landsAfterAbort || answer.status !== 200 || answer.token === undefined) return;
  tell(world, tab.name, () => `left the page; the jar still takes ${nameOf(world, "token", answer.token)}`);
  world.jar.token = answer.token;
  world.jar.expiresAt = answer.expiresAt;
}

function settle(world: World, tab: Tab, answer: Answer): void {
  tab.pending = undefined;
  tell(world, tab.name, () => `receives ${describeAnswer(world, answer)}`);
  if (answer.status === 200) succeed(world, tab, answer);
  else if (answer.status !== 401) retry(world, tab, `${answer.status}`);
  else if (tab.isPage) abort(world, tab);
  else signOut(world, tab, answer.code);
}

function succeed(world: World, tab: Tab, answer: Answer & { status: 200 }): void {
  const { jar, thief, visitEndsAt } = world;
  tab.isBusy = false;
  if (thief?.firstAskedAt !== undefined && thief.epoch === jar.epoch) {
    thief.ownerServedAt.push(world.now);
    if (answer.token !== undefined) thief.ownerRenewedAt.push(world.now);
  }
  if (tab.keys === "shared" && jar.sharedKey === tab.key) jar.sharedKey = undefined;
  tab.key = undefined;
  if (answer.token !== undefined) {
    jar.token = answer.token;
    jar.expiresAt = answer.expiresAt;
    if (world.plan.confirms && !tab.isPage) confirm(world, tab);
  }
  leaveTurn(world, tab);
  if (tab.isPage || world.now + refreshEvery > visitEndsAt) return;
  world.plannedAt = world.now + refreshEvery;
  world.onOwnerPlans?.(world.plannedAt);
  const { begun } = tab;
  later(world, refreshEvery, () => {
    if (tab.begun === begun) need(world, tab);
  });
}

function confirm(world: World, tab: Tab): void {
  const fate = fateOf(world, tab);
  later(world, 5, () => {
    const { token, epoch } = world.jar;
    if (token === undefined || world.server.confirm === undefined) return;
    send(world, { from: tab.name, operation: "confirm", token, attempt: undefined, fate, epoch, onAnswer: () => {} });
  });
}

function retry(world: World, tab: Tab, why: string): void {
  tab.pending = undefined;
  const wait = retryWaits[tab.tries];
  if (tab.isPage || wait === undefined) {
    tell(world, tab.name, () => `gives up for now (${why})`);
    tab.isBusy = false;
    leaveTurn(world, tab);
    return;
  }
  tab.tries += 1;
  const { begun } = tab;
  // Spread, so that several clients do not come back in step.
  const spread = createChance(world.seed, world.plan.user, world.visit, tab.index, tab.sent, tab.tries).between(
    0.5,
    1.5,
  );
  later(world, wait * spread, () => {
    if (tab.isBusy && tab.begun === begun && tab.pending === undefined) ask(world, tab);
  });
}

/** A terminal code: the session is over for this client. By time that is right, otherwise it is a false logout. */
function signOut(world: World, tab: Tab, code: string): void {
  const { jar, now } = world;
  const isByTime = now >= Math.min(jar.expiresAt, jar.endsAt) - endSlack;
  tell(world, tab.name, () => (isByTime ? `signed out by time (${code})` : `SIGNED OUT: ${code}`));
  if (isByTime) world.counts.endedByTime += 1;
  else world.falseLogouts.push({ at: now, code });
  forget(world);
  abort(world, tab);
  if (now + signInWait >= world.visitEndsAt) return;
  later(world, signInWait, async () => {
    await signIn(world);
    later(world, refreshEvery, () => need(world, tab));
  });
}

/** The jar is empty. */
export function forget(world: World): void {
  world.jar.token = undefined;
  world.jar.sharedKey = undefined;
  world.jar.epoch += 1;
}

/** The person signs in, unless he is. */
export async function signIn(world: World): Promise<void> {
  const { jar } = world;
  if (jar.token !== undefined) return;
  const signedIn: SignedIn = await world.server.signIn(world.now);
  jar.token = signedIn.token;
  jar.expiresAt = signedIn.expiresAt;
  jar.endsAt = signedIn.endsAt;
  jar.epoch += 1;
  world.counts.signIns += 1;
  tell(world, "person", () => `signs in: ${nameOf(world, "token", jar.token)}`);
}

/** Reloads the page: the refresh in flight is aborted, another one starts. */
export function reload(world: World, tab: Tab): void {
  if (!tab.isOpen) return;
  if (tab.pending !== undefined) inject(world, "reload in flight", tab.name);
  abort(world, tab);
  need(world, tab);
}
