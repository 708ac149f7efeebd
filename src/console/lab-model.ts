// What the token lab knows about its session: which generation is current, what was handed out, what is retired since
// when, and therefore what the server will answer to each token now. It restates CONTRACT section 4 (two-phase) for the
// eye of the visitor; the server alone decides. Pure: no DOM, no network; instants are milliseconds given by the caller.

/** Who got the token: the owner, or whoever replayed a copy of an old one. */
export type Holder = "owner" | "copy";

/** A refresh token the lab has seen. */
export interface LabToken {
  readonly text: string;
  /** What makes it this token: a retry in a later burst gets the same secret with a later expiry (CONTRACT section 3). */
  readonly secret: string;
  readonly generation: number;
  readonly holder: Holder;
}

/** Where the token stands at the server. */
export type Standing = "current" | "handed-out" | "retired" | "dead" | "over";

/** What presenting the token under a new attempt would get now. */
export type Prediction = "rotated" | "sibling" | "settled" | "superseded" | "reused" | "over";

/** One line of the lab's table. */
export interface LabRow extends LabToken {
  readonly standing: Standing;
  readonly prediction: Prediction;
  /** Milliseconds until the prediction changes by itself; `undefined` when it does not. */
  readonly changesInMilliseconds: number | undefined;
}

/** How many tokens the lab remembers; the oldest go. */
export const tokensMax = 12;

const prefix = "pawl_rt_";
const tokenBytes = 107;
const generationAt = 18;
const secretAt = 27;
const secretBytes = 32;

/** Takes a refresh token apart (CONTRACT section 3). A demonstration: clients need not know what is inside. */
export function readToken(text: string, holder: Holder): LabToken {
  const base64 = text.slice(prefix.length).replaceAll("-", "+").replaceAll("_", "/");
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  if (!text.startsWith(prefix) || bytes.length !== tokenBytes) throw new RangeError("not a refresh token");
  const generation = new DataView(bytes.buffer).getUint32(generationAt);
  const secret = bytes.slice(secretAt, secretAt + secretBytes).join();
  return { text, secret, generation, holder };
}

interface Burst {
  readonly count: number;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly crowded: number;
}

/** The lab's picture of one session. */
export class LabModel {
  readonly softZoneMilliseconds: number;
  #tokens: readonly LabToken[];
  #current: LabToken;
  #held: LabToken;
  #previous: LabToken | undefined;
  #burst: Burst | undefined;
  #retiredAt = new Map<string, number>();
  #isOver = false;

  constructor(token: string, softZoneMilliseconds: number) {
    this.softZoneMilliseconds = softZoneMilliseconds;
    this.#current = readToken(token, "owner");
    this.#held = this.#current;
    this.#tokens = [this.#current];
  }

  /** The newest token of the owner. */
  get held(): LabToken {
    return this.#held;
  }

  /** The token that the owner held before. */
  get previous(): LabToken | undefined {
    return this.#previous;
  }

  /** The generation that is current at the server. */
  get generation(): number {
    return this.#current.generation;
  }

