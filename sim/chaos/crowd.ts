// The honest people of a chaos run: they stay signed in, some with two tabs on one jar, some sign out; every request goes to
// whichever node is next, and is repeated as a client of Pawl would. Owns what they may expect of an answer and what became
// of each; injects nothing.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Operation, Reply, Verdict } from "../torture/dialect.ts";
import { pawlDialect } from "../torture/pawl.ts";
import { createWallet, type Wallet, within } from "../torture/wallet.ts";

const dialect = pawlDialect();
/** The part of grace after which a client gives up an answer (`request_timeout`). */
const patienceShare = 0.9;
const pauseMilliseconds = { least: 150, most: 450 };
const retryMilliseconds = 150;
const retryAfterMillisecondsMax = 1_000;
const signInsAtOnce = 2;
const signInTriesMax = 30;
/** Tries of one operation outside of the load: a minute and more. */
const triesMax = 400;
/** Every third person lives in two tabs. */
const tabsEvery = 3;
/** Every so many refreshes somebody reads their session with the access token. */
const readEvery = 2;

/** Something that must not happen. */
export interface Violation {
  readonly rule: "session lost" | "sign-out undone" | "answer" | "no recovery" | "feed";
  readonly what: string;
}

/** Somebody with a jar. */
export interface Person {
  readonly name: string;
  readonly wallet: Wallet;
  readonly tabs: number;
  state: "on" | "left" | "lost";
  accessToken: string;
  /** What the jar held when it signed out. */
  last: string | undefined;
  /** The sign-out was answered. */
  hasLeft: boolean;
  /** The answered sign-out lies in a time whose writes the store is made to lose. */
  mayBeForgotten: boolean;
}

/** What was counted. */
export interface CrowdCounts {
  refreshes: number;
  settles: number;
  superseded: number;
  /** Answers 503. */
  busy: number;
  unanswered: number;
  signOuts: number;
}

export class Crowd {
  readonly people: Person[] = [];
  readonly violations: Violation[] = [];
  readonly counts: CrowdCounts = { refreshes: 0, settles: 0, superseded: 0, busy: 0, unanswered: 0, signOuts: 0 };
  readonly #origin: () => string;
  readonly #graceMilliseconds: number;
  #over = new AbortController();
  #lives: Promise<unknown> = Promise.resolve();
  readonly #leaving: Promise<void>[] = [];

  constructor(origin: () => string, graceSeconds: number) {
    this.#origin = origin;
    this.#graceMilliseconds = graceSeconds * 1000;
  }

  get on(): readonly Person[] {
    return this.people.filter(({ state }) => state === "on");
  }

  violate(rule: Violation["rule"], what: string): void {
    this.violations.push({ rule, what });
  }

  /** Signs in this many people. */
  async enter(count: number): Promise<void> {
    const names = Array.from({ length: count }, (_, index) => `p${this.people.length + index}`);
    const next = names.values();
    const worker = async (): Promise<void> => {
      for (const name of next) this.people.push(await this.#signIn(name));
    };
    await Promise.all(Array.from({ length: signInsAtOnce }, worker));
  }

  async #signIn(name: string): Promise<Person> {
    const inCookie = Number(name.slice(1)) % 2 === 0;
    const wallet = createWallet(inCookie ? "cookie" : "body");
    for (let tries = 1; tries <= signInTriesMax; tries += 1) {
      for (const call of dialect.enter(name, wallet.transport)) {
        const reply = await this.#send(wallet, call, this.#origin());
        const token = reply?.json.access_token;
        if (typeof token !== "string") continue;
        const tabs = Number(name.slice(1)) % tabsEvery === 0 ? 2 : 1;
        return {
          name,
          wallet,
          tabs,
          state: "on",
          accessToken: token,
          last: undefined,
          hasLeft: false,
          mayBeForgotten: false,
        };
      }
      await sleep(retryMilliseconds);
    }
    throw new Error(`${name} could not sign in`);
  }

