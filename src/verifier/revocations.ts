// What is revoked, as far as a verifier was told: sessions, and tokens of subjects from before an instant, each for as long as such
// tokens may live. Owns how long; knows nothing of how it is told.

import type { AccessClaims } from "../core/access-claims.ts";
import type { Page } from "./feed-pages.ts";

const sweepEntries = 10_000;
/** Entries that are kept: ten thousand endings a minute for a lifetime of an hour and a half. */
const entriesMax = 1_000_000;

/** What an entry says of a token: its session has ended, or its claims are out of date. */
export type RefusedBy = "session" | "claims";

/** Entries by session or subject. */
export class Revocations {
  readonly #bySession = new Map<string, { exp: number }>();
  readonly #bySubject = new Map<string, { exp: number; notBefore: number }>();
  #sweepAt = sweepEntries;

  get size(): number {
    return this.#bySession.size + this.#bySubject.size;
  }

  /** @throws Error when there is no room, with nothing of the page taken: whoever asks must know that something is missing */
  add({ revocations }: Page, nowSeconds: number): void {
    if (this.size + revocations.length > Math.min(this.#sweepAt, entriesMax)) this.#sweep(nowSeconds);
    if (this.size + revocations.length > entriesMax)
      throw new Error(`more than ${entriesMax} revocations live at once`);
    for (const { sid, sub, notBefore, exp } of revocations) {
      if (sid !== undefined) this.#bySession.set(sid, { exp: Math.max(exp, this.#bySession.get(sid)?.exp ?? 0) });
      if (sub === undefined) continue;
      const before = this.#bySubject.get(sub);
      const latest = Math.max(notBefore, before?.notBefore ?? 0);
      this.#bySubject.set(sub, { exp: Math.max(exp, before?.exp ?? 0), notBefore: latest });
    }
  }

  #sweep(nowSeconds: number): void {
    for (const map of [this.#bySession, this.#bySubject]) {
      for (const [key, { exp }] of map) if (exp < nowSeconds) map.delete(key);
    }
    this.#sweepAt = Math.max(sweepEntries, 2 * this.size);
  }

  /** The entry that refuses this token, if any. */
  refusing({ sid, sub, iat }: Pick<AccessClaims, "sid" | "sub" | "iat">): RefusedBy | undefined {
    if (this.#bySession.has(sid)) return "session";
    const subject = this.#bySubject.get(sub);
    return subject !== undefined && iat < subject.notBefore ? "claims" : undefined;
  }
}