  /** True while a successor of the current token is out and neither used nor confirmed. */
  get isBetweenNotches(): boolean {
    return !this.#isOver && this.#tokens.some((token) => token.generation > this.#current.generation);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The tokens, newest first. */
  rows(now: number): LabRow[] {
    return [...this.#tokens].reverse().map((token) => ({ ...token, ...this.#judge(token, now) }));
  }

  /** The server answered a refresh with `presented` by the token `received`. Says what that was. */
  handedOut(presented: string, received: string, holder: Holder, now: number): "rotated" | "identical" | "sibling" {
    this.#arrived(presented, now);
    const token = readToken(received, holder);
    if (token.secret !== this.#current.secret) this.#count(now);
    const known = this.#tokens.find((each) => each.secret === token.secret);
    if (known !== undefined) {
      this.#renew({ ...known, text: received });
      return "identical";
    }
    const isSibling = this.#tokens.some((each) => each.generation === token.generation);
    this.#tokens = [...this.#tokens, token].slice(-tokensMax);
    if (holder === "owner") {
      this.#previous = this.#held;
      this.#held = token;
    }
    return isSibling ? "sibling" : "rotated";
  }

  /** The server answered a confirm with 204. Says whether something was retired by it. */
  confirmed(presented: string, now: number): boolean {
    if (this.#isContended(now)) return false;
    return this.#arrived(presented, now);
  }

  /** The server says that the session is over. */
  ended(): void {
    this.#isOver = true;
  }

  /** A successor came back: it is current now, and its predecessor retired (rows 2 and 6). */
  #arrived(text: string, now: number): boolean {
    const { secret } = readToken(text, "owner");
    const token = this.#tokens.find((each) => each.secret === secret);
    if (token === undefined || token.generation <= this.#current.generation) return false;
    this.#retiredAt.set(this.#current.secret, now);
    this.#current = token;
    this.#burst = undefined;
    return true;
  }

  #renew(token: LabToken): void {
    const renewed = (each: LabToken): LabToken => (each.secret === token.secret ? token : each);
    this.#tokens = this.#tokens.map(renewed);
    this.#current = renewed(this.#current);
    this.#held = renewed(this.#held);
    this.#previous = this.#previous && renewed(this.#previous);
  }

  #count(now: number): void {
    const before = this.#burst;
    if (before === undefined || now - before.lastAt >= this.softZoneMilliseconds) {
      this.#burst = { count: 1, firstAt: now, lastAt: now, crowded: before?.crowded ?? 0 };
    } else {
      this.#burst = { ...before, count: 2, lastAt: now, crowded: before.crowded + (before.count === 1 ? 1 : 0) };
    }
  }

  #isContended(now: number): boolean {
    const burst = this.#burst;
    return burst?.count === 2 && burst.crowded === 1 && now - burst.lastAt < this.softZoneMilliseconds;
  }

  #judge(token: LabToken, now: number): Omit<LabRow, keyof LabToken> {
    if (this.#isOver) return { standing: "over", prediction: "over", changesInMilliseconds: undefined };
    if (token.secret === this.#current.secret) return { standing: "current", ...this.#judgeCurrent(now) };
    if (token.generation > this.#current.generation) return { standing: "handed-out", ...this.#judgeHandedOut(now) };
    const retiredAt = this.#retiredAt.get(token.secret);
    if (retiredAt === undefined) return { standing: "dead", prediction: "reused", changesInMilliseconds: undefined };
    const left = retiredAt + this.softZoneMilliseconds - now;
    return left > 0
      ? { standing: "retired", prediction: "superseded", changesInMilliseconds: left }
      : { standing: "retired", prediction: "reused", changesInMilliseconds: undefined };
  }

  /** Row 1. */
  #judgeCurrent(now: number): Pick<LabRow, "prediction" | "changesInMilliseconds"> {
    if (!this.isBetweenNotches) return { prediction: "rotated", changesInMilliseconds: undefined };
    const burst = this.#burst;
    if (burst === undefined || !this.#isContended(now)) {
      return { prediction: "sibling", changesInMilliseconds: undefined };
    }
    const left = burst.firstAt + this.softZoneMilliseconds - now;
    if (left > 0) return { prediction: "sibling", changesInMilliseconds: left };
    return { prediction: "settled", changesInMilliseconds: burst.lastAt + this.softZoneMilliseconds - now };
  }

  /** Rows 2 and 3. */
  #judgeHandedOut(now: number): Pick<LabRow, "prediction" | "changesInMilliseconds"> {
    const burst = this.#burst;
    if (burst === undefined || !this.#isContended(now)) {
      return { prediction: "rotated", changesInMilliseconds: undefined };
    }
    return { prediction: "settled", changesInMilliseconds: burst.lastAt + this.softZoneMilliseconds - now };
  }
}