  /** Lets everybody live until {@link Crowd.rest}. */
  live(): void {
    this.#over = new AbortController();
    const { signal } = this.#over;
    this.#lives = Promise.all(
      this.on.flatMap((person) => Array.from({ length: person.tabs }, () => this.#tab(person, signal))),
    );
  }

  /** Resolves when nobody has a request under way any more. */
  async rest(): Promise<void> {
    this.#over.abort();
    await this.#lives;
  }

  async #tab(person: Person, signal: AbortSignal): Promise<void> {
    const { least, most } = pauseMilliseconds;
    for (let round = 1; !signal.aborted && person.state === "on"; round += 1) {
      await sleep(least + Math.random() * (most - least));
      if (signal.aborted) return;
      await this.refresh(person, signal);
      await this.confirm(person);
      if (round % readEvery === 0) await this.#readSession(person);
    }
  }

  /** One refresh, repeated under one key until there is an answer; false when there was none before `signal`. */
  async refresh(person: Person, signal?: AbortSignal, origin: () => string = this.#origin): Promise<boolean> {
    let key: string = randomUUID();
    for (let tries = 1; tries <= triesMax && person.state === "on" && signal?.aborted !== true; tries += 1) {
      const [verdict, reply] = await this.#ask(person, "refresh", person.wallet, key, origin());
      if (person.state !== "on") return false;
      if (verdict?.kind === "stored" || verdict?.kind === "settled") {
        person.accessToken = String(reply?.json.access_token);
        this.counts[verdict.kind === "stored" ? "refreshes" : "settles"] += 1;
        return true;
      }
      if (verdict?.kind === "over") {
        this.#lose(person, verdict.code);
        return false;
      }
      if (verdict?.kind === "superseded") {
        this.counts.superseded += 1;
        key = randomUUID();
      }
      await sleep(waitOf(reply));
    }
    return false;
  }

  /** Tells the server that the answer is stored; one try, as the next refresh says the same. */
  async confirm(person: Person): Promise<void> {
    if (person.state !== "on") return;
    const [verdict] = await this.#ask(person, "confirm", person.wallet, undefined, this.#origin());
    if (verdict?.kind === "over" && person.state === "on") this.#lose(person, verdict.code);
  }

  /** Signs out; resolves once that was answered. */
  leave(person: Person, mayBeForgotten = false): Promise<void> {
    const leaving = this.#leave(person, mayBeForgotten);
    this.#leaving.push(leaving.catch(() => undefined));
    return leaving;
  }

  /** Resolves when nobody waits for the answer to a sign-out any more, whatever it was. */
  async haveLeft(): Promise<void> {
    await Promise.all(this.#leaving);
  }

  async #leave(person: Person, mayBeForgotten: boolean): Promise<void> {
    person.last = person.wallet.held();
    // Its own tabs stop: what they get from now on is what a person wants who signs out.
    person.state = "left";
    person.mayBeForgotten = mayBeForgotten;
    for (let tries = 1; tries <= triesMax; tries += 1) {
      const [verdict, reply] = await this.#ask(person, "logout", person.wallet, undefined, this.#origin());
      if (verdict?.kind === "done") this.counts.signOuts += 1;
      person.hasLeft = verdict?.kind === "done" || verdict?.kind === "over";
      if (person.hasLeft) return;
      await sleep(waitOf(reply));
    }
    throw new Error(`${person.name} got no answer to a sign-out`);
  }

  /** What a node says to the token that somebody held when signing out; repeated until it says anything. */
  async present(person: Person, origin: string): Promise<Verdict> {
    const { last } = person;
    if (last === undefined) throw new Error(`${person.name} never signed out`);
    for (let tries = 1; tries <= triesMax; tries += 1) {
      const [verdict] = await this.#ask(person, "refresh", person.wallet.holding(last), randomUUID(), origin);
      if (verdict !== undefined && verdict.kind !== "busy") return verdict;
      await sleep(retryMilliseconds);
    }
    throw new Error("a node gave no answer");
  }

