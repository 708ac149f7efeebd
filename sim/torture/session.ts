// One session under torture: its jar, the story of what happened to it, and the judgement of every answer. Owns the
// invariants that can be seen while a session lives (I1, I2, I5, I6); sends nothing itself.

import { setMaxListeners } from "node:events";
import type { Verdict } from "./dialect.ts";
import { Group } from "./network.ts";
import type { SessionPlan } from "./plan.ts";
import { createTheft, type Theft } from "./theft.ts";
import type { Wallet } from "./wallet.ts";
import type { Violation, World } from "./world.ts";

const storyEventsMax = 60;
/** Tokens kept for the checks after a run: the first ones and the last ones. */
const tokensMax = 16;

/** How a session stands. */
type State =
  | "on"
  /** A sign-out is under way: refusals are expected. */
  | "leaving"
  /** Its sign-out was answered. */
  | "left"
  /** It was ended by reuse detection, after a theft. */
  | "ended"
  /** It was lost without a theft. */
  | "lost";

/** One request of this session, as its answer is judged. */
export interface Hearing {
  readonly who: string;
  readonly operation: "refresh" | "confirm" | "logout";
  readonly sentAt: number;
}

export class Session {
  readonly name: string;
  readonly plan: SessionPlan;
  readonly wallet: Wallet;
  readonly group: Group = new Group();
  readonly story: string[] = [];
  /** Tokens that were in the jar, oldest first. */
  readonly tokens: string[] = [];
  /** Aborted when the tabs have to stop. */
  readonly closing: AbortController = new AbortController();
  /** Rings when the owner sends ("send") or has stored a new token ("stored"): what a thief in lockstep waits for. */
  readonly bell: EventTarget = new EventTarget();
  readonly theft: Theft | undefined;
  state: State = "on";
  /** From here on (run time) every request must be refused: an answer said that the session is over. */
  endedAt: number = Number.POSITIVE_INFINITY;
  /** Requests that lived longer than grace on the server: nothing can be said of this session any more. */
  overdue = 0;
  accessToken: string | undefined;
  readonly #violated = new Set<Violation["invariant"]>();
  readonly #world: World;

  constructor(world: World, plan: SessionPlan, wallet: Wallet) {
    this.#world = world;
    this.plan = plan;
    this.wallet = wallet;
    this.name = `session ${plan.slot}.${plan.round}`;
    this.theft = plan.thief && createTheft(plan.thief);
    setMaxListeners(0, this.closing.signal, this.bell);
    this.remember();
  }

  get isOn(): boolean {
    return this.state === "on" || this.state === "leaving";
  }

  /** Adds a line to the story. */
  note(who: string, text: string): void {
    this.story.push(`${(this.#world.now() / 1000).toFixed(3).padStart(8)} s  ${who.padEnd(7)} ${text}`);
    if (this.story.length > storyEventsMax) this.story.splice(1, 1);
  }

  /** Keeps the token in the jar for the checks after the run. */
  remember(): void {
    const held = this.wallet.held();
    if (held === undefined || this.tokens.includes(held)) return;
    this.tokens.push(held);
    if (this.tokens.length > tokensMax) this.tokens.splice(tokensMax / 2, 1);
  }

  violate(invariant: Violation["invariant"], what: string): void {
    this.note("CHECK", `${invariant}: ${what}`);
    // Once a session and rule: what follows follows from it.
    if (this.#violated.has(invariant)) return;
    this.#violated.add(invariant);
    this.#world.violations.push({ invariant, what, session: this.describe(), story: [...this.story] });
  }

  describe(): string {
    const { transport, tabs, keys, confirms, aborts, thief } = this.plan;
    const parts = [
      this.name,
      transport,
      `${tabs} tab${tabs === 1 ? "" : "s"}`,
      keys === "none" ? "no key" : `${keys} key`,
      confirms ? "confirms" : "no confirm",
      aborts ? "aborts" : "lets late answers in",
      ...(thief === undefined ? [] : [`thief: ${thief.kind}${thief.sendsKeys ? ", own keys" : ", no key"}`]),
    ];
    return parts.join(", ");
  }

  /** Judges an answer to one of the tabs. */
  hearOwner(hearing: Hearing, verdict: Verdict): void {
    const now = this.#world.now();
    if (verdict.kind === "stored") this.remember();
    if (hearing.operation === "refresh" && (verdict.kind === "stored" || verdict.kind === "settled")) {
      this.#checkRefused(hearing, "an access token");
      this.theft?.ownerWentOn(hearing.sentAt, now, verdict.kind === "stored");
      if (verdict.kind === "stored") this.bell.dispatchEvent(new Event("stored"));
    }
    if (verdict.kind === "strange") this.violate("contract", `${hearing.who}: ${verdict.why}`);
    if (verdict.kind === "over") this.#ownerIsOut(verdict, now);
  }

  /** Judges an answer to the thief. */
  hearThief(hearing: Hearing, verdict: Verdict): void {
    const theft = this.theft as Theft;
    const now = this.#world.now();
    if (verdict.kind === "strange") this.violate("contract", `thief: ${verdict.why}`);
    if (verdict.kind === "over") {
      theft.isOut = true;
      if (verdict.ends) this.endedAt = Math.min(this.endedAt, now);
    }
    if (hearing.operation !== "refresh" || (verdict.kind !== "stored" && verdict.kind !== "settled")) return;
    this.#world.counts.thiefAnswers += 1;
    this.#checkRefused(hearing, "the thief an access token");
    const broken = theft.thiefWentOn(hearing.sentAt, now, this.#world.softZone, this.overdue > 0);
    if (broken !== undefined) this.violate("I2", broken);
  }

  #checkRefused(hearing: Hearing, what: string): void {
    if (hearing.sentAt <= this.endedAt) return;
    const invariant = this.state === "left" ? "I5" : "I6";
    this.violate(invariant, `a request sent after the end of the session was known got ${what}`);
  }

  #ownerIsOut(verdict: Verdict & { kind: "over" }, now: number): void {
    if (this.theft !== undefined) this.theft.ownerIsOut = true;
    if (verdict.ends) this.endedAt = Math.min(this.endedAt, now);
    if (this.state !== "on") return;
    const { counts } = this.#world;
    if (this.theft?.actedAt !== undefined) {
      this.state = "ended";
      counts.detections += 1;
      this.note("CHECK", `the theft was noticed (${verdict.code})`);
    } else {
      this.state = "lost";
      if (this.overdue > 0) counts.inconclusive += 1;
      else this.violate("I1", `an honest session ended: ${verdict.code}`);
    }
    this.closing.abort();
  }
}