  /** Everybody gets a new token and their session, each at the node that `originOf` names; or is lost. */
  async settle(originOf: (index: number) => string, millisecondsMax: number): Promise<void> {
    await Promise.all(
      this.on.map(async (person, index) => {
        const origin = originOf(index);
        const signal = AbortSignal.timeout(millisecondsMax);
        const isRefreshed = await this.refresh(person, signal, () => origin);
        while (isRefreshed && !signal.aborted) {
          if ((await this.statusOf(person, origin)) === 200) return;
          await sleep(retryMilliseconds);
        }
        const got = isRefreshed ? "no session with a fresh access token" : "no fresh token";
        if (person.state === "on") this.#lose(person, `${got} within ${millisecondsMax} ms`);
      }),
    );
  }

  /** What a node answers to the access token that somebody had last; `undefined` for no answer. */
  async statusOf(person: Person, origin: string): Promise<number | undefined> {
    return (await this.#getSession(person, origin))?.status;
  }

  /** The same, repeated until the node says yes or no: 200 or 401. */
  async standingOf(person: Person, origin: string): Promise<number | undefined> {
    for (let tries = 1; ; tries += 1) {
      const status = await this.statusOf(person, origin);
      if (status === 200 || status === 401 || tries === triesMax) return status;
      await sleep(retryMilliseconds);
    }
  }

  #getSession({ wallet, accessToken }: Person, origin: string): Promise<Reply | undefined> {
    const headers = { authorization: `Bearer ${accessToken}` };
    return this.#send(wallet.holding("none"), { path: "/auth/session", method: "GET", headers, body: "" }, origin);
  }

  async #readSession(person: Person): Promise<void> {
    const { accessToken } = person;
    const reply = await this.#getSession(person, this.#origin());
    if (reply === undefined || person.state !== "on" || person.accessToken !== accessToken) return;
    if (reply.status === 503) this.#checkBusy(reply, "session");
    else if (reply.status !== 200) {
      this.violate("answer", `a good access token of ${person.name} got ${reply.status} ${String(reply.json.code)}`);
    }
  }

  async #ask(
    person: Person,
    operation: Operation,
    wallet: Wallet,
    key: string | undefined,
    origin: string,
  ): Promise<[Verdict | undefined, Reply | undefined]> {
    const reply = await this.#send(wallet, dialect.call(operation, wallet.bodyToken(), key), origin);
    if (reply === undefined) return [undefined, undefined];
    const verdict = dialect.verdict(operation, reply);
    if (verdict.kind === "busy") this.#checkBusy(reply, operation);
    if (verdict.kind === "strange") this.violate("answer", `${person.name}: ${verdict.why}`);
    return [verdict, reply];
  }

  /** Whoever is told to come back is told when; that no cookie comes with it, the dialect sees. */
  #checkBusy(reply: Reply, operation: string): void {
    this.counts.busy += 1;
    if (!/^\d+$/.test(reply.retryAfter ?? "")) {
      this.violate("answer", `${reply.status} to ${operation} without Retry-After`);
    }
  }

  async #send(wallet: Wallet, call: Parameters<Wallet["send"]>[1], origin: string): Promise<Reply | undefined> {
    try {
      return await within(patienceShare * this.#graceMilliseconds, (signal) =>
        wallet.send(origin, call, { signal, isWanted: () => !signal.aborted, tokenIn: dialect.tokenIn }),
      );
    } catch {
      this.counts.unanswered += 1;
      return undefined;
    }
  }

  #lose(person: Person, code: string): void {
    person.state = "lost";
    this.violate("session lost", `${person.name} (${person.wallet.transport}, ${person.tabs} tabs): ${code}`);
  }
}

/** What a client waits before it asks again. */
function waitOf(reply: Reply | undefined): number {
  const seconds = Number(reply?.retryAfter ?? 0);
  return Math.min(Math.max(retryMilliseconds, seconds * 1000), retryAfterMillisecondsMax);
}
